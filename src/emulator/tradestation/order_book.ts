import { Decimal } from "../decimal.ts";
import type { EmulatedOrder } from "../emulated_order.ts";
import { Exchange } from "../exchange/exchange.ts";
import { ExchangeOrder, type Execution } from "../exchange/exchange_order.ts";
import type { Market } from "../exchange/market.ts";
import type { JsonObject } from "../response.ts";
import type { Settings } from "../service.ts";
import { inEnvironment } from "./account_list.ts";
import { Holdings } from "./holdings.ts";
import { instrumentOf } from "./instrument.ts";
import type { OrderForm, OrderGroup } from "./order_form.ts";
import { type BookedOrder, instantOf, wireOf } from "./order_state.ts";
import { orderTerms } from "./order_terms.ts";
import confirmed from "./recordings/order_confirmed.json" with { type: "json" };
import historicalOrder from "./recordings/historical_order.json" with { type: "json" };
import recordedOrders from "./recordings/orders.json" with { type: "json" };

// The days that a request may ask for, up to the last but one.
const WEEKS = 104;
const WEEK_MS = 7 * 24 * 60 * 60 * 1000;
const DAY_MS = 24 * 60 * 60 * 1000;

/** What a market order of stocks is filled at in SIM while no price is set. */
const SIM_PRICE = Decimal.from(`${confirmed.Confirmations[0]?.EstimatedPrice}`);

/** A placed order: its id, and the order. */
export interface PlacedOrder {
  readonly id: string;
  readonly form: OrderForm;
}

/** The orders of one environment: the recorded ones, which stand still, and those that were placed. */
export class OrderBook {
  /** What the accounts hold. */
  readonly holdings: Holdings;
  readonly #recorded = new Map<string, JsonObject>();
  readonly #placed = new Map<string, BookedOrder>();
  readonly #confirmIds = new Set<string>();
  readonly #environment: "production" | "sandbox";
  readonly #settings: Settings;
  readonly #exchange: Exchange;
  // Above all recorded ids.
  #nextId = 286_300_000;
  #nextGroup = 2_706_452_200;

  constructor(environment: "production" | "sandbox", market: Market, settings: Settings) {
    this.#environment = environment;
    this.#settings = settings;
    this.holdings = new Holdings(environment, market, settings.users);
    this.#exchange = new Exchange(market, {
      simulatedPrice: (order) => environment === "sandbox" ? simPrice(order, market) : undefined,
      onExecution: (order, execution) => this.#record(order, execution),
    });
    for (const order of inEnvironment(recordedOrders.Orders, environment)) {
      this.#recorded.set(order.OrderID, order);
    }
  }

  /** The orders that were placed, as they are now. */
  get placed(): readonly EmulatedOrder[] {
    this.#exchange.settle();
    return [...this.#placed.values()].map((booked) => {
      const wire = this.#wireOf(booked);
      return {
        broker: "tradestation",
        environment: this.#environment,
        accountNumber: booked.form.accountId,
        id: booked.id,
        status: `${wire["Status"]}`,
        replaces: undefined,
        wire,
      };
    });
  }

  /** Lets everything happen that is due. */
  settle(): void {
    this.#exchange.settle();
  }

  /** The listed orders of an account: the placed ones, newest first, and then the recorded ones. */
  ofAccount(accountId: string): readonly JsonObject[] {
    const listedAt = Date.now() - this.#settings.orderListDelayMs;
    return this.everyOrderOf(accountId).filter(({ OrderID: id }) =>
      (this.#placed.get(`${id}`)?.order.placedAt ?? 0) <= listedAt
    );
  }

  /** The orders of an account in the same order, with those that are not listed yet. */
  everyOrderOf(accountId: string): readonly JsonObject[] {
    this.#exchange.settle();
    const placed = [...this.#placed.values()].map((booked) => this.#wireOf(booked)).toReversed();
    return [...placed, ...this.#recorded.values()]
      .filter((order) => order["AccountID"] === accountId);
  }

  /**
   * The closed orders of an account, newest first: those that ended here, and the recorded one again for
   * each week, since it is too old to be asked for.
   */
  history(accountId: string): readonly JsonObject[] {
    const closed = this.ofAccount(accountId).filter((order) =>
      this.#placed.has(`${order["OrderID"]}`) && order["ClosedDateTime"] !== undefined ||
      order["Status"] === "OUT"
    );
    const [recorded] = inEnvironment([historicalOrder], this.#environment);
    if (recorded?.AccountID !== accountId) return closed;
    const weekly = Array.from({ length: WEEKS }, (_, week) => {
      const instant = instantOf(Date.now() - DAY_MS - week * WEEK_MS);
      return {
        ...recorded,
        ClosedDateTime: instant,
        GoodTillDate: `${instant.slice(0, 10)}T00:00:00Z`,
        OrderID: `${Number(recorded.OrderID) - week}`,
        OpenedDateTime: instant,
      };
    });
    return [...closed, ...weekly];
  }

  /** One order. */
  find(id: string | undefined): JsonObject | undefined {
    this.#exchange.settle();
    const booked = this.#placed.get(`${id}`);
    return booked === undefined ? this.#recorded.get(`${id}`) : this.#wireOf(booked);
  }

  /** Records the id of a confirmation. Returns whether it is new. */
  confirm(id: string): boolean {
    const isNew = !this.#confirmIds.has(id);
    this.#confirmIds.add(id);
    return isNew;
  }

  /** The next order id. An order that fails has one too. */
  nextId(): string {
    return `${this.#nextId++}`;
  }

  /** Places a checked order, and those that it sends when it is filled, which wait for that. */
  place(form: OrderForm): readonly PlacedOrder[] {
    return this.#placeGroup({ type: "NORMAL", orders: [form] });
  }

  /** Places a group of checked orders. */
  placeGroup(group: OrderGroup): readonly PlacedOrder[] {
    return this.#placeGroup(group);
  }

  /** Changes the terms of an order, which keeps its id. */
  replace(id: string, changes: Partial<OrderForm>, quantity: string | undefined): void {
    const booked = this.#placed.get(id);
    if (booked === undefined) return this.#replaceRecorded(id, changes, quantity);
    const legs = booked.form.legs.map((leg) => ({ ...leg, quantity: quantity ?? leg.quantity }));
    const form = { ...booked.form, ...changes, legs };
    booked.form = form;
    this.#exchange.change(booked.order, orderTerms(form));
  }

  /** Cancels an order. */
  cancel(id: string): void {
    const booked = this.#placed.get(id);
    if (booked !== undefined) {
      return this.#exchange.cancel(booked.order, this.#settings.orderDelayMs);
    }
    this.#recorded.set(id, {
      ...this.#recorded.get(id),
      Status: "OUT",
      StatusDescription: "UROut",
      ClosedDateTime: instantOf(Date.now()),
    });
  }

  /** Rejects an order that was accepted. Returns whether there is one that has not ended. */
  reject(id: unknown, reason: string): boolean {
    return this.#exchange.reject(this.#placed.get(`${id}`)?.order, reason);
  }

  /** Ends the trading day: orders for the day expire, and those whose last day it was. */
  endDay(): void {
    const today = new Date(Date.now()).toISOString().slice(0, 10);
    this.#exchange.expire((order) => {
      const form = [...this.#placed.values()].find((booked) => booked.order === order)?.form;
      const duration = form?.duration ?? "";
      if (["GTD", "GDP"].includes(duration)) return `${form?.expiration}`.slice(0, 10) <= today;
      return !["GTC", "GCP"].includes(duration);
    });
  }

  /** The order of the ids is that of the request: an order, what it sends, and then the next one. */
  #placeGroup({ type, orders }: OrderGroup, parent?: BookedOrder): readonly BookedOrder[] {
    const name = type === "NORMAL" ? undefined : `${type} ${this.#nextGroup++}`;
    const members: BookedOrder[] = [];
    const placed = orders.flatMap((form) => {
      const booked = this.#book(form, { type, name, members }, parent);
      members.push(booked);
      const sent = form.sends.flatMap((group) => {
        const descendants = this.#placeGroup(group, booked);
        booked.children.push(...descendants.filter((one) => one.parent === booked));
        return descendants;
      });
      return [booked, ...sent];
    });
    for (const { order } of type === "NORMAL" ? [] : members) {
      order.rivals = members.map((one) => one.order).filter((other) => other !== order);
    }
    for (const { order } of members) this.#exchange.submit(order);
    return placed;
  }

  #book(form: OrderForm, group: BookedOrder["group"], parent?: BookedOrder): BookedOrder {
    const liveAt = Date.now() + this.#settings.orderDelayMs;
    const order = new ExchangeOrder(orderTerms(form), { liveAt });
    order.parent = parent?.order;
    order.isBracket = group.type === "BRK";
    const booked = { id: this.nextId(), form, order, group, parent, children: [] };
    this.#placed.set(booked.id, booked);
    return booked;
  }

  #replaceRecorded(
    id: string,
    { limitPrice, stopPrice, orderType }: Partial<OrderForm>,
    quantity: string | undefined,
  ): void {
    const order = this.#recorded.get(id) ?? {};
    const terms = { LimitPrice: limitPrice, StopPrice: stopPrice, OrderType: orderType };
    const given = Object.entries(terms).filter(([, value]) => value !== undefined);
    const old = Array.isArray(order["Legs"]) ? order["Legs"] : [];
    this.#recorded.set(id, {
      ...order,
      ...Object.fromEntries(given),
      Legs: quantity === undefined
        ? old
        : old.map((leg) => ({ ...leg, QuantityOrdered: quantity, QuantityRemaining: quantity })),
    });
  }

  #wireOf(booked: BookedOrder): JsonObject {
    return wireOf(booked, this.#settings.listsConfirmIds);
  }

  #record(order: ExchangeOrder, execution: Execution): void {
    const booked = [...this.#placed.values()].find((booked) => booked.order === order);
    if (booked !== undefined) this.holdings.record(booked, execution);
  }
}

/** SIM fills at once (tradestation/api-docs). */
function simPrice({ terms }: ExchangeOrder, market: Market): Decimal | undefined {
  const isMarket = terms.limit === undefined && terms.stop === undefined &&
    terms.trail === undefined;
  const symbol = terms.legs[0]?.symbol ?? "";
  if (!isMarket || instrumentOf(symbol).assetType !== "STOCK") return undefined;
  return market.priceOf(symbol) ?? SIM_PRICE;
}
