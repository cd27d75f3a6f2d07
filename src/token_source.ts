/**
 * The life of the access token:
 *
 *       ┌─────────────────────────── renewed ──────────────────────────┐
 *       ▼                                                              │
 *     fresh ──soft──▶ ageing ──hard──▶ stale ──▶ (everyone waits for a renewal)
 *                       └──▶ (requests go on, a renewal runs behind them)
 *
 *     A renewal that fails for now ──▶ backing off: no further one until then.
 *     A renewal that is refused for good ──▶ refused: there is never another one.
 *
 * There is one door, `renew()`, and at most one token request behind it at a time, whoever asks:
 * a request without a token, a 401, `refresh()`. Nobody who waits there can end it for the others.
 */

import { SessionClosedError, TokenError } from "./errors.ts";
import { remainingMs, type Token } from "./token.ts";

/** A pause after failed renewals is at most this long. */
const MAX_BACKOFF_MS = 30_000;

/** Holds the access token, and renews it. */
export class TokenSource {
  readonly #request: (signal: AbortSignal) => Promise<Token>;
  readonly #closing = new AbortController();
  #token: Token | undefined;
  #renewal: Promise<Token> | undefined;
  #refusal: TokenError | undefined;
  #failures = 0;
  #backoffUntil = 0;
  #lastFailure: unknown;

  /** @param request Gets a new token; the signal aborts when the source is closed. */
  constructor(request: (signal: AbortSignal) => Promise<Token>) {
    this.#request = request;
  }

  /** The token held, as long as it lives by both clocks. */
  get token(): Token | undefined {
    return this.#token !== undefined && remainingMs(this.#token) > 0 ? this.#token : undefined;
  }

  /** Whether a renewal would not come too early. */
  get isDue(): boolean {
    return this.#token === undefined || remainingMs(this.#token) <= this.#token.softLeadMs;
  }

  /** The token held if a request can go out with it now. Starts a renewal if it is ageing. */
  usable(): Token | undefined {
    if (this.#token === undefined) return undefined;
    const remaining = remainingMs(this.#token);
    if (remaining <= this.#token.hardLeadMs) return undefined;
    if (remaining <= this.#token.softLeadMs) this.renew().catch(() => {}); // the held one still serves
    return this.#token;
  }

  /** Renews the token, or joins the renewal that runs. */
  renew(): Promise<Token> {
    this.#renewal ??= this.#renew().finally(() => this.#renewal = undefined);
    return this.#renewal;
  }

  /** A request was answered 401: the token that it carried is of no use, if it is still the one held. */
  reject(token: Token): void {
    if (this.#token === token) this.#token = undefined;
  }

  /** Lets a renewal that runs finish, for so long at the most, then ends everything. */
  async close(patienceMs: number): Promise<void> {
    if (this.#renewal !== undefined) await settled(this.#renewal, patienceMs);
    this.abort();
  }

  /** Ends everything. */
  abort(): void {
    this.#token = undefined;
    this.#closing.abort(new SessionClosedError());
  }

  async #renew(): Promise<Token> {
    if (this.#refusal !== undefined) throw this.#refusal;
    if (performance.now() < this.#backoffUntil) throw this.#lastFailure;
    try {
      const token = await this.#request(this.#closing.signal);
      this.#closing.signal.throwIfAborted();
      this.#token = token;
      this.#failures = 0;
      return token;
    } catch (error) {
      if (error instanceof TokenError && error.isPermanent) this.#refusal = error;
      this.#lastFailure = error;
      this.#backOff();
      throw error;
    }
  }

  /** Full jitter, so that programs that failed together do not come back together. */
  #backOff(): void {
    const limitMs = Math.min(MAX_BACKOFF_MS, 1000 * 2 ** this.#failures);
    this.#failures += 1;
    this.#backoffUntil = performance.now() + Math.random() * limitMs;
  }
}

/** Waits until a promise is settled, or its time is up. */
async function settled(promise: Promise<unknown>, patienceMs: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const patience = new Promise<void>((resolve) => timer = setTimeout(resolve, patienceMs));
  await Promise.race([promise.then(() => {}, () => {}), patience]);
  clearTimeout(timer);
}
