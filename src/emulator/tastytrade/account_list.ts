import type { JsonObject } from "../response.ts";
import type { OpenedAccount, User } from "../users.ts";
import accounts from "./recordings/accounts.json" with { type: "json" };

const RECORDED: readonly JsonObject[] = accounts.data.items.map(({ account }) => account);

/** The recorded account numbers, which are the same in both environments. */
export const recordedNumbers: readonly string[] = RECORDED.map(numberOf);

/** The account with the recorded balances and positions. The other recorded one is empty. */
export const fundedAccount: string = `${recordedNumbers[0]}`;

/** The accounts of a user. */
export function accountsOf({ opened }: User): readonly JsonObject[] {
  return opened === undefined ? RECORDED : opened.map(accountOf);
}

/** Whether an account is the user's. */
export function isAccount(accountNumber: string | undefined, user: User): boolean {
  return accountsOf(user).some((account) => numberOf(account) === accountNumber);
}

/** The number of an account. */
export function numberOf(account: JsonObject): string {
  return `${account["account-number"]}`;
}

/** Made in the likeness of the recorded margin account. */
function accountOf({ accountNumber }: OpenedAccount): JsonObject {
  return { ...RECORDED[1], "account-number": accountNumber, "external-id": `A${accountNumber}` };
}
