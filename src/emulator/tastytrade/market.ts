import { type EmulatedResponse, type JsonObject, jsonResponse } from "../response.ts";
import marketData from "./recordings/market_data_by_type.json" with { type: "json" };
import marketMetrics from "./recordings/market_metrics.json" with { type: "json" };
import quoteToken from "./recordings/quote_token.json" with { type: "json" };
import sandboxQuoteToken from "./recordings/quote_token_sandbox.json" with {
  type: "json",
};
import { type Addressed, Route } from "../route.ts";
import { tastytradeFaults } from "./faults.ts";
import { Unserved } from "../unserved.ts";
import { instant } from "./order_state.ts";
import type { Call, Endpoint } from "./endpoint.ts";
import { dataResponse, validationResponse } from "./envelope.ts";

/** The routes that have no service behind them in the sandbox: 502. */
const SANDBOX_GAPS: readonly Route[] = [
  new Route("* /market-data/**"),
  new Route("* /market-metrics/**"),
  new Route("* /symbols/search/**"),
  new Route("* /quote-alerts/**"),
  new Route("* /watchlists/**"),
  new Route("* /pairs-watchlists/**"),
  // "Live only" by the documentation; the status is taken from its neighbours.
  new Route("* /accounts/*/net-liq/**"),
];

/** The routes that the sandbox knows and refuses: 403. */
const SANDBOX_REFUSALS: readonly Route[] = [new Route("* /instruments/equity-options/**")];

/** The kinds of symbols that quotes are asked for. */
const QUOTE_TYPES = [
  "cryptocurrency",
  "index",
  "equity",
  "equity-option",
  "future",
  "future-option",
];

/** What the sandbox answers where it has no service, or refuses one. */
export function sandboxGap(request: Addressed): EmulatedResponse | undefined {
  if (SANDBOX_GAPS.some((route) => route.matches(request))) return tastytradeFaults.badGateway;
  const isRefused = SANDBOX_REFUSALS.some((route) => route.matches(request));
  return isRefused ? tastytradeFaults.notPermitted : undefined;
}

/** Quotes, and the token for the stream of quotes. */
export const marketEndpoints: readonly Endpoint[] = [
  {
    route: new Route("GET /api-quote-tokens"),
    scope: "read",
    handle: ({ environment, quoteTokens, quoteUrl }) => {
      const { data, context } = environment === "sandbox" ? sandboxQuoteToken : quoteToken;
      const { token, issuedAt, expiresAt } = quoteTokens.issue();
      // The two times are in the specification and not in the recordings; the day is documented.
      const times = { "issued-at": instant(issuedAt), "expires-at": instant(expiresAt) };
      return dataResponse({ ...data, token, "dxlink-url": quoteUrl, ...times }, context);
    },
  },
  {
    route: new Route("GET /market-data/by-type"),
    scope: "read",
    query: QUOTE_TYPES,
    repeatable: QUOTE_TYPES,
    handle: quotesResponse,
  },
  {
    route: new Route("GET /market-metrics"),
    scope: "read",
    query: ["symbols"],
    repeatable: ["symbols"],
    handle: ({ query }) => {
      const items = listOf(query, "symbols").map((symbol) =>
        marketMetrics.data.items.find((item) => item.symbol === symbol) ?? unserved(symbol)
      );
      return jsonResponse(200, { ...marketMetrics, data: { items } });
    },
  },
];

/** Lists with commas or repeated names here, unlike everywhere else; at most 100 symbols over all types. */
function quotesResponse({ query, market }: Call) {
  const asked = QUOTE_TYPES.flatMap((type) =>
    listOf(query, type).map((symbol) => ({ type, symbol }))
  );
  if (asked.length > 100) {
    // Limit documented, answer UNCONFIRMED.
    return validationResponse([{ domain: "symbols", reason: "is too long" }]);
  }
  const items = asked.map(({ type, symbol }) =>
    quoteOf(symbol, { type, price: market.priceOf(symbol)?.toAmount() })
  );
  return jsonResponse(200, { ...marketData, data: { items } });
}

/** The recorded quote, or one of the price that the test has set. */
function quoteOf(
  symbol: string,
  { type, price }: { type: string; price: string | undefined },
): JsonObject {
  const recorded = marketData.data.items.find((item) => item.symbol === symbol);
  if (price === undefined) return recorded ?? unserved(symbol, ", whose price is not set");
  const prices = ["bid", "ask", "mid", "mark", "last", "last-mkt"].map((name) => [name, price]);
  return {
    "symbol": symbol,
    // "equity-option" is "Equity Option".
    "instrument-type": type.split("-").map((word) => word[0]?.toUpperCase() + word.slice(1)).join(
      " ",
    ),
    "bid-size": "1.0",
    "ask-size": "1.0",
    "is-trading-halted": false,
    ...recorded,
    ...Object.fromEntries(prices),
    "updated-at": new Date(Date.now()).toISOString(),
  };
}

/** The emulator does not know which symbols there are. */
function unserved(symbol: string | undefined, hint = ""): never {
  throw new Unserved(`the symbol ${symbol}${hint}`);
}

function listOf(query: URLSearchParams, name: string): readonly string[] {
  return query.getAll(name).flatMap((list) => list.split(","));
}
