import type { Market } from "../exchange/market.ts";
import { type EmulatedResponse, type JsonObject, jsonResponse } from "../response.ts";
import { Route } from "../route.ts";
import { Unserved } from "../unserved.ts";
import { type BarRange, barsOf, type BarUnit } from "./bars.ts";
import type { Call, Endpoint } from "./endpoint.ts";
import { errorResponse } from "./errors.ts";
import { RequestError } from "../request_error.ts";
import { collect, listOf } from "./list.ts";
import errors from "./recordings/errors.json" with { type: "json" };
import quotes from "./recordings/quotes.json" with { type: "json" };
import symbols from "./recordings/symbols.json" with { type: "json" };
import { tradestationFaults } from "./faults.ts";

/** A symbol for which a real user had no data. */
const NOT_ENTITLED = errors.symbol_not_entitled;
/** One that is recorded not to exist. Of others the emulator does not know. */
const [INVALID] = errors.invalid_symbol.Errors;
const UNITS: readonly BarUnit[] = ["Minute", "Daily", "Weekly", "Monthly"];
const BAR_TERMS = ["unit", "interval", "barsback", "firstdate", "lastdate", "sessiontemplate"];
const MOST_BARS = 57_600;
const MOST_MINUTES = 1_440;

/** Quotes, bars and symbols. */
export const marketEndpoints: readonly Endpoint[] = [
  look("GET /v3/marketdata/quotes/*", quotesResponse),
  look("GET /v3/marketdata/barcharts/*", barsResponse, BAR_TERMS),
  look("GET /v3/marketdata/symbols/*", ({ parameters: [names] }) => {
    const { found, errors: failed } = collect(
      listOf(names, 50),
      (name) => atLeastOne(symbols.Symbols.filter(({ Symbol: symbol }) => symbol === name)),
      // The fields are documented; the message is that of the quotes.
      (name) =>
        name === INVALID?.Symbol
          ? { Symbol: name, Error: "NotFound", Message: INVALID.Error }
          : unserved(name),
    );
    return jsonResponse(200, { Symbols: found, Errors: failed });
  }),
];

function look(
  route: string,
  handle: (call: Call) => EmulatedResponse,
  query: readonly string[] = [],
): Endpoint {
  return { route: new Route(route), scope: "MarketData", query, handle };
}

function quotesResponse({ parameters: [names], market }: Call): EmulatedResponse {
  const { found, errors: failed } = collect<JsonObject>(
    listOf(names, 100),
    (name) => atLeastOne(quotesOf(name, market)),
    refusedQuote,
  );
  // As documented: if all fail, there is no list of quotes.
  return jsonResponse(200, { Quotes: found.length > 0 ? found : undefined, Errors: failed });
}

/** A quote, or why there is none. */
export function quoteOrError(symbol: string, market: Market): JsonObject {
  const [quote] = quotesOf(symbol, market);
  return quote ?? refusedQuote(symbol);
}

/** What stands in the place of a quote that is refused. */
function refusedQuote(symbol: string): JsonObject {
  if (symbol === NOT_ENTITLED.Symbol) return NOT_ENTITLED;
  return symbol === INVALID?.Symbol ? INVALID : unserved(symbol, ", whose price is not set");
}

/** The recorded quote, or one of the price that the test has set. */
function quotesOf(symbol: string, market: Market): readonly JsonObject[] {
  const recorded = quotes.Quotes.filter((quote) => quote.Symbol === symbol);
  const price = market.priceOf(symbol)?.toString();
  if (price === undefined) return recorded;
  const [quote = { MarketFlags: quotes.Quotes[0]?.MarketFlags }] = recorded;
  const at = new Date(Date.now()).toISOString().replace(/\.\d+Z$/, "Z");
  return [{
    ...quote,
    Symbol: symbol,
    Last: price,
    Bid: price,
    Ask: price,
    Close: price,
    TradeTime: at,
  }];
}

/** The emulator does not know which symbols there are. */
function unserved(symbol: string | undefined, hint = ""): never {
  throw new Unserved(`the symbol ${symbol}${hint}`);
}

function barsResponse({ parameters: [symbol], query }: Call): EmulatedResponse {
  const range = rangeOf(query);
  if (symbol === NOT_ENTITLED.Symbol) return tradestationFaults.notEntitled;
  // The status is documented, the message is UNCONFIRMED.
  if (symbol === INVALID?.Symbol) return errorResponse(404, "Symbol not found.");
  if (symbol !== quotes.Quotes[0]?.Symbol) unserved(symbol);
  return jsonResponse(200, { Bars: barsOf(range) });
}

/** The bars that are asked for: so many up to the last date, or those since the first. */
function rangeOf(query: URLSearchParams): BarRange {
  const unit = UNITS.find((unit) => unit === (query.get("unit") ?? "Daily"));
  if (unit === undefined) throw invalid("unit");
  const interval = countOf(query, "interval", unit === "Minute" ? MOST_MINUTES : 1);
  const count = countOf(query, "barsback", MOST_BARS);
  const hasFirst = query.has("firstdate");
  if (hasFirst && query.has("barsback")) throw invalid("firstdate");
  const session = query.get("sessiontemplate") ?? "Default";
  if (session !== "Default") throw new Unserved(`bars of the session ${session}`);
  const from = hasFirst ? momentOf(query, "firstdate") : Number.NEGATIVE_INFINITY;
  const to = query.has("lastdate") ? momentOf(query, "lastdate") : Date.now();
  return { unit, interval, from, to: Math.min(to, Date.now()), most: hasFirst ? MOST_BARS : count };
}

function momentOf(query: URLSearchParams, name: string): number {
  const moment = Date.parse(query.get(name) ?? "");
  if (Number.isNaN(moment)) throw invalid(name);
  return moment;
}

function countOf(query: URLSearchParams, name: string, most: number): number {
  const text = query.get(name) ?? "1";
  if (/^\d+$/.test(text) && Number(text) >= 1 && Number(text) <= most) return Number(text);
  throw invalid(name);
}

function atLeastOne<T>(items: readonly T[]): readonly T[] | undefined {
  return items.length > 0 ? items : undefined;
}

/** The message is UNCONFIRMED. */
function invalid(name: string): RequestError {
  return new RequestError(errorResponse(400, `${name} is invalid`));
}
