/** Opens a connection again and again, at once after a good one, ever later after bad ones. */

import { ApiError, NetworkError, RateLimitError, SessionError, TokenError } from "../errors.ts";
import { Deadline, MAX_TIMEOUT_MS } from "../net/deadline.ts";
import type { GapReason } from "../gap.ts";
import { type Actor, tracers, traceWait } from "../tracing/tracers.ts";

/** The pause before another try is a random part of this, which doubles up to the longest. */
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;
/** After a connection that lasted as long, the pauses begin anew. */
const GOOD_CONNECTION_MS = 30_000;

/**
 * How many connections in a row may be refused with a 401, after one that was accepted. The request has been
 * repeated with a fresh token then, but that may have been revoked too.
 */
const MOST_REFUSALS = 3;

/** Whose stream it is, and of what. */
export interface StreamSource extends Actor {
  /** What it is called in a log. */
  readonly name: string;
}

/** What a connection gets. */
export interface ConnectionContext<T> {
  /** Ends the connection. */
  readonly signal: AbortSignal;
  /** Hands an event to the program. Ends the connection if the program is too slow. */
  emit(event: T): void;
  /** Lets the program take the events that wait, unless it waits for something else itself. */
  drain(): Promise<void>;
  /** Tells that the connection works, so that the next one is opened soon after its end. */
  isOpen(): void;
}

/**
 * Opens a connection and reads it to its end.
 *
 * @returns Why it has ended.
 * @throws {SessionError} If it could not be opened, or has broken.
 */
export type Connect<T> = (context: ConnectionContext<T>) => Promise<GapReason>;

/** The program takes the events too slowly. */
class SlowConsumerError extends Error {}

/**
 * Keeps a connection open until the signal ends that.
 *
 * @throws The signal's reason, or what no other connection can mend.
 */
export async function keepConnected<T>(
  connect: Connect<T>,
  { source, signal, emit, drain, gap }: {
    readonly source: StreamSource;
    readonly signal: AbortSignal;
    emit(event: T): boolean;
    drain(): Promise<void>;
    gap(reason: GapReason): void;
  },
): Promise<never> {
  const lifetime = new Deadline(MAX_TIMEOUT_MS, () => undefined, signal);
  lifetime.stopTimer();
  let failures = 0;
  let refusalsLeft = 0;
  let isGapTold = true; // before the first connection nothing is missing
  try {
    for (;;) {
      const controller = new AbortController();
      const end = () => controller.abort(signal.reason);
      signal.addEventListener("abort", end);
      let openedAt: number | undefined;
      let reason: GapReason;
      let retryAfterMs = 0;
      try {
        const context = {
          signal: controller.signal,
          drain,
          emit: (event: T) => {
            isGapTold = false;
            if (!emit(event)) controller.abort(new SlowConsumerError());
          },
        };
        const beginning = () => ({ name: source.name });
        reason = await tracers.stream.trace(source, beginning, async (told = {}) => {
          const isOpen = () => {
            openedAt ??= performance.now();
            refusalsLeft = MOST_REFUSALS;
            told.isOpened = true;
          };
          return told.reason = await lifetime.race(connect({ ...context, isOpen }));
        });
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof SlowConsumerError) reason = "slow_consumer";
        else {
          const isRefusal = error instanceof ApiError && error.status === 401;
          if (isRefusal && refusalsLeft > 0) {
            refusalsLeft -= 1;
            reason = "server_error";
          } else {
            const failure = failureOf(error);
            if (failure === undefined) throw error;
            ({ reason, retryAfterMs } = failure);
          }
        }
      } finally {
        signal.removeEventListener("abort", end);
        controller.abort(ENDED);
      }
      signal.throwIfAborted();
      if (!isGapTold || openedAt !== undefined) gap(reason);
      isGapTold = true;
      const livedMs = openedAt === undefined ? 0 : performance.now() - openedAt;
      failures = livedMs >= GOOD_CONNECTION_MS ? 0 : failures + 1;
      const longestMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (failures - 1));
      const pauseMs = failures === 0 ? 0 : Math.random() * longestMs;
      const forMs = Math.max(pauseMs, retryAfterMs);
      const what = { reason: "reconnect", forMs, after: reason } as const;
      await traceWait(source, what, () => lifetime.sleep(forMs));
    }
  } finally {
    lifetime.dispose();
  }
}

const ENDED = Symbol("ended");

/** What another connection may mend; `undefined` for the rest. */
export function failureOf(error: unknown): { reason: GapReason; retryAfterMs: number } | undefined {
  const passing = (reason: GapReason, retryAfterMs = 0) => ({ reason, retryAfterMs });
  if (error instanceof RateLimitError) return passing("server_error", error.retryAfterMs);
  if (error instanceof ApiError) {
    return error.status >= 500 || error.status === 408 ? passing("server_error") : undefined;
  }
  if (error instanceof TokenError) {
    return error.isPermanent ? undefined : passing("disconnected", error.retryAfterMs);
  }
  if (error instanceof NetworkError) {
    return error.kind === "tls" ? undefined : passing("disconnected");
  }
  const isPassing = error instanceof SessionError && error.code === "store_failed";
  return isPassing ? passing("disconnected") : undefined;
}
