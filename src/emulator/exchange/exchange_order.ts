/**
 * An order at the exchange, without the words of a broker.
 *
 * Prices of the whole order are net: what one unit of it costs. A sale costs less than nothing. So one
 * comparison serves purchases, sales and spreads: a limit is the most that a unit may cost, and a stop is
 * hit when a unit costs as much.
 */

import { Decimal } from "../decimal.ts";

/** One leg of an order. */
export interface OrderLeg {
  readonly symbol: string;
  readonly isBuy: boolean;
  readonly quantity: Decimal;
  /** How many units of the underlying one contract is about. */
  readonly multiplier: Decimal;
  /** Whether it is a future, which costs nothing, and pays its profit when it is closed. */
  readonly isFuture?: boolean;
}

/** What a trader asks for. */
export interface OrderTerms {
  readonly legs: readonly OrderLeg[];
  /** The most that a unit may cost; `undefined` is any price. */
  readonly limit?: Decimal | undefined;
  /** What a unit must cost before the order begins to work. */
  readonly stop?: Decimal | undefined;
  /** How far behind the best price the stop follows. */
  readonly trail?: { readonly amount: Decimal } | { readonly percent: Decimal } | undefined;
  /** The money of an order without a quantity, which is found at the price of its only leg. */
  readonly notional?: Decimal | undefined;
  /** Whether what cannot be filled at once is cancelled: all of it, or the rest. */
  readonly immediate?: "all" | "rest" | undefined;
}

/** A part of a leg that was traded: the leg, with the quantity of this part. */
export interface Execution extends OrderLeg {
  /** Which leg. */
  readonly leg: number;
  readonly price: Decimal;
  /** In milliseconds since the epoch. */
  readonly at: number;
}

/** Where an order is: `waiting` for its turn or a condition, `working`, or at its end. */
export type Phase = "waiting" | "working" | "filled" | "cancelled" | "expired" | "rejected";

/** An order. The exchange moves it on. */
export class ExchangeOrder {
  terms: OrderTerms;
  phase: Phase = "waiting";
  /** When it may begin to work. */
  readonly liveAt: number;
  readonly placedAt: number;
  /** When it began to work. */
  startedAt: number | undefined;
  /** When it ended. */
  endedAt: number | undefined;
  /** When a cancellation that was asked for takes place, unless it is filled before. */
  cancelAt: number | undefined;
  /** Why it was rejected. */
  rejectReason: string | undefined;
  /** The order that must be filled before. */
  parent: ExchangeOrder | undefined;
  /** The order that it replaces, and that must be cancelled before. */
  replaces: ExchangeOrder | undefined;
  /** Orders that end when this one is filled, or that have so much less to do in a bracket. */
  rivals: readonly ExchangeOrder[] = [];
  /** Whether a partial fill leaves the rivals the rest. */
  isBracket = false;
  /** Whether the conditions are true that it waits for. */
  readonly isReady: () => boolean;
  readonly executions: Execution[] = [];
  #isTriggered = false;
  #best: Decimal | undefined;

  constructor(
    terms: OrderTerms,
    { liveAt, isReady = () => true }: { liveAt: number; isReady?: () => boolean },
  ) {
    this.terms = terms;
    this.placedAt = Date.now();
    this.liveAt = liveAt;
    this.isReady = isReady;
  }

  /** Whether it has ended. */
  get hasEnded(): boolean {
    return this.phase !== "waiting" && this.phase !== "working";
  }

  /** How many units it has: the greatest common divisor of its quantities. */
  get units(): Decimal {
    const { legs } = this.terms;
    return legs.map(({ quantity }) => quantity).reduce((one, other) => one.commonDivisor(other));
  }

  /** The multiplier of the largest of its contracts. */
  get multiplier(): Decimal {
    return this.terms.legs.map(({ multiplier }) => multiplier)
      .reduce((one, other) => one.isBelow(other) ? other : one);
  }

  /** How much of a leg was traded. */
  filledOf(leg: number): Decimal {
    return this.executions.filter((execution) => execution.leg === leg)
      .reduce((sum, { quantity }) => sum.plus(quantity), Decimal.ZERO);
  }

  /** How much of a leg is left. */
  remainingOf(leg: number): Decimal {
    return (this.terms.legs[leg]?.quantity ?? Decimal.ZERO).minus(this.filledOf(leg));
  }

  /** How many units are left. */
  get remainingUnits(): Decimal {
    const quantity = this.remainingOf(0).plus(this.filledOf(0));
    return this.remainingOf(0).times(this.units).dividedBy(quantity);
  }

  /**
   * What one unit costs at these prices of its legs, by share where shares and options go together: a
   * hundred shares weigh as much as one option on a hundred.
   */
  netOf(prices: readonly Decimal[]): Decimal {
    const { units, multiplier: largest, terms: { legs } } = this;
    return legs.reduce((sum, { isBuy, quantity, multiplier }, i) => {
      const weight = quantity.times(multiplier).dividedBy(units.times(largest));
      const cost = (prices[i] ?? Decimal.ZERO).times(weight);
      return isBuy ? sum.plus(cost) : sum.minus(cost);
    }, Decimal.ZERO);
  }

  /** The price at which a stop that follows stands now, or the fixed one. */
  get stop(): Decimal | undefined {
    const { stop, trail } = this.terms;
    if (trail === undefined || this.#best === undefined) return stop;
    const size = this.#best.isNegative ? this.#best.negated() : this.#best;
    return this.#best.plus(
      "amount" in trail ? trail.amount : size.times(trail.percent).dividedBy(Decimal.from("100")),
    );
  }

  /** Whether it may be filled at this net price. Remembers that a stop was hit. */
  takes(net: Decimal): boolean {
    if (this.terms.trail !== undefined) {
      if (this.#best === undefined || net.isBelow(this.#best)) this.#best = net;
    }
    const { stop } = this;
    this.#isTriggered ||= stop === undefined || !net.isBelow(stop);
    const { limit } = this.terms;
    return this.#isTriggered && (limit === undefined || !limit.isBelow(net));
  }

  /** Takes away what a rival has done. */
  reduce(units: Decimal): void {
    const { legs } = this.terms;
    const before = this.units;
    const after = before.minus(units);
    if (!after.isPositive || !this.remainingUnits.minus(units).isPositive) {
      return this.end("cancelled");
    }
    this.terms = {
      ...this.terms,
      legs: legs.map((leg) => ({ ...leg, quantity: leg.quantity.times(after).dividedBy(before) })),
    };
  }

  /** Lets it work. */
  start(): void {
    this.phase = "working";
    this.startedAt = Math.max(this.liveAt, this.placedAt);
  }

  /** Ends it. */
  end(phase: "filled" | "cancelled" | "expired" | "rejected"): void {
    this.phase = phase;
    this.endedAt = Date.now();
  }
}
