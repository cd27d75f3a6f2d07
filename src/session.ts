/** The page to read first: everything that a session does starts here. */

import { readAnswer } from "./answer.ts";
import type { Broker } from "./brokers/broker.ts";
import type { Credentials } from "./credentials.ts";
import { Deadline } from "./deadline.ts";
import { ApiError, NetworkError, SessionClosedError, TokenError } from "./errors.ts";
import { jsonBody, prepare, type Query, requestUrl, unpackRequest, withQuery } from "./request.ts";
import { Call } from "./send.ts";
import {
  readOptions,
  readTimeout,
  type SessionOptions,
  type SessionSettings,
} from "./session_options.ts";
import { remainingMs, type Token } from "./token.ts";
import { requestToken } from "./token_request.ts";
import { TokenSource } from "./token_source.ts";

/** How long `close()` lets a token renewal finish, so that what it brings is not lost. */
const CLOSING_PATIENCE_MS = 5_000;

/** What may be said of a single call. */
export interface CallOptions {
  /** Ends the call. Its reason is what the call rejects with. */
  readonly signal?: AbortSignal | undefined;
  /** How long this call may take, in milliseconds, instead of the session's `timeoutMs`. */
  readonly timeoutMs?: number | undefined;
}

/** What may be said of a single renewal. */
export interface RefreshOptions extends CallOptions {
  /**
   * Renews the token even if it has long to live.
   *
   * @default {false}
   */
  readonly force?: boolean;
}

/** What may be said of a single request. */
export interface RequestOptions extends CallOptions {
  /** Added to the path. A list is written the broker's way, at tastytrade `status[]=Live`. */
  readonly query?: Query | undefined;
  /** Added to the session's own headers. */
  readonly headers?: HeadersInit | undefined;
}

/** What {@linkcode Session.fetch} takes: all that `fetch` takes, and the budget of the call. */
export interface SessionRequestInit extends RequestInit {
  /** How long the answer may take to begin, in milliseconds, instead of the session's `timeoutMs`. */
  readonly timeoutMs?: number | undefined;
}

/**
 * A program signed in to a brokerage.
 *
 * Making one sends nothing. The first request gets an access token, the later ones use it, and it
 * is renewed when it runs out or is refused: one token request at a time, however many calls wait.
 *
 * @example Listing accounts
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Account, Session } from "@tasty/session";
 * import { startEmulator } from "@tasty/session/emulator";
 *
 * await using emulator = await startEmulator(); // leave these two out to trade real money
 * await using session = new Session({ ...emulator.tastytrade });
 *
 * const accounts = await Account.get(session);
 * assertEquals(accounts[0]?.accountNumber, "5WT00000");
 * ```
 */
export class Session implements AsyncDisposable, Disposable {
  readonly #settings: SessionSettings;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #source: TokenSource;
  #credentials: Credentials;
  /** What a close has to end. */
  readonly #running = new Set<Deadline>();
  /** Ends what only waits for a body that nobody can read any more. */
  readonly #unread = new FinalizationRegistry<Deadline>((deadline) => this.#end(deadline));
  #closing: Promise<void> | undefined;

  /**
   * Makes a session. Sends nothing and waits for nothing.
   *
   * @param options What to sign in with, and where. The environment has what is left out.
   * @throws {CredentialsError} If a credential is neither given nor in the environment, or visibly wrong.
   * @throws {TypeError} If `baseUrl` or `userAgent` cannot be one.
   * @throws {RangeError} If `timeoutMs` or `apiVersion` cannot be one.
   */
  constructor(options: SessionOptions = {}) {
    this.#settings = readOptions(options);
    const { endpoints, userAgent, credentials } = this.#settings;
    this.#headers = { "accept": "application/json", "user-agent": userAgent, ...endpoints.headers };
    this.#credentials = credentials;
    this.#source = new TokenSource(async (signal) => {
      const token = await requestToken(this.#credentials, this.#settings, signal);
      // A rotated refresh token replaces the one that was spent for it (RFC 6749 section 6).
      const { refreshToken = this.#credentials.refreshToken } = token;
      this.#credentials = { ...this.#credentials, refreshToken };
      return token;
    });
  }

  /** The broker that it signs in to. */
  get broker(): Broker {
    return this.#settings.broker;
  }

  /** Whether it is the broker's test system. */
  get sandbox(): boolean {
    return this.#settings.sandbox;
  }

  /** The address before every path. */
  get baseUrl(): string {
    return this.#settings.endpoints.baseUrl;
  }

  /** Whether an access token is held that has not expired by either clock. Asks nobody. */
  get isLoggedIn(): boolean {
    return this.#source.token !== undefined;
  }

  /** When the access token that is held expires. */
  get expiresAt(): Date | undefined {
    const { token } = this.#source;
    return token === undefined ? undefined : new Date(Date.now() + remainingMs(token));
  }

  /**
   * A live access token, for a websocket or for somebody else's client. Renews it if need be.
   *
   * @example
   * ```ts
   * import { assert } from "@std/assert";
   * import { Session } from "@tasty/session";
   * import { startEmulator } from "@tasty/session/emulator";
   *
   * await using emulator = await startEmulator();
   * await using session = new Session({ ...emulator.tastytrade });
   *
   * const authToken = `Bearer ${await session.accessToken()}`; // as tastytrade's streamers want it
   * assert(authToken.startsWith("Bearer ey"));
   * ```
   */
  async accessToken(options: CallOptions = {}): Promise<string> {
    this.#refuse(options);
    const token = this.#source.usable() ?? await this.#renewed(options);
    return token.accessToken;
  }

  /** Renews the access token if it will soon run out, or if `force` is set. */
  async refresh(options: RefreshOptions = {}): Promise<void> {
    this.#refuse(options);
    if (options.force || this.#source.isDue) await this.#renewed(options);
  }

  /**
   * Sends a request with the access token, as the platform's `fetch` would, and returns the
   * platform's `Response`, whatever its status.
   *
   * Renews a token that has run out, and after a 401 renews it and sends the request once more. A
   * body that is a stream is sent once. Redirects are returned, not followed, unless
   * `init.redirect` says otherwise. The body of a `Request` is read into memory first.
   *
   * @param input A path below `baseUrl`, or a URL or `Request` to the broker's own origin.
   * @param init What `fetch` takes, and the budget until the answer begins.
   * @throws {TypeError} If the URL is not the broker's: the token goes nowhere else.
   *
   * @example
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import { Session } from "@tasty/session";
   * import { startEmulator } from "@tasty/session/emulator";
   *
   * await using emulator = await startEmulator();
   * await using session = new Session({ ...emulator.tastytrade });
   *
   * const response = await session.fetch("/customers/me/accounts");
   * assertEquals(response.headers.get("content-type"), "application/json");
   * await response.body?.cancel();
   * ```
   */
  async fetch(input: string | URL | Request, init: SessionRequestInit = {}): Promise<Response> {
    const { timeoutMs, ...given } = init;
    const [target, request] = input instanceof Request
      ? await unpackRequest(new Request(input, given))
      : [String(input), given];
    const call = this.#open(target, request, { timeoutMs, signal: request.signal });
    try {
      const response = await call.send(this.#source, this.#settings.fetch);
      if (response.body === null) {
        this.#end(call.deadline);
      } else {
        call.deadline.stopTimer();
        this.#unread.register(response.body, call.deadline);
      }
      return response;
    } catch (error) {
      this.#end(call.deadline);
      throw call.explain(error);
    }
  }

  /**
   * Gets what a path holds: the broker's JSON, without its envelope.
   *
   * @throws {ApiError} If the answer's status is not 2xx. {@linkcode RateLimitError} if it is 429.
   * @throws {NetworkError} If there is no answer.
   * @throws {TokenError} If there is no access token to be had.
   *
   * @example
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import { Session } from "@tasty/session";
   * import { startEmulator } from "@tasty/session/emulator";
   *
   * await using emulator = await startEmulator();
   * await using session = new Session({ ...emulator.tastytrade });
   *
   * const status = await session.get<{ "options-level": string }>(
   *   "/accounts/5WT00000/trading-status",
   * );
   * assertEquals(status["options-level"], "Defined Risk Spreads");
   * ```
   */
  get<T = unknown>(path: string, options: RequestOptions = {}): Promise<T> {
    return this.#data<T>("GET", path, options);
  }

  /**
   * Posts a value as JSON. A string is taken for JSON already; what `fetch` takes for a body, for
   * instance a `FormData`, is sent as it is.
   *
   * The request is sent once. After a {@linkcode NetworkError} whose `sent` is `"unknown"`, look
   * whether it was carried out before you send it again.
   *
   * @throws {ApiError} If the answer's status is not 2xx. {@linkcode RateLimitError} if it is 429.
   * @throws {NetworkError} If there is no answer.
   * @throws {TokenError} If there is no access token to be had.
   *
   * @example What an order would cost
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import { Session } from "@tasty/session";
   * import { startEmulator } from "@tasty/session/emulator";
   *
   * await using emulator = await startEmulator();
   * await using session = new Session({ ...emulator.tastytrade });
   *
   * const cost = await session.post<{ "fee-calculation": { "total-fees": string } }>(
   *   "/accounts/5WT00000/orders/dry-run",
   *   {
   *     "time-in-force": "Day",
   *     "order-type": "Limit",
   *     "price": "1.00",
   *     "price-effect": "Debit",
   *     "legs": [{
   *       "instrument-type": "Equity",
   *       "symbol": "AAPL",
   *       "quantity": 1,
   *       "action": "Buy to Open",
   *     }],
   *   },
   * );
   * assertEquals(cost["fee-calculation"]["total-fees"], "0.001");
   * assertEquals(emulator.orders.length, 0);
   * ```
   */
  post<T = unknown>(path: string, body?: unknown, options: RequestOptions = {}): Promise<T> {
    return this.#data<T>("POST", path, options, body);
  }

  /** Puts a value as JSON, with which the broker replaces what is there. As {@linkcode Session.post}. */
  put<T = unknown>(path: string, body?: unknown, options: RequestOptions = {}): Promise<T> {
    return this.#data<T>("PUT", path, options, body);
  }

  /** Changes a part of what a path holds. As {@linkcode Session.post}. */
  patch<T = unknown>(path: string, body?: unknown, options: RequestOptions = {}): Promise<T> {
    return this.#data<T>("PATCH", path, options, body);
  }

  /** Deletes what a path holds, for instance an order that still works. As {@linkcode Session.post}. */
  delete<T = unknown>(path: string, options: RequestOptions = {}): Promise<T> {
    return this.#data<T>("DELETE", path, options);
  }

  /**
   * Every item of a list that the broker sends in pages. Gets a page when its first item is asked
   * for, and no further one after the loop is left.
   *
   * @example
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import { Session } from "@tasty/session";
   * import { startEmulator } from "@tasty/session/emulator";
   *
   * await using emulator = await startEmulator();
   * await using session = new Session({ ...emulator.tastytrade });
   *
   * const ids = new Set<number>();
   * const path = "/accounts/5WT00000/transactions";
   * for await (const { id } of session.items<{ id: number }>(path, { query: { "per-page": 10 } })) {
   *   ids.add(id);
   *   if (ids.size === 15) break;
   * }
   * assertEquals(emulator.count(`GET ${path}`), 2);
   * ```
   */
  async *items<T = unknown>(
    path: string,
    options: RequestOptions = {},
  ): AsyncGenerator<T, void, undefined> {
    let query = options.query;
    for (;;) {
      const body = await this.#json("GET", path, { ...options, query });
      const page = this.broker.readPage(body);
      yield* page.items as T[];
      if (page.next === undefined) return;
      query = { ...query, ...page.next };
    }
  }

  /**
   * Whether the broker accepts the session, found out with one cheap request.
   *
   * @returns `false` if it refuses the credentials or the token.
   * @throws {NetworkError} If nobody answered, so that nothing is known.
   * @throws {ApiError} If the broker is out of order, likewise.
   */
  async validate(options: CallOptions = {}): Promise<boolean> {
    try {
      await this.get(this.broker.validatePath, options);
      return true;
    } catch (error) {
      if (error instanceof TokenError && error.isPermanent) return false;
      if (error instanceof ApiError && error.status === 401) return false;
      throw error;
    }
  }

  /**
   * Ends the session. Calls that still run reject with a {@linkcode SessionClosedError}, and so do
   * later ones. A token renewal that runs may finish, for at most 5 seconds. May be called twice.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** `await using`: {@linkcode Session.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** `using`: ends the session now, and cancels a token renewal that runs. */
  [Symbol.dispose](): void {
    this.#closing ??= Promise.resolve();
    this.#endCalls();
    this.#source.abort();
  }

  async #close(): Promise<void> {
    this.#endCalls();
    await this.#source.close(CLOSING_PATIENCE_MS);
  }

  #endCalls(): void {
    for (const deadline of this.#running) deadline.abort(new SessionClosedError());
    this.#running.clear();
  }

  async #data<T>(
    method: string,
    path: string,
    options: RequestOptions,
    body?: unknown,
  ): Promise<T> {
    return this.broker.unwrap(await this.#json(method, path, options, body)) as T;
  }

  /** One call, from a path and a value to the JSON of the answer. */
  async #json(
    method: string,
    path: string,
    { query, headers, ...limits }: RequestOptions,
    body?: unknown,
  ): Promise<unknown> {
    const call = this.#open(withQuery(path, query, this.broker.listQuery), {
      method,
      ...(headers === undefined ? {} : { headers }),
      ...(body === undefined ? {} : { body: jsonBody(body) }),
    }, limits);
    try {
      const response = await call.send(this.#source, this.#settings.fetch);
      const secrets = this.#secrets(call);
      return await readAnswer(response, call.outgoing, { ...this.#settings, secrets });
    } catch (error) {
      throw call.explain(error);
    } finally {
      this.#end(call.deadline);
    }
  }

  #open(target: string, init: RequestInit, limits: Limits): Call {
    this.#refuse(limits);
    const outgoing = prepare(requestUrl(target, this.baseUrl), this.#headers, init);
    const call = new Call(outgoing, this.#timeout(limits), limits.signal);
    this.#running.add(call.deadline);
    return call;
  }

  #end(deadline: Deadline): void {
    deadline.finish();
    this.#running.delete(deadline);
  }

  /** Waits for a renewal, for no longer than the caller wants. */
  async #renewed(limits: Limits): Promise<Token> {
    const deadline = new Deadline(
      this.#timeout(limits),
      () => new NetworkError("Cannot get an access token in time", { kind: "timeout", sent: "no" }),
      limits.signal,
    );
    this.#running.add(deadline);
    try {
      return await deadline.wait(this.#source.renew());
    } finally {
      this.#end(deadline);
    }
  }

  #timeout({ timeoutMs }: Limits): number {
    return timeoutMs === undefined ? this.#settings.timeoutMs : readTimeout(timeoutMs);
  }

  /** Refuses what is over before it begins. */
  #refuse({ signal }: Limits): void {
    signal?.throwIfAborted();
    if (this.#closing !== undefined) throw new SessionClosedError();
  }

  /** What an answer to this call may echo, and no error may repeat. */
  #secrets({ accessToken }: Call): string[] {
    const { clientSecret, refreshToken } = this.#credentials;
    return accessToken === undefined
      ? [clientSecret, refreshToken]
      : [clientSecret, refreshToken, accessToken];
  }
}

/** What limits a call, as a caller or the platform writes it. */
interface Limits {
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | null | undefined;
}
