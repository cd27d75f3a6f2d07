/** What a session is made from, checked. */

import type { Broker, EndpointOptions, Endpoints, RateLimit } from "./brokers/broker.ts";
import { tastytrade } from "./brokers/tastytrade.ts";
import {
  type CredentialOptions,
  type Credentials,
  type GrantCredentials,
  PASSWORD_OPTIONS,
  readCredentials,
} from "./credentials.ts";
import { MAX_TIMEOUT_MS } from "./deadline.ts";
import type { RetryOptions, RetryPolicy } from "./retry.ts";
import type { TokenRequestContext } from "./token_request.ts";
import type { TokenStore } from "./token_store.ts";
import { VERSION } from "./version.ts";

/** What a {@linkcode Session} is made from. Everything has a default. */
export interface SessionOptions extends CredentialOptions {
  /**
   * What a login has brought: broker, sandbox, addresses and all three credentials, as far as they are
   * not given beside it. `new Session({ ...credentials, store })` comes to the same.
   *
   * @default {undefined}
   */
  readonly credentials?: Credentials | undefined;
  /**
   * The broker.
   *
   * @default {tastytrade}
   */
  readonly broker?: Broker | undefined;
  /**
   * The broker's own test system instead of real money. It has credentials of its own.
   *
   * @default {false}
   */
  readonly sandbox?: boolean | undefined;
  /**
   * The version of the API. At tastytrade a date, `YYYYMMDD`, which goes out as `Accept-Version`.
   *
   * @default {undefined} what the broker chooses
   */
  readonly apiVersion?: string | undefined;
  /**
   * Another address of the API: https, or http on this machine. At tastytrade the token endpoint
   * moves with it.
   *
   * @default {undefined} the broker's own
   */
  readonly baseUrl?: string | undefined;
  /**
   * Another address of the broker's sign-in, likewise, where that is a server of its own
   * (TradeStation).
   *
   * @default {undefined} the broker's own
   */
  readonly signInUrl?: string | undefined;
  /**
   * How long one call may take, in milliseconds: the wait for a token and for its turn, every try and
   * every pause, and the body of the JSON methods.
   *
   * @default {30_000}
   */
  readonly timeoutMs?: number | undefined;
  /**
   * How reads are sent again that failed for the moment: GET, HEAD, OPTIONS and what says
   * `idempotent: true`, when nobody answered or the answer was 408, 429, 500, 502, 503 or 504. Anything
   * else only if it certainly was not sent. After the pause that `Retry-After` asks for, or a random one
   * of up to 0.5, 1, 2, … seconds. `false` sends nothing again, except after a 401.
   *
   * @default {{ limit: 3, maxDelayMs: 30_000 }}
   */
  readonly retry?: RetryOptions | false | undefined;
  /**
   * Keeps requests below these limits: what would be too much waits for its turn. `"published"` takes
   * those that the broker has published. A 429 holds up everything that its limit is about.
   *
   * @default {undefined} nothing waits
   */
  readonly rateLimit?: RateLimit | readonly RateLimit[] | "published" | undefined;
  /**
   * The `User-Agent` of every request, `<product>/<version>`: tastytrade refuses requests without.
   *
   * @default {"tasty-session/<version>"}
   */
  readonly userAgent?: string | undefined;
  /**
   * What sends the requests: for tests, proxies and special certificates.
   *
   * @default {globalThis.fetch}
   */
  readonly fetch?: typeof fetch | undefined;
  /**
   * Where tokens live between processes, for instance {@linkcode fileStore}. With one, a program
   * goes on with the access token of the last, and a refresh token that rotates is not lost.
   *
   * @default {undefined} tokens live in memory only
   */
  readonly store?: TokenStore | undefined;
}

/** The options with every default filled in, and what follows from them. */
export interface SessionSettings {
  readonly broker: Broker;
  readonly sandbox: boolean;
  readonly apiVersion: string | undefined;
  readonly endpoints: Endpoints;
  readonly credentials: GrantCredentials;
  readonly timeoutMs: number;
  readonly retry: RetryPolicy | undefined;
  readonly rateLimits: readonly RateLimit[];
  readonly userAgent: string;
  readonly fetch: typeof fetch;
  readonly store: TokenStore | undefined;
}

/** Checks the options and fills in the defaults. */
export function readOptions(options: SessionOptions): SessionSettings {
  refuseUnknown(options);
  const given = withCredentials(options);
  const { place, ...connection } = readConnection(given);
  return {
    ...connection,
    apiVersion: place.apiVersion,
    credentials: readCredentials(given, connection.broker, place),
    timeoutMs: readTimeout(given.timeoutMs ?? 30_000),
    retry: given.retry === false ? undefined : readRetry(given.retry),
    rateLimits: readRateLimits(given.rateLimit, connection.broker),
    store: given.store === undefined ? undefined : readStore(given.store),
  };
}

/** What others call the options, as {@linkcode plainName} has it. */
const OTHER_NAMES: ReadonlyMap<string, string> = new Map([
  ["istest", "sandbox"],
  ["usev2", 'apiVersion: "v2"'],
  ["timeout", "timeoutMs"],
  ["secret", "clientSecret"],
  ["providersecret", "clientSecret"],
  ["secretkey", "clientSecret"],
  ["refresh", "refreshToken"],
  ["apikey", "clientId"],
]);

/** The same for `client_secret`, `ClientSecret` and `clientSecret`. */
function plainName(name: string): string {
  return name.replaceAll("_", "").toLowerCase();
}

/** The options that there are: the compiler sees to it that none is left out. */
const OPTIONS: Readonly<Record<keyof SessionOptions, true>> = {
  broker: true,
  clientId: true,
  clientSecret: true,
  refreshToken: true,
  credentials: true,
  sandbox: true,
  apiVersion: true,
  baseUrl: true,
  signInUrl: true,
  timeoutMs: true,
  retry: true,
  rateLimit: true,
  userAgent: true,
  fetch: true,
  store: true,
};

// Those of a sign-in with a password have an error of their own, which comes later.
const KNOWN_NAMES: ReadonlySet<string> = new Set([...Object.keys(OPTIONS), ...PASSWORD_OPTIONS]);

/** A mistyped `sandbox` must not end in trading real money. */
function refuseUnknown(options: SessionOptions): void {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(
      "Cannot create a session: its options are an object, for instance { clientSecret, refreshToken }",
    );
  }
  for (const name of Object.keys(options)) {
    if (KNOWN_NAMES.has(name)) continue;
    const plain = plainName(name);
    const otherName = [...KNOWN_NAMES].find((known) => plainName(known) === plain) ??
      OTHER_NAMES.get(plain);
    const hint = otherName === undefined ? "" : `. It is called ${otherName} here`;
    throw new TypeError(`Cannot create a session: there is no option "${name}"${hint}`);
  }
}

/** The options, and what a login has brought where they say nothing. */
function withCredentials(options: SessionOptions): SessionOptions {
  const { credentials } = options;
  if (credentials === undefined) return options;
  const { broker, sandbox, baseUrl, signInUrl, clientId, clientSecret, refreshToken } = credentials;
  const brought = { broker, sandbox, baseUrl, signInUrl, clientId, clientSecret, refreshToken };
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return { ...brought, ...Object.fromEntries(given) };
}

function readStore(store: TokenStore): TokenStore {
  if (typeof store.load === "function" && typeof store.lock === "function") return store;
  throw new TypeError(
    'Cannot use this store: pass a TokenStore, for instance fileStore("tokens.json")',
  );
}

/** Whom a session or a login talks to, and how. */
export interface Connection extends TokenRequestContext {
  readonly place: EndpointOptions;
}

/** Checks the part of the options that a login has too. */
export function readConnection(options: Omit<SessionOptions, keyof CredentialOptions>): Connection {
  const { broker = tastytrade, sandbox = false, apiVersion } = options;
  if (typeof broker.endpoints !== "function") {
    throw new TypeError(
      "Cannot use this broker: pass the value, tastytrade or tradestation, not its name",
    );
  }
  if (typeof sandbox !== "boolean") {
    throw new TypeError("Cannot use this sandbox: it is true or false");
  }
  const place = {
    sandbox,
    apiVersion,
    baseUrl: readUrl("baseUrl", options.baseUrl),
    signInUrl: readUrl("signInUrl", options.signInUrl),
  };
  return {
    broker,
    sandbox,
    place,
    endpoints: broker.endpoints(place),
    userAgent: readUserAgent(options.userAgent ?? `tasty-session/${VERSION}`),
    // Looked up at each call, so that what replaces the global later is used, and bound to nothing.
    fetch: options.fetch ?? ((input, init) => fetch(input, init)),
  };
}

/** Checks a time that a call may take. */
export function readTimeout(timeoutMs: number): number {
  if (timeoutMs > 0 && timeoutMs <= MAX_TIMEOUT_MS) return timeoutMs;
  throw new RangeError(
    `Cannot use timeoutMs ${timeoutMs}: it is in milliseconds, above 0 and at most ${MAX_TIMEOUT_MS}`,
  );
}

/** Checks how failed requests are sent again. */
function readRetry(retry: RetryOptions = {}): RetryPolicy {
  if (typeof retry !== "object" || retry === null) {
    throw new TypeError("Cannot use this retry: it is { limit, maxDelayMs }, or false");
  }
  const { limit = 3, maxDelayMs = 30_000 } = retry;
  if (!Number.isSafeInteger(limit) || limit < 0) {
    throw new RangeError(`Cannot use retry.limit ${limit}: it is a whole number, 0 or more`);
  }
  if (!(maxDelayMs >= 0 && maxDelayMs <= MAX_TIMEOUT_MS)) {
    throw new RangeError(
      `Cannot use retry.maxDelayMs ${maxDelayMs}: it is in milliseconds, at most ${MAX_TIMEOUT_MS}`,
    );
  }
  return { limit, maxDelayMs };
}

/** Checks how fast requests may go out. */
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
    if (isCount && Number(perMs) > 0 && (path === undefined || path instanceof RegExp)) continue;
    throw new TypeError(
      'Cannot use this rateLimit: it is { requests, perMs, path? }, a list of those, or "published"',
    );
  }
  return limits as readonly RateLimit[];
}

/** Secrets are sent there, so it is https; http never leaves this machine. */
export function readUrl(option: string, value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  const url = URL.canParse(value) ? new URL(value) : undefined;
  const isLoopback = url?.hostname === "localhost" || url?.hostname === "[::1]" ||
    /^127(\.\d+){3}$/.test(url?.hostname ?? "");
  if (
    url === undefined || !(url.protocol === "https:" || url.protocol === "http:" && isLoopback) ||
    url.username !== "" || url.password !== "" || /[?#]/.test(url.href)
  ) {
    throw new TypeError(
      `Cannot use this ${option}: it is https, or http on localhost, 127.0.0.1 or [::1], and has ` +
        "neither user, nor query, nor fragment",
    );
  }
  return url.href.replace(/\/+$/, "");
}

function readUserAgent(userAgent: string): string {
  // RFC 9110 section 10.1.5, with the version that tastytrade wants.
  if (/^[\w!#$%&'*+\-.^`|~]+\/[\w!#$%&'*+\-.^`|~]+( [\x20-\x7e]*)?$/.test(userAgent)) {
    return userAgent;
  }
  throw new TypeError(
    `Cannot use userAgent "${userAgent}": it is <product>/<version>, for instance "my-bot/1.0"`,
  );
}
