/** Waiting for a token while the sign-in has a bad moment. */

import type { Deadline } from "../net/deadline.ts";
import { NetworkError, TokenError } from "../errors.ts";
import type { Retries } from "../call/retry.ts";
import type { Token } from "./token.ts";
import type { TokenSource } from "./token_source.ts";

/**
 * Waits for a token, and for one or two renewals more if the first did not work: a connection that breaks
 * at the wrong moment fails nobody.
 *
 * @param renew Asks the source.
 * @param retries Left out, nobody waits for another renewal.
 */
export async function waitForToken(
  renew: () => Promise<Token>,
  source: TokenSource,
  retries: Retries | undefined,
  deadline: Deadline,
): Promise<Token> {
  for (let waits = 0;; waits++) {
    try {
      return await renew();
    } catch (error) {
      const isOver = error instanceof TokenError
        ? error.isPermanent
        : !(error instanceof NetworkError) || error.kind === "timeout" || error.kind === "tls";
      const { pausedMs } = source;
      if (isOver || !retries?.permitWait(pausedMs, waits, deadline.remainingMs)) throw error;
      await deadline.pause(Math.ceil(pausedMs) + 1); // timers may come a little early
    }
  }
}
