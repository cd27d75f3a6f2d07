import { type EmulatedResponse, type JsonObject, jsonResponse } from "../response.ts";
import accounts from "./recordings/accounts.json" with { type: "json" };
import balanceSnapshots from "./recordings/balance_snapshots.json" with { type: "json" };
import customer from "./recordings/customer.json" with { type: "json" };
import netLiqHistory from "./recordings/net_liq_history.json" with { type: "json" };
import positionLimit from "./recordings/position_limit.json" with { type: "json" };
import sessionValidated from "./recordings/session_validated.json" with { type: "json" };
import tradingStatus from "./recordings/trading_status.json" with { type: "json" };
import { Route } from "../route.ts";
import { accountsOf, fundedAccount, numberOf } from "./account_list.ts";
import type { Call, Endpoint } from "./endpoint.ts";
import { dataResponse, unknownResponse, validationResponse } from "./envelope.ts";
import { Unserved } from "../unserved.ts";
import { between, PAGE, pageOf, select } from "./pagination.ts";

const OPENING_MS = (13 * 60 + 30) * 60 * 1000;
const DAY_MS = 24 * 60 * 60 * 1000;
const PERIOD_DAYS: Readonly<Record<string, number>> = {
  "1d": 1,
  "1m": 30,
  "3m": 91,
  "6m": 182,
  "1y": 365,
  "all": 365,
};
const POSITION_FILTERS = ["symbol", "instrument-type", "underlying-symbol[]"];
/** There is one position for each symbol, so that they are net already. */
const POSITION_FLAGS = ["include-marks", "include-closed-positions", "net-positions"];

/** Customer, accounts, balances and positions. */
export const accountEndpoints: readonly Endpoint[] = [
  {
    route: new Route("POST /sessions/validate"),
    scope: "read",
    // Recorded with session tokens. Clients still use it with a bearer token.
    handle: () => jsonResponse(200, sessionValidated),
  },
  {
    route: new Route("GET /customers/me"),
    scope: "read",
    handle: customerResponse,
  },
  {
    route: new Route("GET /customers/me/accounts"),
    scope: "read",
    handle: ({ user }) => {
      const [recorded] = accounts.data.items;
      const items = accountsOf(user).map((account) => ({ ...recorded, account }));
      return jsonResponse(200, { ...accounts, data: { items } });
    },
  },
  {
    route: new Route("GET /customers/me/accounts/*"),
    scope: "read",
    handle: ({ parameters: [number], context, user }) => {
      const account = accountsOf(user).find((account) => numberOf(account) === number);
      if (account === undefined) return unknownResponse(`account ${number}`);
      return dataResponse(account, context);
    },
  },
  {
    route: new Route("GET /accounts/*/trading-status"),
    scope: "read",
    handle: (call) => ownedResponse(call, tradingStatus.data),
  },
  {
    route: new Route("GET /accounts/*/position-limit"),
    scope: "read",
    handle: (call) => ownedResponse(call, positionLimit.data),
  },
  {
    route: new Route("GET /accounts/*/balances"),
    scope: "read",
    handle: ({ parameters: [number = ""], version, context, book }) => {
      const balance = book.holdings.balanceOf(number);
      // A list since 20240501, the oldest version that the API still takes (tastytrade.ts); one
      // object without a version, as recorded until 2026. Another source has the list there too.
      return dataResponse(version === undefined ? balance : { items: [balance] }, context);
    },
  },
  {
    route: new Route("GET /accounts/*/balances/*"),
    scope: "read",
    handle: ({ parameters: [number = "", currency], context, book }) =>
      currency === "USD"
        ? dataResponse(book.holdings.balanceOf(number), context)
        : unknownResponse(`currency ${currency}`),
  },
  {
    route: new Route("GET /accounts/*/balance-snapshots"),
    scope: "read",
    query: ["time-of-day", "snapshot-date", "start-date", "end-date", "currency", ...PAGE],
    handle: snapshotsResponse,
  },
  {
    route: new Route("GET /accounts/*/positions"),
    scope: "read",
    query: [...POSITION_FILTERS, ...POSITION_FLAGS],
    handle: positionsResponse,
  },
  {
    route: new Route("GET /accounts/*/net-liq/history"),
    scope: "read",
    query: ["time-back", "start-time", "end-time", "interval"],
    handle: netLiqResponse,
  },
];

/** The recorded customer, under another name for a user who was added. */
function customerResponse({ user }: Call): EmulatedResponse {
  const name = user.opened === undefined ? {} : { "last-name": user.id, "first-surname": user.id };
  return jsonResponse(200, { ...customer, data: { ...customer.data, ...name } });
}

/**
 * The value of each day at the opening, as the account is worth now: the emulator does not remember. How
 * far apart the real values are, and that of "all", are UNCONFIRMED.
 */
function netLiqResponse({ parameters: [number = ""], query, book }: Call) {
  const interval = query.get("interval") ?? "1d";
  if (interval !== "1d") throw new Unserved(`a net-liq history by ${interval}`);
  const period = query.get("time-back") ?? "1d";
  const days = PERIOD_DAYS[period];
  if (days === undefined) throw new Unserved(`a net-liq history of ${period}`);
  const start = query.get("start-time");
  const end = query.get("end-time");
  const until = end === null ? Date.now() : Math.min(Date.parse(end), Date.now());
  const since = start === null ? until - days * DAY_MS : Date.parse(start);
  const value = book.holdings.balanceOf(number)["net-liquidating-value"];
  const [recorded] = netLiqHistory.data.items;
  const values = Object.fromEntries(
    ["open", "high", "low", "close"].flatMap((name) => [[name, value], [`total-${name}`, value]]),
  );
  const count = Math.max(0, Math.floor((until - since) / DAY_MS));
  const items = Array.from({ length: count }, (_, i) => {
    // The last opening is that of today, or of yesterday if it is too early.
    const opening = new Date(until - OPENING_MS - (count - 1 - i) * DAY_MS);
    return { ...recorded, ...values, "time": `${opening.toISOString().slice(0, 10)} 13:30:00+00` };
  });
  return jsonResponse(200, { data: { items } });
}

function positionsResponse({ parameters: [number = ""], query, context, book }: Call) {
  const [hasMarks, hasClosed] = POSITION_FLAGS
    .map((name) => /^true$/i.test(query.get(name) ?? ""));
  const open: readonly JsonObject[] = book.holdings.positionsOf(number)
    .filter((position) => hasClosed || position["quantity-direction"] !== "Zero");
  const selected = POSITION_FILTERS.reduce((kept, name) => select(kept, query, name), open);
  const items = hasMarks ? selected.map((position) => book.holdings.withMark(position)) : selected;
  return dataResponse({ items }, context);
}

/**
 * `time-of-day` is required by the specification and left out by the official SDK, which follows the
 * older documentation: so it may be missing.
 */
function snapshotsResponse({ parameters: [number = ""], query, context, version }: Call) {
  if (!["BOD", "EOD", "Intraday"].includes(query.get("time-of-day") ?? "EOD")) {
    return validationResponse([{ domain: "time-of-day", reason: "does not have a valid value" }]);
  }
  const currency = query.get("currency") ?? "USD";
  if (currency !== "USD") throw new Unserved(`balances in ${currency}`);
  const all = number === fundedAccount ? balanceSnapshots.data.items : [];
  const ofDay = between(
    select(all, query, "snapshot-date"),
    query,
    "snapshot-date",
    "updated-at",
  );
  const { items, pagination } = pageOf(ofDay, query, { defaultPerPage: 250, maxPerPage: 2000 });
  // Recorded without it; newer versions have it.
  const isPaged = version !== undefined || PAGE.some((name) => query.has(name));
  return dataResponse({ items }, context, isPaged ? { pagination } : {});
}

/** The recording of one account, with the number of the account that is asked for. */
function ownedResponse({ parameters: [number = ""], context }: Call, recorded: JsonObject) {
  return dataResponse({ ...recorded, "account-number": number }, context);
}
