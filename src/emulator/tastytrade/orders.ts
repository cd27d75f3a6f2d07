import type { EmulatedResponse, JsonObject } from "../response.ts";
import dryRun from "./recordings/order_dry_run.json" with { type: "json" };
import placed from "./recordings/order_placed.json" with { type: "json" };
import { Route } from "../route.ts";
import { accountsOf, numberOf } from "./account_list.ts";
import type { Call, Endpoint } from "./endpoint.ts";
import { dataResponse, errorResponse, unknownResponse, validationResponse } from "./envelope.ts";
import { RequestError } from "../request_error.ts";
import { wireOrder } from "./order_state.ts";
import { checkOrderForm, readOrderForm } from "./order_form.ts";
import { between, PAGE, pageOf, select, sort, TIMES } from "./pagination.ts";
import { meansOf, preflight } from "./preflight.ts";

// The order service has versions of its own. Without a version it uses the oldest one according to the
// release notes, or the latest according to another source.
const OLDEST_VERSION = "20250813";
const START_DATE_VERSION = "20261012";
const LIMITS = { defaultPerPage: 100, maxPerPage: 200 };

const FILTERS = ["status[]", "underlying-symbol", "underlying-instrument-type"];
const LIVE = [...FILTERS, ...PAGE, "sort"];
const SEARCH = [...LIVE, ...TIMES];
const ACCOUNTS = "account-numbers[]";

/** Orders: search, check, place, replace, cancel. */
export const orderEndpoints: readonly Endpoint[] = [
  read("GET /accounts/*/orders", SEARCH, (call) => searchResponse(call, accountOf(call))),
  read("GET /accounts/*/orders/live", LIVE, (call) => liveResponse(call, accountOf(call))),
  read("GET /accounts/*/orders/*", [], (call) => {
    const order = orderOf(call);
    if (!call.book.isListed(order["id"])) return unknownResponse(`order ${order["id"]}`);
    return dataResponse(order, call.context);
  }),
  read(
    "GET /customers/me/orders",
    [...SEARCH, ACCOUNTS],
    (call) => searchResponse(call, ...accountsAskedFor(call)),
  ),
  read(
    "GET /customers/me/orders/live",
    [...LIVE, ACCOUNTS],
    (call) => liveResponse(call, ...accountsAskedFor(call)),
  ),
  write(
    "POST /accounts/*/orders/dry-run",
    (call) => dryRunResponse(call, readOrderForm(call.request)),
  ),
  write("POST /accounts/*/orders", placeResponse),
  write("POST /accounts/*/orders/*/dry-run", (call) => {
    const order = orderOf(call);
    return dryRunResponse(call, { ...order, ...readOrderForm(call.request) });
  }),
  // A replacement may omit the legs, and an edit what stays the same: both start from the current order.
  write("PUT /accounts/*/orders/*", replaceResponse),
  write("PATCH /accounts/*/orders/*", replaceResponse),
  write("DELETE /accounts/*/orders/*", (call) => {
    const order = changeableOrderOf(call);
    return dataResponse(call.book.cancel(order["id"]), call.context);
  }),
];

function read(
  route: string,
  query: readonly string[],
  handle: (call: Call) => EmulatedResponse,
): Endpoint {
  return { route: new Route(route), scope: "read", oldestVersion: OLDEST_VERSION, query, handle };
}

function write(route: string, handle: (call: Call) => EmulatedResponse): Endpoint {
  return { route: new Route(route), scope: "trade", oldestVersion: OLDEST_VERSION, handle };
}

function searchResponse(call: Call, ...accounts: readonly string[]): EmulatedResponse {
  const { query, version = OLDEST_VERSION } = call;
  // The rule is documented, the response is UNCONFIRMED.
  if (version >= START_DATE_VERSION && !query.has("start-date") && !query.has("start-at")) {
    return validationResponse([{ domain: "start-date", reason: "is missing" }]);
  }
  const orders: readonly JsonObject[] = accounts.flatMap((account) => call.book.ofAccount(account));
  return pageResponse(call, between(orders, query, "received-at", "received-at"));
}

/**
 * "Live" orders are all that were placed or updated today, in any state, and older ones that are good till
 * cancelled and still work.
 */
function liveResponse(call: Call, ...accounts: readonly string[]): EmulatedResponse {
  const today = new Date(Date.now()).toISOString().slice(0, 10);
  const orders = accounts.flatMap((account) => call.book.ofAccount(account));
  const isLive = (order: JsonObject) => {
    const updatedAt = new Date(Number(order["updated-at"])).toISOString();
    const isOfToday = [order["received-at"], updatedAt].some((at) => `${at}`.startsWith(today));
    const isKept = `${order["time-in-force"]}`.startsWith("GTC") && order["cancellable"] === true;
    return isOfToday || isKept;
  };
  return pageResponse(call, orders.filter(isLive));
}

function pageResponse({ query, context }: Call, orders: readonly JsonObject[]): EmulatedResponse {
  const selected = FILTERS.reduce((kept, name) => select(kept, query, name), orders);
  const { items, pagination } = pageOf(sort(selected, query), query, LIMITS);
  return dataResponse({ items }, context, { pagination });
}

function dryRunResponse(call: Call, form: JsonObject): EmulatedResponse {
  checkOrderForm(form);
  const account = accountOf(call);
  const data = {
    "order": wireOrder(account, form),
    "warnings": [],
    "buying-power-effect": preflight(form, meansOf(call)),
    "fee-calculation": dryRun.data["fee-calculation"],
  };
  return dataResponse(data, call.context, { status: 201 });
}

function placeResponse(call: Call): EmulatedResponse {
  const form = readOrderForm(call.request);
  checkOrderForm(form);
  const account = accountOf(call);
  const data = {
    "buying-power-effect": preflight(form, meansOf(call)),
    "fee-calculation": placed.data["fee-calculation"],
    "order": call.book.place(account, form),
    "warnings": [],
  };
  return dataResponse(data, call.context, { status: 201 });
}

/** The answer is the new order, but the context still names the old one. */
function replaceResponse(call: Call): EmulatedResponse {
  const order = changeableOrderOf(call);
  const form = { ...order, ...readOrderForm(call.request) };
  checkOrderForm(form);
  preflight(form, meansOf(call));
  return dataResponse(call.book.replace(order["id"], form), call.context);
}

function accountOf({ parameters: [accountNumber = ""] }: Call): string {
  return accountNumber;
}

function orderOf(call: Call): JsonObject {
  const id = call.parameters[1];
  const order = call.book.find(accountOf(call), id);
  if (order === undefined) throw new RequestError(unknownResponse(`order ${id}`));
  return order;
}

/** The code of this refusal is recorded, for the other words it is the only source as well. */
function changeableOrderOf(call: Call): JsonObject {
  const order = orderOf(call);
  if (order["cancellable"] === true) return order;
  throw new RequestError(
    errorResponse(422, "cannot_update_order", "the order could not be cancelled"),
  );
}

/** Searches over a customer must say of which accounts; the answer to one that does not is recorded. */
function accountsAskedFor({ query, user }: Call): readonly string[] {
  const asked = query.getAll(ACCOUNTS);
  if (asked.length > 0) {
    return accountsOf(user).map(numberOf).filter((number) => asked.includes(number));
  }
  throw new RequestError(validationResponse([{ domain: "account-numbers", reason: "is missing" }]));
}
