/** The page to read first: everything that a session does starts here. */

import { readAnswer } from "./call/response.ts";
import {
  CALL_OPTIONS,
  checkCallOptions,
  checkFetchInit,
  REFRESH_OPTIONS,
  REQUEST_OPTIONS,
} from "./call/call_options.ts";
import type { Broker, Page } from "./brokers/broker.ts";
import { Deadline, Deadlines } from "./net/deadline.ts";
import {
  ApiError,
  NetworkError,
  SessionClosedError,
  TokenError,
  withCallersStack,
} from "./errors.ts";
import { parseExactly } from "./call/exact_numbers.ts";
import { Grant } from "./token/refresh_grant.ts";
import { Pacer } from "./call/rate_limiter.ts";
import { requireNetwork } from "./net/platform_fetch.ts";
import { shareRefreshToken } from "./token/refresh_token.ts";
import type { RefusalContext } from "./call/api_error.ts";
import {
  jsonBodyOrFactory,
  type OutgoingInit,
  prepare,
  type Query,
  requestUrl,
  unpackRequest,
  withQuery,
} from "./call/request.ts";
import { Retries } from "./call/retry.ts";
import { Call, type Line } from "./call/transport.ts";
import {
  readOptions,
  readTimeout,
  type SessionOptions,
  type SessionSettings,
} from "./session_options.ts";
import { remainingMs } from "./token/token.ts";
import { TokenSource } from "./token/token_source.ts";
import { waitForToken } from "./token/token_wait.ts";

/** How long `close()` lets a token renewal finish, so that what it brings is not lost. */
const CLOSING_PATIENCE_MS = 5_000;

/** So many pages without an item, each of which says that there is another one, lead nowhere. */
const MOST_EMPTY_PAGES = 100;

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
   * Renews the token even if it has long to live. With a store, a token that another process has got
   * since this session's last one is taken instead; at first, any that is stored and lives.
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
  /**
   * Whether the request may arrive twice without harm. Then it is sent again as a GET is. An order may
   * not, nor may its replacement or cancellation.
   *
   * @default {false}
   */
  readonly idempotent?: boolean | undefined;
  /**
   * Whether a number with more digits than a float holds comes as a string of its digits, as it does in
   * `Account` and `Customer`. Else it is rounded, as `JSON.parse` does.
   *
   * @default {false}
   */
  readonly exactNumbers?: boolean | undefined;
}

/**
 * What {@linkcode Session.fetch} takes: all that `fetch` takes, a function that makes the body, and
 * what there is to say of the call.
 */
export interface SessionRequestInit extends OutgoingInit {
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
  readonly #settings: Omit<SessionSettings, "credentials" | "gained">;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #grant: Grant;
  readonly #source: TokenSource;
  readonly #line: Line;
  /** What a close has to end: the requests, and all else that somebody waits for. */
  readonly #requests = new Deadlines({ keepsTimer: true });
  readonly #waits = new Deadlines();
  /** Ends what only waits for a body that nobody can read any more. */
  readonly #unread = new FinalizationRegistry<Deadline>((deadline) => deadline.finish());
  /** Ends the session's part in the refresh token. It knows the token's name, so it is forgotten then. */
  #release: (() => void) | undefined;
  #isNetworkPermitted = false;
  #closing: Promise<void> | undefined;

  /**
   * Makes a session. Sends nothing and waits for nothing.
   *
   * @param options What to sign in with, and where. The environment has what is left out.
   * @throws {CredentialsError} If a credential is neither given nor in the environment, or visibly wrong.
   * @throws {TypeError} If there is no such option, or no such value of it.
   * @throws {RangeError} If a number or `apiVersion` is out of range.
   */
  constructor(options: SessionOptions = {}) {
    const { credentials, gained, ...settings } = readOptions(options);
    this.#settings = settings;
    const { broker, endpoints, userAgent, fetch, store, retry, rateLimits } = settings;
    this.#headers = { "accept": "application/json", "user-agent": userAgent, ...endpoints.headers };
    const name = { tokenUrl: endpoints.tokenUrl, fetch, ...credentials };
    const { token, release } = shareRefreshToken(name, gained);
    this.#release = release;
    this.#grant = new Grant(credentials, token, settings, store);
    this.#source = new TokenSource((signal) => this.#grant.renew(signal), gained?.accessToken);
    this.#line = {
      source: this.#source,
      fetch,
      retries: retry === undefined ? undefined : new Retries(retry),
      pacer: rateLimits.length === 0 ? undefined : new Pacer(rateLimits, endpoints.baseUrl),
      resetHeader: broker.resetHeader,
    };
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
    checkCallOptions(options, CALL_OPTIONS);
    this.#refuse(options);
    const source = this.#source;
    const token = source.usable() ??
      await this.#limited(
        options,
        "get an access token",
        (deadline) => waitForToken(() => source.next(), source, this.#line.retries, deadline),
      );
    return token.accessToken;
  }

  /** Renews the access token if it will soon run out, or if `force` is set. */
  async refresh(options: RefreshOptions = {}): Promise<void> {
    checkCallOptions(options, REFRESH_OPTIONS);
    this.#refuse(options);
    const source = this.#source;
    if (!options.force && !source.isDue) return;
    await this.#limited(
      options,
      "renew the access token",
      (deadline) => waitForToken(() => source.renew(), source, this.#line.retries, deadline),
    );
  }

  /**
   * Sends a request with the access token, as the platform's `fetch` would, and returns the
   * platform's `Response`, whatever its status.
   *
   * Renews a token that has run out, and after a 401 renews it and sends the request once more. Sends
   * again what is safe to send again ({@linkcode SessionOptions.retry}). A body that is a stream is
   * sent once, one that is a function is made anew for each sending. Redirects are returned, not
   * followed, unless `init.redirect` says otherwise. The body of a `Request` is read into memory first.
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
    checkFetchInit(init);
    const { timeoutMs, ...given } = init;
    if (input instanceof Request) return await this.#fetchRequest(input, given, timeoutMs);
    const call = this.#open(String(input), given, { timeoutMs, signal: given.signal });
    try {
      const response = await call.send(this.#line, (answer) => answer);
      if (response.body === null) {
        call.deadline.finish();
      } else {
        call.deadline.stopTimer();
        this.#unread.register(response.body, call.deadline);
      }
      return response;
    } catch (error) {
      call.deadline.finish();
      throw withCallersStack(call.explain(error), given.signal);
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
   * instance a `FormData`, is sent as it is; a function makes the value, anew for each sending.
   *
   * The request is sent again only if it certainly was not carried out: it could not be sent, or was
   * answered 401. After a {@linkcode NetworkError} whose `sent` is `"unknown"`, and after a status of
   * 408 or from 500 on, look whether it was carried out before you send it again.
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
   * for, and no further one after the loop is left. An item that a later page brings again, because
   * the list has grown meanwhile, is left out, where the broker's items have an id.
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
    checkCallOptions(options, REQUEST_OPTIONS); // the query of each page is added to them
    const { broker } = this;
    const before = new Set<string>();
    let emptyPages = 0;
    const readPage = (json: unknown): Page => {
      const page = broker.readPage(json);
      if (!Array.isArray(page.items)) throw new TypeError("readPage() has found no list of items");
      const next = JSON.stringify(page.next);
      emptyPages = page.items.length === 0 ? emptyPages + 1 : 0;
      if (page.next !== undefined && (before.has(next) || emptyPages >= MOST_EMPTY_PAGES)) {
        throw new Error("the pages lead nowhere: each says that there is a next one");
      }
      before.add(next);
      return page;
    };
    const seen = new Set<string>();
    let query = options.query;
    for (;;) {
      const page = await this.#json("GET", path, { ...options, query }, undefined, readPage);
      if (page === undefined) return;
      for (const item of page.items) {
        const id = broker.itemId?.(item);
        if (id !== undefined && seen.has(id)) continue;
        if (id !== undefined) seen.add(id);
        yield item as T;
      }
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
      await this.get(this.#settings.endpoints.validatePath, options);
      return true;
    } catch (error) {
      if (error instanceof TokenError && error.isPermanent) return false;
      if (error instanceof ApiError && error.status === 401) return false;
      throw error;
    }
  }

  /**
   * Revokes the refresh token (RFC 7009). **At TradeStation this revokes every refresh token of the
   * API key**: of all users, programs and machines, which must log in anew. Access tokens that are out
   * live on until they expire. Closing a session never does this.
   *
   * @throws {SessionError} If the broker has no such thing: then `code` is `"unsupported"`.
   * @throws {TokenError} If the broker refuses.
   * @throws {NetworkError} If there is no answer.
   *
   * @example
   * ```ts
   * import { assertRejects } from "@std/assert";
   * import { Session, TokenError, tradestation } from "@tasty/session";
   * import { startEmulator } from "@tasty/session/emulator";
   *
   * await using emulator = await startEmulator();
   * await using session = new Session({ broker: tradestation, ...emulator.tradestation });
   *
   * await session.revoke();
   * await assertRejects(() => session.refresh({ force: true }), TokenError);
   * ```
   */
  async revoke(options: CallOptions = {}): Promise<void> {
    checkCallOptions(options, CALL_OPTIONS);
    this.#refuse(options);
    await this.#limited(
      options,
      "revoke the refresh token",
      ({ signal }) => this.#grant.revoke(signal),
    );
  }

  /**
   * Ends the session. Calls that still run reject with a {@linkcode SessionClosedError}, and so do
   * later ones. A token renewal that runs may finish, for at most 5 seconds. May be called twice.
   *
   * @throws {SessionError} If the store still cannot take the last tokens: `code` is `"store_failed"`.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** `await using`: {@linkcode Session.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * `using`: ends the session now, and cancels a token renewal that runs, unless other sessions of this
   * process share the refresh token, which need what it brings.
   */
  [Symbol.dispose](): void {
    this.#closing ??= Promise.resolve();
    this.#endCalls();
    this.#source.abort();
    this.#grant.abort();
    this.#forget();
  }

  /** Renews the access token if it is time, once. For {@linkcode AutoRefreshSession}. */
  protected async renewIfDue(): Promise<void> {
    this.#refuse({});
    if (!this.#source.isDue) return;
    await this.#limited({}, "renew the access token", () => this.#source.renew());
  }

  /**
   * When the access token should be renewed, in milliseconds: 0 is now; `undefined` is never again,
   * because the session is closed or was refused for good. For {@linkcode AutoRefreshSession}.
   */
  protected get renewalDueInMs(): number | undefined {
    return this.#source.dueInMs;
  }

  async #close(): Promise<void> {
    this.#endCalls();
    await this.#source.close(CLOSING_PATIENCE_MS);
    try {
      await this.#grant.close();
    } finally {
      this.#forget();
    }
  }

  #forget(): void {
    this.#release?.();
    this.#release = undefined;
  }

  #endCalls(): void {
    const reason =
      "The session was closed while this ran: a request that was out may be carried out";
    this.#requests.close(() => new SessionClosedError(reason));
    this.#waits.close(() => new SessionClosedError(reason));
  }

  /** Reads the body of a `Request`, and sends it in what is left of the time. */
  async #fetchRequest(
    request: Request,
    { body, idempotent, ...init }: OutgoingInit,
    timeoutMs: number | undefined,
  ): Promise<Response> {
    const limits = {
      timeoutMs: this.#timeout({ timeoutMs }),
      signal: init.signal ?? request.signal,
    };
    this.#refuse(limits);
    const startedAt = performance.now();
    const isMade = typeof body === "function";
    // What is made takes the place of the request's own body, even of one that was used.
    const own = body === undefined ? init : { ...init, body: isMade ? "" : body };
    const [url, given] = await this.#limited(
      limits,
      "read the body of the request",
      () => unpackRequest(request, own),
    );
    const leftMs = Math.max(1, limits.timeoutMs - (performance.now() - startedAt));
    return await this.fetch(url, {
      ...given,
      ...(isMade ? { body } : {}),
      idempotent,
      timeoutMs: leftMs,
    });
  }

  #data<T>(method: string, path: string, options: RequestOptions, body?: unknown): Promise<T> {
    const { broker } = this;
    const take = (json: unknown) => broker.unwrap === undefined ? json : broker.unwrap(json);
    return this.#json(method, path, options, body, take) as Promise<T>;
  }

  /** One call, from a path and a value to what is taken out of the JSON of the answer. */
  async #json<T>(
    method: string,
    path: string,
    options: RequestOptions,
    body: unknown,
    take: (json: unknown) => T,
  ): Promise<T | undefined> {
    checkCallOptions(options, REQUEST_OPTIONS);
    const { query, headers, idempotent, exactNumbers, ...limits } = options;
    const call = this.#open(withQuery(path, query, this.broker.listQuery), {
      method,
      ...(headers === undefined ? {} : { headers }),
      ...(body === undefined ? {} : { body: jsonBodyOrFactory(body) }),
      idempotent,
    }, limits);
    const reading = { parse: exactNumbers ? parseExactly : undefined, take };
    try {
      return await call.send(
        this.#line,
        (response) => readAnswer(response, call.outgoing, this.#context(call), reading),
      );
    } catch (error) {
      throw withCallersStack(call.explain(error), limits.signal);
    } finally {
      call.deadline.finish();
    }
  }

  #open(target: string, init: OutgoingInit, limits: Limits): Call {
    this.#refuse(limits);
    this.#requireNetwork();
    const outgoing = prepare(requestUrl(target, this.baseUrl), this.#headers, init);
    return new Call(outgoing, this.#timeout(limits), limits.signal, this.#requests);
  }

  /** A call that is no request to the API. */
  async #limited<T>(
    limits: Limits,
    what: string,
    task: (deadline: Deadline) => Promise<T>,
  ): Promise<T> {
    const timeout = () =>
      new NetworkError(`Cannot ${what}: no answer in time`, { kind: "timeout", sent: "no" });
    const deadline = new Deadline(this.#timeout(limits), timeout, limits.signal, this.#waits);
    try {
      return await deadline.wait(task(deadline));
    } catch (error) {
      throw withCallersStack(error, limits.signal);
    } finally {
      deadline.finish();
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

  /** Tells of all hosts at once that Deno must permit. */
  #requireNetwork(): void {
    if (this.#isNetworkPermitted) return;
    const { fetch, endpoints } = this.#settings;
    requireNetwork(fetch, [endpoints.tokenUrl, endpoints.baseUrl]);
    this.#isNetworkPermitted = true;
  }

  #context(call: Call): RefusalContext {
    const { broker, sandbox, apiVersion } = this.#settings;
    const secrets = () => [...this.#grant.secrets, ...call.secrets];
    return { broker, sandbox, apiVersion, secrets };
  }
}

/** What limits a call, as a caller or the platform writes it. */
interface Limits {
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | null | undefined;
}

/** Tells what has forgotten the session, as the Python packages' users may. */
export function requireSession(session: Session, usage: string): void {
  if (typeof session?.get === "function" && typeof session.broker === "object") return;
  throw new TypeError(`Cannot read it without a session: write ${usage}`);
}
