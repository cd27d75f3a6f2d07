/**
 * What is sent again, after what pause, and how often.
 *
 * An order that is carried out twice costs money, and one that is replaced or cancelled is not the
 * same twice either. So only two things are sent again: what may arrive twice, and what certainly
 * was not carried out.
 */

import type { NetworkFailure } from "../net/network_failure.ts";

/** How a session sends again what failed for the moment. */
export interface RetryOptions {
  /**
   * How many times at the most a request is sent again.
   *
   * @default {3}
   */
  readonly limit?: number | undefined;
  /**
   * The longest pause before one, in milliseconds. A broker that asks for more is not asked again.
   *
   * @default {30_000}
   */
  readonly maxDelayMs?: number | undefined;
}

/** The options with every default filled in. */
export interface RetryPolicy {
  readonly limit: number;
  readonly maxDelayMs: number;
}

/** How a try ended. A 401 is none of these: it is answered with another token, not with patience. */
export type Ending = "not sent" | "no answer" | "refused for now" | "final";

/** What is sent again after which ending. */
const IS_SENT_AGAIN: Readonly<
  Record<Ending, { readonly ifRepeatable: boolean; readonly ifNot: boolean }>
> = {
  "not sent": { ifRepeatable: true, ifNot: true },
  "no answer": { ifRepeatable: true, ifNot: false },
  "refused for now": { ifRepeatable: true, ifNot: false },
  "final": { ifRepeatable: false, ifNot: false },
};

/** The statuses of refusals that may be over in a moment: RFC 9110 section 15, and RFC 6585 for 429. */
const REFUSED_FOR_NOW: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504]);

/** How a try with this answer ended. */
export function endingOfAnswer(status: number): Ending {
  return REFUSED_FOR_NOW.has(status) ? "refused for now" : "final";
}

/** How a try with this failure ended. */
export function endingOfFailure({ kind, sent }: NetworkFailure): Ending {
  if (kind === "tls") return "final"; // a certificate does not get better in half a minute
  return sent === "no" ? "not sent" : "no answer";
}

/** The first pause is at most this long, and each further one may be twice as long. */
const FIRST_DELAY_MS = 500;

/** The pause after a second failed renewal is no longer than this, the one after a third may be. */
const LONGEST_TOKEN_PAUSE_MS = 2_000;

// As in the standard retry mode of AWS's SDKs: in an outage a hundred retries are lost, and in the long
// run there is one for five good answers.
const BUDGET = 500;
const COST_OF_RETRY = 5;

/**
 * The retries of a session, which all its calls share, so that an outage is not answered with a storm:
 * each takes one from the budget, and good answers fill it again.
 */
export class Retries {
  readonly #policy: RetryPolicy;
  #budget = BUDGET;

  constructor(policy: RetryPolicy) {
    this.#policy = policy;
  }

  /**
   * Whether a call should wait for the next try to get a token, which all calls share: then a connection
   * that broke at the wrong moment fails none of them. In a longer outage they fail at once.
   *
   * @param waits How many times it has waited.
   */
  permitWait(pausedMs: number, waits: number, remainingMs: number): boolean {
    return waits < this.#policy.limit &&
      pausedMs <= Math.min(LONGEST_TOKEN_PAUSE_MS, this.#policy.maxDelayMs) &&
      pausedMs < remainingMs;
  }

  /** An answer came that nobody needs to ask for again. */
  earn(): void {
    if (this.#budget < BUDGET) this.#budget += 1;
  }

  /**
   * The pause before the request is sent again, in milliseconds, or `undefined` if it is not to be.
   *
   * @param retries How many times this request was sent again before.
   * @param askedMs How long the broker asks to wait, if it does.
   * @param remainingMs How long the call may still take: a longer pause makes no sense.
   */
  take(
    ending: Ending,
    { isRepeatable, retries, askedMs, remainingMs }: {
      isRepeatable: boolean;
      retries: number;
      askedMs: number | undefined;
      remainingMs: number;
    },
  ): number | undefined {
    const { ifRepeatable, ifNot } = IS_SENT_AGAIN[ending];
    if (!(isRepeatable ? ifRepeatable : ifNot)) return undefined;
    const { limit, maxDelayMs } = this.#policy;
    if (retries >= limit || this.#budget < COST_OF_RETRY) return undefined;
    const pauseMs = askedMs ?? Math.min(backoffMs(retries), maxDelayMs);
    if (pauseMs > maxDelayMs || pauseMs >= remainingMs) return undefined;
    this.#budget -= COST_OF_RETRY;
    return pauseMs;
  }
}

/** Full jitter, so that programs that failed together do not come back together. */
export function backoffMs(retries: number): number {
  return Math.random() * FIRST_DELAY_MS * 2 ** Math.min(retries, 20);
}
