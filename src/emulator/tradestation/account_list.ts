import type { JsonObject } from "../response.ts";
import type { User } from "../users.ts";
import recordedAccounts from "./recordings/accounts.json" with { type: "json" };

/** LIVE or SIM. */
export type Environment = "production" | "sandbox";

/**
 * The ids in SIM of the recorded LIVE accounts. The second one is recorded, and its letter shows a margin
 * account; the other two are made in its likeness.
 */
const SIM_IDS: Readonly<Record<string, string>> = {
  "123456789": "SIM3113502M",
  "123456782": "SIM3113503M",
  "123456781": "SIM3113504F",
};

/** Recorded objects with the account ids of an environment. */
export function inEnvironment<T extends JsonObject>(
  recorded: readonly T[],
  environment: Environment,
): readonly T[] {
  if (environment === "production") return recorded;
  return recorded.map((item) => {
    const id = `${item["AccountID"]}`;
    return { ...item, AccountID: SIM_IDS[id] ?? id };
  });
}

/** A user in an environment. */
export interface Owner {
  readonly user: User;
  readonly environment: Environment;
}

/** The accounts of a user. */
export function accountsOf({ user: { opened }, environment }: Owner): readonly JsonObject[] {
  if (opened === undefined) return inEnvironment(recordedAccounts.Accounts, environment);
  // Made in the likeness of the first recorded one.
  return opened.map(({ accountNumber }) => ({
    ...recordedAccounts.Accounts[0],
    AccountID: accountNumber,
  }));
}

/** Whether an account is the user's. */
export function isAccount(id: string, owner: Owner): boolean {
  return accountsOf(owner).some((account) => account["AccountID"] === id);
}

/** Whether a recorded account has an id. */
export function isRecorded(id: string): boolean {
  return id in SIM_IDS || Object.values(SIM_IDS).includes(id);
}
