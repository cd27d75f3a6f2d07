/** Keeps the token for a broker's server of quotes, and gets another one in time. */

import type { BrokerQuoteTokens, QuoteToken } from "../brokers/quote_tokens.ts";
import { SessionError } from "../errors.ts";

/** A token that is good for less than this is not handed out any more, in milliseconds. */
const MARGIN_MS = 60 * 60 * 1_000;

/** The quote token of a session. */
export class QuoteTokenKeeper {
  #token: QuoteToken | undefined;

  /**
   * Returns the token, or gets another one. Callers at one time may get one each, which is allowed.
   *
   * @param get Gets the data of a path.
   */
  async get(
    { path, defaultLifetimeMs, read }: BrokerQuoteTokens,
    get: (path: string) => Promise<unknown>,
  ): Promise<QuoteToken> {
    const held = this.#token;
    if (held !== undefined && held.expiresAt.getTime() - Date.now() > MARGIN_MS) return held;
    const askedAt = Date.now();
    const answer = read(await get(path));
    if (answer === undefined) {
      throw new SessionError("Cannot get a quote token: there is none in the answer", {
        code: "invalid_response",
      });
    }
    const { expiresAt = new Date(askedAt + defaultLifetimeMs), ...rest } = answer;
    this.#token = { ...rest, expiresAt };
    return this.#token;
  }
}
