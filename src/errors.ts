/**
 * Everything that can go wrong:
 *
 *     SessionError
 *     ├── CredentialsError      before any request: a credential is missing or visibly wrong
 *     ├── LoginError            the login ended without tokens: denied, timed out, port taken
 *     ├── TokenError            the token endpoint refused: `isPermanent` or not
 *     ├── ApiError              the API refused: `status`, `code`, `errors`, `method`, `url`
 *     │   └── RateLimitError    429: `retryAfterMs`
 *     ├── NetworkError          no response: `kind`
 *     └── SessionClosedError
 *
 * Each has an `outcome`: what became of the request. An abort is not among them: a call rejects with the
 * `signal.reason` itself, and `onAbort` tells the outcome. No error holds a secret, a token, a `Request` or
 * `Headers`, because whatever an error holds ends up in a log.
 */

/**
 * What became of a request whose call failed:
 *
 * - `"not_processed"`: it never left, or was turned away unread. It can be sent again.
 * - `"refused"`: the broker read it and said no.
 * - `"unknown"`: it may have been carried out. Look before it is sent again.
 */
export type CallOutcome = "not_processed" | "refused" | "unknown";

/**
 * The class of all errors that this module throws, except `TypeError` and `RangeError` for invalid
 * arguments.
 *
 * Its own codes, where no subclass fits:
 *
 * - `network_denied`: Deno does not permit the network. Run with `--allow-net` for the hosts that the
 *   message names.
 * - `order_ended`: the answer to a cancellation or replacement was lost, and the order has ended otherwise.
 * - `invalid_response`: the answer to an order has no order in it.
 * - `no_such_account`: the broker does not list this account. Use a number from `Account.get(session)`.
 * - `store_failed`: the store cannot be reached, or cannot load or save tokens. A call waits for it for a
 *   moment, as for the network. Repair it before the next start, or log in again. A failed save is first
 *   reported as a process warning, `TokenStoreWarning`.
 * - `store_invalid`: what the store holds cannot be used: it is something else, or was encrypted with
 *   another key, or its path is a file. The message says what to change.
 * - `unsupported`: the broker does not have this. TradeStation has no `Customer`, tastytrade no
 *   `revoke()`: delete the grant on its pages.
 */
export class SessionError extends Error {
  /** A stable identifier to branch on. The message may change between versions. */
  readonly code: string;
  /**
   * What became of the request: `"not_processed"`, `"refused"` or `"unknown"`. After `"unknown"`, an order may
   * be working. A mistake that is found before any request is `"not_processed"` too.
   */
  readonly outcome: CallOutcome;
  /** What `account.findOrder()` finds the order by, if the call was to place or replace one. */
  declare readonly identifier?: string;

  static {
    nameErrors(this, "SessionError");
  }

  /**
   * Programs need this in their own tests only.
   *
   * @param message What happened, and what to do.
   */
  constructor(
    message: string,
    options: { code: string; outcome?: CallOutcome | undefined; cause?: unknown },
  ) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.code = options.code;
    this.outcome = options.outcome ?? "not_processed";
  }
}

/** The codes of a {@linkcode CredentialsError}, which lists them with their cures. */
export type CredentialsErrorCode =
  | "missing_client_id"
  | "missing_client_secret"
  | "missing_refresh_token"
  | "malformed_credential"
  | "wrong_environment"
  | "environment_denied"
  | "password_login"
  | "unwritable_credential";

/**
 * A credential is missing or visibly wrong. Thrown by `new Session()` and `login()` before any request,
 * and by `Credentials.toEnv()`.
 *
 * - `missing_client_id`, `missing_client_secret`, `missing_refresh_token`: neither passed nor in the
 *   environment. Pass the option or set the variable that the message names.
 * - `malformed_credential`: it contains quotes, spaces or "Bearer", or is an access token. Copy it
 *   again, without anything around it.
 * - `wrong_environment`: a sandbox token in production, or the reverse. Set `sandbox`, or create a
 *   grant in the other environment.
 * - `environment_denied`: Deno does not permit reading the environment. Run with `--allow-env`, or pass
 *   the credentials.
 * - `password_login`: a user name or password was passed. The brokers no longer accept passwords;
 *   create a grant.
 * - `unwritable_credential`: `toEnv()` cannot write a value so that every reader of `.env` files reads
 *   it the same. Set the variable in another way.
 */
export class CredentialsError extends SessionError {
  /** What is wrong. */
  declare readonly code: CredentialsErrorCode;

  static {
    nameErrors(this, "CredentialsError");
  }

  /** Programs need this in their own tests only. */
  constructor(message: string, options: { code: CredentialsErrorCode; cause?: unknown }) {
    super(message, options);
  }
}

/** The fields of a {@linkcode LoginError}. */
export interface LoginErrorOptions {
  /** What happened: one of the codes that {@linkcode LoginError} lists. */
  readonly code: string;
  /** The port of the callback address. */
  readonly port?: number;
  /** Other ports that may work. */
  readonly ports?: readonly number[];
  /** The underlying error. */
  readonly cause?: unknown;
}

/**
 * The login ended without tokens. `code` is the broker's own (RFC 6749 section 4.1.2.1) or one of these:
 *
 * - `access_denied` (the broker's): the user declined. Log in again and accept.
 * - `login_timeout`: nothing came back in time, mostly because the callback address is not registered
 *   with the broker. Register the address that the message names, or pass `port`.
 * - `port_taken`: another program listens on the port. End it, or pass one of `ports`.
 * - `port_denied`: this program may not listen on the port. Pass another one.
 * - `no_browser`: no browser could be opened. Pass `openBrowser` or `pasteAddress`.
 * - `state_mismatch`, `invalid_address`: what was pasted does not answer this login. Paste the whole
 *   address from the browser.
 * - `no_refresh_token`: the broker sent only an access token. Add `offline_access` to `scopes`.
 * - `unsupported_runtime`: there is no `node:http` here. Log in on a computer.
 * - `login_refused`: the broker sent something that is not an error code.
 */
export class LoginError extends SessionError {
  /** The port of the callback address, where the error is about it. */
  readonly port: number | undefined;
  /** The broker's other default ports, where one of them may work; else empty. */
  readonly ports: readonly number[];

  static {
    nameErrors(this, "LoginError");
  }

  /** Programs need this in their own tests only. */
  constructor(message: string, options: LoginErrorOptions) {
    super(message, options);
    this.port = options.port;
    this.ports = options.ports ?? [];
  }
}

/** The fields of a {@linkcode TokenError}. */
export interface TokenErrorOptions {
  /** The token endpoint's error code. */
  readonly code: string;
  /** Whether these credentials can never work again. */
  readonly isPermanent: boolean;
  /** The HTTP status. */
  readonly status: number;
  /** How long the endpoint asked to wait, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
  /**
   * What became of the request that needed a token.
   *
   * @default {"not_processed"}
   */
  readonly outcome?: CallOutcome | undefined;
}

/**
 * The token endpoint issued no access token, so the request that needed one was not sent. Only a request
 * with `idempotent: true` may have been sent before, with an earlier token; then `outcome` is `"unknown"`.
 *
 * `code` is the endpoint's own (RFC 6749 section 5.2), `http_` and the status where it sent none, or
 * `invalid_token_response`. If `isPermanent` is true, the session does not ask again:
 *
 * - `invalid_grant`: the refresh token is wrong, revoked, expired, of the other environment or, if it
 *   rotates, used before. Copy it again, create a new grant, or log in again.
 * - `invalid_client`, `access_denied` (TradeStation): the client secret is not the application's.
 *   Compare it; a regenerated secret needs a new grant at tastytrade.
 * - `unauthorized_client`, `unsupported_grant_type`, `invalid_scope`: the broker does not permit this to
 *   the application. Ask the broker.
 *
 * If it is false, try again later; a session does so when the next call needs a token. Among these:
 *
 * - `invalid_token_response`: the response holds no token. A proxy or firewall may have
 *   answered in place of the broker.
 * - `http_401` with a web page: the `User-Agent` header got lost. Check your proxy or
 *   your own `fetch`.
 */
export class TokenError extends SessionError {
  /** `true`: these credentials will never work again. `false`: try again later. */
  readonly isPermanent: boolean;
  /** The HTTP status of the token endpoint's response. */
  readonly status: number;
  /** How long the endpoint asked to wait, in milliseconds, if it did. */
  readonly retryAfterMs: number | undefined;

  static {
    nameErrors(this, "TokenError");
  }

  /** Programs need this in their own tests only. */
  constructor(message: string, options: TokenErrorOptions) {
    super(message, options);
    this.isPermanent = options.isPermanent;
    this.status = options.status;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** One of several errors in an API response, for instance a failed preflight check. */
export interface ApiErrorDetail {
  /** The broker's error code. */
  readonly code?: string;
  /** The broker's message. */
  readonly message?: string;
  /** The field of the request that is wrong. */
  readonly field?: string;
}

/** The fields of an {@linkcode ApiError}. */
export interface ApiErrorOptions {
  /** The broker's error code. */
  readonly code: string;
  /** The HTTP status. */
  readonly status: number;
  /** The request's method. */
  readonly method: string;
  /** The request's URL, without its query. */
  readonly url: string;
  /** The single errors, where the broker lists them. */
  readonly errors?: readonly ApiErrorDetail[];
  /** What the broker sent besides the error. */
  readonly data?: unknown;
  /**
   * What became of the request.
   *
   * @default {"refused"}
   */
  readonly outcome?: CallOutcome | undefined;
}

/**
 * The API refused the request, with a status outside 200–299 or with an error in the body, or its response
 * cannot be used: it is not JSON, too large, or a page that leads nowhere.
 *
 * `code` is the broker's own; without one, `http_` and the status. Some of them:
 *
 * - `preflight_check_failure` (422 at tastytrade; 400 or even 200 at TradeStation): the order breaks a
 *   rule. `errors` lists which.
 * - `not_permitted`, `Forbidden` (403): the scope is missing, or the account is not yours. Orders need
 *   the scope `trade`, at TradeStation `Trade`.
 * - `record_not_found` (404), `Forbidden` with status 200: there is no such account, symbol, order or
 *   path in this environment.
 * - `http_401`, or the broker's code for it: the broker refused a fresh access token too. Check the
 *   grant and its scopes.
 * - `http_406` at tastytrade: the `apiVersion` is not served. Use a later date, or none.
 * - `http_502` in tastytrade's sandbox: it lacks market data, which production has.
 * - `invalid_response`: a good status with a body that cannot be read. Something between this program
 *   and the broker may have answered.
 *
 * `outcome` is `"refused"`, or `"not_processed"` for 401 and 429. After a status of 408 or from 500 on, a
 * redirect, or a good status whose body cannot be read, it is `"unknown"`: an order may have been placed.
 */
export class ApiError extends SessionError {
  /** The HTTP status. */
  readonly status: number;
  /** The request's method. */
  readonly method: string;
  /** The request's URL, without its query. */
  readonly url: string;
  /** The single errors, where the broker lists them; else empty. */
  readonly errors: readonly ApiErrorDetail[];
  /** What the broker sent besides the error, for instance a refused order's effect on buying power. */
  readonly data: unknown;

  static {
    nameErrors(this, "ApiError");
  }

  /** Programs need this in their own tests only. */
  constructor(message: string, options: ApiErrorOptions) {
    super(message, { code: options.code, outcome: options.outcome ?? "refused" });
    this.status = options.status;
    this.method = options.method;
    this.url = options.url;
    this.errors = options.errors ?? [];
    this.data = options.data;
  }
}

/**
 * Too many requests: the broker answered 429, or the session's own `rateLimit` would send the request
 * too late (`rate_limited`: this attempt was not sent, and `outcome` says whether an earlier one was).
 * Wait `retryAfterMs`, or longer each time.
 */
export class RateLimitError extends ApiError {
  /** How long to wait, in milliseconds, if the broker said so. */
  readonly retryAfterMs: number | undefined;

  static {
    nameErrors(this, "RateLimitError");
  }

  /** Programs need this in their own tests only. */
  constructor(message: string, options: ApiErrorOptions & { retryAfterMs: number | undefined }) {
    super(message, options);
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** How a request failed without a response. */
export type NetworkErrorKind =
  | "dns"
  | "refused"
  | "unreachable"
  | "tls"
  | "reset"
  | "protocol"
  | "timeout"
  | "other";

/**
 * There was no response, or only a part of one. `code` is `network_error`.
 *
 * If `outcome` is `"not_processed"`, the request certainly was not carried out: send it again. If it is
 * `"unknown"`, it may have been: an order may be working, so list the orders before you send it again.
 */
export class NetworkError extends SessionError {
  /** Always the same. `kind` says more. */
  declare readonly code: "network_error";
  /** What failed. `timeout` includes the end of the call's own `timeoutMs`. */
  readonly kind: NetworkErrorKind;

  static {
    nameErrors(this, "NetworkError");
  }

  /** Programs need this in their own tests only. */
  constructor(
    message: string,
    options: { kind: NetworkErrorKind; outcome: CallOutcome; cause?: unknown },
  ) {
    super(message, { ...options, code: "network_error" });
    this.kind = options.kind;
  }
}

/**
 * The session was closed before the call, or while it ran. `code` is `session_closed`. If `outcome` is
 * `"unknown"`, an order was on its way and may have been placed.
 */
export class SessionClosedError extends SessionError {
  /** Always the same. */
  declare readonly code: "session_closed";

  static {
    nameErrors(this, "SessionClosedError");
  }

  /** Programs need this in their own tests only. */
  constructor(
    message = "Cannot send a request: the session is closed",
    outcome: CallOutcome = "not_processed",
  ) {
    super(message, { code: "session_closed", outcome });
  }
}

/** Copies an error for one of several callers who wait for the same thing, so each has its own stack. */
export function copyError(error: unknown): unknown {
  if (error instanceof TokenError) return new TokenError(error.message, error);
  if (error instanceof NetworkError) {
    const { kind, outcome, cause } = error;
    const options = cause === undefined ? { kind, outcome } : { kind, outcome, cause };
    return new NetworkError(error.message, options);
  }
  const isPlain = error instanceof SessionError &&
    Object.getPrototypeOf(error) === SessionError.prototype;
  return isPlain ? new SessionError(error.message, error) : error;
}

/**
 * Says of an error what became of the request, where only the end of the call knows.
 *
 * @param advice What to do, if the message does not say so yet.
 */
export function withOutcome<E extends SessionError>(
  error: E,
  outcome: CallOutcome,
  advice?: string,
): E {
  const message = advice === undefined ? error.message : `${error.message}. ${advice}`;
  return Object.assign(error, { outcome, message });
}

/**
 * Points the stack of an error of this module at the program's line that made the call. Many errors are
 * made where a response arrives, which knows nothing of that line. To be called where the call ends.
 *
 * @param signal The caller's own, whose reason is left as it is.
 */
export function withCallersStack(error: unknown, signal?: AbortSignal | null): unknown {
  const isOurs = error instanceof SessionError && !(signal?.aborted && signal.reason === error);
  if (isOurs) Error.captureStackTrace?.(error, withCallersStack);
  return error;
}

/**
 * Sets the name on the prototype. There it is in time for the first line of the stack, stays out of
 * the printed properties, and survives minifiers, which rename classes.
 */
function nameErrors(errorClass: { readonly prototype: Error }, name: string): void {
  Object.defineProperty(errorClass.prototype, "name", { value: name, configurable: true });
}
