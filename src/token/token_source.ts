/**
 * The access token of a session, from one refresh to the next:
 *
 *       ┌────────────────── a refresh succeeds ─────────────────┐
 *       ▼                                                       │
 *     fresh ──advisory──▶ ageing ──mandatory──▶ stale ──────────┤
 *       │     window      requests   window     requests wait   │
 *       │                 go on, and a refresh  for a refresh   │
 *       │                 runs in the background                │
 *       └──401──▶ invalidated: requests wait for a refresh ─────┘
 *
 * At most one refresh runs at a time, for whatever reason: a request without a token, a 401,
 * `session.refresh()`, the background. Aborting a wait affects only that caller.
 *
 * After a failed refresh nobody asks again for a while: a token that is still alive is used, and without
 * one, requests fail at once. If the endpoint refuses the grant for good, the source says so from then
 * on and never asks again.
 */

import { copyError, SessionClosedError, SessionError, TokenError } from "../errors.ts";
import { MAX_RETRY_AFTER_MS } from "../net/retry_after.ts";
import type { TokenReason } from "../tracing/session_event.ts";
import { type Actor, tracers } from "../tracing/tracers.ts";
import { remainingMs, type Token } from "./token.ts";

/** The longest pause after failed refreshes, unless the endpoint asks for more. */
const MAX_BACKOFF_MS = 30_000;

/** The same after failures of the store, which is close, and may be back before the endpoint would be. */
const MAX_STORE_BACKOFF_MS = 2_000;

/** Enough jitter for programs that failed together. More would mean more requests in an outage. */
const MAX_JITTER_MS = 5_000;

/**
 * If a freshly issued token is also rejected, the token is not the problem. For 30 seconds no 401 leads
 * to another refresh, instead of one refresh for each request.
 */
const SUSPENSION_MS = 30_000;

/** 15 seconds: a token request takes at most 10, and a save 5. */
const MAX_REFRESH_MS = 15_000;

/**
 * Gets a new token.
 *
 * @param signal Aborts when the source closes.
 * @param hasUsableToken Whether requests can still go on with the token that the source has.
 */
export type RequestToken = (signal: AbortSignal, hasUsableToken: () => boolean) => Promise<Token>;

/** Holds the access token, and refreshes it. */
export class TokenSource {
  readonly #requestToken: RequestToken;
  /** Whose token it is. */
  readonly actor: Actor;
  readonly #closing = new AbortController();
  #isClosing = false;
  #token: Token | undefined;
  /** Whether the last token was answered with a 401. */
  #isRejected = false;
  #refresh: Promise<Token> | undefined;
  /** The error with which the endpoint has refused the grant for good. */
  #refusal: TokenError | undefined;
  #failures = 0;
  #lastError: unknown;
  #pausedUntil = 0;
  #suspendedUntil = 0;

  /**
   * @param requestToken Gets a new token.
   * @param actor Whose token it is.
   * @param token A token to start with.
   */
  constructor(requestToken: RequestToken, actor: Actor, token?: Token) {
    this.#requestToken = requestToken;
    this.actor = actor;
    this.#token = token;
  }

  /** The token, if it has not expired on either clock. */
  get token(): Token | undefined {
    return this.#token !== undefined && remainingMs(this.#token) > 0 ? this.#token : undefined;
  }

  /** Whether the endpoint has refused the grant for good. */
  get isGrantLost(): boolean {
    return this.#refusal !== undefined;
  }

  /** Whether it is time for a refresh. */
  get isRefreshDue(): boolean {
    return this.#freshMs <= 0;
  }

  /** In how many milliseconds a refresh is due: 0 is now, `undefined` is never again. */
  get refreshDueInMs(): number | undefined {
    if (this.#refusal !== undefined || this.#isClosing) return undefined;
    return Math.max(this.#freshMs, this.pauseMs);
  }

  /** The rest of the pause after a failed refresh, in milliseconds. */
  get pauseMs(): number {
    return Math.max(0, this.#pausedUntil - performance.now());
  }

  /** The token, if a request can be sent with it now. Starts a refresh in the background when due. */
  current(): Token | undefined {
    const token = usable(this.#token);
    if (token !== undefined && this.isRefreshDue) this.refresh().catch(() => {});
    return token;
  }

  /** Refreshes the token, or joins the refresh that runs. Each caller gets an error of its own. */
  refresh(): Promise<Token> {
    this.#refresh ??= this.#runRefresh().finally(() => this.#refresh = undefined);
    return this.#refresh.catch((error) => {
      throw copyError(error);
    });
  }

  /**
   * Refreshes the token for a request that waits. If the machine slept meanwhile, so that a long-lived
   * token has expired on arrival, it is refreshed once more.
   */
  async get(): Promise<Token> {
    const token = await this.refresh();
    const hasSlept = remainingMs(token) <= 0 && token.lifetimeMs > MAX_REFRESH_MS;
    return hasSlept ? this.current() ?? await this.refresh() : token;
  }

  /**
   * Drops a token after a 401, if it is still the one that is held.
   *
   * @returns Which token to send the request again with: the one that a refresh brings, the newer one
   * that is held already, or none.
   */
  invalidate(token: Token): "next" | "held" | undefined {
    if (this.#token === undefined) return "next";
    if (this.#token !== token) return "held";
    if (performance.now() < this.#suspendedUntil) return undefined;
    this.#token = undefined;
    this.#isRejected = true;
    return "next";
  }

  /** Suspends `invalidate()` for a while, because the token is not the reason for the 401. */
  suspendInvalidation(): void {
    this.#suspendedUntil = performance.now() + SUSPENSION_MS;
  }

  /** Starts no further refresh, waits for the one that runs, and ends. */
  async close(patienceMs: number): Promise<void> {
    this.#isClosing = true;
    if (this.#refresh !== undefined) await settledWithin(this.#refresh, patienceMs);
    this.abort();
  }

  /** Ends now, and aborts the refresh that runs. */
  abort(): void {
    this.#isClosing = true;
    this.#token = undefined;
    this.#closing.abort(new SessionClosedError());
  }

  /** In how many milliseconds the advisory window begins. */
  get #freshMs(): number {
    return this.#token === undefined ? 0 : remainingMs(this.#token) - this.#token.advisoryWindowMs;
  }

  /** Why it is refreshed now. */
  get #reason(): TokenReason {
    if (this.#token === undefined) return this.#isRejected ? "rejected" : "first";
    if (!this.isRefreshDue) return "forced";
    return usable(this.#token) === undefined ? "expired" : "due";
  }

  async #runRefresh(): Promise<Token> {
    if (this.#isClosing) throw new SessionClosedError();
    if (this.#refusal !== undefined) throw this.#refusal;
    if (performance.now() < this.#pausedUntil) throw this.#lastError;
    const beginning = () => ({ reason: this.#reason, failures: this.#failures });
    return await tracers.token.trace(this.actor, beginning, async (event = {}) => {
      try {
        const token = await this.#requestToken(
          this.#closing.signal,
          () => usable(this.#token) !== undefined,
        );
        this.#closing.signal.throwIfAborted();
        this.#token = token;
        this.#isRejected = false;
        this.#failures = 0;
        event.from = token.isStored ? "store" : "endpoint";
        event.lifetimeMs = token.lifetimeMs;
        return token;
      } catch (error) {
        this.#lastError = error;
        if (error instanceof TokenError && error.isPermanent) this.#refusal = error;
        else this.#pause(error);
        event.isPermanent = this.isGrantLost;
        if (!event.isPermanent) event.nextTryInMs = this.pauseMs;
        throw error;
      }
    });
  }

  #pause(error: unknown): void {
    const isStoreFailure = error instanceof SessionError && error.code === "store_failed";
    const maxMs = isStoreFailure ? MAX_STORE_BACKOFF_MS : MAX_BACKOFF_MS;
    const backoffMs = Math.min(maxMs, 1000 * 2 ** this.#failures);
    const jitterMs = Math.random() * Math.min(backoffMs, MAX_JITTER_MS);
    const retryAfterMs = error instanceof TokenError ? error.retryAfterMs ?? 0 : 0;
    this.#failures += 1;
    this.#pausedUntil = performance.now() +
      Math.max(backoffMs - jitterMs, Math.min(retryAfterMs, MAX_RETRY_AFTER_MS));
  }
}

/** The token, if it lives for long enough for a request. */
function usable(token: Token | undefined): Token | undefined {
  const isUsable = token !== undefined && remainingMs(token) > token.mandatoryWindowMs;
  return isUsable ? token : undefined;
}

/** Waits until a promise is settled, or the time is up. */
async function settledWithin(promise: Promise<unknown>, ms: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<void>((resolve) => timer = setTimeout(resolve, ms));
  await Promise.race([promise.then(() => {}, () => {}), timeout]);
  clearTimeout(timer);
}
