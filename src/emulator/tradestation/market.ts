import { type EmulatedResponse, jsonResponse } from "../response.ts";
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
const UNITS: readonly BarUnit[] = ["Minute", "Daily", "Weekly", "Monthly"];
const BAR_TERMS = ["unit", "interval", "barsback", "firstdate", "lastdate", "sessiontemplate"];
const MOST_BARS = 57_600;
const MOST_MINUTES = 1_440;

/** Quotes, bars and symbols. */
export const marketEndpoints: readonly Endpoint[] = [
  look("GET /v3/marketdata/quotes/*", quotesResponse),
  look("GET /v3/marketdata/barcharts/*", barsResponse, BAR_TERMS),
  look("GET /v3/marketdata/symbols/*", ({ parameters: [names] }) => {
    const [invalid] = errors.invalid_symbol.Errors;
    const { found, errors: failed } = collect(
      listOf(names, 50),
      (name) => atLeastOne(symbols.Symbols.filter(({ Symbol: symbol }) => symbol === name)),
      // The fields are documented; the message is that of the quotes.
      (name) => ({ Symbol: name, Error: "NotFound", Message: invalid?.Error }),
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

function quotesResponse({ parameters: [names] }: Call): EmulatedResponse {
  const [invalid] = errors.invalid_symbol.Errors;
  const { found, errors: failed } = collect(
    listOf(names, 100),
    (name) => atLeastOne(quotes.Quotes.filter(({ Symbol: symbol }) => symbol === name)),
    (name) => name === NOT_ENTITLED.Symbol ? NOT_ENTITLED : { ...invalid, Symbol: name },
  );
  // As documented: if all fail, there is no list of quotes.
  return jsonResponse(200, { Quotes: found.length > 0 ? found : undefined, Errors: failed });
}

function barsResponse({ parameters: [symbol], query }: Call): EmulatedResponse {
  const range = rangeOf(query);
  if (symbol === NOT_ENTITLED.Symbol) return tradestationFaults.notEntitled;
  // The status is documented, the message is UNCONFIRMED.
  if (symbol !== quotes.Quotes[0]?.Symbol) return errorResponse(404, "Symbol not found.");
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
