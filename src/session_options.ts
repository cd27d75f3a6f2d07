/** What a session is made from, checked. */

import type { Broker, EndpointOptions, Endpoints, RateLimit } from "./brokers/broker.ts";
import { tastytrade } from "./brokers/tastytrade.ts";
import {
  type CredentialOptions,
  type GrantCredentials,
  PASSWORD_OPTIONS,
  readCredentials,
} from "./credential_options.ts";
import { type Credentials, type Gained, gainedBy } from "./credentials.ts";
import { MAX_TIMEOUT_MS } from "./net/deadline.ts";
import { platformFetch } from "./net/platform_fetch.ts";
import type { RetryOptions, RetryPolicy } from "./call/retry.ts";
import type { TokenRequestContext } from "./token/token_endpoint.ts";
import type { TokenStore } from "./store/token_store.ts";
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
   * What sends the requests: for tests, proxies and special certificates. It gets what the platform's
   * `fetch` takes: the body of what is not safe to repeat is a `Blob`, or on Node a `ReadableStream`.
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
  /** What the login has gained whose credentials these are, if they are. */
  readonly gained: Gained | undefined;
  readonly timeoutMs: number;
  readonly retry: RetryPolicy | undefined;
  readonly rateLimits: readonly RateLimit[];
  readonly userAgent: string;
  readonly fetch: typeof fetch;
  readonly store: TokenStore | undefined;
}

/** Checks the options and fills in the defaults. */
export function readOptions(options: SessionOptions): SessionSettings {
  const example = "{ clientSecret, refreshToken }";
  refuseUnknown(options, KNOWN_NAMES, "Cannot create a session", example);
  const given = withCredentials(options);
  const { place, ...connection } = readConnection(given);
  const { broker, endpoints } = connection;
  const credentials = readCredentials(given, broker, place, given.broker === undefined);
  return {
    ...connection,
    apiVersion: place.apiVersion,
    credentials,
    gained: readGained(options.credentials, credentials, endpoints),
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
export function refuseUnknown(
  options: object,
  known: ReadonlySet<string>,
  action: string,
  example: string,
): void {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`${action}: its options are an object, for instance ${example}`);
  }
  for (const name of Object.keys(options)) {
    if (known.has(name)) continue;
    const plain = plainName(name);
    const otherName = [...known].find((one) => plainName(one) === plain) ?? OTHER_NAMES.get(plain);
    const isKnown = otherName !== undefined && known.has(otherName.replace(/:.*/, ""));
    const hint = isKnown ? `. It is called ${otherName} here` : "";
    throw new TypeError(`${action}: there is no option "${name}"${hint}`);
  }
}

/** The options, and what a login has brought where they say nothing. */
function withCredentials(options: SessionOptions): SessionOptions {
  const { credentials } = options;
  if (credentials === undefined) return options;
  gainedBy(credentials); // or it is something else
  const { broker, sandbox, baseUrl, signInUrl, clientId, clientSecret, refreshToken } = credentials;
  const brought = { broker, baseUrl, signInUrl, clientId, clientSecret, refreshToken };
  // An address of the broker's own says by itself which environment it is.
  const isTold = isSandboxUrl(options.baseUrl, options.broker ?? broker) !== undefined;
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return { ...brought, ...(isTold ? {} : { sandbox }), ...Object.fromEntries(given) };
}

/** What a login has gained, as long as none of its credentials was replaced by another option. */
function readGained(
  from: Credentials | undefined,
  { clientId, refreshToken }: GrantCredentials,
  { tokenUrl }: Endpoints,
): Gained | undefined {
  if (from === undefined) return undefined;
  const { broker, sandbox, baseUrl, signInUrl } = from;
  const own = broker.endpoints(readPlace({ sandbox, baseUrl, signInUrl }, broker));
  const isSame = from.clientId === clientId && from.refreshToken === refreshToken &&
    own.tokenUrl === tokenUrl;
  return isSame ? gainedBy(from) : undefined;
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
  const { broker = tastytrade } = options;
  if (typeof broker !== "object" || typeof broker?.endpoints !== "function") {
    throw new TypeError(
      "Cannot use this broker: pass the value, tastytrade or tradestation, not its name",
    );
  }
  const place = readPlace(options, broker);
  return {
    broker,
    sandbox: place.sandbox,
    place,
    endpoints: readEndpoints(place, broker),
    userAgent: readUserAgent(options.userAgent ?? `tasty-session/${VERSION}`),
    fetch: readFetch(options.fetch ?? platformFetch),
  };
}

function readFetch(fetch: typeof globalThis.fetch): typeof globalThis.fetch {
  if (typeof fetch !== "function") throw new TypeError("Cannot use this fetch: it is a function");
  // Called as a method of what holds it, the platform's own would refuse to run in a browser.
  return fetch === globalThis.fetch ? platformFetch : fetch;
}

/** What the user says of the broker's servers. A `baseUrl` of one of them says which environment it is. */
function readPlace(
  { sandbox, apiVersion, baseUrl, signInUrl }: Omit<SessionOptions, keyof CredentialOptions>,
  broker: Broker,
): EndpointOptions {
  if (sandbox !== undefined && typeof sandbox !== "boolean") {
    throw new TypeError("Cannot use this sandbox: it is true or false");
  }
  const url = readUrl("baseUrl", baseUrl);
  const isSandboxHost = isSandboxUrl(url, broker);
  if (sandbox !== undefined && isSandboxHost !== undefined && sandbox !== isSandboxHost) {
    throw new TypeError(
      `Cannot use sandbox: ${sandbox} with ${url}, which is ${broker.name}'s ` +
        `${isSandboxHost ? "sandbox" : "production"}: leave out one of them`,
    );
  }
  return {
    sandbox: sandbox ?? isSandboxHost ?? false,
    apiVersion,
    baseUrl: url,
    signInUrl: readUrl("signInUrl", signInUrl),
  };
}

/** The broker's servers, none of them misaddressed, and none left behind. */
function readEndpoints(place: EndpointOptions, broker: Broker): Endpoints {
  const endpoints = broker.endpoints(place);
  const { baseUrl, tokenUrl, authorizeUrl, revokeUrl } = endpoints;
  for (const option of ["baseUrl", "signInUrl"] as const) {
    const given = place[option];
    for (const url of [baseUrl, tokenUrl, authorizeUrl, revokeUrl]) {
      if (given === undefined || !url?.startsWith(`${given}/`)) continue;
      const added = url.slice(given.length);
      if (!given.endsWith(added)) continue;
      throw new TypeError(
        `Cannot use ${option} ${given}: leave out ${added} at its end, it is added`,
      );
    }
  }
  refuseHalf(place, broker, "tokenUrl");
  return endpoints;
}

/**
 * Whoever moves one server means both: else an emulator's client would talk to the real sign-in.
 *
 * @param other The address that must move with that of the API.
 */
export function refuseHalf(
  place: EndpointOptions,
  broker: Broker,
  other: "tokenUrl" | "authorizeUrl",
): void {
  const usual = broker.endpoints({ ...place, baseUrl: undefined, signInUrl: undefined });
  const { [other]: signIn = "" } = broker.endpoints(place);
  const { [other]: usualSignIn = "" } = usual;
  const isMoved = (url: string | undefined, own: string) =>
    url !== undefined && originOf(url) !== originOf(own);
  const isApiMoved = isSandboxUrl(place.baseUrl, broker) === undefined &&
    isMoved(place.baseUrl, usual.baseUrl);
  const isSignInMoved = isMoved(signIn, usualSignIn);
  if (isApiMoved && !isSignInMoved && place.signInUrl === undefined) {
    throw new TypeError(
      `Cannot use baseUrl ${place.baseUrl} alone: the sign-in would still be at ` +
        `${originOf(signIn)}. Pass signInUrl too`,
    );
  }
  if (isSignInMoved && !isApiMoved && place.baseUrl === undefined) {
    throw new TypeError(
      `Cannot use signInUrl ${place.signInUrl} alone: its tokens would still go to ` +
        `${originOf(usual.baseUrl)}. Pass baseUrl too`,
    );
  }
}

/** The origin of an address, or nothing of what is none. */
export function originOf(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : "";
}

/** Whether an address is of the broker's sandbox; `undefined` if it is of none of its own hosts. */
function isSandboxUrl(url: string | undefined, { hosts }: Broker): boolean | undefined {
  const host = url !== undefined && URL.canParse(url) ? new URL(url).hostname : "";
  if (hosts?.sandbox.includes(host)) return true;
  return hosts?.production.includes(host) ? false : undefined;
}

/** Checks a time that a call may take. */
export function readTimeout(timeoutMs: number): number {
  const isTime = typeof timeoutMs === "number" && timeoutMs > 0 && timeoutMs <= MAX_TIMEOUT_MS;
  if (isTime) return timeoutMs;
  throw new RangeError(
    `Cannot use timeoutMs ${timeoutMs}: it is in milliseconds, above 0 and at most ${MAX_TIMEOUT_MS}`,
  );
}

/** Checks how failed requests are sent again. */
function readRetry(retry: RetryOptions = {}): RetryPolicy {
  if (typeof retry !== "object" || retry === null) {
    throw new TypeError("Cannot use this retry: it is { limit, maxDelayMs }, or false");
  }
  const { limit = 3, maxDelayMs = 30_000, ...others } = retry;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) {
    throw new TypeError(`Cannot use retry.${unknown}: it is { limit, maxDelayMs }`);
  }
  if (!Number.isSafeInteger(limit) || limit < 0) {
    throw new RangeError(`Cannot use retry.limit ${limit}: it is a whole number, 0 or more`);
  }
  if (!(typeof maxDelayMs === "number" && maxDelayMs >= 0 && maxDelayMs <= MAX_TIMEOUT_MS)) {
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
    // What is counted over a longer time would never be let out again.
    const isTime = typeof perMs === "number" && perMs > 0 && perMs <= MAX_TIMEOUT_MS;
    if (isCount && isTime && (path === undefined || path instanceof RegExp)) continue;
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
