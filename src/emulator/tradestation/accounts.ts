import { type EmulatedResponse, type JsonObject, jsonResponse } from "../response.ts";
import { Route } from "../route.ts";
import { accountsOf, inEnvironment, isAccount } from "./account_list.ts";
import type { Call, Endpoint } from "./endpoint.ts";
import { collect, listOf } from "./list.ts";
import { legacyErrorResponse, notFoundResponse } from "./errors.ts";
import balances from "./recordings/balances.json" with { type: "json" };
import bodBalances from "./recordings/bod_balances.json" with { type: "json" };
import errors from "./recordings/errors.json" with { type: "json" };
import positions from "./recordings/positions.json" with { type: "json" };

const MAX_ACCOUNTS = 25;

/** The entry of `Errors` for an account that is not the user's, with the words of the streams. */
export function invalidAccount(id: string): JsonObject {
  return { ...errors.invalid_account, AccountID: id };
}

/** Finds something for each account in a path segment. Other accounts become errors. */
export function collectAccounts(
  { parameters: [ids], owner }: Call,
  find: (id: string) => readonly JsonObject[],
  recordedErrors: readonly JsonObject[] = [],
): { readonly found: readonly JsonObject[]; readonly errors: readonly JsonObject[] } {
  return collect(
    listOf(ids, MAX_ACCOUNTS),
    (id) => isAccount(id, owner) ? find(id) : undefined,
    (id) => recordedErrors.find((error) => error["AccountID"] === id) ?? invalidAccount(id),
  );
}

/** Recorded of a client that had forgotten `brokerage`. */
const MISTAKEN = new Route("GET /v3/accounts/**");
/** v2 has other paths; the response is like its others. */
const MISTAKEN_V2 = new Route("GET /v2/brokerage/**");

/** Accounts, balances and positions. */
export const accountEndpoints: readonly Endpoint[] = [
  {
    route: MISTAKEN,
    scope: "ReadAccount",
    handle: ({ request }) => notFoundResponse(request.path),
  },
  {
    route: MISTAKEN_V2,
    scope: "ReadAccount",
    handle: () => legacyErrorResponse(404, "Not found"),
  },
  read("GET /v3/brokerage/accounts", ({ owner }) => {
    return jsonResponse(200, { Accounts: accountsOf(owner) });
  }),
  read("GET /v3/brokerage/accounts/*/balances", (call) => {
    const find = (id: string) => call.book.holdings.balancesOf(id);
    const { found, errors } = collectAccounts(call, find, balances.Errors);
    return jsonResponse(200, { Balances: found, Errors: errors });
  }),
  read("GET /v3/brokerage/accounts/*/bodbalances", (call) => {
    const { found, errors } = recordedOf(call, bodBalances.BODBalances, bodBalances.Errors);
    return jsonResponse(200, { BODBalances: found, Errors: errors });
  }),
  read("GET /v3/brokerage/accounts/*/positions", (call) => {
    const find = (id: string) => call.book.holdings.positionsOf(id);
    const { found, errors } = collectAccounts(call, find, positions.Errors);
    const symbols = call.query.get("symbol")?.split(",");
    const selected = found.filter((position) => symbols?.includes(`${position["Symbol"]}`) ?? true);
    return jsonResponse(200, { Positions: selected, Errors: errors });
  }, ["symbol"]),
];

function read(
  route: string,
  handle: (call: Call) => EmulatedResponse,
  query: readonly string[] = [],
): Endpoint {
  return { route: new Route(route), scope: "ReadAccount", query, handle };
}

function recordedOf(
  call: Call,
  recorded: readonly JsonObject[],
  recordedErrors: readonly JsonObject[],
) {
  const items = inEnvironment(recorded, call.owner.environment);
  const find = (id: string) => items.filter((item) => item["AccountID"] === id);
  return collectAccounts(call, find, recordedErrors);
}
