import type { Order } from "../brokers/orders.ts";
import type { Balances, Position } from "../brokers/records.ts";

/** An event of {@linkcode Account.updates}. */
export type AccountUpdate = AccountSnapshot | AccountChange;

/** All that there is of something: at the beginning, and again after each gap. */
export type AccountSnapshot =
  /** Today's orders, in any state, and older ones that still work. */
  | { readonly kind: "snapshot"; readonly type: "order"; readonly orders: readonly Order[] }
  /** The open positions. */
  | {
    readonly kind: "snapshot";
    readonly type: "position";
    readonly positions: readonly Position[];
  }
  /** The balances. */
  | { readonly kind: "snapshot"; readonly type: "balance"; readonly balances: Balances };

/** Something as it is now. It may be told more than once. */
export type AccountChange =
  /** An order. */
  | { readonly kind: "update"; readonly type: "order"; readonly order: Order }
  /** A position; its `quantityDirection` is `"Zero"` when it is closed. */
  | { readonly kind: "update"; readonly type: "position"; readonly position: Position }
  /** The balances. */
  | { readonly kind: "update"; readonly type: "balance"; readonly balances: Balances };

/** What an account has at one time. */
export interface AccountContents {
  readonly orders: readonly Order[];
  readonly positions: readonly Position[];
  readonly balances: Balances;
}

/** Options of {@linkcode Account.updates}. */
export interface UpdateOptions {
  /**
   * Ends the updates, with its reason.
   *
   * @default {undefined}
   */
  readonly signal?: AbortSignal | undefined;
  /**
   * How often the broker's lists are read and compared, in milliseconds, because a healthy stream may leave
   * something out. What two comparisons in a row find is told as a gap of the reason `"dropped"`.
   *
   * @default {undefined} never
   */
  readonly reconcileMs?: number | undefined;
}
