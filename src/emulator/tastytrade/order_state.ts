/** What the broker shows of an order that moves on: its status, its times and its fills. */

import type { ExchangeOrder, Execution } from "../exchange/exchange_order.ts";
import { legsOf } from "./order_form.ts";
import { underlyingSymbol } from "./order_terms.ts";
import { definedMembers, type JsonObject } from "../response.ts";

/** An order of the book. */
export interface BookedOrder {
  readonly id: number;
  readonly accountNumber: string;
  /** What does not change. */
  readonly terms: JsonObject;
  /** `undefined` for a recorded order that has ended, whose terms tell all. */
  readonly order: ExchangeOrder | undefined;
  /** Whether it was there before the emulator started. */
  readonly isRecorded: boolean;
  readonly replaces: number | undefined;
  replacedBy: number | undefined;
}

/** The statuses before an order works, each of which lasts as long as the settings say. */
const BEFORE_LIVE = ["Received", "Routed", "In Flight"];

/** The statuses of the end. */
const ENDS = {
  "filled": "Filled",
  "cancelled": "Cancelled",
  "expired": "Expired",
  "rejected": "Rejected",
} as const;

/** An order as the broker shows it now. */
export function wireOf(booked: BookedOrder): JsonObject {
  const { order, terms, replaces, replacedBy, isRecorded } = booked;
  const isChanged = order?.hasEnded || order?.cancelAt !== undefined;
  if (order === undefined || isRecorded && !isChanged) return terms;
  const status = statusOf(booked, order);
  const isChangeable = status === "Live" || status === "Contingent";
  return definedMembers({
    ...terms,
    "status": status,
    "contingent-status": status === "Contingent" ? "Pending Condition" : undefined,
    "cancellable": isChangeable,
    "editable": isChangeable,
    "edited": replacedBy !== undefined,
    "replaces-order-id": replaces,
    "replacing-order-id": replacedBy,
    "live-at": instant(order.startedAt),
    "cancelled-at": order.phase === "cancelled" ? instant(order.endedAt) : undefined,
    "terminal-at": instant(order.endedAt),
    "reject-reason": order.rejectReason,
    "updated-at": order.endedAt ?? order.executions.at(-1)?.at ?? order.placedAt,
    "legs": legsOf(terms).map((leg, i) => withFills(leg, i, order)),
  });
}

/** A time as the broker writes it. */
export function instant(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : new Date(ms).toISOString().replace("Z", "+00:00");
}

function statusOf({ replacedBy }: BookedOrder, order: ExchangeOrder): string {
  if (order.phase !== "waiting" && order.phase !== "working") return ENDS[order.phase];
  if (order.cancelAt !== undefined) {
    return replacedBy === undefined ? "Cancel Requested" : "Replace Requested";
  }
  if (order.phase === "working") return "Live";
  const isDependent = !order.isReady() || order.parent !== undefined ||
    order.replaces !== undefined;
  if (isDependent) return "Contingent";
  const stepMs = (order.liveAt - order.placedAt) / BEFORE_LIVE.length;
  return BEFORE_LIVE[Math.floor((Date.now() - order.placedAt) / stepMs)] ?? "Live";
}

function withFills(leg: JsonObject, index: number, order: ExchangeOrder): JsonObject {
  const executions = order.executions.filter((execution) => execution.leg === index);
  return {
    ...leg,
    "quantity": Number(order.terms.legs[index]?.quantity),
    "remaining-quantity": Number(order.remainingOf(index)),
    "fills": executions.map(fillOf),
  };
}

/** The fields of the documented example. */
function fillOf(execution: Execution, index: number): JsonObject {
  return {
    "ext-group-fill-id": "0",
    "ext-exec-id": `${index + 1}`,
    "fill-id": `${execution.at}.${execution.leg}.${index}`,
    "quantity": Number(execution.quantity),
    "fill-price": execution.price.toAmount(),
    "filled-at": instant(execution.at),
    "destination-venue": "EMULATOR",
  };
}

/** The fields of an order that are returned as they were sent. */
const ECHOED = [
  "price",
  "price-effect",
  "value",
  "value-effect",
  "stop-trigger",
  "gtc-date",
  "source",
  "external-identifier",
  "rules",
];

/** A checked order as a dry run shows it, without an id. */
export function wireOrder(accountNumber: string, form: JsonObject): JsonObject {
  const legs = legsOf(form);
  const [first = {}] = legs;
  return {
    "account-number": accountNumber,
    "time-in-force": form["time-in-force"],
    "order-type": form["order-type"],
    "size": quantity(first),
    "underlying-symbol": underlyingSymbol(first),
    // Options are listed under the kind of their underlying.
    "underlying-instrument-type": `${first["instrument-type"]}`.replace(" Option", ""),
    ...(isContingent(form)
      ? { "status": "Contingent", "contingent-status": "Pending Condition" }
      : { "status": "Live" }),
    "cancellable": true,
    "editable": true,
    "edited": false,
    // A dry run has no update.
    "updated-at": 0,
    "legs": legs.map((leg) => ({
      "instrument-type": leg["instrument-type"],
      "symbol": leg["symbol"],
      "quantity": quantity(leg),
      "remaining-quantity": quantity(leg),
      "action": leg["action"],
      "fills": [],
    })),
    ...Object.fromEntries(Object.entries(form).filter(([name]) => ECHOED.includes(name))),
  };
}

/** Whether an order waits for conditions; as recorded, an empty list of them counts. */
export function isContingent(form: JsonObject): boolean {
  return form["rules"] !== undefined;
}

/** Recorded quantities are JSON numbers, however they were sent. */
function quantity(leg: JsonObject): number {
  return Number(leg["quantity"] ?? 0);
}
