/**
 * What is sent again, after what pause, and how often.
 *
 * An order that is placed twice costs money, and replacing or cancelling one twice is not the same as
 * doing it once. So only two kinds of requests are sent again: those that are idempotent, and those that
 * certainly were not carried out.
 */

import type { NetworkFailure } from "../net/network_failure.ts";

/** How a session retries failed requests. */
export interface RetryOptions {
  /**
   * The largest number of retries of a request.
   *
   * @default {3}
   */
  readonly limit?: number | undefined;
  /**
   * The longest pause before a retry, in milliseconds. If the broker asks for more, the request is not
   * retried.
   *
   * @default {30_000}
   */
  readonly maxDelayMs?: number | undefined;
}

/** The retry options with their defaults. */
export interface RetryPolicy {
  readonly limit: number;
  readonly maxDelayMs: number;
}

/** How an attempt ended. A 401 is not among them: it leads to another token, not to a pause. */
export type Outcome = "not sent" | "no response" | "refused temporarily" | "final";

/** Which outcomes are retried. */
const IS_RETRIED: Readonly<Record<Outcome, { idempotent: boolean; other: boolean }>> = {
  "not sent": { idempotent: true, other: true },
  "no response": { idempotent: true, other: false },
  "refused temporarily": { idempotent: true, other: false },
  "final": { idempotent: false, other: false },
};

/** Statuses of temporary refusals: RFC 9110 section 15, and RFC 6585 for 429. */
const TEMPORARY_STATUSES: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504]);

/** The outcome of an attempt that got a response. */
export function outcomeOfStatus(status: number): Outcome {
  return TEMPORARY_STATUSES.has(status) ? "refused temporarily" : "final";
}

/** The outcome of an attempt that failed. */
export function outcomeOfFailure({ kind, sent }: NetworkFailure): Outcome {
  if (kind === "tls") return "final"; // a certificate does not improve in half a minute
  return sent === "no" ? "not sent" : "no response";
}

/** The longest first pause. Each further one may be twice as long. */
const BASE_DELAY_MS = 500;

/**
 * Callers wait up to 2 seconds for another token refresh. The pause after a second failure is no longer
 * than this, the one after a third may be.
 */
const MAX_TOKEN_PAUSE_MS = 2_000;

// As in the standard retry mode of the AWS SDKs: an outage can use up a hundred retries; after that,
// every five responses earn one.
const CAPACITY = 500;
const RETRY_COST = 5;

/**
 * The retries of a session, which all its calls share, so that an outage is not answered with a storm of
 * requests. Each retry costs some of the budget, and good responses refill it.
 */
export class RetryBudget {
  readonly #policy: RetryPolicy;
  #capacity = CAPACITY;

  constructor(policy: RetryPolicy) {
    this.#policy = policy;
  }

  /** Refills the budget after a response that needs no retry. */
  recordSuccess(): void {
    if (this.#capacity < CAPACITY) this.#capacity += 1;
  }

  /**
   * Decides whether a request is sent again, and takes that from the budget.
   *
   * @param retries How many times this request was retried before.
   * @param retryAfterMs How long the broker asks to wait.
   * @param remainingMs How long the call may still take.
   * @returns The pause in milliseconds, or `undefined` for no retry.
   */
  acquire(
    outcome: Outcome,
    { isIdempotent, retries, retryAfterMs, remainingMs }: {
      isIdempotent: boolean;
      retries: number;
      retryAfterMs: number | undefined;
      remainingMs: number;
    },
  ): number | undefined {
    const { idempotent, other } = IS_RETRIED[outcome];
    if (!(isIdempotent ? idempotent : other)) return undefined;
    const { limit, maxDelayMs } = this.#policy;
    if (retries >= limit || this.#capacity < RETRY_COST) return undefined;
    const pauseMs = retryAfterMs ?? Math.min(backoffMs(retries), maxDelayMs);
    if (pauseMs > maxDelayMs || pauseMs >= remainingMs) return undefined;
    this.#capacity -= RETRY_COST;
    return pauseMs;
  }

  /**
   * Decides whether a call waits for the next attempt to refresh the token, which all calls share. So a
   * connection that breaks at the wrong moment fails none of them, and in a longer outage they fail at
   * once.
   *
   * @param pauseMs The pause before that attempt, in milliseconds.
   * @param waits How many times this call has waited before.
   * @param remainingMs How long the call may still take.
   */
  permitsTokenWait(pauseMs: number, waits: number, remainingMs: number): boolean {
    const { limit, maxDelayMs } = this.#policy;
    return waits < limit && pauseMs <= Math.min(MAX_TOKEN_PAUSE_MS, maxDelayMs) &&
      pauseMs < remainingMs;
  }
}

/** Full jitter, so that programs that failed together do not come back together. */
export function backoffMs(retries: number): number {
  return Math.random() * BASE_DELAY_MS * 2 ** Math.min(retries, 20);
}
