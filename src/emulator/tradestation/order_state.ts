/** What the broker shows of an order that moves on: its status, its times and its fills. */

import { Decimal } from "../decimal.ts";
import type { ExchangeOrder } from "../exchange/exchange_order.ts";
import { definedMembers, type JsonObject } from "../response.ts";
import { instrumentOf } from "./instrument.ts";
import type { FormLeg, OrderForm, OrderGroup, TrailingStop } from "./order_form.ts";
import recordedOrders from "./recordings/orders.json" with { type: "json" };

const DAY_MS = 24 * 60 * 60 * 1000;
/** As recorded: an order "good till cancelled" ends after 90 days. */
const GOOD_TILL_CANCELLED_DAYS = 90;
/** As in the recorded market order. */
const MARKET_PRICE = recordedOrders.Orders[0]?.PriceUsedForBuyingPower;

/** An order of the book. */
export interface BookedOrder {
  readonly id: string;
  /** As requested, with the changes since. */
  form: OrderForm;
  readonly order: ExchangeOrder;
  /** Those that were placed with it. */
  readonly group: {
    readonly type: OrderGroup["type"];
    readonly name: string | undefined;
    readonly members: readonly BookedOrder[];
  };
  /** The order that sends it. */
  readonly parent: BookedOrder | undefined;
  /** The orders that it sends. */
  readonly children: BookedOrder[];
}

/** The codes and descriptions of the OpenAPI. */
const STATUSES = {
  sent: { Status: "OPN", StatusDescription: "Sent" },
  received: { Status: "ACK", StatusDescription: "Received" },
  held: { Status: "OSO", StatusDescription: "OSO Order" },
  partial: { Status: "FPR", StatusDescription: "Partial Fill (Alive)" },
  cancelling: { Status: "UCN", StatusDescription: "Cancel Sent" },
  filled: { Status: "FLL", StatusDescription: "Filled" },
  cancelled: { Status: "OUT", StatusDescription: "UROut" },
  partlyCancelled: { Status: "FLP", StatusDescription: "Partial Fill (UROut)" },
  expired: { Status: "EXP", StatusDescription: "Expired" },
  rejected: { Status: "REJ", StatusDescription: "Rejected" },
} as const;

/** How an order's legs trade, as answers say it. */
const SIDES: Readonly<Record<string, string>> = {
  "SELLSHORT": "SellShort",
  "BUYTOCOVER": "BuyToCover",
};

/** An order as the broker shows it now. */
export function wireOf(booked: BookedOrder, hasConfirmId: boolean): JsonObject {
  const { id, form, order, group } = booked;
  const related = conditionalOrdersOf(booked);
  const { limitPrice, stopPrice, trailingStop, duration, orderType, route } = form;
  return definedMembers({
    AccountID: form.accountId,
    AdvancedOptions: trailingStop && advancedOptionsOf(trailingStop),
    ClosedDateTime: order.endedAt === undefined ? undefined : instantOf(order.endedAt),
    CommissionFee: "0",
    ConditionalOrders: related.length > 0 ? related : undefined,
    Currency: "USD",
    Duration: duration,
    FilledPrice: order.executions.length > 0 ? netPriceOf(order) : undefined,
    GoodTillDate: form.expiration ??
      (duration === "GTC" || duration === "GCP" ? lastDayOf(order.placedAt) : undefined),
    GroupName: group.name,
    Legs: form.legs.map((leg, i) => legOf(leg, i, order)),
    LimitPrice: limitPrice,
    OrderConfirmID: hasConfirmId ? form.confirmId : undefined,
    OrderID: id,
    OpenedDateTime: instantOf(order.placedAt),
    OrderType: orderType,
    // As recorded: the limit, else the stop, else the market price.
    PriceUsedForBuyingPower: limitPrice ?? stopPrice ?? MARKET_PRICE,
    RejectReason: order.rejectReason,
    Routing: route,
    ...STATUSES[statusOf(order)],
    StopPrice: stopPrice,
    TrailingStop: trailingStop,
    UnbundledRouteFee: "0",
  });
}

/** A time as RFC 3339 writes it, to the second. */
export function instantOf(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
}

/** How others are related to it: `OSP` sends it, it sends `OSO`s, and the rest is its group. */
function conditionalOrdersOf(booked: BookedOrder): readonly JsonObject[] {
  const { group, parent, children } = booked;
  const rivals = group.type === "NORMAL" ? [] : group.members.filter((one) => one !== booked);
  const relate = (Relationship: string, orders: readonly BookedOrder[]) =>
    orders.map((order) => ({ Relationship, OrderID: order.id }));
  return [
    ...relate("OSP", parent === undefined ? [] : [parent]),
    ...relate(group.type, rivals),
    ...relate("OSO", children),
  ];
}

function statusOf(order: ExchangeOrder): keyof typeof STATUSES {
  const hasFills = order.executions.length > 0;
  if (order.phase === "cancelled" && hasFills) return "partlyCancelled";
  if (order.phase !== "waiting" && order.phase !== "working") return order.phase;
  if (order.cancelAt !== undefined) return "cancelling";
  if (order.phase === "working") return hasFills ? "partial" : "received";
  return order.parent === undefined ? "sent" : "held";
}

function legOf({ symbol, action }: FormLeg, index: number, order: ExchangeOrder): JsonObject {
  const { assetType, option } = instrumentOf(symbol);
  const executions = order.executions.filter(({ leg }) => leg === index);
  const filled = order.filledOf(index);
  const cost = executions.reduce(
    (sum, { quantity, price }) => sum.plus(quantity.times(price)),
    Decimal.ZERO,
  );
  return definedMembers({
    OpenOrClose: /CLOSE|COVER|^SELL$/.test(action) ? "Close" : "Open",
    QuantityOrdered: `${order.terms.legs[index]?.quantity}`,
    ExecQuantity: `${filled}`,
    ExecutionPrice: filled.isZero ? undefined : `${cost.dividedBy(filled)}`,
    QuantityRemaining: `${order.remainingOf(index)}`,
    BuyOrSell: SIDES[action] ?? (action.startsWith("BUY") ? "Buy" : "Sell"),
    Symbol: symbol,
    AssetType: assetType,
    ...option,
  });
}

/** The average price of what was filled, of all legs together. */
function netPriceOf(order: ExchangeOrder): string {
  const prices = order.terms.legs.map((_, leg) => {
    const executions = order.executions.filter((execution) => execution.leg === leg);
    const cost = executions.reduce(
      (sum, { quantity, price }) => sum.plus(quantity.times(price)),
      Decimal.ZERO,
    );
    return cost.dividedBy(order.filledOf(leg));
  });
  const net = order.netOf(prices);
  return prices.length === 1 && net.isNegative ? `${net.negated()}` : `${net}`;
}

/** As recorded: `STPTRG=STT;TRL=5%;`. */
function advancedOptionsOf(trailingStop: TrailingStop): string {
  const size = "Percent" in trailingStop ? `${trailingStop.Percent}%` : trailingStop.Amount;
  return `STPTRG=STT;TRL=${size};`;
}

function lastDayOf(ms: number): string {
  const last = new Date(ms + GOOD_TILL_CANCELLED_DAYS * DAY_MS);
  return `${last.toISOString().slice(0, 10)}T00:00:00Z`;
}
