/** Equities, and their option chains, whose expirations are ahead of today. */

import { Route } from "../route.ts";
import { type EmulatedResponse, type JsonObject, jsonResponse } from "../response.ts";
import { Unserved } from "../unserved.ts";
import type { Call, Endpoint } from "./endpoint.ts";
import { dataResponse } from "./envelope.ts";
import { PAGE, pageOf } from "./pagination.ts";
import equity from "./recordings/equity.json" with { type: "json" };
import optionChain from "./recordings/option_chain_nested.json" with { type: "json" };

const DAY_MS = 24 * 60 * 60 * 1000;
const FRIDAY = 5;
const EXPIRATIONS = 4;

/** AAPL is recorded; SPY is made like it. */
const EQUITIES: readonly JsonObject[] = [
  equity.data,
  {
    ...equity.data,
    "id": 2_020,
    "symbol": "SPY",
    "streamer-symbol": "SPY",
    "cusip": "78462F103",
    "listed-market": "ARCX",
    "short-description": "SPDR S&P 500",
    "description": "SPDR S&P 500 ETF TRUST",
    "is-etf": true,
  },
];

/** Around which strikes the chains are. */
const STRIKES: Readonly<Record<string, readonly number[]>> = {
  "AAPL": [60, 180, 190, 200, 210, 220],
  "SPY": [580, 590, 600, 610, 620],
};

/** Equities, their search, and option chains. */
export const instrumentEndpoints: readonly Endpoint[] = [
  {
    route: new Route("GET /instruments/equities"),
    scope: "read",
    query: ["symbol[]", ...PAGE],
    handle: listResponse,
  },
  {
    route: new Route("GET /instruments/equities/*"),
    scope: "read",
    handle: ({ parameters: [symbol = ""], request, context }) => {
      // No symbol, but another list: `/instruments/equities/active`.
      if (/[a-z]/.test(symbol)) throw new Unserved(`${request.method} ${context}`);
      return jsonResponse(200, { data: equityOf(symbol), context });
    },
  },
  {
    route: new Route("GET /symbols/search/*"),
    scope: "read",
    handle: ({ parameters: [text = ""], context }) => dataResponse({ items: found(text) }, context),
  },
  {
    route: new Route("GET /option-chains/*/nested"),
    scope: "read",
    handle: ({ parameters: [symbol = ""], context }) =>
      dataResponse({ items: [chainOf(symbol)] }, context),
  },
];

/** All equities there are would be thousands. */
function listResponse({ query, context }: Call): EmulatedResponse {
  const symbols = query.getAll("symbol[]");
  if (symbols.length === 0) throw new Unserved("equities without symbol[]");
  const limits = { defaultPerPage: 250, maxPerPage: 1_000 };
  const { items, pagination } = pageOf(symbols.map(equityOf), query, limits);
  return dataResponse({ items }, context, { pagination });
}

/** Those whose symbols begin so. The fields are those that clients read. */
function found(text: string): readonly JsonObject[] {
  const matching = EQUITIES.filter((one) => `${one["symbol"]}`.startsWith(text.toUpperCase()));
  if (matching.length === 0) throw new Unserved(`a search for ${text}`);
  return matching.map((one) => ({
    "symbol": one["symbol"],
    "description": one["description"],
    "listed-market": one["listed-market"],
    "instrument-type": one["instrument-type"],
    "options": true,
  }));
}

/** The emulator does not know which symbols there are. */
export function equityOf(symbol: string): JsonObject {
  const found = EQUITIES.find((one) => one["symbol"] === symbol);
  if (found === undefined) throw new Unserved(`the symbol ${symbol}`);
  return found;
}

function chainOf(symbol: string): JsonObject {
  equityOf(symbol);
  const [recorded] = optionChain.data.items;
  const [deliverable] = recorded?.deliverables ?? [];
  return {
    ...recorded,
    "underlying-symbol": symbol,
    "root-symbol": symbol,
    "deliverables": [{
      ...deliverable,
      "root-symbol": symbol,
      "symbol": symbol,
      "description": `100 shares of ${symbol}`,
    }],
    "expirations": nextFridays().map(({ day, days }) => ({
      ...recorded?.expirations[0],
      "expiration-date": day,
      "days-to-expiration": days,
      "strikes": (STRIKES[symbol] ?? []).map((strike) => strikeOf(symbol, day, strike)),
    })),
  };
}

/** OCC's symbols have the root in six characters and the strike in thousandths. */
function strikeOf(root: string, day: string, strike: number): JsonObject {
  const date = day.slice(2).replaceAll("-", "");
  const occ = (kind: string) =>
    `${root.padEnd(6)}${date}${kind}${String(strike * 1_000).padStart(8, "0")}`;
  return {
    "strike-price": strike.toFixed(1),
    "call": occ("C"),
    "call-streamer-symbol": `.${root}${date}C${strike}`,
    "put": occ("P"),
    "put-streamer-symbol": `.${root}${date}P${strike}`,
  };
}

/** The Fridays from today on, and how many days it is until then. */
function nextFridays(): readonly { readonly day: string; readonly days: number }[] {
  const first = (FRIDAY - new Date(Date.now()).getUTCDay() + 7) % 7;
  return Array.from({ length: EXPIRATIONS }, (_, i) => {
    const days = first + 7 * i;
    return { day: new Date(Date.now() + days * DAY_MS).toISOString().slice(0, 10), days };
  });
}
