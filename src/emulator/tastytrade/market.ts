import { jsonAnswer, type JsonObject } from "../answer.ts";
import equity from "./recordings/equity.json" with { type: "json" };
import marketData from "./recordings/market_data_by_type.json" with { type: "json" };
import marketMetrics from "./recordings/market_metrics.json" with { type: "json" };
import optionChain from "./recordings/option_chain_nested.json" with { type: "json" };
import quoteToken from "./recordings/quote_token.json" with { type: "json" };
import sandboxQuoteToken from "./recordings/quote_token_sandbox.json" with {
  type: "json",
};
import { Route } from "../route.ts";
import type { Call, Endpoint } from "./endpoint.ts";
import { unknownAnswer, validationAnswer } from "./envelope.ts";

/** The routes that have no service behind them in the sandbox: 502. */
export const sandboxGaps: readonly Route[] = [
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
export const sandboxRefusals: readonly Route[] = [new Route("* /instruments/equity-options/**")];

/** Instruments, quotes, and the token for the stream of quotes. */
export const marketEndpoints: readonly Endpoint[] = [
  {
    route: new Route("GET /api-quote-tokens"),
    scope: "read",
    handle: ({ environment }) =>
      jsonAnswer(200, environment === "sandbox" ? sandboxQuoteToken : quoteToken),
  },
  {
    route: new Route("GET /market-data/by-type"),
    scope: "read",
    handle: quotesAnswer,
  },
  {
    route: new Route("GET /market-metrics"),
    scope: "read",
    handle: ({ query }) => {
      const symbols = listOf(query, "symbols");
      const items = named(marketMetrics.data.items, symbols);
      return jsonAnswer(200, { ...marketMetrics, data: { items } });
    },
  },
  {
    route: new Route("GET /instruments/equities/*"),
    scope: "read",
    handle: ({ gaps: [symbol] }) =>
      symbol === equity.data.symbol ? jsonAnswer(200, equity) : unknownAnswer(`symbol ${symbol}`),
  },
  {
    route: new Route("GET /option-chains/*/nested"),
    scope: "read",
    handle: ({ gaps: [symbol] }) =>
      symbol === optionChain.data.items[0]?.["underlying-symbol"]
        ? jsonAnswer(200, optionChain)
        : unknownAnswer(`symbol ${symbol}`),
  },
];

/** Comma lists here, unlike everywhere else; at most 100 symbols over all types. */
function quotesAnswer({ query }: Call) {
  const types = ["index", "equity", "equity-option", "future", "future-option", "cryptocurrency"];
  const symbols = types.flatMap((type) => listOf(query, type));
  if (symbols.length > 100) {
    // Limit documented, answer UNCONFIRMED.
    return validationAnswer([{ domain: "symbols", reason: "is too long" }]);
  }
  return jsonAnswer(200, { ...marketData, data: { items: named(marketData.data.items, symbols) } });
}

function listOf(query: URLSearchParams, name: string): readonly string[] {
  return query.get(name)?.split(",") ?? [];
}

function named<T extends JsonObject>(
  items: readonly T[],
  symbols: readonly string[],
): readonly T[] {
  return items.filter((item) => symbols.includes(`${item["symbol"]}`));
}
