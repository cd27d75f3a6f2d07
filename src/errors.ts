/**
 * Everything that can go wrong, as one tree:
 *
 *     SessionError
 *     ├── CredentialsError      before any network: missing, malformed, of the other environment
 *     ├── LoginError            the browser flow ended without tokens: denied, timed out, port taken
 *     ├── TokenError            the token endpoint said no: `isPermanent` or not
 *     ├── ApiError              the API said no: `status`, `code`, `errors`, `method`, `url`
 *     │   └── RateLimitError    429: `retryAfterMs`
 *     ├── NetworkError          nobody answered: `kind`, and `sent`: "no" | "unknown"
 *     └── SessionClosedError
 *
 * An abort is not among them: `signal.reason` goes through untouched. No error holds a secret, a
 * token, a `Request` or `Headers`, because whatever an error holds ends up in a log.
 */

/** The common ancestor: `catch (error) { if (error instanceof SessionError) … }`. */
export class SessionError extends Error {
  /** A stable name for what happened, to branch on; the message may change. */
  readonly code: string;

  static {
    nameErrors(this, "SessionError");
  }

  /** Made by the module; a program has no reason to make one, except in its own tests. */
  constructor(message: string, options: { code: string; cause?: unknown }) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.code = options.code;
  }
}

/** What can be wrong with credentials before anything is sent. */
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
 * A credential is missing, malformed, or of the broker's other environment. Thrown by
 * `new Session()`, before anything is sent.
 */
export class CredentialsError extends SessionError {
  /** What is wrong. */
  declare readonly code: CredentialsErrorCode;

  static {
    nameErrors(this, "CredentialsError");
  }

  /** Made by the module. */
  constructor(message: string, options: { code: CredentialsErrorCode; cause?: unknown }) {
    super(message, options);
  }
}

/** What a {@linkcode LoginError} is made from. */
export interface LoginErrorOptions {
  /** See {@linkcode LoginError.code}. */
  readonly code: string;
  /** See {@linkcode LoginError.port}. */
  readonly port?: number;
  /** See {@linkcode LoginError.ports}. */
  readonly ports?: readonly number[];
  /** What is behind it, where there is something. */
  readonly cause?: unknown;
}

/**
 * The login in the browser ended without tokens.
 *
 * `code` is what the broker sent back (RFC 6749 section 4.1.2.1), for instance `access_denied` when
 * the user said no, or one of these: `login_timeout`, nothing came back in time; `port_taken` and
 * `port_denied`, the callback server cannot listen; `no_browser`, no browser could be opened;
 * `state_mismatch` and `invalid_address`, what was pasted is not this login's answer;
 * `no_refresh_token`, the broker let the user in but sent no refresh token; `login_refused`, the
 * broker's own code is no code.
 */
export class LoginError extends SessionError {
  /** The port of the callback address, where it is about that. */
  readonly port: number | undefined;
  /** The broker's other registered ports, where one of them may help; else empty. */
  readonly ports: readonly number[];

  static {
    nameErrors(this, "LoginError");
  }

  /** Made by the module. */
  constructor(message: string, options: LoginErrorOptions) {
    super(message, options);
    this.port = options.port;
    this.ports = options.ports ?? [];
  }
}

/**
 * The token endpoint gave no access token. The request that needed one was not sent.
 *
 * `code` is the endpoint's own (RFC 6749 section 5.2, for instance `invalid_grant`), or
 * `invalid_token_response` for an answer that is no token response at all.
 */
export class TokenError extends SessionError {
  /** `true`: these credentials will never work again, log in anew. `false`: try later. */
  readonly isPermanent: boolean;
  /** The HTTP status of the token endpoint's answer. */
  readonly status: number;
  /** How long the endpoint asked to wait, if it said so. */
  readonly retryAfterMs: number | undefined;

  static {
    nameErrors(this, "TokenError");
  }

  /** Made by the module. */
  constructor(
    message: string,
    options: {
      code: string;
      isPermanent: boolean;
      status: number;
      retryAfterMs?: number | undefined;
    },
  ) {
    super(message, options);
    this.isPermanent = options.isPermanent;
    this.status = options.status;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** One of the single faults that a broker lists in an answer, for instance a failed preflight check. */
export interface ApiFault {
  /** The broker's name for the fault, where it has one. */
  readonly code?: string;
  /** The broker's words. */
  readonly message?: string;
  /** The request's field at fault, where the broker names one. */
  readonly field?: string;
}

/** What an {@linkcode ApiError} is made from. */
export interface ApiErrorOptions {
  /** See {@linkcode ApiError.code}. */
  readonly code: string;
  /** See {@linkcode ApiError.status}. */
  readonly status: number;
  /** See {@linkcode ApiError.method}. */
  readonly method: string;
  /** See {@linkcode ApiError.url}. */
  readonly url: string;
  /** See {@linkcode ApiError.errors}. */
  readonly errors?: readonly ApiFault[];
  /** See {@linkcode ApiError.data}. */
  readonly data?: unknown;
}

/**
 * The API answered, but not with what was asked for: a status outside 200–299, or a body that is
 * not JSON.
 *
 * `code` is the broker's own word (tastytrade: `preflight_check_failure`, `not_permitted`, …) or,
 * where it gave none, `http_` and the status; `invalid_response` for a good status with a bad body.
 */
export class ApiError extends SessionError {
  /** The HTTP status. */
  readonly status: number;
  /** The request's method. */
  readonly method: string;
  /** The request's URL, without its query. */
  readonly url: string;
  /** The single faults, where the broker lists them; else empty. */
  readonly errors: readonly ApiFault[];
  /** What the broker sent beside the error, for instance a refused order's buying-power effect. */
  readonly data: unknown;

  static {
    nameErrors(this, "ApiError");
  }

  /** Made by the module. */
  constructor(message: string, options: ApiErrorOptions) {
    super(message, { code: options.code });
    this.status = options.status;
    this.method = options.method;
    this.url = options.url;
    this.errors = options.errors ?? [];
    this.data = options.data;
  }
}

/** 429: the broker wants fewer requests. */
export class RateLimitError extends ApiError {
  /** How long the broker asked to wait, if it said so. */
  readonly retryAfterMs: number | undefined;

  static {
    nameErrors(this, "RateLimitError");
  }

  /** Made by the module. */
  constructor(message: string, options: ApiErrorOptions & { retryAfterMs: number | undefined }) {
    super(message, options);
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** How an exchange failed when nobody answered. */
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
 * There was no answer, or only a part of one.
 *
 * `sent` says what is known of the request: `"no"`, it certainly never reached the broker;
 * `"unknown"`, it may have. After `"unknown"`, an order may be working: list the orders before
 * sending it again.
 */
export class NetworkError extends SessionError {
  /** Always the same; `kind` tells more. */
  declare readonly code: "network_error";
  /** What failed. `timeout` is also the end of the call's own budget, `timeoutMs`. */
  readonly kind: NetworkErrorKind;
  /** Whether the request can have reached the broker. */
  readonly sent: "no" | "unknown";

  static {
    nameErrors(this, "NetworkError");
  }

  /** Made by the module. */
  constructor(
    message: string,
    options: { kind: NetworkErrorKind; sent: "no" | "unknown"; cause?: unknown },
  ) {
    super(message, { ...options, code: "network_error" });
    this.kind = options.kind;
    this.sent = options.sent;
  }
}

/** The session was closed before the call, or while it ran. */
export class SessionClosedError extends SessionError {
  /** Always the same. */
  declare readonly code: "session_closed";

  static {
    nameErrors(this, "SessionClosedError");
  }

  /** Made by the module. */
  constructor(message = "Cannot send a request: the session is closed") {
    super(message, { code: "session_closed" });
  }
}

/**
 * The same error as an object of its own, for one more caller who waited for the same thing: its stack
 * is that caller's.
 */
export function errorForCaller(error: unknown): unknown {
  if (error instanceof TokenError) return new TokenError(error.message, error);
  if (error instanceof SessionError && Object.getPrototypeOf(error) === SessionError.prototype) {
    return new SessionError(error.message, error);
  }
  if (!(error instanceof NetworkError)) return error;
  const { kind, sent, cause } = error;
  return new NetworkError(
    error.message,
    cause === undefined ? { kind, sent } : { kind, sent, cause },
  );
}

/**
 * Lets an error of ours tell where in the program the call was made: many were made where an answer came
 * in, which knows nothing of it. To be called where the call ends.
 *
 * @param signal The caller's own, whose reason is none of ours.
 */
export function withCallersStack(error: unknown, signal: AbortSignal | null | undefined): unknown {
  const isOurs = error instanceof SessionError && !(signal?.aborted && signal.reason === error);
  if (isOurs) Error.captureStackTrace?.(error, withCallersStack);
  return error;
}

/**
 * Puts the name on the prototype, as a literal. There it is in time for the first line of the stack,
 * stays out of the printed properties, and survives minifiers, which rename classes.
 */
function nameErrors(errorClass: { readonly prototype: Error }, name: string): void {
  Object.defineProperty(errorClass.prototype, "name", { value: name, configurable: true });
}
