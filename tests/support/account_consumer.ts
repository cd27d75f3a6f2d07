/**
 * A program that keeps an account's state by its updates, and what the broker's lists say of it.
 *
 * @module
 */

import type {
  Account,
  AccountUpdate,
  Balances,
  EventStream,
  Gap,
  Order,
  Position,
} from "../../mod.ts";

/** What is compared of an account: statuses and fills of orders, open positions, cash. */
export interface Books {
  readonly orders: readonly string[];
  readonly positions: readonly string[];
  readonly cash: string;
}

/** Follows the updates of an account. */
export class Consumer {
  readonly events: (AccountUpdate | Gap)[] = [];
  /** How the updates have ended. */
  end: unknown;
  /** Resolves at the end. */
  readonly running: Promise<void>;
  readonly #orders = new Map<string, Order>();
  readonly #positions = new Map<string, Position>();
  #balances: Balances | undefined;
  #wake: (() => void) | undefined;

  constructor(stream: EventStream<AccountUpdate>) {
    this.running = this.#follow(stream);
  }

  /** What it knows. */
  get books(): Books {
    return booksOf(
      [...this.#orders.values()],
      [...this.#positions.values()],
      this.#balances,
    );
  }

  /** The reasons of the gaps. */
  get gaps(): string[] {
    return this.events.flatMap((event) => event.kind === "gap" ? [event.reason] : []);
  }

  /** Waits until something is so, which is looked at with each event and when the stream ends. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo() && this.end === undefined) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    if (!isSo()) throw new Error("The updates have ended", { cause: this.end });
  }

  /** Waits for so many snapshots: three to each beginning. */
  untilSnapshots(count: number): Promise<void> {
    return this.until(() => this.events.filter(({ kind }) => kind === "snapshot").length >= count);
  }

  async #follow(stream: EventStream<AccountUpdate>): Promise<void> {
    try {
      for await (const event of stream) {
        this.events.push(event);
        this.#take(event);
        this.#wake?.();
      }
      this.end = "done";
    } catch (error) {
      this.end = error;
    }
    this.#wake?.();
  }

  #take(event: AccountUpdate | Gap): void {
    if (event.kind === "gap") return;
    if (event.type === "balance") this.#balances = event.balances;
    else if (event.type === "order") {
      if (event.kind === "snapshot") this.#orders.clear();
      for (const order of event.kind === "snapshot" ? event.orders : [event.order]) {
        this.#orders.set(order.id, order);
      }
    } else {
      if (event.kind === "snapshot") this.#positions.clear();
      for (const position of event.kind === "snapshot" ? event.positions : [event.position]) {
        this.#positions.set(position.symbol, position);
      }
    }
  }
}

/** What the broker's lists say of an account. */
export async function listedBooks(account: Account): Promise<Books> {
  const [orders, positions, balances] = await Promise.all([
    account.orders(),
    account.positions(),
    account.balances(),
  ]);
  return booksOf(orders, positions, balances);
}

/** Whether two say the same. */
export function isSame(one: Books, other: Books): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function booksOf(
  orders: readonly Order[],
  positions: readonly Position[],
  balances: Balances | undefined,
): Books {
  return {
    orders: orders.map(({ id, status, legs }) =>
      `${id} ${status} ${legs.map(({ filledQuantity }) => Number(filledQuantity))}`
    ).toSorted(),
    positions: positions.filter(({ quantity }) => Number(quantity) !== 0)
      .map(({ symbol, quantity, quantityDirection }) =>
        `${symbol} ${quantityDirection} ${Number(quantity)}`
      ).toSorted(),
    cash: `${Number(balances?.cashBalance)}`,
  };
}
