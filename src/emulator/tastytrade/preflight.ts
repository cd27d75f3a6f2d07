import { type Json, type JsonObject, jsonResponse } from "../response.ts";
import { Decimal } from "../decimal.ts";
import { ExchangeOrder } from "../exchange/exchange_order.ts";
import marginCheckFailed from "./recordings/margin_check_failed.json" with {
  type: "json",
};
import dryRun from "./recordings/order_dry_run.json" with { type: "json" };
import { RequestError } from "../request_error.ts";
import { Unserved } from "../unserved.ts";
import type { Call } from "./endpoint.ts";
import { legsOf } from "./order_form.ts";
import { isDebitOrder, orderTerms } from "./order_terms.ts";
import { tastytradeFaults } from "./faults.ts";

const SANDBOX_PRICE = Decimal.from("1");
const FEES = dryRun.data["fee-calculation"];
/** What an account can pay, and at which prices. */
interface Means {
  readonly buyingPower: Json;
  readonly priceOf: PriceOf;
}

/** Those of the account that a call is about. In the sandbox a market order costs 1. */
export function meansOf({ parameters: [account = ""], book, market, environment }: Call): Means {
  return {
    buyingPower: book.holdings.balanceOf(account)["equity-buying-power"],
    priceOf: (symbol) => environment === "sandbox" ? SANDBOX_PRICE : market.priceOf(symbol),
  };
}

/** What the recorded market order cost, and of which symbol it was. */
const RECORDED_PRICE: string = dryRun.data["buying-power-effect"]["change-in-margin-requirement"];
const RECORDED_SYMBOL = dryRun.data.order.legs[0]?.symbol;

/** The price that a test has set for a symbol, or that of the sandbox. */
type PriceOf = (symbol: string) => Decimal | undefined;

/**
 * What a checked order does to the buying power of the account.
 *
 * @throws {RequestError} If the preflight checks refuse the order.
 */
export function preflight(form: JsonObject, means: Means): JsonObject {
  const isMarket = form["order-type"] === "Market";
  if (isMarket && ["GTC", "GTD"].includes(`${form["time-in-force"]}`)) {
    throw new RequestError(tastytradeFaults.preflightFailed);
  }
  if (legsOf(form).some((leg) => leg["instrument-type"] === "Cryptocurrency")) {
    throw new RequestError(CRYPTOCURRENCY_REFUSED);
  }
  const { effect, isAffordable } = effectOn(form, means);
  if (!isAffordable) {
    const data = { "buying-power-effect": effect };
    throw new RequestError(jsonResponse(422, { ...marginCheckFailed, data }));
  }
  return effect;
}

/**
 * What an order does to the buying power, and whether the account has as much.
 *
 * Debits cost their price times their size and the recorded fee; credits bring theirs and need no
 * margin: there is no margin model here. Orders use up buying power when they are filled.
 */
export function effectOn(
  form: JsonObject,
  { buyingPower, priceOf }: Means,
): { readonly effect: JsonObject; readonly isAffordable: boolean } {
  const notional = notionalOf(form, priceOf);
  const isDebit = isDebitOrder(form);
  const fee = Decimal.from(FEES["total-fees"]);
  const zero = Decimal.from("0");
  const change = (isDebit ? zero.minus(notional) : notional).minus(fee);
  const margin = isDebit ? zero.minus(notional) : zero;
  const current = Decimal.from(buyingPower);
  const next = current.plus(change);
  const effect = {
    ...pair("change-in-margin-requirement", margin),
    ...pair("change-in-buying-power", change),
    ...pair("current-buying-power", current),
    ...pair("new-buying-power", next),
    ...pair("isolated-order-margin-requirement", margin),
    "is-spread": legsOf(form).length > 1,
    "impact": change.toAmount(),
    "effect": change.toEffect(),
  };
  return { effect, isAffordable: !(isDebit && next.isNegative) };
}

/** Disabled since 2026-06-29 (release notes); how that is answered is UNCONFIRMED. */
const CRYPTOCURRENCY_REFUSED = jsonResponse(422, {
  error: {
    code: "preflight_check_failure",
    message: "One or more preflight checks failed",
    errors: [{
      code: "cryptocurrency_orders_not_supported",
      message: "Cryptocurrency orders are not supported.",
    }],
  },
});

/** The price of a market order. */
function marketPrice(form: JsonObject, priceOf: PriceOf): string {
  const legs = legsOf(form);
  const [leg = {}] = legs;
  const symbol = `${leg["symbol"]}`;
  const price = legs.length === 1 ? priceOf(symbol) : undefined;
  if (price !== undefined) return price.toAmount();
  if (legs.length === 1 && symbol === RECORDED_SYMBOL) return RECORDED_PRICE;
  throw new Unserved(`a market order for ${symbol}, whose price is not set`);
}

/** How much money the order is about, without its fees. */
function notionalOf(form: JsonObject, priceOf: PriceOf): Decimal {
  if (form["order-type"] === "Notional Market") return Decimal.from(form["value"]);
  const { units, multiplier } = new ExchangeOrder(orderTerms(form), { liveAt: 0 });
  return Decimal.from(form["price"] ?? form["stop-trigger"] ?? marketPrice(form, priceOf))
    .times(units)
    .times(multiplier);
}

/** An amount without sign, and beside it what it does. */
function pair(name: string, amount: Decimal): JsonObject {
  return { [name]: amount.toAmount(), [`${name}-effect`]: amount.toEffect() };
}
