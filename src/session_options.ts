/** The options of a session, and their checks. */

import type { Broker, RateLimit } from "./brokers/broker.ts";
import type { RetryOptions, RetryPolicy } from "./call/retry.ts";
import {
  type Connection,
  type ConnectionOptions,
  isSandboxUrl,
  readConnection,
  readPlace,
} from "./connection.ts";
import {
  type CredentialOptions,
  type GrantCredentials,
  PASSWORD_OPTIONS,
  readCredentials,
} from "./credential_options.ts";
import type { Credentials } from "./credentials.ts";
import { checkTimeout, MAX_TIMEOUT_MS } from "./net/deadline.ts";
import { refuseUnknownOptions } from "./unknown_options.ts";
import type { TokenStore } from "./store/token_store.ts";
import { type LoginTokens, loginTokensOf } from "./token/login_tokens.ts";

/** The options of a {@linkcode Session}. All have a default. */
export interface SessionOptions extends ConnectionOptions, CredentialOptions {
  /**
   * What a login has returned. It fills in the broker, the environment, the addresses and the three
   * credentials, as far as other options do not. `new Session({ ...credentials, store })` does the same.
   *
   * @default {undefined}
   */
  readonly credentials?: Credentials | undefined;
  /**
   * The version of the API. At tastytrade a date, `YYYYMMDD`, sent as `Accept-Version`; at TradeStation
   * `"v3"` or `"v2"`.
   *
   * @default {undefined} the broker's choice
   */
  readonly apiVersion?: string | undefined;
  /**
   * How long a call may take, in milliseconds. That includes the wait for a token and for the rate limit,
   * every attempt and every pause, and reading the body, except with `session.fetch()`.
   *
   * @default {30_000}
   */
  readonly timeoutMs?: number | undefined;
  /**
   * How failed requests are retried. GET, HEAD, OPTIONS and requests with `idempotent: true` are retried
   * after a network failure and after 408, 429, 500, 502, 503 and 504; others only if they certainly
   * were not sent. The pause is what `Retry-After` asks for, or random up to 0.5, 1, 2, … seconds.
   * `false` turns retries off, except the one after a 401.
   *
   * @default {{ limit: 3, maxDelayMs: 30_000 }}
   */
  readonly retry?: RetryOptions | false | undefined;
  /**
   * Keeps requests below these limits: a request that would exceed one waits. `"published"` uses the
   * limits that the broker has published. A 429 pauses all requests of its limit.
   *
   * @default {undefined} no limit
   */
  readonly rateLimit?: RateLimit | readonly RateLimit[] | "published" | undefined;
  /**
   * Where tokens are kept between processes, for instance {@linkcode fileStore}. A program then continues
   * with the access token of its last run, does not lose a rotating refresh token, and shares both with
   * other processes and machines. `@tasty/session/stores` has more of them.
   *
   * @default {undefined} in memory
   */
  readonly store?: TokenStore | undefined;
}

/** The options with their defaults. */
export interface SessionSettings extends Connection {
  readonly credentials: GrantCredentials;
  /** The tokens of the login, if the session is made from its credentials. */
  readonly loginTokens: LoginTokens | undefined;
  readonly timeoutMs: number;
  readonly retry: RetryPolicy | undefined;
  readonly rateLimits: readonly RateLimit[];
  readonly store: TokenStore | undefined;
}

/** Checks the options and fills in the defaults. */
export function readSessionOptions(options: SessionOptions): SessionSettings {
  const action = "Cannot create a session";
  if (typeof options !== "object" || options === null) {
    throw new TypeError(
      `${action}: the options must be an object, for instance { clientSecret, refreshToken }`,
    );
  }
  refuseUnknownOptions(options, KNOWN_NAMES, action);
  const given = withCredentials(options);
  const connection = readConnection(given);
  const { broker, place } = connection;
  const credentials = readCredentials(given, broker, place, given.broker === undefined);
  return {
    ...connection,
    credentials,
    loginTokens: findLoginTokens(options.credentials, credentials, connection),
    timeoutMs: checkTimeout(given.timeoutMs ?? 30_000),
    retry: given.retry === false ? undefined : readRetry(given.retry),
    rateLimits: readRateLimits(given.rateLimit, broker),
    store: given.store === undefined ? undefined : readStore(given.store),
  };
}

/** The names of all options. The compiler makes sure that none is missing. */
const NAMES: Readonly<Record<keyof SessionOptions, true>> = {
  broker: true,
  clientId: true,
  clientSecret: true,
  refreshToken: true,
  credentials: true,
  sandbox: true,
  apiVersion: true,
  baseUrl: true,
  signInUrl: true,
  streamerUrl: true,
  timeoutMs: true,
  retry: true,
  rateLimit: true,
  userAgent: true,
  fetch: true,
  store: true,
};

// A sign-in with a password has an error of its own, which comes later.
const KNOWN_NAMES: ReadonlySet<string> = new Set([...Object.keys(NAMES), ...PASSWORD_OPTIONS]);

/** Fills in what a login has returned. */
function withCredentials(options: SessionOptions): SessionOptions {
  const { credentials } = options;
  if (credentials === undefined) return options;
  loginTokensOf(credentials); // throws if it is something else
  const { broker, sandbox, clientId, clientSecret, refreshToken } = credentials;
  const { baseUrl, signInUrl, streamerUrl } = credentials;
  const addresses = { baseUrl, signInUrl, streamerUrl };
  const filled = { broker, ...addresses, clientId, clientSecret, refreshToken };
  // An address of the broker's own determines the environment by itself.
  const hasEnvironment = isSandboxUrl(options.baseUrl, options.broker ?? broker) !== undefined;
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return { ...filled, ...(hasEnvironment ? {} : { sandbox }), ...Object.fromEntries(given) };
}

/** The tokens of the login, unless another option has replaced one of its credentials. */
function findLoginTokens(
  credentials: Credentials | undefined,
  { clientId, refreshToken }: GrantCredentials,
  { endpoints: { tokenUrl } }: Connection,
): LoginTokens | undefined {
  if (credentials === undefined) return undefined;
  const { broker, sandbox, baseUrl, signInUrl } = credentials;
  const own = broker.endpoints(readPlace({ sandbox, baseUrl, signInUrl }, broker));
  const isSame = credentials.clientId === clientId && credentials.refreshToken === refreshToken &&
    own.tokenUrl === tokenUrl;
  return isSame ? loginTokensOf(credentials) : undefined;
}

function readStore(store: TokenStore): TokenStore {
  if (typeof store.get === "function" && typeof store.compareAndSet === "function") return store;
  throw new TypeError(
    'Cannot use this store: pass a TokenStore, for instance fileStore("tokens")',
  );
}

function readRetry(retry: RetryOptions = {}): RetryPolicy {
  if (typeof retry !== "object" || retry === null) {
    throw new TypeError("Cannot use this retry: it must be { limit, maxDelayMs }, or false");
  }
  const { limit = 3, maxDelayMs = 30_000, ...others } = retry;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) {
    throw new TypeError(`Cannot use retry.${unknown}: it is { limit, maxDelayMs }`);
  }
  if (!Number.isSafeInteger(limit) || limit < 0) {
    throw new RangeError(`Cannot use retry.limit ${limit}: it must be a whole number, 0 or more`);
  }
  if (!(typeof maxDelayMs === "number" && maxDelayMs >= 0 && maxDelayMs <= MAX_TIMEOUT_MS)) {
    throw new RangeError(
      `Cannot use retry.maxDelayMs ${maxDelayMs}: it must be in milliseconds, at most ${MAX_TIMEOUT_MS}`,
    );
  }
  return { limit, maxDelayMs };
}

function readRateLimits(
  rateLimit: SessionOptions["rateLimit"],
  { name, rateLimits }: Broker,
): readonly RateLimit[] {
  if (rateLimit === undefined) return [];
  if (rateLimit === "published") {
    if (rateLimits !== undefined) return rateLimits;
    throw new TypeError(`Cannot use rateLimit "published": ${name} has published none`);
  }
  const limits = Array.isArray(rateLimit) ? rateLimit as readonly RateLimit[] : [rateLimit];
  for (const limit of limits) {
    const { requests, perMs, path } = Object(limit) as Partial<RateLimit>;
    const isCount = Number.isSafeInteger(requests) && Number(requests) > 0;
    // A timer could not wait for the end of a longer window.
    const isDuration = typeof perMs === "number" && perMs > 0 && perMs <= MAX_TIMEOUT_MS;
    if (isCount && isDuration && (path === undefined || path instanceof RegExp)) continue;
    throw new TypeError(
      'Cannot use this rateLimit: it must be { requests, perMs, path? }, a list of those, or "published"',
    );
  }
  return limits as readonly RateLimit[];
}
