import type { Decimal } from "../decimal.ts";

/** The prices at which orders are filled. There are none until a test sets them. */
export class Market {
  /** Changes with each price that is set. */
  version = 0;
  readonly #prices = new Map<string, { price: Decimal; size: Decimal | undefined }>();

  /**
   * Sets the price of a symbol.
   *
   * @param size How much can be traded at it; `undefined` is any quantity.
   */
  set(symbol: string, price: Decimal, size: Decimal | undefined): void {
    this.#prices.set(symbol, { price, size });
    this.version += 1;
  }

  /** Forgets all prices. */
  clear(): void {
    this.#prices.clear();
    this.version += 1;
  }

  /** The price, if it is known. */
  priceOf(symbol: string): Decimal | undefined {
    return this.#prices.get(symbol)?.price;
  }

  /** How much can still be traded at the price; `undefined` is any quantity. */
  sizeOf(symbol: string): Decimal | undefined {
    return this.#prices.get(symbol)?.size;
  }

  /** Takes away what was traded. */
  take(symbol: string, quantity: Decimal): void {
    const entry = this.#prices.get(symbol);
    if (entry?.size !== undefined) entry.size = entry.size.minus(quantity);
  }
}
