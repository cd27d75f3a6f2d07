/** Updates over two streams, of orders and of positions, which begin with what is there; balances are read. */

import type { BrokerOrders } from "../brokers/orders.ts";
import type { Position, Raw } from "../brokers/records.ts";
import type { StreamedUpdates } from "../brokers/updates.ts";
import { Deadline, MAX_TIMEOUT_MS } from "../net/deadline.ts";
import type { Session } from "../session.ts";
import { type Connect, failureOf } from "../streams/connection_loop.ts";
import type { Gap } from "../gap.ts";
import { readBalances, readContents } from "./account_contents.ts";
import { AccountReport } from "./account_report.ts";
import type { AccountUpdate } from "./account_update.ts";
import { reconcile } from "./reconciliation.ts";

/** The shortest time between two reads of the balances: the broker allows 320 in 5 minutes. */
const BALANCE_PAUSE_MS = 5_000;

/** Whose updates they are. */
export interface StreamedTarget {
  readonly session: Session;
  readonly accountNumber: string;
  readonly updates: StreamedUpdates;
  readonly orders: BrokerOrders;
  readonly reconcileMs: number | undefined;
}

/** Opens the streams, each of which is opened again by itself. */
export function streamedUpdates(target: StreamedTarget): Connect<AccountUpdate | Gap> {
  return async ({ signal, emit, isOpen }) => {
    isOpen();
    const connection = new Deadline(MAX_TIMEOUT_MS, () => undefined, signal);
    connection.stopTimer();
    const parts = new StreamedParts(target, connection, new AccountReport(emit));
    const ends = [parts.readOrders(), parts.readPositions(), parts.watchBalances()];
    if (target.reconcileMs !== undefined) ends.push(parts.reconcile(target.reconcileMs));
    // The first that ends, ends all; what the others say then is of no interest.
    for (const end of ends) end.catch(() => {});
    try {
      return await Promise.race(ends);
    } finally {
      connection.abort(ENDED);
      await Promise.allSettled(ends);
    }
  };
}

const ENDED = Symbol("ended");

/** What runs side by side. */
class StreamedParts {
  readonly #target: StreamedTarget;
  readonly #connection: Deadline;
  readonly #report: AccountReport;
  #areBalancesDue = true;
  #wake: (() => void) | undefined;

  constructor(target: StreamedTarget, connection: Deadline, report: AccountReport) {
    this.#target = target;
    this.#connection = connection;
    this.#report = report;
  }

  async readOrders(): Promise<never> {
    const { updates, orders, accountNumber } = this.#target;
    return await this.#read("order", updates.ordersPath(accountNumber), {
      snapshot: (values) => {
        const list = values.map(orders.readItem);
        // An order that has changed meanwhile comes twice.
        const latest = [...new Map(list.map((order) => [order.id, order])).values()];
        this.#report.snapshot({ kind: "snapshot", type: "order", orders: latest });
      },
      change: (value) => {
        const order = orders.readItem(value);
        return this.#report.change({ kind: "update", type: "order", order });
      },
    });
  }

  async readPositions(): Promise<never> {
    const { updates, accountNumber } = this.#target;
    let open = new Map<string, Position>();
    const keep = (value: Raw): void => {
      const id = updates.positionId(value) ?? "";
      if (updates.isDeleted(value)) open.delete(id);
      else open.set(id, updates.readPosition(value));
    };
    return await this.#read("position", updates.positionsPath(accountNumber), {
      snapshot: (values) => {
        open = new Map();
        values.forEach(keep);
        this.#report.snapshot({
          kind: "snapshot",
          type: "position",
          positions: [...open.values()],
        });
      },
      change: (value) => {
        const id = updates.positionId(value) ?? "";
        const position = updates.isDeleted(value)
          ? closed(open.get(id), value)
          : updates.readPosition(value);
        keep(value);
        if (position === undefined) return false; // nobody has heard of it
        return this.#report.change({ kind: "update", type: "position", position });
      },
    });
  }

  /** Reads the balances at the beginning, and when something has happened that changes them. */
  async watchBalances(): Promise<never> {
    const { session, accountNumber } = this.#target;
    for (let kind: "snapshot" | "update" = "snapshot";;) {
      if (!this.#areBalancesDue) {
        await this.#connection.race(new Promise<void>((resolve) => this.#wake = resolve));
      }
      this.#areBalancesDue = false;
      try {
        const balances = await readBalances(session, accountNumber, this.#connection.signal);
        if (kind === "snapshot") this.#report.snapshot({ kind, type: "balance", balances });
        else this.#report.change({ kind, type: "balance", balances });
        kind = "update";
      } catch (error) {
        this.#connection.signal.throwIfAborted();
        if (failureOf(error) === undefined) throw error;
        this.#areBalancesDue = true;
      }
      await this.#connection.sleep(BALANCE_PAUSE_MS);
    }
  }

  async reconcile(everyMs: number): Promise<never> {
    const { session, accountNumber } = this.#target;
    const [report, connection] = [this.#report, this.#connection];
    const read = () => readContents(session, accountNumber, connection.signal);
    return await reconcile(everyMs, { report, read, connection });
  }

  /** Reads one stream: first what is there, up to its end, then changes. */
  async #read(
    type: "order" | "position",
    path: string,
    { snapshot, change }: {
      readonly snapshot: (values: readonly Raw[]) => void;
      readonly change: (value: Raw) => boolean;
    },
  ): Promise<never> {
    const { signal } = this.#connection;
    let held: Raw[] | undefined = [];
    for await (
      const event of this.#target.session.stream<Raw>(path, { signal, exactNumbers: true })
    ) {
      if (event.kind === "gap") {
        held = [];
        this.#report.gap({ ...event, type });
      } else if (event.kind === "snapshot_end") {
        snapshot(held ?? []);
        held = undefined;
        this.#readBalances();
      } else if (event.kind === "data") {
        if (held !== undefined) held.push(event.data);
        else if (change(event.data)) this.#readBalances();
      }
    }
    // The stream ends with an error only.
    // deno-coverage-ignore
    throw signal.reason;
  }

  #readBalances(): void {
    this.#areBalancesDue = true;
    this.#wake?.();
  }
}

/** A position that is gone, as it is now. */
function closed(position: Position | undefined, value: Raw): Position | undefined {
  if (position === undefined) return undefined;
  const raw = { ...position.raw, ...value };
  return { ...position, quantity: "0", quantityDirection: "Zero", raw };
}
