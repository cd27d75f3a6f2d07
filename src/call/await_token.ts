import { NetworkError, SessionError, TokenError } from "../errors.ts";
import type { Deadline } from "../net/deadline.ts";
import type { Token } from "../token/token.ts";
import type { TokenSource } from "../token/token_source.ts";
import { traceWait } from "../tracing/tracers.ts";
import type { RetryBudget } from "./retry.ts";

/**
 * Waits for a token, and for one or two more refreshes if the first one fails, so that a connection that
 * breaks at the wrong moment fails no call.
 *
 * @param refresh Asks the source.
 * @param retries Without it, a failure is final.
 */
export function awaitToken(
  refresh: () => Promise<Token>,
  source: TokenSource,
  retries: RetryBudget | undefined,
  deadline: Deadline,
): Promise<Token> {
  const task = () => refreshUntil(refresh, source, retries, deadline);
  return traceWait(source.actor, { reason: "token" }, task);
}

async function refreshUntil(
  refresh: () => Promise<Token>,
  source: TokenSource,
  retries: RetryBudget | undefined,
  deadline: Deadline,
): Promise<Token> {
  for (let waits = 0;; waits++) {
    try {
      return await refresh();
    } catch (error) {
      const isFinal = error instanceof TokenError
        ? error.isPermanent
        : error instanceof NetworkError
        ? error.kind === "timeout" || error.kind === "tls"
        : !(error instanceof SessionError) || error.code !== "store_failed";
      const { pauseMs } = source;
      if (isFinal || !retries?.permitsTokenWait(pauseMs, waits, deadline.remainingMs)) throw error;
      const sleep = () => deadline.sleep(Math.ceil(pauseMs) + 1); // timers may fire a little early
      await traceWait(source.actor, { reason: "token_retry", forMs: pauseMs }, sleep);
    }
  }
}
