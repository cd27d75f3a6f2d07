/**
 * The users of the brokers. The first one has the recorded accounts; a test adds others, who see only their own.
 */

import { Decimal } from "./decimal.ts";

/** An account that a test opens for a user. */
export interface NewAccount {
  /** Its number, at every broker. No other account may have it. */
  accountNumber: string;
  /**
   * The cash in it, as a decimal string of dollars.
   *
   * @default {"0"}
   */
  cash?: string | undefined;
}

/** A user. */
export interface User {
  /** What the tokens call the user. */
  readonly id: string;
  /** The accounts that were opened; `undefined` for the user who has the recorded ones. */
  readonly opened: readonly OpenedAccount[] | undefined;
}

/** An account that was opened. It begins without positions, orders and transactions. */
export interface OpenedAccount {
  readonly accountNumber: string;
  readonly cash: Decimal;
}

/** The user with the recorded accounts, who signs in on the pages. */
export const FIRST_USER: User = { id: "U0001563674", opened: undefined };

/** All users. */
export class Users {
  readonly #accounts = new Map<string, OpenedAccount>();
  readonly #isRecorded: (accountNumber: string) => boolean;
  #count = 1;

  /** @param isRecorded Whether a recorded account has a number. */
  constructor(isRecorded: (accountNumber: string) => boolean) {
    this.#isRecorded = isRecorded;
  }

  /**
   * Adds a user with new accounts.
   *
   * @throws {TypeError} If a number or an amount is not valid, or the number is taken.
   */
  add(accounts: readonly NewAccount[]): User {
    const opened = accounts.map(({ accountNumber, cash = "0" }) => {
      if (typeof accountNumber !== "string" || !/^\w[\w-]*$/.test(accountNumber)) {
        throw new TypeError(`Cannot add a user: "${accountNumber}" is not an account number`);
      }
      if (!Decimal.isDecimal(cash) || Decimal.from(cash).isNegative) {
        throw new TypeError(`Cannot add a user: "${cash}" is not an amount of cash`);
      }
      return { accountNumber, cash: Decimal.from(cash) };
    });
    const numbers = opened.map(({ accountNumber }) => accountNumber);
    const taken = numbers.find((number, i) =>
      this.#accounts.has(number) || this.#isRecorded(number) || numbers.indexOf(number) < i
    );
    if (taken !== undefined) {
      throw new TypeError(`Cannot add a user: there is an account ${taken} already`);
    }
    for (const account of opened) this.#accounts.set(account.accountNumber, account);
    this.#count += 1;
    return { id: `U${String(1_563_673 + this.#count).padStart(10, "0")}`, opened };
  }

  /** An account that was opened; `undefined` for a recorded or unknown one. */
  find(accountNumber: string): OpenedAccount | undefined {
    return this.#accounts.get(accountNumber);
  }
}
