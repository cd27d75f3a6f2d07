/** tastytrade's orders: https://developer.tastytrade.com/docs/orders */

import {
  decimal,
  errorDetail,
  instant,
  nonEmptyText,
  record,
  records,
  sumOf,
  text,
} from "../fields.ts";
import type { BrokerOrders, DryRun, Order, OrderState } from "../orders.ts";
import type { Raw } from "../records.ts";

const IDENTIFIER = "external-identifier";
/** The largest page that the broker serves. */
const PAGE_SIZE = "200";

const STATES: Readonly<Record<string, OrderState>> = {
  "Received": "pending",
  "Routed": "pending",
  "In Flight": "pending",
  "Contingent": "pending",
  "Live": "open",
  "Replace Requested": "replacing",
  "Cancel Requested": "cancelling",
  "Filled": "filled",
  "Cancelled": "cancelled",
  "Removed": "cancelled",
  "Partially Removed": "cancelled",
  "Expired": "expired",
  "Rejected": "rejected",
};

/** How tastytrade takes orders. */
export const orders: BrokerOrders = {
  identifierOf: (order) => nonEmptyText(order[IDENTIFIER]),
  place: (order, { accountNumber, identifier }) => {
    if (order.orders !== undefined) throw new TypeError(SEVERAL_ORDERS);
    const body = { ...order, [IDENTIFIER]: identifier };
    return { method: "POST", path: pathOf(accountNumber), body };
  },
  replace: (changes, { accountNumber, orderId, identifier }) => {
    const body = { ...changes, [IDENTIFIER]: identifier };
    return { method: "PUT", path: pathOf(accountNumber, orderId), body };
  },
  cancel: ({ accountNumber, orderId }) => ({
    method: "DELETE",
    path: pathOf(accountNumber, orderId),
  }),
  readAnswer: (data) => {
    const response = record(data);
    // A placement has the order in an envelope with its fees; a replacement and a cancellation do not.
    const order = readOrder(response.order === undefined ? response : record(response.order));
    const warnings = readWarnings(response);
    return order.id === "" ? undefined : { ...order, warnings, response };
  },
  livePath: (accountNumber) => `${pathOf(accountNumber)}/live?per-page=${PAGE_SIZE}`,
  path: ({ accountNumber, orderId }) => pathOf(accountNumber, orderId),
  read: (data) => {
    const order = readOrder(record(data));
    return order.id === "" ? undefined : order;
  },
  // From version 20261012 on, a search needs a start date.
  list: (accountNumber, since) => ({
    path: pathOf(accountNumber),
    query: { "start-date": dayBefore(since), "per-page": PAGE_SIZE, "sort": "Desc" },
  }),
  readItem: readOrder,
  isNewestFirst: true,
  dryRun: (order, accountNumber) => ({
    method: "POST",
    path: `${pathOf(accountNumber)}/dry-run`,
    body: order,
  }),
  readDryRun,
};

const SEVERAL_ORDERS = "Cannot place several orders at once: tastytrade takes them with " +
  "session.post() at /accounts/<account number>/complex-orders";

function pathOf(accountNumber: string, orderId?: string): string {
  const path = `/accounts/${encodeURIComponent(accountNumber)}/orders`;
  return orderId === undefined ? path : `${path}/${encodeURIComponent(orderId)}`;
}

/** The day in UTC, and one more, because the broker's day is New York's. */
function dayBefore(since: Date): string {
  return new Date(since.getTime() - 24 * 60 * 60 * 1000).toISOString().slice(0, 10);
}

function readOrder(raw: Raw): Order {
  const status = text(raw.status);
  return {
    id: text(raw.id) ?? "",
    identifier: text(raw[IDENTIFIER]),
    accountNumber: text(raw["account-number"]),
    status,
    state: status === undefined ? undefined : STATES[status],
    orderType: text(raw["order-type"]),
    price: decimal(raw.price),
    stopPrice: decimal(raw["stop-trigger"]),
    legs: records(raw.legs).map(readLeg),
    rejectReason: nonEmptyText(raw["reject-reason"]),
    replacesId: text(raw["replaces-order-id"]),
    replacedById: text(raw["replacing-order-id"]),
    placedAt: instant(raw["received-at"]),
    warnings: [],
    raw,
  };
}

function readLeg(leg: Raw): Order["legs"][number] {
  const fills = records(leg.fills).map(({ quantity }) => decimal(quantity) ?? "0");
  return {
    symbol: text(leg.symbol) ?? "",
    action: text(leg.action),
    quantity: decimal(leg.quantity),
    filledQuantity: sumOf(fills),
  };
}

function readDryRun(data: unknown): DryRun {
  const raw = record(data);
  const effect = record(raw["buying-power-effect"]);
  return {
    fees: decimal(record(raw["fee-calculation"])["total-fees"]),
    changeInBuyingPower: signed(effect, "change-in-buying-power"),
    warnings: readWarnings(raw),
    raw,
  };
}

/** Amounts have no sign, and beside them is what they do. */
function signed(effect: Raw, name: string): string | undefined {
  const amount = decimal(effect[name]);
  return amount !== undefined && effect[`${name}-effect`] === "Debit" ? `-${amount}` : amount;
}

function readWarnings({ warnings }: Raw): Order["warnings"] {
  return records(warnings).map(({ code, message }) =>
    errorDetail({ code: nonEmptyText(code), message: nonEmptyText(message), field: undefined })
  );
}
