/** A stream of chunked JSON: its values, and what the broker says between them. */

import type { BrokerStreams, StreamFrame } from "../brokers/streams.ts";
import { formatMessage } from "../error_message.ts";
import { ApiError, SessionError } from "../errors.ts";
import { Deadline, DeadlineGroup } from "../net/deadline.ts";
import { networkFailure } from "../net/network_failure.ts";
import type { Connect } from "./connection_loop.ts";
import type { GapReason } from "../gap.ts";
import { JsonChunks, valueOf } from "./json_chunks.ts";

/** An event of a stream of chunked JSON. */
export type StreamEvent<T> =
  /** A value, as the broker sent it. */
  | { readonly kind: "data"; readonly data: T }
  /** All that was there at the beginning has been sent; not every stream tells. */
  | { readonly kind: "snapshot_end" }
  /** The broker refuses one of the symbols. The others go on. */
  | {
    readonly kind: "symbol_error";
    readonly symbol: string | undefined;
    readonly code: string;
    readonly message: string | undefined;
  };

/** How a stream is read. */
export interface ChunkedStreamOptions {
  /** Its address, without the query. */
  readonly url: string;
  /** Opens it. */
  readonly open: (signal: AbortSignal) => Promise<Response>;
  readonly broker: BrokerStreams;
  readonly idleTimeoutMs: number;
  readonly parse: (text: string) => unknown;
}

/** Opens a stream and reads it to its end. */
export function chunkedStream<T>(
  { url, open, broker, idleTimeoutMs, parse }: ChunkedStreamOptions,
): Connect<StreamEvent<T>> {
  return async ({ signal, emit, drain, isOpen }) => {
    const timer = new DeadlineGroup({ keepsTimer: true }); // not armed anew for each chunk
    const silence = new Deadline(idleTimeoutMs, () => SILENCE, signal, timer);
    let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
    try {
      const response = await open(silence.signal);
      isOpen();
      const chunks = new JsonChunks();
      reader = (response.body ?? new Blob([]).stream()).getReader();
      for (;;) {
        // The abort of a request does not always end its body: not in a custom fetch, and not always in Deno's.
        const chunk = await silence.race(reader.read());
        if (chunk.done) return "disconnected";
        silence.restartTimer(idleTimeoutMs);
        for (const text of chunks.take(chunk.value)) {
          const value = valueOf(text, parse);
          const frame = value === undefined ? readLine(text, broker) : broker.readFrame(value);
          const reason = tell<T>(frame, value as T, url, emit);
          if (reason !== undefined) return reason;
          if (signal.aborted) throw signal.reason;
        }
        // Where chunks arrive faster than microtasks run, as on Bun, the program would have no turn.
        await drain();
      }
    } catch (error) {
      if (silence.signal.reason === SILENCE) return "silence";
      if (error instanceof RangeError) return "server_error";
      const isOurs = signal.aborted || error instanceof SessionError;
      if (!isOurs && networkFailure(error) !== undefined) return "disconnected";
      throw error;
    } finally {
      timer.close(() => SILENCE);
      reader?.cancel().catch(() => {}); // it may have broken
    }
  };
}

/** Text that is no JSON: perhaps a line of the broker's. */
function readLine(text: string, { readLine }: BrokerStreams): StreamFrame {
  const isBroken = readLine === undefined || /^[[{]/.test(text);
  return isBroken ? { kind: "temporary_error", code: "invalid_response" } : readLine(text);
}

const SILENCE = Symbol("silence");

/** Hands a frame on. Returns why the stream is over, if it is. */
function tell<T>(
  frame: StreamFrame,
  data: T,
  url: string,
  emit: (event: StreamEvent<T>) => void,
): GapReason | undefined {
  switch (frame.kind) {
    case "data":
      emit({ kind: "data", data });
      return undefined;
    case "heartbeat":
      return undefined;
    case "snapshot_end":
      emit({ kind: "snapshot_end" });
      return undefined;
    case "symbol_error": {
      const { symbol, code, message } = frame;
      emit({ kind: "symbol_error", symbol, code, message });
      return undefined;
    }
    case "go_away":
      return "server_shutdown";
    case "end":
      return "disconnected";
    case "temporary_error":
      return "server_error";
    case "error": {
      const { code, message } = frame;
      const explanation = formatMessage(`Cannot go on with the stream ${url}`, {
        facts: [code, message],
        advice: [
          code === "DualLogon" ? "Another session of this user has taken it over" : undefined,
        ],
      });
      throw new ApiError(explanation, { code, status: 200, method: "GET", url });
    }
  }
}
