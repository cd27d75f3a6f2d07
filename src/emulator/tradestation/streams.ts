/** Streams: quotes, orders and positions as they change. */

import type { JsonObject } from "../response.ts";
import { Route } from "../route.ts";
import type { StreamedResponse } from "../service.ts";
import type { BeginStream, SourceOfStream } from "../streams/open_streams.ts";
import type { Outlet } from "../streams/outlet.ts";
import { invalidAccount } from "./accounts.ts";
import { isAccount } from "./account_list.ts";
import type { Call, StreamEndpoint } from "./endpoint.ts";
import { listOf } from "./list.ts";
import { quoteOrError } from "./market.ts";
import { instantOf } from "./order_state.ts";

const HEARTBEAT_MS = 5_000;
const MAX_ACCOUNTS = 25;
const MAX_SYMBOLS = 100;
const MAX_IDS = 50;

/** Streams. Those of bars, options and market depth are not served. */
export const streamEndpoints: readonly StreamEndpoint[] = [
  {
    route: new Route("GET /v3/marketdata/stream/quotes/*"),
    scope: "MarketData",
    handle: quoteStream,
  },
  {
    route: new Route("GET /v3/brokerage/stream/accounts/*/orders"),
    scope: "ReadAccount",
    isLimited: true,
    handle: (call) => accountStream(call, (id) => call.book.everyOrderOf(id), "OrderID"),
  },
  {
    route: new Route("GET /v3/brokerage/stream/accounts/*/orders/*"),
    scope: "ReadAccount",
    isLimited: true,
    handle: (call) => {
      const ids = listOf(call.parameters[1], MAX_IDS);
      const selected = (id: string) =>
        call.book.everyOrderOf(id).filter((order) => ids.includes(`${order["OrderID"]}`));
      return accountStream(call, selected, "OrderID");
    },
  },
  {
    route: new Route("GET /v3/brokerage/stream/accounts/*/positions"),
    scope: "ReadAccount",
    isLimited: true,
    query: ["changes"],
    handle: (call) => accountStream(call, (id) => call.book.holdings.positionsOf(id), "PositionID"),
  },
];

/** Quotes: at first all of each, and then what has changed. */
function quoteStream(call: Call): StreamedResponse {
  const symbols = listOf(call.parameters[0], MAX_SYMBOLS);
  const current = () => symbols.map((symbol) => quoteOrError(symbol, call.market));
  current(); // refuses what is not served before anything is sent
  const begin: BeginStream = (outlet) => {
    const sent = new Map<string, JsonObject>();
    for (const quote of current()) {
      outlet.send(JSON.stringify(quote));
      sent.set(`${quote["Symbol"]}`, quote);
    }
    return new LineStream(outlet, call, {
      goAway: { Error: "GoAway", Message: "The server is about to shut down." },
      changes: () =>
        current().flatMap((quote) => {
          const symbol = `${quote["Symbol"]}`;
          const before = sent.get(symbol) ?? {};
          sent.set(symbol, quote);
          const changed = changedMembers(before, quote);
          // The time alone is no trade.
          return Object.keys(changed).some((name) => name !== "TradeTime")
            ? [{ Symbol: symbol, ...changed }]
            : [];
        }),
    });
  };
  return { status: 200, headers: { "content-type": `${STREAM_TYPE}.v2+json` }, begin };
}

const STREAM_TYPE = "application/vnd.tradestation.streams";

/** What the accounts have of something: at first all of it, and then each as it changes. */
function accountStream(
  call: Call,
  find: (accountId: string) => readonly JsonObject[],
  key: "OrderID" | "PositionID",
): StreamedResponse {
  const asked = listOf(call.parameters[0], MAX_ACCOUNTS);
  const stranger = asked.find((id) => !isAccount(id, call.owner));
  const ids = stranger === undefined ? asked : [];
  const isByChanges = call.query.get("changes") === "true";
  const begin: BeginStream = (outlet) => {
    if (stranger !== undefined) {
      // Such an error ends the stream, by the documentation.
      outlet.send(JSON.stringify(invalidAccount(stranger)));
      outlet.end();
    }
    const current = () =>
      new Map(ids.flatMap(find).map((item) => [`${item["AccountID"]} ${item[key]}`, item]));
    let sent = current();
    for (const item of [...sent.values()].toReversed()) outlet.send(JSON.stringify(item));
    outlet.send(JSON.stringify({ StreamStatus: "EndSnapshot" }));
    return new LineStream(outlet, call, {
      goAway: { StreamStatus: "GoAway" },
      changes: () => {
        const now = current();
        const changed = [...now].flatMap(([id, item]) => {
          const before = sent.get(id);
          const changes = changedMembers(before ?? {}, item);
          if (Object.keys(changes).length === 0) return [];
          return [isByChanges && before !== undefined ? { [key]: item[key], ...changes } : item];
        });
        const gone = [...sent].filter(([id]) => !now.has(id))
          .map(([, item]) => ({ [key]: item[key], Deleted: true }));
        sent = now;
        return [...gone, ...changed];
      },
    });
  };
  return { status: 200, headers: { "content-type": `${STREAM_TYPE}.v3+json` }, begin };
}

/** What a stream of lines is about. */
interface StreamContent {
  /** What announces that the service goes away. */
  readonly goAway: JsonObject;
  /** What has changed since the last time. */
  changes(): readonly JsonObject[];
}

/** A stream of objects, a line each, with a heartbeat after idle seconds. */
class LineStream implements SourceOfStream {
  readonly #outlet: Outlet;
  readonly #call: Call;
  readonly #content: StreamContent;

  constructor(outlet: Outlet, call: Call, content: StreamContent) {
    this.#outlet = outlet;
    this.#call = call;
    this.#content = content;
  }

  update(): void {
    // Whether a stream ends with its token is UNCONFIRMED.
    if (this.#call.isStreamOver()) return this.#outlet.end();
    for (const change of this.#content.changes()) this.#outlet.change(JSON.stringify(change));
    if (Date.now() - this.#outlet.lastSentAt < HEARTBEAT_MS) return;
    this.#outlet.send(JSON.stringify({ Heartbeat: 1, Timestamp: instantOf(Date.now()) }));
  }

  goAway(): void {
    this.#outlet.send(JSON.stringify(this.#content.goAway));
  }
}

/** The members that are not as before. */
function changedMembers(before: JsonObject, after: JsonObject): JsonObject {
  const isSame = (name: string) => JSON.stringify(before[name]) === JSON.stringify(after[name]);
  return Object.fromEntries(Object.entries(after).filter(([name]) => !isSame(name)));
}
