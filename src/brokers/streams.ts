/** Streams: what a broker sends in them. */

/** What one value of a stream is. */
export type StreamFrame =
  /** What the stream is about. */
  | { readonly kind: "data" }
  /** A sign of life. */
  | { readonly kind: "heartbeat" }
  /** All that was there at the beginning has been sent. */
  | { readonly kind: "snapshot_end" }
  /** The broker closes the stream, and another one can be opened at once. */
  | { readonly kind: "go_away" }
  /** The broker has ended the stream, as it says it would. */
  | { readonly kind: "end" }
  /** An error: of one symbol, of the broker for the moment, or one that another try does not mend. */
  | {
    readonly kind: "symbol_error" | "temporary_error" | "error";
    readonly code: string;
    readonly message?: string | undefined;
    readonly symbol?: string | undefined;
  };

/** How a broker sends chunked JSON. */
export interface BrokerStreams {
  /** How long a stream may be silent, in milliseconds: longer than between two heartbeats. */
  readonly idleTimeoutMs: number;
  /** Tells what a value is. */
  readFrame(value: unknown): StreamFrame;
  /** Tells what a line is that is no JSON. */
  readLine?(line: string): StreamFrame;
}
