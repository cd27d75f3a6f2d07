/** Which broker's servers to talk to, and how: the options that sessions and logins have in common. */

import type { Broker, EndpointOptions, Endpoints } from "./brokers/broker.ts";
import { tastytrade } from "./brokers/tastytrade/tastytrade.ts";
import { platformFetch } from "./net/platform_fetch.ts";
import { hostnameOf, originOf } from "./net/url.ts";
import type { TokenEndpointContext } from "./token/token_endpoint.ts";
import { VERSION } from "./version.ts";

/** Options for the connection to a broker. */
export interface ConnectionOptions {
  /**
   * The broker: a value such as `tradestation`, not its name.
   *
   * @default {tastytrade}
   */
  readonly broker?: Broker | undefined;
  /**
   * Whether to use the broker's test system instead of real money. At tastytrade it has credentials of
   * its own.
   *
   * @default {false}
   */
  readonly sandbox?: boolean | undefined;
  /**
   * Another address of the API: https, or http on this machine. At tastytrade the token endpoint moves
   * with it.
   *
   * @default {undefined} the broker's own
   */
  readonly baseUrl?: string | undefined;
  /**
   * Another address of the broker's sign-in, where that is a separate server (TradeStation).
   *
   * @default {undefined} the broker's own
   */
  readonly signInUrl?: string | undefined;
  /**
   * Another address of the broker's account streamer, where that is a separate server (tastytrade): wss, or
   * ws on this machine.
   *
   * @default {undefined} the broker's own; with another `baseUrl` than the broker's, none
   */
  readonly streamerUrl?: string | undefined;
  /**
   * The `User-Agent` header, as `<product>/<version>`. tastytrade refuses requests without one.
   *
   * @default {"tasty-session/<version>"}
   */
  readonly userAgent?: string | undefined;
  /**
   * Sends the requests, for tests, proxies and certificates. It gets what the platform's `fetch` takes;
   * the body of a request that is not idempotent is a `Blob`, or on Node a `ReadableStream`. Sessions
   * with the same rotating refresh token need the same function, or a store: with another function they
   * might talk to another server, so they do not share the token.
   *
   * @default {globalThis.fetch}
   */
  readonly fetch?: typeof fetch | undefined;
}

/** The options with their defaults. */
export interface Connection extends TokenEndpointContext {
  /** What the broker's endpoints were made from. */
  readonly place: EndpointOptions;
}

/**
 * Checks the options and fills in the defaults.
 *
 * @throws {TypeError} If a value is not permitted.
 * @throws {RangeError} If the broker does not have the API version.
 */
export function readConnection(
  options: ConnectionOptions & { readonly apiVersion?: string | undefined },
): Connection {
  const { broker = tastytrade } = options;
  if (typeof broker !== "object" || typeof broker?.endpoints !== "function") {
    throw new TypeError(
      "Cannot use this broker: pass the value, tastytrade or tradestation, not its name",
    );
  }
  const place = readPlace(options, broker);
  const connection = {
    broker,
    sandbox: place.sandbox,
    place,
    endpoints: readEndpoints(place, broker),
    userAgent: readUserAgent(options.userAgent ?? `tasty-session/${VERSION}`),
    fetch: readFetch(options.fetch ?? platformFetch),
  };
  refuseHalf(connection, "tokenUrl");
  return connection;
}

/** Checks where the user wants to go. A `baseUrl` of the broker's own determines the environment. */
export function readPlace(
  { sandbox, apiVersion, baseUrl, signInUrl, streamerUrl }: Omit<ConnectionOptions, "broker"> & {
    readonly apiVersion?: string | undefined;
  },
  broker: Broker,
): EndpointOptions {
  if (sandbox !== undefined && typeof sandbox !== "boolean") {
    throw new TypeError("Cannot use this sandbox: it must be true or false");
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
    streamerUrl: readUrl("streamerUrl", streamerUrl, "ws"),
  };
}

/** Whether a URL is the broker's sandbox; `undefined` if it is not one of its own hosts. */
export function isSandboxUrl(url: string | undefined, { hosts }: Broker): boolean | undefined {
  const host = hostnameOf(url ?? "");
  if (hosts?.sandbox.includes(host)) return true;
  return hosts?.production.includes(host) ? false : undefined;
}

/**
 * Throws if only one of the two servers is moved: a client of the emulator would talk to the real
 * sign-in otherwise.
 *
 * @param signInKey The address that must move with the API's.
 */
export function refuseHalf(
  { place, broker, endpoints }: Connection,
  signInKey: "tokenUrl" | "authorizeUrl",
): void {
  const { baseUrl, signInUrl } = place;
  if (baseUrl === undefined && signInUrl === undefined) return;
  const defaults = broker.endpoints({ ...place, baseUrl: undefined, signInUrl: undefined });
  const signIn = endpoints[signInKey] ?? "";
  const isApiMoved = baseUrl !== undefined && isSandboxUrl(baseUrl, broker) === undefined &&
    originOf(baseUrl) !== originOf(defaults.baseUrl);
  const isSignInMoved = originOf(signIn) !== originOf(defaults[signInKey] ?? "");
  if (isApiMoved && !isSignInMoved && signInUrl === undefined) {
    throw new TypeError(
      `Cannot use baseUrl ${baseUrl} alone: the sign-in would still be at ` +
        `${originOf(signIn)}. Pass signInUrl too`,
    );
  }
  if (isSignInMoved && !isApiMoved && baseUrl === undefined) {
    throw new TypeError(
      `Cannot use signInUrl ${signInUrl} alone: its tokens would still go to ` +
        `${originOf(defaults.baseUrl)}. Pass baseUrl too`,
    );
  }
}

/** The broker's addresses. Refuses an option that already ends with what the broker adds to it. */
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
        `Cannot use ${option} ${given}: leave out ${added} at its end, it is added automatically`,
      );
    }
  }
  return endpoints;
}

/** Requires TLS, because secrets are sent; plain text never leaves this machine. */
function readUrl(
  option: string,
  value: string | undefined,
  scheme: "http" | "ws" = "http",
): string | undefined {
  if (value === undefined) return undefined;
  const url = URL.canParse(value) ? new URL(value) : undefined;
  const isLoopback = url?.hostname === "localhost" || url?.hostname === "[::1]" ||
    /^127(\.\d+){3}$/.test(url?.hostname ?? "");
  if (
    url === undefined ||
    !(url.protocol === `${scheme}s:` || url.protocol === `${scheme}:` && isLoopback) ||
    url.username !== "" || url.password !== "" || /[?#]/.test(url.href)
  ) {
    throw new TypeError(
      `Cannot use this ${option}: it must be ${scheme}s, or ${scheme} on localhost, 127.0.0.1 or [::1], ` +
        "without user, query or fragment",
    );
  }
  return url.href.replace(/\/+$/, "");
}

function readUserAgent(userAgent: string): string {
  // RFC 9110 section 10.1.5, with the version that tastytrade requires.
  if (/^[\w!#$%&'*+\-.^`|~]+\/[\w!#$%&'*+\-.^`|~]+( [\x20-\x7e]*)?$/.test(userAgent)) {
    return userAgent;
  }
  throw new TypeError(
    `Cannot use userAgent "${userAgent}": it must be <product>/<version>, for instance "my-bot/1.0"`,
  );
}

function readFetch(fetch: typeof globalThis.fetch): typeof globalThis.fetch {
  if (typeof fetch !== "function") {
    throw new TypeError("Cannot use this fetch: it must be a function");
  }
  // A browser's fetch refuses to run as a method of another object.
  return fetch === globalThis.fetch ? platformFetch : fetch;
}
