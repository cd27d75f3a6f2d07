/** What a stream may have left out, and why. */

/** Why something may be missing. */
export type GapReason =
  /** The connection broke, or the broker closed it. */
  | "disconnected"
  /** Nothing came for too long, not even a heartbeat. */
  | "silence"
  /** The broker announced that it goes away. */
  | "server_shutdown"
  /** The broker reported a failure of its own. */
  | "server_error"
  /** The program took the events too slowly. */
  | "slow_consumer"
  /** The stream left something out, as a comparison with the broker's lists has shown. */
  | "dropped";

/** Something may be missing between the events before and after this one. */
export interface Gap {
  /** What it is. */
  readonly kind: "gap";
  /** Why. */
  readonly reason: GapReason;
  /** What it concerns; everything if there is none. */
  readonly type?: "order" | "position" | "balance" | undefined;
}
