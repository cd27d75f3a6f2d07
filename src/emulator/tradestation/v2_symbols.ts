import { type EmulatedResponse, type JsonObject, jsonResponse } from "../response.ts";
import { Route } from "../route.ts";
import { Unserved } from "../unserved.ts";
import type { Endpoint } from "./endpoint.ts";
import symbols from "./recordings/symbols.json" with { type: "json" };

/** The categories of the recorded symbols, by the words and letters of a search. */
const CATEGORIES: Readonly<Record<string, string>> = {
  "S": "STOCK",
  "Stock": "STOCK",
  "FU": "FUTURE",
  "Future": "FUTURE",
};

/**
 * The search for symbols of v2, which v3 has none of. Only the recorded symbols are found.
 *
 * The OpenAPI has words for categories and currencies, as here; the older documentation has numbers.
 */
export const symbolSearchEndpoints: readonly Endpoint[] = [
  {
    route: new Route("GET /v2/data/symbols/suggest/*"),
    scope: "MarketData",
    query: ["$top"],
    handle: ({ parameters: [text = ""], query }) => {
      const words = (symbol: Recorded) => `${symbol.Symbol} ${symbol.Description}`.split(" ");
      const begins = (word: string) => word.toUpperCase().startsWith(text.toUpperCase());
      const top = query.get("$top") ?? "20";
      if (!/^\d+$/.test(top)) throw new Unserved(`"$top" of ${top}`);
      return foundResponse((symbol) => words(symbol).some(begins), text, Number(top));
    },
  },
  {
    route: new Route("GET /v2/data/symbols/search/*"),
    scope: "MarketData",
    handle: ({ parameters: [criteria = ""] }) => {
      const wanted = new URLSearchParams(criteria);
      for (const name of wanted.keys()) {
        if (!["N", "C"].includes(name)) throw new Unserved(`the search criterion "${name}"`);
      }
      const category = CATEGORIES[wanted.get("C") ?? "Stock"];
      if (category === undefined) throw new Unserved(`the category "${wanted.get("C")}"`);
      const name = (wanted.get("N") ?? "").toUpperCase();
      const matches = ({ AssetType, Symbol: symbol }: Recorded) =>
        AssetType === category && symbol.startsWith(name);
      return foundResponse(matches, criteria, Infinity);
    },
  },
];

type Recorded = typeof symbols.Symbols[number];

function foundResponse(
  matches: (symbol: Recorded) => boolean,
  asked: string,
  most: number,
): EmulatedResponse {
  const found = symbols.Symbols.filter(matches).slice(0, most);
  // The emulator does not know which symbols there are.
  if (found.length === 0) throw new Unserved(`a search for ${asked}`);
  return jsonResponse(200, found.map(suggestionOf));
}

function suggestionOf(symbol: Recorded): JsonObject {
  return {
    Category: symbol.AssetType === "FUTURE" ? "Future" : "Stock",
    Country: symbol.Country,
    Currency: symbol.Currency,
    Description: symbol.Description,
    Error: null,
    Exchange: symbol.Exchange,
    Name: symbol.Symbol,
    Root: symbol.Root,
  };
}
