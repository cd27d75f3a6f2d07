/** TradeStation's orders, in v3: https://api.tradestation.com/docs/specification */

import { decimal, instant, nonEmptyText, record, records, text } from "../fields.ts";
import type { BrokerOrders, DryRun, Order, OrderState } from "../orders.ts";
import type { Raw } from "../records.ts";
import { readDetail } from "./errors.ts";

const PATH = "/orderexecution/orders";

/** The statuses that say clearly where an order is. */
const STATES: Readonly<Record<string, OrderState>> = {
  "OPN": "pending", // Sent
  "PLA": "pending", // Sending
  "DIS": "pending", // Dispatched
  "DON": "pending", // Queued
  "OSO": "pending", // waits for the order that sends it
  "SUS": "pending", // Suspended
  "ACK": "open", // Received
  "FPR": "open", // Partial Fill (Alive)
  "RJC": "open", // Cancel Request Rejected
  "RSN": "replacing", // Replace Sent
  "RPD": "replacing", // Replace Pending
  "UCN": "cancelling", // Cancel Sent
  "FLL": "filled",
  "OUT": "cancelled", // UROut
  "FLP": "cancelled", // Partial Fill (UROut)
  "CAN": "cancelled",
  "TSC": "cancelled", // Trade Server Canceled
  "EXP": "expired",
  "REJ": "rejected",
};

/** How TradeStation takes orders. */
export const orders: BrokerOrders = {
  identifierOf: (order) => nonEmptyText(order.OrderConfirmID),
  place: (order, { accountNumber, identifier }) => {
    if (order.Orders !== undefined) throw new TypeError(SEVERAL_ORDERS);
    const body = { ...withAccount(order, accountNumber), OrderConfirmID: identifier };
    return { method: "POST", path: PATH, body };
  },
  replace: (body, { orderId }) => ({ method: "PUT", path: pathOf(orderId), body }),
  cancel: ({ orderId }) => ({ method: "DELETE", path: pathOf(orderId) }),
  readAnswer: (data) => {
    const response = record(data);
    // A placement lists the order first and then those that it sends.
    const { Orders: placed, Errors: errors } = response;
    const order = readOrder(placed === undefined ? response : record(records(placed)[0]));
    const warnings = records(errors).map(readDetail);
    return order.id === "" ? undefined : { ...order, warnings, response };
  },
  livePath: listPath,
  path: ({ accountNumber, orderId }) => `${listPath(accountNumber)}/${encodeURIComponent(orderId)}`,
  read: (data, { orderId }) =>
    records(record(data).Orders).map(readOrder).find(({ id }) => id === orderId),
  list: (accountNumber) => ({ path: listPath(accountNumber), query: { pageSize: "600" } }),
  readItem: readOrder,
  hasTerms,
  dryRun: (order, accountNumber) => ({
    method: "POST",
    path: "/orderexecution/orderconfirm",
    body: withAccount(order, accountNumber),
  }),
  readDryRun,
};

const SEVERAL_ORDERS = "Cannot place several orders at once: TradeStation takes groups with " +
  "session.post() at /orderexecution/ordergroups";

function pathOf(orderId: string): string {
  return `${PATH}/${encodeURIComponent(orderId)}`;
}

/** The orders of today, and older ones that still work. */
function listPath(accountNumber: string): string {
  return `/brokerage/accounts/${encodeURIComponent(accountNumber)}/orders`;
}

/** Fills in the account, for the orders that this one sends too. */
function withAccount(order: Raw, accountNumber: string): Raw {
  const { OSOs: sent } = order;
  const filled = { AccountID: accountNumber, ...order };
  if (!Array.isArray(sent)) return filled;
  const OSOs = sent.map((group) => ({
    ...group,
    Orders: records(record(group).Orders).map((one) => withAccount(one, accountNumber)),
  }));
  return { ...filled, OSOs };
}

function readOrder(raw: Raw): Order {
  const status = text(raw.Status);
  return {
    id: text(raw.OrderID) ?? "",
    identifier: nonEmptyText(raw.OrderConfirmID),
    accountNumber: text(raw.AccountID),
    status,
    state: status === undefined ? undefined : STATES[status],
    orderType: text(raw.OrderType),
    price: decimal(raw.LimitPrice),
    stopPrice: decimal(raw.StopPrice),
    legs: records(raw.Legs).map((leg) => ({
      symbol: text(leg.Symbol) ?? "",
      action: text(leg.BuyOrSell),
      quantity: decimal(leg.QuantityOrdered),
      filledQuantity: decimal(leg.ExecQuantity),
    })),
    rejectReason: nonEmptyText(raw.RejectReason),
    placedAt: instant(raw.OpenedDateTime),
    warnings: [],
    raw,
  };
}

/** A replaced order keeps its id. Terms that its list does not show in the same form prove nothing. */
function hasTerms({ price, stopPrice, orderType, legs }: Order, changes: Raw): boolean {
  const { Quantity, LimitPrice, StopPrice, OrderType, ...others } = changes;
  const pairs = [
    [Quantity, legs.length === 1 ? legs[0]?.quantity : undefined],
    [LimitPrice, price],
    [StopPrice, stopPrice],
  ];
  return Object.keys(others).length === 0 && (OrderType === undefined || OrderType === orderType) &&
    pairs.every(([wanted, shown]) => wanted === undefined || isSameAmount(wanted, shown));
}

function isSameAmount(one: unknown, other: unknown): boolean {
  const [first, second] = [one, other].map((value) => plainAmount(decimal(value)));
  return first !== undefined && first === second;
}

/** An amount without the zeros that change nothing. */
function plainAmount(amount: string | undefined): string | undefined {
  return amount?.includes(".") ? amount.replace(/\.?0+$/, "") : amount;
}

function readDryRun(data: unknown): DryRun {
  const raw = record(data);
  const [confirmation = {}] = records(raw.Confirmations);
  return {
    estimatedCost: decimal(confirmation.EstimatedCost),
    fees: decimal(confirmation.EstimatedCommission),
    warnings: records(raw.Errors).map(readDetail),
    raw,
  };
}
