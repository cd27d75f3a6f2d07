/** How brokers tell of changes in accounts. */

import type { Order } from "./orders.ts";
import type { Balances, Position, Raw } from "./records.ts";

/** How a broker tells of changes: by messages of a WebSocket, or by streams of chunked JSON. */
export type BrokerUpdates = SocketUpdates | StreamedUpdates;

/** A WebSocket at {@linkcode Endpoints.streamerUrl} that tells of changes only, and not of what is there. */
export interface SocketUpdates {
  /** Which of the two ways it is. */
  readonly kind: "socket";
  /** How often the program must say that it is there, in milliseconds. */
  readonly heartbeatMs: number;
  /** How long the broker may be silent, in milliseconds: longer than two heartbeats and their answers. */
  readonly idleTimeoutMs: number;
  /** The message that asks for the changes of an account. */
  connect(accountNumber: string, accessToken: string): Raw;
  /** The message that says that the program is there. */
  heartbeat(accessToken: string): Raw;
  /** Tells what a message is, which may hold several. */
  read(message: unknown): readonly AccountMessage[];
}

/** What one message of a WebSocket is. */
export type AccountMessage =
  /** The broker has begun to tell of the account's changes. */
  | { readonly kind: "connected" }
  /** An order as it is now. */
  | { readonly kind: "order"; readonly order: Order }
  /** A position as it is now. */
  | { readonly kind: "position"; readonly position: Position }
  /** The balances as they are now. */
  | { readonly kind: "balance"; readonly balances: Balances }
  /** A sign of life, or something that is of no interest here. */
  | { readonly kind: "other" }
  /** The broker refuses a message: perhaps its token, or for good. */
  | {
    readonly kind: "rejected";
    readonly message: string | undefined;
    readonly isPermanent: boolean;
  };

/** Streams of orders and positions, which begin with what is there. */
export interface StreamedUpdates {
  /** Which of the two ways it is. */
  readonly kind: "streams";
  /** The path of the stream of orders. Its values are read by {@linkcode BrokerOrders.readItem}. */
  ordersPath(accountNumber: string): string;
  /** The path of the stream of positions. */
  positionsPath(accountNumber: string): string;
  /** The broker's id of a position. */
  positionId(value: Raw): string | undefined;
  /** Whether the position with this id is gone. */
  isDeleted(value: Raw): boolean;
  /** Reads any other value of that stream. */
  readPosition(value: Raw): Position;
}
