/** The page to read first: everything that a session does starts here. */

import { awaitToken } from "./call/await_token.ts";
import {
  CALL_OPTIONS,
  type CallOptions,
  checkCallOptions,
  checkFetchInit,
  REFRESH_OPTIONS,
  type RefreshOptions,
  REQUEST_OPTIONS,
  type RequestOptions,
  STREAM_OPTIONS,
  type StreamOptions,
} from "./call/call_options.ts";
import { parseExactly } from "./call/exact_numbers.ts";
import { type CallLimits, OpenCalls } from "./call/open_calls.ts";
import { readPages } from "./call/pagination.ts";
import {
  type PreparedRequest,
  prepareRequest,
  requestUrl,
  type SessionRequestInit,
  unpackRequest,
} from "./call/request.ts";
import { QuoteTokenKeeper } from "./call/quote_token.ts";
import { RetryBudget } from "./call/retry.ts";
import { Transport } from "./call/transport.ts";
import type { Broker } from "./brokers/broker.ts";
import type { QuoteToken } from "./brokers/quote_tokens.ts";
import { toOneLine } from "./error_message.ts";
import { ApiError, SessionError, TokenError } from "./errors.ts";
import { checkTimeout, type Deadline } from "./net/deadline.ts";
import { jsonBodyOrFactory } from "./net/request_body.ts";
import { pathBelow, withoutQuery, withQuery } from "./net/url.ts";
import {
  readSessionOptions,
  type SessionOptions,
  type SessionSettings,
} from "./session_options.ts";
import type { StreamEvent } from "./streams/chunked_stream.ts";
import { EventStream } from "./streams/event_stream.ts";
import { RefreshGrant } from "./token/refresh_grant.ts";
import { shareRefreshToken } from "./token/shared_refresh_token.ts";
import { remainingMs, type Token } from "./token/token.ts";
import { TokenSource } from "./token/token_source.ts";
import { tracers } from "./tracing/tracers.ts";

/** How long `close()` waits for a token refresh that runs, so that its result is not lost. */
const CLOSE_PATIENCE_MS = 5_000;

/**
 * A program signed in to a broker.
 *
 * Creating a session sends nothing. The first request gets an access token, later requests use it, and
 * the session refreshes it when it expires or is rejected, with one token request for all calls that
 * wait.
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
 *
 * @example Where there is no `await using`, as on Node 22
 * ```ts
 * import { assert } from "@std/assert";
 * import { Session } from "@tasty/session";
 * import { startEmulator } from "@tasty/session/emulator";
 *
 * const emulator = await startEmulator();
 * const session = new Session({ ...emulator.tastytrade });
 * try {
 *   assert(await session.validate());
 * } finally {
 *   await session.close();
 *   await emulator.close();
 * }
 * ```
 */
export class Session implements AsyncDisposable, Disposable {
  readonly #settings: Omit<SessionSettings, "credentials" | "loginTokens">;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #grant: RefreshGrant;
  readonly #source: TokenSource;
  readonly #retries: RetryBudget | undefined;
  readonly #transport: Transport;
  readonly #calls: OpenCalls;
  readonly #quoteToken = new QuoteTokenKeeper();
  /** Unregisters the session from the shared refresh token, which it holds: `close()` drops it. */
  #releaseToken: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  /**
   * Creates a session. Sends nothing.
   *
   * @param options Credentials, broker and behavior. Missing credentials come from the environment.
   * @throws {CredentialsError} If a credential is missing or visibly wrong.
   * @throws {TypeError} If an option is unknown or has another type.
   * @throws {RangeError} If a number or `apiVersion` is out of range.
   */
  constructor(options: SessionOptions = {}) {
    const { credentials, loginTokens, ...settings } = readSessionOptions(options);
    this.#settings = settings;
    const { broker, endpoints, place, sandbox, userAgent, fetch, rateLimits, store } = settings;
    this.#headers = { "accept": "application/json", "user-agent": userAgent, ...endpoints.headers };
    const id = { tokenUrl: endpoints.tokenUrl, fetch, ...credentials };
    const { token, release } = shareRefreshToken(id, loginTokens);
    this.#releaseToken = release;
    const grant = new RefreshGrant(credentials, token, settings, store);
    this.#grant = grant;
    this.#source = new TokenSource(grant.refresh.bind(grant), this, loginTokens?.accessToken);
    this.#retries = settings.retry && new RetryBudget(settings.retry);
    this.#calls = new OpenCalls(settings.timeoutMs, this);
    this.#transport = new Transport({
      broker,
      sandbox,
      apiVersion: place.apiVersion,
      source: this.#source,
      fetch,
      retries: this.#retries,
      rateLimits,
      running: this.#calls.requests,
      tokenUrl: endpoints.tokenUrl,
      baseUrl: endpoints.baseUrl,
      secrets: () => grant.secrets,
    });
  }

  /** The broker. */
  get broker(): Broker {
    return this.#settings.broker;
  }

  /** Whether the session uses the broker's test system. */
  get sandbox(): boolean {
    return this.#settings.sandbox;
  }

  /** The address before every path, without a slash at the end. */
  get baseUrl(): string {
    return this.#settings.endpoints.baseUrl;
  }

  /** The address of the broker's account streamer, where that is a server of its own. */
  get streamerUrl(): string | undefined {
    return this.#settings.endpoints.streamerUrl;
  }

  /** How long a call may take that does not say so itself, in milliseconds. */
  get timeoutMs(): number {
    return this.#settings.timeoutMs;
  }

  /** Whether the session holds an access token that has not expired. Sends nothing. */
  get isLoggedIn(): boolean {
    return this.#source.token !== undefined;
  }

  /**
   * Whether the broker has refused the grant for good, so that somebody must log in again: every call rejects with
   * the same {@linkcode TokenError}. The channel `tracing:tasty-session:token:error` tells it at once, also of a
   * refresh in the background ({@linkcode TokenEvent.isPermanent}).
   */
  get isGrantLost(): boolean {
    return this.#source.isGrantLost;
  }

  /** When the access token expires; `undefined` without one. */
  get expiresAt(): Date | undefined {
    const { token } = this.#source;
    return token === undefined ? undefined : new Date(Date.now() + remainingMs(token));
  }

  /**
   * Returns a live access token, for a websocket or another client. Refreshes it if necessary.
   *
   * @throws {TokenError} If the token endpoint refuses.
   * @throws {NetworkError} If there is no response.
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
   * const authToken = `Bearer ${await session.accessToken()}`; // for tastytrade's streamers
   * assert(authToken.startsWith("Bearer ey"));
   * ```
   */
  async accessToken(options: CallOptions = {}): Promise<string> {
    const limits = this.#limit(options, CALL_OPTIONS);
    const source = this.#source;
    const token = source.current() ??
      await this.#waitForToken(limits, "get an access token", () => source.get());
    return token.accessToken;
  }

  /**
   * Refreshes the access token if it will soon expire. Not needed for requests, which do so themselves.
   *
   * @param options `force` refreshes it in any case.
   * @throws {TokenError} If the token endpoint refuses.
   * @throws {NetworkError} If there is no response.
   */
  async refresh(options: RefreshOptions = {}): Promise<void> {
    const limits = this.#limit(options, REFRESH_OPTIONS);
    const source = this.#source;
    if (!options.force && !source.isRefreshDue) return;
    await this.#waitForToken(limits, "refresh the access token", () => source.refresh());
  }

  /**
   * Sends a request with the access token, as the platform's `fetch` would, and returns the platform's
   * `Response`, whatever its status.
   *
   * Refreshes the token when it has expired, and after a 401, and then sends the request once more.
   * Retries what is safe to retry ({@linkcode SessionOptions.retry}). A stream as a body is sent once; a
   * function is called for each attempt; the body of a `Request` is read into memory first. Redirects
   * are returned and not followed, unless `init.redirect` says otherwise.
   *
   * @param input A path below `baseUrl`, or a URL or `Request` with the broker's origin.
   * @param init What `fetch` takes, and `timeoutMs` until the response begins.
   * @throws {TypeError} If the URL has another origin, where the token must not go.
   * @throws {NetworkError} If there is no response.
   * @throws {TokenError} If there is no access token.
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
    if (input instanceof Request) return await this.#fetchRequest(input, init);
    const { timeoutMs, onAbort, ...others } = init;
    const limits = this.#calls.limit({ timeoutMs, signal: init.signal, onAbort });
    return await this.#transport.fetch(this.#prepare(String(input), others), limits);
  }

  /**
   * Gets the data of a path: the broker's JSON without its envelope.
   *
   * @param path A path below `baseUrl`.
   * @returns The data, or `undefined` if the response has no body.
   * @throws {ApiError} If the status is not 2xx; {@linkcode RateLimitError} for 429.
   * @throws {NetworkError} If there is no response.
   * @throws {TokenError} If there is no access token.
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
   * Posts a value as JSON.
   *
   * The request is retried only if it certainly was not carried out: it could not be sent, or was
   * answered 401. After an error whose `outcome` is `"unknown"`, check whether it was carried out before
   * you send it again; {@linkcode Account.placeOrder} does so for an order.
   *
   * @param path A path below `baseUrl`.
   * @param body The value. A string is sent as it is, as JSON; a `FormData` or another body of `fetch` is
   * sent as it is; a function is called for each attempt.
   * @returns The data, or `undefined` if the response has no body.
   * @throws {ApiError} If the status is not 2xx; {@linkcode RateLimitError} for 429.
   * @throws {NetworkError} If there is no response.
   * @throws {TokenError} If there is no access token.
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

  /** Puts a value as JSON, for instance to replace an order. Like {@linkcode Session.post}. */
  put<T = unknown>(path: string, body?: unknown, options: RequestOptions = {}): Promise<T> {
    return this.#data<T>("PUT", path, options, body);
  }

  /** Sends a change as JSON. Like {@linkcode Session.post}. */
  patch<T = unknown>(path: string, body?: unknown, options: RequestOptions = {}): Promise<T> {
    return this.#data<T>("PATCH", path, options, body);
  }

  /** Deletes a resource, for instance to cancel an order. Like {@linkcode Session.post}. */
  delete<T = unknown>(path: string, options: RequestOptions = {}): Promise<T> {
    return this.#data<T>("DELETE", path, options);
  }

  /**
   * Iterates over all items of a list that the broker sends in pages. Gets a page when its first item is
   * needed, and none after the loop ends. If the list grows meanwhile, so that a later page repeats an
   * item, the repetition is left out where the broker's items have ids.
   *
   * @param path A path below `baseUrl`.
   * @throws {ApiError} If the status is not 2xx, or the pages lead nowhere.
   * @throws {NetworkError} If there is no response.
   * @throws {TokenError} If there is no access token.
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
    checkCallOptions(options, REQUEST_OPTIONS);
    const pages = readPages(this.broker, (next, unwrap) => {
      const query = { ...options.query, ...next };
      checkCallOptions({ query }, REQUEST_OPTIONS); // next comes from the broker
      return this.#json("GET", path, { ...options, query }, unwrap);
    });
    for await (const item of pages) yield item as T;
  }

  /**
   * Opens a stream of the broker's, where the broker sends chunked JSON (TradeStation): quotes, bars, market
   * depth, orders. It takes a fresh token with each opening, notices silence, and is opened again when it
   * breaks or the broker goes away, with growing pauses. A `gap` tells that something may be missing; then
   * the broker sends anew what it sends at the beginning.
   *
   * @param path A path below `baseUrl`.
   * @returns The events, as an async iterable. Nothing is sent before the iteration begins.
   * @throws {SessionError} If the broker has no such streams: `code` is `"unsupported"`.
   *
   * @example Quotes
   * ```ts ignore
   * import { Session, tradestation } from "@tasty/session";
   *
   * await using session = new Session({ broker: tradestation });
   * const path = "/marketdata/stream/quotes/MSFT,AAPL";
   * for await (const event of session.stream<{ Symbol: string; Last?: string }>(path)) {
   *   if (event.kind === "gap") console.log("something may be missing:", event.reason);
   *   if (event.kind === "data") console.log(event.data.Symbol, event.data.Last);
   * }
   * ```
   */
  stream<T = unknown>(path: string, options: StreamOptions = {}): EventStream<StreamEvent<T>> {
    checkCallOptions(options, STREAM_OPTIONS);
    const { broker, sandbox, baseUrl } = this;
    const { streams } = broker;
    if (streams === undefined) {
      throw new SessionError(
        `Cannot open a stream: ${broker.name} has no streams of chunked JSON`,
        {
          code: "unsupported",
        },
      );
    }
    const { query, headers, signal, exactNumbers, idleTimeoutMs = streams.idleTimeoutMs } = options;
    const target = withQuery(path, query, broker.arrayFormat);
    const url = withoutQuery(requestUrl(target, baseUrl));
    const open = (signal: AbortSignal) => {
      const limits = this.#calls.limit({ signal });
      return this.#transport.open(this.#prepare(target, { headers }), limits);
    };
    const parse = exactNumbers ? parseExactly : JSON.parse;
    const settings = {
      url,
      open,
      broker: streams,
      idleTimeoutMs: checkTimeout(idleTimeoutMs),
      parse,
    };
    const whileOpen = this.#calls.whileOpen.bind(this.#calls);
    return new EventStream(
      { broker, sandbox, name: toOneLine(pathBelow(url, baseUrl)) },
      async (context) => {
        const { chunkedStream } = await import("./streams/chunked_stream.ts");
        return await chunkedStream<T>(settings)(context);
      },
      whileOpen,
      signal,
    );
  }

  /**
   * Returns a token for the broker's server of quotes (tastytrade's DXLink), for a client of that server such as
   * `@dxfeed/dxlink-api`. It is good for 24 hours; another one is got when less than an hour is left.
   *
   * @throws {SessionError} If the broker has no such server: `code` is `"unsupported"`. TradeStation's quotes are
   * a stream: {@linkcode Session.stream}.
   * @throws {ApiError} If the broker refuses.
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
   * const { url, token, level } = await session.quoteToken();
   * assertEquals(level, "api");
   * // client.connect(url); client.setAuthToken(token);
   * ```
   */
  async quoteToken(options: CallOptions = {}): Promise<QuoteToken> {
    checkCallOptions(options, CALL_OPTIONS);
    const { name, quoteTokens } = this.broker;
    if (quoteTokens === undefined) {
      throw new SessionError(
        `Cannot get a quote token: ${name} has no server of quotes with tokens of its own`,
        { code: "unsupported" },
      );
    }
    return await this.#quoteToken.get(quoteTokens, (path) => this.get(path, options));
  }

  /**
   * Checks with one cheap request whether the broker accepts the session.
   *
   * @returns `false` if the broker refuses the credentials or the token.
   * @throws {NetworkError} If there is no response, so that nothing is known.
   * @throws {ApiError} If the broker does not work, likewise.
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
   * API key**: all users, programs and machines must log in again. Access tokens remain valid until they
   * expire. `close()` never does this.
   *
   * @throws {SessionError} If the broker has no revocation: `code` is `"unsupported"`.
   * @throws {TokenError} If the broker refuses.
   * @throws {NetworkError} If there is no response.
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
    const limits = this.#limit(options, CALL_OPTIONS);
    const { revokeUrl, baseUrl } = this.#settings.endpoints;
    const request = () => ({ method: "POST", path: pathBelow(revokeUrl ?? baseUrl, baseUrl) });
    const task = ({ signal }: Deadline) => this.#grant.revoke(signal);
    await tracers.request.trace(
      this,
      request,
      () => this.#calls.wait(limits, "revoke the refresh token", task, "unknown"),
    );
  }

  /**
   * Closes the session. Calls that still run, and later ones, reject with a
   * {@linkcode SessionClosedError}. A token refresh that runs may finish, for up to 5 seconds. May be
   * called twice.
   *
   * @throws {SessionError} If the store still cannot save the last tokens: `code` is `"store_failed"`.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** For `await using`. Like {@linkcode Session.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * For `using`. Closes the session at once, and aborts a token refresh that runs, unless other sessions
   * of this process share the refresh token and need the result.
   */
  [Symbol.dispose](): void {
    this.#closing ??= Promise.resolve();
    this.#calls.close();
    this.#source.abort();
    this.#grant.abort();
    this.#dropToken();
  }

  /** Refreshes the access token once if it is due. For {@linkcode AutoRefreshSession}. */
  protected async refreshIfDue(): Promise<void> {
    const limits = this.#calls.limit({});
    if (!this.#source.isRefreshDue) return;
    await this.#calls.wait(limits, "refresh the access token", () => this.#source.refresh());
  }

  /**
   * In how many milliseconds a refresh is due: 0 is now; `undefined` is never again, because the session
   * is closed or the grant was refused for good. For {@linkcode AutoRefreshSession}.
   */
  protected get refreshDueInMs(): number | undefined {
    return this.#source.refreshDueInMs;
  }

  /** A JSON call with checked options, for the data without its envelope. */
  async #data<T>(
    method: string,
    path: string,
    options: RequestOptions,
    body?: unknown,
  ): Promise<T> {
    checkCallOptions(options, REQUEST_OPTIONS);
    const { broker } = this;
    const unwrap = (json: unknown) => broker.unwrap === undefined ? json : broker.unwrap(json);
    return await this.#json(method, path, options, unwrap, body) as T;
  }

  /** A JSON call: from a path and a value to the data of the response. */
  #json<T>(
    method: string,
    path: string,
    { query, headers, idempotent, exactNumbers, timeoutMs, signal, onAbort }: RequestOptions,
    unwrap: (json: unknown) => T,
    body?: unknown,
  ): Promise<T | undefined> {
    const limits = this.#calls.limit({ timeoutMs, signal, onAbort });
    const request = this.#prepare(withQuery(path, query, this.broker.arrayFormat), {
      method,
      headers,
      body: body === undefined ? undefined : jsonBodyOrFactory(body),
      idempotent,
    });
    const parse = exactNumbers ? parseExactly : undefined;
    return this.#transport.json(request, limits, { parse, unwrap });
  }

  /** Reads the body of a `Request`, and sends it in the rest of the time. */
  async #fetchRequest(
    request: Request,
    { body, idempotent, timeoutMs, onAbort, ...init }: SessionRequestInit,
  ): Promise<Response> {
    const limits = this.#calls.limit({
      timeoutMs,
      signal: init.signal ?? request.signal,
      onAbort,
    });
    const startedAt = performance.now();
    const isFactory = typeof body === "function";
    // The factory replaces the request's own body, even one that was used.
    const replaced = body === undefined ? init : { ...init, body: isFactory ? "" : body };
    const read = () => unpackRequest(request, replaced);
    const [url, unpacked] = await this.#calls.wait(limits, "read the body of the request", read);
    return await this.fetch(url, {
      ...unpacked,
      ...(isFactory ? { body } : {}),
      idempotent,
      onAbort,
      timeoutMs: Math.max(1, limits.timeoutMs - (performance.now() - startedAt)),
    });
  }

  #prepare(target: string, init: SessionRequestInit): PreparedRequest {
    return prepareRequest(requestUrl(target, this.baseUrl), this.#headers, init);
  }

  /** Waits for a token, and for another refresh if the first one fails. */
  #waitForToken(
    limits: CallLimits,
    action: string,
    refresh: () => Promise<Token>,
  ): Promise<Token> {
    const task = (deadline: Deadline) => awaitToken(refresh, this.#source, this.#retries, deadline);
    return this.#calls.wait(limits, action, task);
  }

  /** Checks the options of a call, and returns its limits. */
  #limit(options: CallOptions, known: ReadonlySet<string>): CallLimits {
    checkCallOptions(options, known);
    return this.#calls.limit(options);
  }

  async #close(): Promise<void> {
    this.#calls.close();
    this.#grant.stopWaiting();
    await this.#source.close(CLOSE_PATIENCE_MS);
    try {
      await this.#grant.close();
    } finally {
      this.#dropToken();
    }
  }

  #dropToken(): void {
    this.#releaseToken?.();
    this.#releaseToken = undefined;
  }
}
