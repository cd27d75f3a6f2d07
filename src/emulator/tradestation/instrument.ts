import { Decimal } from "../decimal.ts";
import type { JsonObject } from "../response.ts";
import { Unserved } from "../unserved.ts";
import symbols from "./recordings/symbols.json" with { type: "json" };

const SHARES_PER_CONTRACT = Decimal.from("100");
const ONE = Decimal.from("1");

/** An option's symbol is its root, a space, and day, kind and strike: `MSFT 201120P110`. */
const OPTION = /^(.+) (\d\d)(\d\d)(\d\d)([CP])([\d.]+)$/;

/** A future's symbol is its root, the letter of the month, and the year: `EDZ22`. `@C` is continuous. */
const FUTURE = /^(@[A-Z]+|[A-Z]{1,3}[FGHJKMNQUVXZ]\d\d)$/;

/** What a symbol stands for. */
export interface Instrument {
  /** The broker's word for the kind. */
  readonly assetType: "STOCK" | "STOCKOPTION" | "FUTURE";
  /** How many units of the underlying one contract is about. */
  readonly multiplier: Decimal;
  /** What an option's legs have besides. */
  readonly option: JsonObject;
}

/**
 * Reads a symbol.
 *
 * @throws {Unserved} For a future whose point value is not recorded.
 */
export function instrumentOf(symbol: string): Instrument {
  const [, underlying, year, month, day, kind, strike] = OPTION.exec(symbol) ?? [];
  if (underlying !== undefined) {
    const option = {
      Underlying: underlying,
      OptionType: kind === "C" ? "CALL" : "PUT",
      StrikePrice: strike,
      ExpirationDate: `20${year}-${month}-${day}T00:00:00Z`,
    };
    return { assetType: "STOCKOPTION", multiplier: SHARES_PER_CONTRACT, option };
  }
  if (!FUTURE.test(symbol)) return { assetType: "STOCK", multiplier: ONE, option: {} };
  const recorded = symbols.Symbols.find((one) => one.Symbol === symbol);
  if (recorded === undefined) throw new Unserved(`orders for the future ${symbol}`);
  const multiplier = Decimal.from(recorded.PriceFormat.PointValue);
  return { assetType: "FUTURE", multiplier, option: {} };
}
