/** What an account holds, as the executions of its orders change it. */

import { Decimal } from "../decimal.ts";

/** A position. */
export interface Position {
  readonly symbol: string;
  /** Below 0 if it is short. */
  readonly quantity: Decimal;
  /** The average price at which it was opened. */
  readonly averagePrice: Decimal;
  readonly multiplier: Decimal;
  /** Whether it is a future, which is worth its profit. */
  readonly isFuture: boolean;
  /** The last price at which it was traded or valued. */
  readonly mark: Decimal;
  /** In milliseconds since the epoch; `undefined` if nothing was traded. */
  readonly updatedAt: number | undefined;
}

/** A trade of one symbol. */
export interface Trade {
  readonly symbol: string;
  readonly isBuy: boolean;
  readonly quantity: Decimal;
  readonly price: Decimal;
  readonly multiplier: Decimal;
  readonly isFuture?: boolean;
  readonly at: number;
}

/** The positions and the cash of one account. */
export class Portfolio {
  /** What was taken in for sales, less what purchases and fees have cost. */
  #taken: Decimal = Decimal.ZERO;
  readonly #initial: readonly Position[];
  readonly #positions = new Map<string, Position>();

  /** @param initial The positions at the beginning. */
  constructor(initial: readonly Position[]) {
    this.#initial = initial;
    for (const position of initial) this.#positions.set(position.symbol, position);
  }

  /** By how much the cash has changed since the beginning. Nothing was paid for futures that are held. */
  get cashChange(): Decimal {
    return this.positions.filter(({ isFuture }) => isFuture)
      .reduce((sum, position) => sum.plus(openCost(position)), this.#taken);
  }

  /** All positions; one that was closed has the quantity 0. */
  get positions(): readonly Position[] {
    return [...this.#positions.values()];
  }

  /** Records a trade. */
  trade({ symbol, isBuy, quantity, price, multiplier, isFuture = false, at }: Trade): void {
    const change = isBuy ? quantity : quantity.negated();
    const before = this.#positions.get(symbol);
    this.#taken = this.#taken.minus(change.times(price).times(multiplier));
    const held = before?.quantity ?? Decimal.ZERO;
    const after = held.plus(change);
    this.#positions.set(symbol, {
      symbol,
      quantity: after,
      averagePrice: averagePrice(before, change, price),
      multiplier,
      isFuture,
      mark: price,
      updatedAt: at,
    });
  }

  /** Takes a fee. */
  charge(fee: Decimal): void {
    this.#taken = this.#taken.minus(fee);
  }

  /**
   * By how much the value of some positions has changed since the beginning.
   *
   * @param markOf The market's price of a symbol, if it has one.
   */
  valueChange(
    markOf: (symbol: string) => Decimal | undefined,
    isCounted: (position: Position) => boolean,
  ): Decimal {
    const now = valueOf(this.positions.filter(isCounted), markOf);
    return now.minus(valueOf(this.#initial.filter(isCounted), () => undefined));
  }
}

function valueOf(
  positions: readonly Position[],
  markOf: (symbol: string) => Decimal | undefined,
): Decimal {
  return positions.reduce((sum, position) => sum.plus(marketValue(position, markOf)), Decimal.ZERO);
}

/** What a position is worth: a future its profit, anything else its price. */
export function marketValue(
  position: Position,
  markOf: (symbol: string) => Decimal | undefined,
): Decimal {
  const { symbol, quantity, multiplier, mark, isFuture } = position;
  const value = quantity.times(markOf(symbol) ?? mark).times(multiplier);
  return isFuture ? value.minus(openCost(position)) : value;
}

function openCost({ quantity, averagePrice, multiplier }: Position): Decimal {
  return quantity.times(averagePrice).times(multiplier);
}

/** More of the same averages; less of it keeps the average; the other side begins anew. */
function averagePrice(before: Position | undefined, change: Decimal, price: Decimal): Decimal {
  if (before === undefined) return price;
  const { quantity, averagePrice } = before;
  const after = quantity.plus(change);
  if (after.isZero) return averagePrice;
  const isSameSide = quantity.isNegative === change.isNegative;
  if (quantity.isZero || isSameSide) {
    const cost = quantity.times(averagePrice).plus(change.times(price));
    return cost.dividedBy(after);
  }
  return after.isNegative === quantity.isNegative ? averagePrice : price;
}
