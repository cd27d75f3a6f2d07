import type { JsonObject } from "../response.ts";
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

/** The accounts of the user. */
export function accountsIn(environment: Environment): readonly JsonObject[] {
  return inEnvironment(recordedAccounts.Accounts, environment);
}

/** Whether the user has an account. */
export function isAccount(id: string, environment: Environment): boolean {
  return accountsIn(environment).some((account) => account["AccountID"] === id);
}
