import { Decimal } from "../decimal.ts";
import type { Market } from "../exchange/market.ts";
import { isJsonObject, type JsonObject } from "../response.ts";
import { checkFields, Unserved } from "../unserved.ts";

/** The fields of a condition that are read, and those that answers add. */
const READ = ["action", "symbol", "instrument-type", "indicator", "comparator", "threshold"];
const ADDED = ["id", "is-threshold-based-on-notional", "price-components"];

/** The values of a condition that are modelled. `cancel`, `nat` and others are documented too. */
const MODELLED: Readonly<Record<string, readonly string[]>> = {
  "action": ["route"],
  "indicator": ["last"],
  "comparator": ["gte", "lte"],
};

/**
 * The conditions of an order: all must be true before it works.
 *
 * @throws {Unserved} For rules that are not modelled.
 */
export function conditionsOf({ rules }: JsonObject): readonly JsonObject[] {
  if (!isJsonObject(rules)) return [];
  checkFields(rules, ["conditions"], "rules.");
  const { conditions } = rules;
  const objects = Array.isArray(conditions) ? conditions.filter(isJsonObject) : [];
  for (const condition of objects) {
    checkFields(condition, [...READ, ...ADDED], "rules.conditions[].");
    for (const [name, values] of Object.entries(MODELLED)) {
      const value = `${condition[name]}`;
      if (!values.includes(value)) throw new Unserved(`conditions with the ${name} "${value}"`);
    }
    if (!Decimal.isDecimal(condition["threshold"])) {
      throw new Unserved("conditions without threshold");
    }
  }
  return objects;
}

/** Whether a condition is true: it is not while the price of its symbol is not known. */
export function isMet(condition: JsonObject, market: Market): boolean {
  const price = market.priceOf(`${condition["symbol"]}`);
  if (price === undefined) return false;
  const threshold = Decimal.from(condition["threshold"]);
  return condition["comparator"] === "gte" ? !price.isBelow(threshold) : !threshold.isBelow(price);
}
