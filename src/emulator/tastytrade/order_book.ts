import { randomBytes } from "node:crypto";
import { Decimal } from "../decimal.ts";
import type { EmulatedOrder } from "../emulated_order.ts";
import { Exchange } from "../exchange/exchange.ts";
import { ExchangeOrder, type Execution } from "../exchange/exchange_order.ts";
import type { Market } from "../exchange/market.ts";
import type { JsonObject } from "../response.ts";
import type { Settings } from "../service.ts";
import { type ComplexForm, type ComplexOrder, ordersOf, wireOfComplex } from "./complex_order.ts";
import { Holdings } from "./holdings.ts";
import { type BookedOrder, instant, isContingent, wireOf, wireOrder } from "./order_state.ts";
import { conditionsOf, isMet } from "./order_rules.ts";
import { orderTerms } from "./order_terms.ts";
import order from "./recordings/order.json" with { type: "json" };
import cancelled from "./recordings/order_cancelled.json" with { type: "json" };
import orders from "./recordings/orders.json" with { type: "json" };

/** In the sandbox a limit up to this is filled at once, and a market order costs 1 (sandbox page). */
const SANDBOX_LIMIT = Decimal.from("3");
const SANDBOX_PRICE = Decimal.from("1");

/** The orders of one environment: the recorded ones, and those that were placed. */
export class OrderBook {
  /** What the accounts hold. */
  readonly holdings: Holdings;
  readonly #orders = new Map<number, BookedOrder>();
  readonly #environment: "production" | "sandbox";
  readonly #settings: Settings;
  readonly #exchange: Exchange;
  readonly #market: Market;
  // The id of the recorded placement, which is the highest one.
  #nextId = 270_561;
  readonly #complex: ComplexOrder[] = [];
  #nextComplexId = 68_100;

  constructor(environment: "production" | "sandbox", market: Market, settings: Settings) {
    this.#environment = environment;
    this.#settings = settings;
    this.#market = market;
    this.holdings = new Holdings(market, settings.users);
    this.#exchange = new Exchange(market, {
      simulatedPrice: (order) => environment === "sandbox" ? sandboxPrice(order) : undefined,
      onExecution: (order, execution) => this.#record(order, execution),
    });
    for (const recorded of [order.data, cancelled.data, ...orders.data.items]) this.#add(recorded);
  }

  /** The orders that were placed, as they are now. */
  get placed(): readonly EmulatedOrder[] {
    this.#exchange.settle();
    return [...this.#orders.values()].flatMap((booked) => {
      if (booked.isRecorded) return [];
      const wire = wireOf(booked);
      return {
        broker: "tastytrade",
        environment: this.#environment,
        accountNumber: booked.accountNumber,
        id: booked.id,
        status: `${wire["status"]}`,
        replaces: booked.replaces,
        wire,
      };
    });
  }

  /** Lets everything happen that is due. */
  settle(): void {
    this.#exchange.settle();
  }

  /** The listed orders of an account, newest first. */
  ofAccount(accountNumber: string): readonly JsonObject[] {
    return this.everyOrderOf(accountNumber).filter(({ id }) => this.isListed(id));
  }

  /** The orders of an account, newest first, with those that are not listed yet. */
  everyOrderOf(accountNumber: string): readonly JsonObject[] {
    this.#exchange.settle();
    return [...this.#orders.values()]
      .filter((booked) => booked.accountNumber === accountNumber)
      .toSorted((one, other) => other.id - one.id)
      .map(wireOf);
  }

  /** One order of an account. */
  find(accountNumber: string, id: string | undefined): JsonObject | undefined {
    this.#exchange.settle();
    const booked = this.#orders.get(Number(id));
    const isIt = booked?.accountNumber === accountNumber && `${booked.id}` === id;
    return isIt ? wireOf(booked) : undefined;
  }

  /** Whether an order shows in the lists already. */
  isListed(id: unknown): boolean {
    const { order, isRecorded = false } = this.#orders.get(Number(id)) ?? {};
    const listedAt = Date.now() - this.#settings.orderListDelayMs;
    return isRecorded || order !== undefined && order.placedAt <= listedAt;
  }

  /** Places a checked order, and returns it as the broker shows it at that moment. */
  place(accountNumber: string, form: JsonObject): JsonObject {
    return this.#place(accountNumber, form).wire;
  }

  /** Cancels an order, and returns it as the broker shows it at that moment: cancellation requested. */
  cancel(id: unknown): JsonObject {
    return this.#end(this.#booked(id), "Cancel Requested");
  }

  /** Replaces an order with a checked one, which gets a new id and waits for the end of the old one. */
  replace(id: unknown, form: JsonObject): JsonObject {
    const booked = this.#booked(id);
    booked.replacedBy = this.#nextId;
    const placed = this.#place(booked.accountNumber, form, { replaced: booked });
    this.#end(booked, "Replace Requested");
    return placed.wire;
  }

  /** Places checked orders that belong together. */
  placeComplex(accountNumber: string, { type, trigger, orders }: ComplexForm): JsonObject {
    const id = this.#nextComplexId++;
    const of = (tag: string, parent?: ExchangeOrder) => ({
      complex: { "complex-order-id": id, "complex-order-tag": `${type}::${tag}` },
      parent,
    });
    const first = trigger && this.#place(accountNumber, trigger, of("trigger-order")).booked;
    const others = orders.map((form) => this.#book(accountNumber, form, of("order", first?.order)));
    if (type !== "OTO") {
      const rivals = others.flatMap(({ order }) => order ?? []);
      for (const order of rivals) order.rivals = rivals.filter((other) => other !== order);
    }
    const complex = { id, accountNumber, type, trigger: first, orders: others };
    this.#complex.push(complex);
    const wire = wireOfComplex(complex);
    for (const { order } of others) if (order !== undefined) this.#exchange.submit(order);
    return wire;
  }

  /** What a complex order would look like. */
  dryRunComplex(accountNumber: string, { type, trigger, orders }: ComplexForm): JsonObject {
    return {
      "account-number": accountNumber,
      "type": type,
      ...(trigger === undefined ? {} : { "trigger-order": wireOrder(accountNumber, trigger) }),
      "orders": orders.map((form) => wireOrder(accountNumber, form)),
    };
  }

  /** The complex orders of an account, newest first. */
  complexOf(accountNumber: string): readonly JsonObject[] {
    this.#exchange.settle();
    return this.#complex.filter((complex) => complex.accountNumber === accountNumber)
      .map(wireOfComplex).toReversed();
  }

  /** Cancels all orders of a complex order; `undefined` if they have ended. */
  cancelComplex(id: unknown): JsonObject | undefined {
    const complex = this.#complex.find((complex) => complex.id === id);
    const open = complex && ordersOf(complex).filter(({ order }) => order?.hasEnded === false);
    if (complex === undefined || open === undefined || open.length === 0) return undefined;
    for (const { order } of open.toReversed()) {
      if (order?.hasEnded === false) this.#exchange.cancel(order, this.#settings.orderDelayMs);
    }
    return wireOfComplex(complex);
  }

  /** Rejects an order that was accepted. Returns whether there is one that has not ended. */
  reject(id: unknown, reason: string): boolean {
    return this.#exchange.reject(this.#orders.get(Number(id))?.order, reason);
  }

  /** Ends the trading day: orders for the day expire, and those whose last day it was. */
  endDay(): void {
    const today = new Date(Date.now()).toISOString().slice(0, 10);
    this.#exchange.expire((order) => {
      const terms = [...this.#orders.values()].find((booked) => booked.order === order)?.terms;
      const kind = `${terms?.["time-in-force"]}`;
      if (kind === "GTD") return `${terms?.["gtc-date"]}` <= today;
      return !kind.startsWith("GTC");
    });
  }

  #add(recorded: JsonObject): void {
    const id = Number(recorded["id"]);
    // A recorded order that has not ended waits for its condition.
    const isOpen = recorded["cancellable"] === true;
    const order = isOpen
      ? new ExchangeOrder(orderTerms(recorded), { liveAt: 0, isReady: this.#conditionOf(recorded) })
      : undefined;
    const accountNumber = `${recorded["account-number"]}`;
    const booked = { id, accountNumber, terms: recorded, order, isRecorded: true };
    this.#orders.set(id, { ...booked, replaces: undefined, replacedBy: undefined });
    if (order !== undefined) this.#exchange.submit(order);
  }

  #conditionOf(form: JsonObject): () => boolean {
    const conditions = conditionsOf(form);
    return () => conditions.every((condition) => isMet(condition, this.#market));
  }

  /** Puts an order into the book. */
  #book(accountNumber: string, form: JsonObject, relations: Relations = {}): BookedOrder {
    const { replaced, parent, complex } = relations;
    const now = Date.now();
    const terms = orderTerms(form);
    const id = this.#nextId++;
    const { orderDelayMs } = this.#settings;
    const order = new ExchangeOrder(terms, {
      liveAt: now + 3 * orderDelayMs,
      isReady: this.#conditionOf(form),
    });
    order.replaces = replaced?.order;
    order.parent = parent;
    const booked: BookedOrder = {
      id,
      accountNumber,
      terms: {
        id,
        ...wireOrder(accountNumber, form),
        "ext-client-order-id": randomBytes(9).toString("hex"),
        "global-request-id": randomBytes(16).toString("hex"),
        "received-at": instant(now),
        ...complex,
      },
      order,
      isRecorded: false,
      replaces: replaced?.id,
      replacedBy: undefined,
    };
    this.#orders.set(id, booked);
    return booked;
  }

  /** Puts an order into the book and on the exchange, and returns what the broker shows at first. */
  #place(accountNumber: string, form: JsonObject, relations: Relations = {}): Placed {
    const booked = this.#book(accountNumber, form, relations);
    const wire = wireOf(booked);
    if (booked.order !== undefined) this.#exchange.submit(booked.order);
    if (isContingent(form)) return { booked, wire };
    // As recorded: at first an order is routed, and cannot be changed.
    const { "contingent-status": _status, "live-at": _at, ...rest } = wire;
    const status = this.#settings.orderDelayMs > 0 ? "Received" : "Routed";
    const first = { ...rest, "status": status, "cancellable": false, "editable": false };
    return { booked, wire: first };
  }

  #end(booked: BookedOrder, status: string): JsonObject {
    const wire = wireOf(booked);
    if (booked.order !== undefined) {
      this.#exchange.cancel(booked.order, this.#settings.orderDelayMs);
    }
    const { "contingent-status": _, ...rest } = wire;
    return { ...rest, "status": status, "cancellable": false, "editable": false };
  }

  #booked(id: unknown): BookedOrder {
    const booked = this.#orders.get(Number(id));
    // Whoever changes an order has found it before.
    // deno-coverage-ignore
    if (booked === undefined) throw new Error(`no order ${id}`);
    return booked;
  }

  #record(order: ExchangeOrder, execution: Execution): void {
    const booked = [...this.#orders.values()].find((booked) => booked.order === order);
    if (booked !== undefined) this.holdings.record(booked, order, execution);
  }
}

/** How an order is related to others. */
interface Relations {
  readonly replaced?: BookedOrder;
  readonly parent?: ExchangeOrder | undefined;
  /** What its complex order adds. The tag is UNCONFIRMED. */
  readonly complex?: JsonObject;
}

/** An order of the book, and what the broker shows of it at first. */
interface Placed {
  readonly booked: BookedOrder;
  readonly wire: JsonObject;
}

function sandboxPrice({ terms: { limit, stop } }: ExchangeOrder): Decimal | undefined {
  if (stop !== undefined) return undefined;
  if (limit === undefined) return SANDBOX_PRICE;
  const price = limit.isNegative ? limit.negated() : limit;
  return SANDBOX_LIMIT.isBelow(price) ? undefined : price;
}
