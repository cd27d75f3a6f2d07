/** What became of a request: decided here, for reads and orders and for every broker. */

import type { CallOutcome } from "../errors.ts";
import type { NetworkFailure } from "../net/network_failure.ts";

/**
 * The refusals of RFC 9110 section 15.5 (401, 407, 421), RFC 8470 (425) and RFC 6585 (429): the request was
 * not even read.
 */
const UNREAD_STATUSES: ReadonlySet<number> = new Set([401, 407, 421, 425, 429]);

/** What a response says that is no success. */
export function outcomeOfStatus(status: number): CallOutcome {
  if (UNREAD_STATUSES.has(status)) return "not_processed";
  // A gateway that got no response does not know the outcome either. 501 says that nobody can do it.
  const isRefusal = status >= 400 && status < 500 && status !== 408 || status === 501;
  return isRefusal ? "refused" : "unknown";
}

/** What an attempt says that got this response or failed so; `undefined` if it has done neither. */
export function outcomeOfAttempt(result: number | NetworkFailure | undefined): CallOutcome {
  if (typeof result === "number") return outcomeOfStatus(result);
  return result?.sent === "no" ? "not_processed" : "unknown";
}

/** What all attempts say together: one that may have been carried out is enough. */
export function outcomeOfAttempts(outcomes: readonly CallOutcome[]): CallOutcome {
  if (outcomes.includes("unknown")) return "unknown";
  return outcomes.at(-1) ?? "not_processed";
}
