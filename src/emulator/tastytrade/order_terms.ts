import { Decimal } from "../decimal.ts";
import type { OrderLeg, OrderTerms } from "../exchange/exchange_order.ts";
import type { JsonObject } from "../response.ts";
import { Unserved } from "../unserved.ts";
import { legsOf } from "./order_form.ts";

/** How many shares one contract is about. Of other kinds the emulator does not know it. */
const MULTIPLIERS: Readonly<Record<string, string>> = {
  "Equity": "1",
  "Equity Option": "100",
  "Cryptocurrency": "1",
};

/**
 * What a checked order means at the exchange.
 *
 * @throws {Unserved} For instruments whose multipliers are not known.
 */
export function orderTerms(form: JsonObject): OrderTerms {
  const legs = legsOf(form).map(legOf);
  const isDebit = isDebitOrder(form);
  const net = (name: string) => {
    const amount = Decimal.from(form[name]);
    return isDebit ? amount : amount.negated();
  };
  const type = `${form["order-type"]}`;
  return {
    legs,
    limit: type.endsWith("Limit") ? net("price") : undefined,
    stop: type.startsWith("Stop") ? net("stop-trigger") : undefined,
    notional: type === "Notional Market" ? Decimal.from(form["value"]) : undefined,
    immediate: form["time-in-force"] === "IOC" ? "rest" : undefined,
  };
}

/** The shares or contracts that one unit of a kind of instrument is about. */
function multiplierOf(instrumentType: unknown): Decimal {
  const multiplier = MULTIPLIERS[`${instrumentType}`];
  if (multiplier === undefined) {
    throw new Unserved(`orders for the instrument type ${instrumentType}`);
  }
  return Decimal.from(multiplier);
}

/** Whether an order costs money: by its price, or else by what its first leg does. */
export function isDebitOrder(form: JsonObject): boolean {
  const effect = form["price-effect"] ?? form["value-effect"];
  return effect === undefined
    ? legsOf(form)[0] !== undefined && isBuy(legsOf(form)[0])
    : effect === "Debit";
}

/** An equity option's symbol begins with the root in six characters. */
export function underlyingSymbol(leg: JsonObject): string {
  const symbol = `${leg["symbol"]}`;
  return leg["instrument-type"] === "Equity Option" ? symbol.slice(0, 6).trimEnd() : symbol;
}

function legOf(leg: JsonObject): OrderLeg {
  return {
    symbol: `${leg["symbol"]}`,
    isBuy: isBuy(leg),
    quantity: Decimal.from(leg["quantity"] ?? 0),
    multiplier: multiplierOf(leg["instrument-type"]),
  };
}

function isBuy(leg: JsonObject | undefined): boolean {
  return `${leg?.["action"]}`.startsWith("Buy");
}
