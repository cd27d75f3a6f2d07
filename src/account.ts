import type { AccountRecord, Balances, Position } from "./brokers/records.ts";
import { SessionError } from "./errors.ts";
import { getExactly, replaceFields, requireSession } from "./resource.ts";
import type { CallOptions } from "./call/call_options.ts";
import type { Session } from "./session.ts";

/** The fields of an account. */
export interface Account extends AccountRecord {}

/**
 * An account at the broker, as it was when it was read.
 *
 * @example Balances and positions
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Account, Session } from "@tasty/session";
 * import { startEmulator } from "@tasty/session/emulator";
 *
 * await using emulator = await startEmulator();
 * await using session = new Session({ ...emulator.tastytrade });
 *
 * const account = await Account.get(session, "5WT00000");
 * const { netLiquidatingValue } = await account.balances();
 * const [position] = await account.positions();
 *
 * assertEquals(netLiquidatingValue, "4544.727"); // a string: a float never touches money
 * assertEquals(position?.symbol, "RIVN  230609P00014000");
 * ```
 */
export class Account {
  readonly #session: Session;

  private constructor(session: Session, record: AccountRecord) {
    this.#session = session;
    Object.assign(this, record);
  }

  /**
   * Gets all accounts of the session, including closed ones.
   *
   * @throws {ApiError} If the broker refuses.
   */
  static get(session: Session, options?: CallOptions): Promise<Account[]>;
  /**
   * Gets one account.
   *
   * @throws {SessionError} If the broker does not list it: `code` is `"no_such_account"`.
   * @throws {ApiError} If the broker refuses.
   * @throws {TypeError} If the number is not a string.
   */
  static get(session: Session, accountNumber: string, options?: CallOptions): Promise<Account>;
  static async get(
    session: Session,
    which?: string | CallOptions,
    options?: CallOptions,
  ): Promise<Account | Account[]> {
    requireSession(session, "Account.get(session)");
    if (typeof which === "string") return new Account(session, await read(session, which, options));
    if (which === null || !["object", "undefined"].includes(typeof which)) {
      throw new TypeError(`Cannot get the account ${which}: an account number is a string`);
    }
    const { accounts } = session.broker;
    const records = accounts.readList(await getExactly(session, accounts.listPath, which));
    return records.map((record) => new Account(session, record));
  }

  /** Reads the account again, and updates this object. */
  async sync(options?: CallOptions): Promise<void> {
    const record = await read(this.#session, this.accountNumber, options);
    // Only the list of all accounts has the authority over each.
    const { authorityLevel = this.authorityLevel } = record;
    replaceFields(this, { ...record, authorityLevel });
  }

  /** Gets the balances: cash, value and buying power, as decimal strings. */
  async balances(options?: CallOptions): Promise<Balances> {
    const { accounts } = this.#session.broker;
    const path = accounts.balancesPath(this.accountNumber);
    return accounts.readBalances(await getExactly(this.#session, path, options));
  }

  /** Gets the positions. */
  async positions(options?: CallOptions): Promise<Position[]> {
    const { accounts } = this.#session.broker;
    const path = accounts.positionsPath(this.accountNumber);
    return accounts.readPositions(await getExactly(this.#session, path, options));
  }
}

async function read(
  session: Session,
  accountNumber: string,
  options?: CallOptions,
): Promise<AccountRecord> {
  const { name, accounts } = session.broker;
  const data = await getExactly(session, accounts.path(accountNumber), options);
  const account = accounts.read(data, accountNumber);
  if (account !== undefined) return account;
  throw new SessionError(
    `Cannot get account "${accountNumber}": it is not among the accounts that ${name} lists`,
    { code: "no_such_account" },
  );
}
