/** What the program was told of an account, and so what it knows. */

import type { Order } from "../brokers/orders.ts";
import type { Position } from "../brokers/records.ts";
import type { Gap } from "../gap.ts";
import type {
  AccountChange,
  AccountContents,
  AccountSnapshot,
  AccountUpdate,
} from "./account_update.ts";

/** What an event is about. */
export type UpdateType = AccountUpdate["type"];

/** One thing that the program knows. */
interface Known {
  /** What is compared. */
  readonly text: string;
  /** Whether a list must have it. */
  readonly isOpen: boolean;
  /** How many changes of it were told. */
  readonly changes: number;
}

/** Tells a program of an account, and remembers what was told. */
export class AccountReport {
  readonly #emit: (event: AccountUpdate | Gap) => void;
  readonly #known: Record<UpdateType, Map<string, Known>> = {
    order: new Map(),
    position: new Map(),
    balance: new Map(),
  };
  /** The changes since {@linkcode AccountReport.remember}. */
  #recent: AccountChange[] | undefined;

  /** @param emit Hands an event to the program. */
  constructor(emit: (event: AccountUpdate | Gap) => void) {
    this.#emit = emit;
  }

  /** Tells all that there is of something. */
  snapshot(event: AccountSnapshot): void {
    this.#known[event.type] = new Map(entriesOf(event));
    this.#emit(event);
  }

  /** Tells all that there is. */
  contents(contents: AccountContents): void {
    for (const event of snapshotsOf(contents)) this.snapshot(event);
  }

  /**
   * Tells of a change.
   *
   * @returns Whether it is one of the things that are compared.
   */
  change(event: AccountChange): boolean {
    const known = this.#known[event.type];
    const [[key, now]] = entriesOf(event) as [[string, Known]];
    const before = known.get(key);
    known.set(key, { ...now, changes: (before?.changes ?? 0) + 1 });
    this.#recent?.push(event);
    this.#emit(event);
    return before?.text !== now.text;
  }

  /** Tells of a gap. */
  gap(gap: Gap): void {
    this.#emit(gap);
  }

  /** Begins to remember changes, because the account is read and they may be newer. */
  remember(): void {
    this.#recent = [];
  }

  /** Ends that. Returns the changes. */
  forget(): readonly AccountChange[] {
    const changes = this.#recent ?? [];
    this.#recent = undefined;
    return changes;
  }

  /**
   * What the account has otherwise than the program knows: a text for each such thing, which is the same when
   * it was found before and nothing was told of it since.
   */
  differencesFrom(contents: AccountContents): ReadonlyMap<UpdateType, ReadonlyMap<string, string>> {
    const found = snapshotsOf(contents).map((event) => {
      const known = this.#known[event.type];
      const now = new Map(entriesOf(event));
      const changed = [...now].filter(([key, { text }]) => known.get(key)?.text !== text);
      const gone = [...known].filter(([key, { isOpen }]) => isOpen && !now.has(key));
      const texts = [
        ...changed.map(([key, { text }]) => [key, text] as const),
        ...gone.map(([key]) => [key, "gone"] as const),
      ].map(([key, text]) => [key, `${known.get(key)?.changes ?? 0} ${text}`] as const);
      return [event.type, new Map(texts)] as const;
    });
    return new Map(found);
  }

  /**
   * Tells that changes of these types were left out, and what there is now.
   *
   * @param recent What has changed while that was read.
   */
  repair(
    types: readonly UpdateType[],
    contents: AccountContents,
    recent: readonly AccountChange[],
  ): void {
    for (const event of snapshotsOf(contents)) {
      const { type } = event;
      if (!types.includes(type)) continue;
      this.gap({ kind: "gap", reason: "dropped", type });
      this.snapshot(event);
      for (const change of recent) if (change.type === type) this.change(change);
    }
  }
}

function snapshotsOf({ orders, positions, balances }: AccountContents): AccountSnapshot[] {
  return [
    { kind: "snapshot", type: "order", orders },
    { kind: "snapshot", type: "position", positions },
    { kind: "snapshot", type: "balance", balances },
  ];
}

function entriesOf(event: AccountUpdate): (readonly [string, Known])[] {
  switch (event.type) {
    case "order":
      return (event.kind === "snapshot" ? event.orders : [event.order]).map(orderEntry);
    case "position":
      return (event.kind === "snapshot" ? event.positions : [event.position]).map(positionEntry);
    case "balance": {
      const { cashBalance } = event.balances;
      return [["", { text: plain(cashBalance), isOpen: false, changes: 0 }]];
    }
  }
}

function orderEntry(order: Order): readonly [string, Known] {
  const { id, status, state, price, stopPrice, legs } = order;
  const text = JSON.stringify([
    status,
    plain(price),
    plain(stopPrice),
    ...legs.map((leg) => [leg.symbol, plain(leg.quantity), plain(leg.filledQuantity)]),
  ]);
  const isOpen = state !== undefined && !ENDED.has(state);
  return [id, { text, isOpen, changes: 0 }];
}

const ENDED: ReadonlySet<string> = new Set(["filled", "cancelled", "expired", "rejected"]);

function positionEntry(position: Position): readonly [string, Known] {
  const { symbol, quantity, quantityDirection, averageOpenPrice } = position;
  const isOpen = quantityDirection !== "Zero" && plain(quantity) !== "0";
  const text = isOpen
    ? `${quantityDirection} ${plain(quantity)} ${plain(averageOpenPrice)}`
    : "closed";
  return [symbol, { text, isOpen, changes: 0 }];
}

/** A decimal string without zeros at its end: brokers write 1, "1.0" and "1.00". */
function plain(decimal: string | undefined): string {
  const [, whole = decimal, fraction = ""] = /^(.*?)(?:\.(\d*?)0*)?$/.exec(decimal ?? "") ?? [];
  return fraction === "" ? `${whole}` : `${whole}.${fraction}`;
}
