import { type Answer, jsonAnswer, type JsonObject } from "../answer.ts";
import { Route } from "../route.ts";
import type { Call, Endpoint } from "./endpoint.ts";
import { collect, listOf } from "./list.ts";
import recordedAccounts from "./recordings/accounts.json" with { type: "json" };
import balances from "./recordings/balances.json" with { type: "json" };
import bodBalances from "./recordings/bod_balances.json" with { type: "json" };
import errors from "./recordings/errors.json" with { type: "json" };
import positions from "./recordings/positions.json" with { type: "json" };

const MOST_ACCOUNTS = 25;

/**
 * The ids of SIM for the recorded ones of LIVE. The second is recorded and belongs to a margin account
 * by its letter; the other two follow it.
 */
const SIM_IDS: Readonly<Record<string, string>> = {
  "123456789": "SIM3113502M",
  "123456782": "SIM3113503M",
  "123456781": "SIM3113504F",
};

/** What is recorded of an account, as its environment has it. */
export function inEnvironment<T extends JsonObject>(
  recorded: readonly T[],
  environment: "production" | "sandbox",
): readonly T[] {
  if (environment === "production") return recorded;
  return recorded.map((item) => {
    const id = `${item["AccountID"]}`;
    return { ...item, AccountID: SIM_IDS[id] ?? id };
  });
}

/** Tells whether the user has such an account. */
export function isAccount(id: string, environment: "production" | "sandbox"): boolean {
  return inEnvironment(recordedAccounts.Accounts, environment)
    .some((account) => account.AccountID === id);
}

/** The entry of `Errors` for an account that is not the user's, by the words of the streams. */
export function invalidAccount(id: string): JsonObject {
  return { ...errors.invalid_account, AccountID: id };
}

/** The accounts that a segment of the path names, and the errors of those that are none. */
export function collectAccounts(
  { gaps: [ids], environment }: Call,
  find: (id: string) => readonly JsonObject[],
  recordedErrors: readonly JsonObject[] = [],
): { readonly found: readonly JsonObject[]; readonly errors: readonly JsonObject[] } {
  return collect(
    listOf(ids, MOST_ACCOUNTS),
    (id) => isAccount(id, environment) ? find(id) : undefined,
    (id) => recordedErrors.find((error) => error["AccountID"] === id) ?? invalidAccount(id),
  );
}

/** The accounts and what is in them. */
export const accountEndpoints: readonly Endpoint[] = [
  read("GET /v3/brokerage/accounts", ({ environment }) => {
    return jsonAnswer(200, { Accounts: inEnvironment(recordedAccounts.Accounts, environment) });
  }),
  read("GET /v3/brokerage/accounts/*/balances", (call) => {
    const { found, errors } = recordedOf(call, balances.Balances, balances.Errors);
    return jsonAnswer(200, { Balances: found, Errors: errors });
  }),
  read("GET /v3/brokerage/accounts/*/bodbalances", (call) => {
    const { found, errors } = recordedOf(call, bodBalances.BODBalances, bodBalances.Errors);
    return jsonAnswer(200, { BODBalances: found, Errors: errors });
  }),
  read("GET /v3/brokerage/accounts/*/positions", (call) => {
    const { found, errors } = recordedOf(call, positions.Positions, positions.Errors);
    const symbols = call.query.get("symbol")?.split(",");
    const selected = found.filter((position) => symbols?.includes(`${position["Symbol"]}`) ?? true);
    return jsonAnswer(200, { Positions: selected, Errors: errors });
  }),
];

function read(route: string, handle: (call: Call) => Answer): Endpoint {
  return { route: new Route(route), scope: "ReadAccount", handle };
}

function recordedOf(
  call: Call,
  recorded: readonly JsonObject[],
  recordedErrors: readonly JsonObject[],
) {
  const items = inEnvironment(recorded, call.environment);
  const find = (id: string) => items.filter((item) => item["AccountID"] === id);
  return collectAccounts(call, find, recordedErrors);
}
