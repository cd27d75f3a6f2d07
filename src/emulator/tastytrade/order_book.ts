import { randomBytes } from "node:crypto";
import type { JsonObject } from "../response.ts";
import type { EmulatedOrder } from "../emulated_order.ts";
import order from "./recordings/order.json" with { type: "json" };
import cancelled from "./recordings/order_cancelled.json" with { type: "json" };
import orders from "./recordings/orders.json" with { type: "json" };
import { legsOf } from "./order_form.ts";

/**
 * The orders of one environment: the recorded ones, and those that were placed. Nothing is ever filled;
 * an order works until it is cancelled or replaced.
 */
export class OrderBook {
  readonly #orders = new Map<number, JsonObject>();
  readonly #placed: { id: number; replaces: number | undefined }[] = [];
  readonly #environment: "production" | "sandbox";
  // The id of the recorded placement, which is the highest one.
  #nextId = 270_561;

  constructor(environment: "production" | "sandbox") {
    this.#environment = environment;
    for (const recorded of [order.data, cancelled.data, ...orders.data.items]) {
      this.#orders.set(recorded.id, recorded);
    }
  }

  /** The orders that were placed, as they are now. */
  get placed(): readonly EmulatedOrder[] {
    return this.#placed.map(({ id, replaces }) => {
      const wire: JsonObject = { ...this.#orders.get(id) };
      return {
        broker: "tastytrade",
        environment: this.#environment,
        accountNumber: `${wire["account-number"]}`,
        id,
        status: `${wire["status"]}`,
        replaces,
        wire,
      };
    });
  }

  /** The orders of an account, newest first. */
  ofAccount(accountNumber: string): readonly JsonObject[] {
    return [...this.#orders.values()]
      .filter((order) => order["account-number"] === accountNumber)
      .toSorted((one, other) => Number(other["id"]) - Number(one["id"]));
  }

  /** One order of an account. */
  find(accountNumber: string, id: string | undefined): JsonObject | undefined {
    return this.ofAccount(accountNumber).find((order) => `${order["id"]}` === id);
  }

  /** Places a checked order, and returns it as the broker shows it at that moment. */
  place(accountNumber: string, form: JsonObject, replaces?: number): JsonObject {
    const id = this.#nextId++;
    const order = {
      id,
      ...wireOrder(accountNumber, form),
      "global-request-id": randomBytes(16).toString("hex"),
      "received-at": instant(),
      "updated-at": Date.now(),
    };
    // As recorded: at first an order is routed, and cannot be changed. A contingent one waits for its
    // condition.
    const routed = isContingent(form)
      ? order
      : { ...order, "status": "Routed", "cancellable": false, "editable": false };
    this.#orders.set(id, isContingent(form) ? order : { ...order, "live-at": instant() });
    this.#placed.push({ id, replaces });
    return routed;
  }

  /** Cancels an order, and returns it as the broker shows it at that moment: cancellation requested. */
  cancel(order: JsonObject): JsonObject {
    this.#end(order, {});
    return {
      ...order,
      "status": "Cancel Requested",
      "cancellable": false,
      "editable": false,
      "updated-at": Date.now(),
    };
  }

  /** Replaces an order with a checked one, which gets a new id. */
  replace(order: JsonObject, form: JsonObject): JsonObject {
    this.#end(order, { "edited": true });
    return this.place(`${order["account-number"]}`, form, Number(order["id"]));
  }

  #end(order: JsonObject, changes: JsonObject): void {
    const { "contingent-status": _, ...rest } = order;
    this.#orders.set(Number(order["id"]), {
      ...rest,
      "status": "Cancelled",
      "cancellable": false,
      "editable": false,
      "cancelled-at": instant(),
      "terminal-at": instant(),
      "updated-at": Date.now(),
      ...changes,
    });
  }
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

function isContingent(form: JsonObject): boolean {
  return form["rules"] !== undefined;
}

/** Recorded quantities are JSON numbers, however they were sent. */
function quantity(leg: JsonObject): number {
  return Number(leg["quantity"] ?? 0);
}

/** An equity option's symbol begins with the root in six characters. */
function underlyingSymbol(leg: JsonObject): string {
  const symbol = `${leg["symbol"]}`;
  return leg["instrument-type"] === "Equity Option" ? symbol.slice(0, 6).trimEnd() : symbol;
}

function instant(): string {
  return new Date(Date.now()).toISOString().replace("Z", "+00:00");
}
