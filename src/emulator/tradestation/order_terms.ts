import { Decimal } from "../decimal.ts";
import type { OrderTerms } from "../exchange/exchange_order.ts";
import { instrumentOf } from "./instrument.ts";
import type { OrderForm, TrailingStop } from "./order_form.ts";

/** What a checked order means at the exchange. */
export function orderTerms(form: OrderForm): OrderTerms {
  const legs = form.legs.map(({ symbol, quantity, action }) => {
    const { multiplier, assetType } = instrumentOf(symbol);
    return {
      symbol,
      isBuy: action.startsWith("BUY"),
      quantity: Decimal.from(quantity),
      multiplier,
      isFuture: assetType === "FUTURE",
    };
  });
  const isSale = legs.length === 1 && legs[0]?.isBuy === false;
  // A limit of several legs has its own sign.
  const net = (price: string | undefined) => {
    if (price === undefined) return undefined;
    return isSale ? Decimal.from(price).negated() : Decimal.from(price);
  };
  return {
    legs,
    limit: net(form.limitPrice),
    stop: net(form.stopPrice),
    trail: trailOf(form.trailingStop),
    immediate: form.duration === "IOC" ? "rest" : form.duration === "FOK" ? "all" : undefined,
  };
}

function trailOf(trailingStop: TrailingStop | undefined): OrderTerms["trail"] {
  if (trailingStop === undefined) return undefined;
  return "Amount" in trailingStop
    ? { amount: Decimal.from(trailingStop.Amount) }
    : { percent: Decimal.from(trailingStop.Percent) };
}
