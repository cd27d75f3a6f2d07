/**
 * Fills the orders of one environment at the prices of the market, in the order in which they came.
 *
 * There are no timers: whoever looks at an order calls {@linkcode Exchange.settle} before.
 */

import { Decimal } from "../decimal.ts";
import type { ExchangeOrder, Execution, OrderTerms } from "./exchange_order.ts";
import type { Market } from "./market.ts";

/** What an environment does otherwise. */
export interface ExchangeRules {
  /**
   * The price at which an order with one leg is filled without a market, as in a sandbox; `undefined` if
   * the market decides.
   */
  simulatedPrice(order: ExchangeOrder): Decimal | undefined;
  /** Told of each execution. */
  onExecution(order: ExchangeOrder, execution: Execution): void;
}

/** The exchange. */
export class Exchange {
  readonly #market: Market;
  readonly #rules: ExchangeRules;
  #orders: ExchangeOrder[] = [];
  /** The prices at which everything is settled. */
  #settledVersion = 0;
  /** When something is due that no price brings about. */
  #dueAt = Infinity;

  constructor(market: Market, rules: ExchangeRules) {
    this.#market = market;
    this.#rules = rules;
  }

  /** Takes an order. */
  submit(order: ExchangeOrder): void {
    this.#orders.push(order);
    this.#settleAlone(order);
  }

  /** Lets everything happen that is due. Costs nothing if that is nothing. */
  settle(): void {
    const isDue = Date.now() >= this.#dueAt;
    if (isDue || this.#market.version !== this.#settledVersion) this.#settleAll();
  }

  #settleAll(): void {
    this.#settledVersion = this.#market.version;
    // What happens to one order may concern the others.
    while (this.#orders.some((order) => this.#settleOne(order)));
    this.#orders = this.#orders.filter(({ hasEnded }) => !hasEnded);
    this.#dueAt = this.#orders.map(dueAt).reduce((one, other) => Math.min(one, other), Infinity);
  }

  /** An order that begins to work concerns no other. One that is filled or ends may. */
  #settleAlone(order: ExchangeOrder): void {
    while (this.#settleOne(order));
    if (order.hasEnded || order.executions.length > 0) this.#settleAll();
    else this.#dueAt = Math.min(this.#dueAt, dueAt(order));
  }

  /** Changes the terms of an order. */
  change(order: ExchangeOrder, terms: OrderTerms): void {
    order.terms = terms;
    this.#settleAlone(order);
  }

  /** Asks for the end of an order, which a fill may forestall. */
  cancel(order: ExchangeOrder, delayMs: number): void {
    order.cancelAt = Date.now() + delayMs;
    this.#settleAlone(order);
  }

  /** Rejects an order that was accepted. Returns whether there is one that has not ended. */
  reject(order: ExchangeOrder | undefined, reason: string): boolean {
    this.settle();
    if (order === undefined || order.hasEnded) return false;
    order.rejectReason = reason;
    order.end("rejected");
    this.#settleAll();
    return true;
  }

  /** Ends the trading day: orders for the day expire. */
  expire(isOver: (order: ExchangeOrder) => boolean): void {
    this.settle();
    for (const order of this.#orders) if (isOver(order)) order.end("expired");
    this.#settleAll();
  }

  /** Returns whether something happened. */
  #settleOne(order: ExchangeOrder): boolean {
    if (order.hasEnded) return false;
    const now = Date.now();
    if (order.phase === "waiting") {
      const next = this.#nextPhase(order, now);
      if (next === "working") order.start();
      else if (next !== undefined) order.end(next);
      if (next !== undefined) return true;
    }
    if (order.phase === "working" && this.#match(order)) return true;
    if (order.cancelAt !== undefined && now >= order.cancelAt) {
      order.end("cancelled");
      return true;
    }
    if (order.phase === "working" && order.terms.immediate !== undefined) {
      order.end("cancelled");
      return true;
    }
    return false;
  }

  #nextPhase(order: ExchangeOrder, now: number): "working" | "cancelled" | "rejected" | undefined {
    const { parent, replaces, liveAt } = order;
    if (parent?.hasEnded && parent.phase !== "filled") return "cancelled";
    // The order to be replaced was filled before.
    if (replaces?.hasEnded && replaces.phase !== "cancelled") return "rejected";
    const isWaiting = now < liveAt || !order.isReady() || parent?.phase === "waiting" ||
      parent?.phase === "working" || replaces?.hasEnded === false;
    return isWaiting ? undefined : "working";
  }

  #match(order: ExchangeOrder): boolean {
    const simulated = order.terms.legs.length === 1 ? this.#rules.simulatedPrice(order) : undefined;
    const prices = order.terms.legs.map(({ symbol }) => simulated ?? this.#market.priceOf(symbol));
    const known = prices.filter((price) => price !== undefined);
    if (known.length < prices.length) return false;
    resolveNotional(order, known[0]);
    if (!order.takes(order.netOf(known))) return false;
    const remaining = order.remainingUnits;
    if (!remaining.isPositive) {
      order.end("filled"); // it was replaced by a smaller one
      return true;
    }
    const units = simulated === undefined ? this.#available(order, remaining) : remaining;
    if (!units.isPositive || order.terms.immediate === "all" && units.isBelow(remaining)) {
      return false;
    }
    this.#execute(order, units, known, simulated === undefined);
    return true;
  }

  /** How many units the market has. */
  #available(order: ExchangeOrder, remaining: Decimal): Decimal {
    const { units, terms: { legs } } = order;
    return legs.reduce((least, { symbol, quantity }) => {
      const size = this.#market.sizeOf(symbol);
      if (size === undefined) return least;
      const each = quantity.dividedBy(units);
      const possible = legs.length === 1 ? size : size.dividedBy(each).truncated();
      return possible.isBelow(least) ? possible : least;
    }, remaining);
  }

  #execute(
    order: ExchangeOrder,
    units: Decimal,
    prices: readonly Decimal[],
    isOnMarket: boolean,
  ): void {
    for (const [leg, terms] of order.terms.legs.entries()) {
      const quantity = units.times(terms.quantity).dividedBy(order.units);
      const price = prices[leg] ?? Decimal.ZERO;
      const execution = { ...terms, leg, quantity, price, at: Date.now() };
      order.executions.push(execution);
      if (isOnMarket) this.#market.take(terms.symbol, quantity);
      this.#rules.onExecution(order, execution);
    }
    if (!order.remainingUnits.isPositive) order.end("filled");
    for (const rival of order.rivals) {
      if (rival.hasEnded) continue;
      if (order.isBracket) rival.reduce(units);
      else rival.end("cancelled");
    }
  }
}

/** When an order begins to work, or its cancellation takes place. */
function dueAt({ phase, liveAt, cancelAt }: ExchangeOrder): number {
  const startsAt = phase === "waiting" && liveAt > Date.now() ? liveAt : Infinity;
  return Math.min(startsAt, cancelAt ?? Infinity);
}

/** An order for an amount of money has as many shares as that buys. */
function resolveNotional(order: ExchangeOrder, price: Decimal | undefined): void {
  const { terms } = order;
  const [leg] = terms.legs;
  if (terms.notional === undefined || leg === undefined || price === undefined) return;
  const quantity = terms.notional.dividedBy(price.times(leg.multiplier));
  order.terms = { ...terms, notional: undefined, legs: [{ ...leg, quantity }] };
}
