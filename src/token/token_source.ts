/**
 * The life of the access token:
 *
 *       ┌────────────────── a renewal succeeds ──────────────────┐
 *       ▼                                                        │
 *     fresh ──soft──▶ ageing ──hard──▶ stale ────────────────────┤
 *       │             requests go on,  requests wait             │
 *       │             a renewal runs   for a renewal             │
 *       │             behind them                                │
 *       └──401──▶ rejected: requests wait for a renewal ─────────┘
 *
 * A renewal that fails for now is followed by a pause, which all callers share: what is alive still
 * serves, and what is not fails at once. One that is refused for good is the last: the source is
 * *refused*, and says so without asking again. `close()` and `abort()` end it: *closed*.
 *
 * There is one door, `renew()`, and at most one token request behind it at a time, whoever comes: a
 * request without a token, a 401, `refresh()`, the background. Who waits there can leave, and ends
 * nothing for the others.
 */

import { errorForCaller, SessionClosedError, TokenError } from "../errors.ts";
import { MAX_RETRY_AFTER_MS } from "../net/retry_after.ts";
import { remainingMs, type Token } from "./token.ts";

/** A pause after failed renewals is at most this long, unless the endpoint asks for more. */
const MAX_BACKOFF_MS = 30_000;

/**
 * So much of a pause is random at the most: enough for programs that failed together not to come back
 * together. More would only mean more requests to an endpoint that is out of order.
 */
const MAX_JITTER_MS = 5_000;

/**
 * A broker that refuses a request with the next token too refuses something else than the token. For
 * so long a 401 gets no further token: there is one in this time, and not one for each request.
 */
const DISTRUST_MS = 30_000;

/** A token request takes 10 s at the most, and a save 5 s. */
const LONGEST_RENEWAL_MS = 15_000;

/** Holds the access token, and renews it. */
export class TokenSource {
  readonly #request: (signal: AbortSignal) => Promise<Token>;
  readonly #ending = new AbortController();
  #isClosing = false;
  #token: Token | undefined;
  #renewal: Promise<Token> | undefined;
  #refusal: TokenError | undefined;
  #failures = 0;
  #lastFailure: unknown;
  #pausedUntil = 0;
  /** Until then a 401 means something else than the token. */
  #distrustedUntil = 0;

  /**
   * @param request Gets a new token. The signal aborts when the source is closed.
   * @param token One that is there already.
   */
  constructor(request: (signal: AbortSignal) => Promise<Token>, token?: Token) {
    this.#request = request;
    this.#token = token;
  }

  /** The token held, as long as it lives by both clocks. */
  get token(): Token | undefined {
    return this.#token !== undefined && remainingMs(this.#token) > 0 ? this.#token : undefined;
  }

  /** Whether a renewal would not come too early. */
  get isDue(): boolean {
    return this.#ageingInMs <= 0;
  }

  /** When a renewal makes sense, in milliseconds: 0 is now, `undefined` never again. */
  get dueInMs(): number | undefined {
    if (this.#refusal !== undefined || this.#isClosing) return undefined;
    return Math.max(this.#ageingInMs, this.pausedMs);
  }

  /** How long nobody is asked for a token, because the last renewal failed. */
  get pausedMs(): number {
    return Math.max(0, this.#pausedUntil - performance.now());
  }

  /** The token held if a request can go out with it now. Starts a renewal behind it if it is ageing. */
  usable(): Token | undefined {
    if (this.#token === undefined) return undefined;
    const remaining = remainingMs(this.#token);
    if (remaining <= this.#token.hardLeadMs) return undefined;
    if (remaining <= this.#token.softLeadMs) this.renew().catch(() => {}); // the held one still serves
    return this.#token;
  }

  /** Renews the token, or joins the renewal that runs. Everyone gets an error object of their own. */
  renew(): Promise<Token> {
    this.#renewal ??= this.#renew().finally(() => this.#renewal = undefined);
    return this.#renewal.catch((error) => {
      throw errorForCaller(error);
    });
  }

  /**
   * The next token, for a request that has to wait for it. One that died on the way although its life
   * is longer, because the machine slept meanwhile, is renewed once more; a short-lived one serves.
   */
  async next(): Promise<Token> {
    const token = await this.renew();
    const hasSlept = remainingMs(token) <= 0 && token.lifetimeMs > LONGEST_RENEWAL_MS;
    return hasSlept ? this.usable() ?? await this.renew() : token;
  }

  /**
   * The broker answered 401 to this token: it is of no more use, if it is still the one held.
   *
   * @returns With which token it is worth while to try again: with the next one, with the one that is
   * held by now, or with none.
   */
  reject(token: Token): "next" | "held" | undefined {
    if (this.#token === undefined) return "next";
    if (this.#token !== token) return "held"; // a straggler: there is a newer one
    if (performance.now() < this.#distrustedUntil) return undefined;
    this.#token = undefined;
    return "next";
  }

  /** The broker answered 401 to a new token too: it is not the token that it refuses. */
  distrust(): void {
    this.#distrustedUntil = performance.now() + DISTRUST_MS;
  }

  /** Begins no renewal any more, lets one that runs finish, for so long at the most, and ends. */
  async close(patienceMs: number): Promise<void> {
    this.#isClosing = true;
    if (this.#renewal !== undefined) await settled(this.#renewal, patienceMs);
    this.abort();
  }

  /** Ends everything. */
  abort(): void {
    this.#isClosing = true;
    this.#token = undefined;
    this.#ending.abort(new SessionClosedError());
  }

  get #ageingInMs(): number {
    return this.#token === undefined ? 0 : remainingMs(this.#token) - this.#token.softLeadMs;
  }

  async #renew(): Promise<Token> {
    if (this.#isClosing) throw new SessionClosedError();
    if (this.#refusal !== undefined) throw this.#refusal;
    if (performance.now() < this.#pausedUntil) throw this.#lastFailure;
    try {
      const token = await this.#request(this.#ending.signal);
      this.#ending.signal.throwIfAborted();
      this.#token = token;
      this.#failures = 0;
      return token;
    } catch (error) {
      this.#lastFailure = error;
      if (error instanceof TokenError && error.isPermanent) this.#refusal = error;
      else this.#pause(error);
      throw error;
    }
  }

  #pause(error: unknown): void {
    const limitMs = Math.min(MAX_BACKOFF_MS, 1000 * 2 ** this.#failures);
    const jitterMs = Math.random() * Math.min(limitMs, MAX_JITTER_MS);
    const asked = error instanceof TokenError ? error.retryAfterMs ?? 0 : 0;
    this.#failures += 1;
    this.#pausedUntil = performance.now() +
      Math.max(limitMs - jitterMs, Math.min(asked, MAX_RETRY_AFTER_MS));
  }
}

/** Waits until a promise is settled, or its time is up. */
async function settled(promise: Promise<unknown>, patienceMs: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const patience = new Promise<void>((resolve) => timer = setTimeout(resolve, patienceMs));
  await Promise.race([promise.then(() => {}, () => {}), patience]);
  clearTimeout(timer);
}
