/**
 * What the rest of the module may ask of a broker. A broker is a data sheet and a few pure
 * functions: it sends nothing, waits for nothing and keeps nothing, so that a third one is a single
 * file, which may as well live in a program that uses this module.
 */

import type { ApiFault } from "../errors.ts";
import type { AccountRecord, Balances, CustomerRecord, Position } from "./records.ts";

/** What a broker is asked to find its servers. */
export interface EndpointOptions {
  /** The broker's test system instead of real money. */
  readonly sandbox: boolean;
  /** The API version that the session asks for, if it does. */
  readonly apiVersion: string | undefined;
  /**
   * Another address in the place of the broker's own, without a slash at the end, if the session has
   * one. It is for the broker to say what lies below it: a prefix of every path may be added.
   */
  readonly baseUrl: string | undefined;
  /** Another sign-in address than the broker's own, likewise. */
  readonly signInUrl: string | undefined;
}

/** The host names of a broker's API, by environment. */
export interface BrokerHosts {
  /** Those that trade real money. */
  readonly production: readonly string[];
  /** Those of the broker's test system. */
  readonly sandbox: readonly string[];
}

/** Where a broker's servers are, and what every request to them carries. */
export interface Endpoints {
  /** The address before every path, a common prefix included, without a slash at the end. */
  readonly baseUrl: string;
  /** The OAuth token endpoint (RFC 6749 section 3.2). */
  readonly tokenUrl: string;
  /** The OAuth authorization page (RFC 6749 section 3.1); left out where there is none. */
  readonly authorizeUrl?: string;
  /** The OAuth revocation endpoint (RFC 7009); left out where there is none. */
  readonly revokeUrl?: string;
  /** Who the answers of the authorization page are from (RFC 9207), if not the origin of the above. */
  readonly issuer?: string;
  /** Headers of every API request, beside those that all brokers get; their names in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
  /** A path whose GET is cheap, and needs nothing but a good session. */
  readonly validatePath: string;
}

/** An answer with which a broker refuses something. */
export interface Refusal {
  /** The HTTP status. */
  readonly status: number;
  /** The body as JSON, or `undefined` if it is none. */
  readonly body: unknown;
  /** Whether the body is a web page, as gateways send in front of an API. */
  readonly isHtml: boolean;
  /** Whether it was the broker's test system. */
  readonly sandbox: boolean;
}

/** A refusal by the token endpoint. */
export interface TokenRefusal extends Refusal {
  /**
   * The token that was refused, so that what is visibly wrong with it can be told; empty if what was
   * refused is the code of a login.
   */
  readonly refreshToken: string;
}

/** A refusal by the API. */
export interface ApiRefusal extends Refusal {
  /** The request's method. */
  readonly method: string;
  /** The API version that the session asks for, if it does. */
  readonly apiVersion: string | undefined;
}

/** What a refused token request means. */
export interface TokenProblem {
  /** The endpoint's code, for instance `invalid_grant` (RFC 6749 section 5.2). */
  readonly code?: string | undefined;
  /** The endpoint's words. */
  readonly message?: string | undefined;
  /** Whether these credentials can never work again. */
  readonly isPermanent: boolean;
  /** What the user should do. */
  readonly advice?: string | undefined;
}

/** What a refused API request means. */
export interface ApiProblem {
  /** The broker's code. */
  readonly code?: string | undefined;
  /** The broker's words. */
  readonly message?: string | undefined;
  /** The single faults. */
  readonly errors?: readonly ApiFault[];
  /** What the broker sent beside the error. */
  readonly data?: unknown;
  /** What the user should do. */
  readonly advice?: string | undefined;
  /** Whether it means "too many requests" under another status than 429. */
  readonly isRateLimit?: boolean;
}

/**
 * At most `requests` in any `perMs`. A session counts its own API requests, not those for tokens, and not
 * those of other sessions.
 */
export interface RateLimit {
  /** How many requests may go out, a whole number. */
  readonly requests: number;
  /** In any so many milliseconds. */
  readonly perMs: number;
  /** Which requests it counts, by their path after `baseUrl`, without the query; left out: all. */
  readonly path?: RegExp | undefined;
}

/** One page of a list. */
export interface Page {
  /** The items of this page. */
  readonly items: readonly unknown[];
  /** What to put into the query for the next page, beside what is in it; left out on the last one. */
  readonly next?: Readonly<Record<string, string>> | undefined;
}

/**
 * Where a broker keeps accounts, and how it writes them. What is read has no envelope any more, see
 * {@linkcode Broker.unwrap}. A list comes as one page: where the broker has more of them, its path asks
 * for a page that is long enough, as in `/accounts?limit=1000`.
 */
export interface BrokerAccounts {
  /** The path that lists every account. */
  readonly listPath: string;
  /** Reads that list. */
  readList(data: unknown): AccountRecord[];
  /** The path that tells of one account, which may be the list of all. */
  path(accountNumber: string): string;
  /** Reads that one account, or returns `undefined` if it is not among what was sent. */
  read(data: unknown, accountNumber: string): AccountRecord | undefined;
  /** The path of an account's balances. */
  balancesPath(accountNumber: string): string;
  /** Reads them. */
  readBalances(data: unknown): Balances;
  /** The path of an account's positions. */
  positionsPath(accountNumber: string): string;
  /** Reads them. A quantity has no sign: a short one is told by its `quantityDirection`. */
  readPositions(data: unknown): Position[];
}

/** Where a broker keeps the customer, and how it writes one. */
export interface BrokerCustomers {
  /** The path of the customer who is signed in. */
  readonly path: string;
  /** Reads the customer. */
  read(data: unknown): CustomerRecord;
}

/** How a broker lets a user sign in with a browser. */
export interface BrokerLogin {
  /** The ports whose callback address the broker knows by default; the first is the default. */
  readonly ports: readonly [number, ...number[]];
  /** The callback address of a port, spelled as it is registered: brokers compare it as a text. */
  redirectUri(port: number): string;
  /** What is asked for by default; left out, what the broker gives unasked. */
  readonly scopes?: readonly string[];
  /** What the authorization request carries beside RFC 6749's own parameters. */
  readonly parameters?: Readonly<Record<string, string>>;
  /** Whether the broker takes PKCE (RFC 7636), as it should; some refuse the request then. */
  readonly usesPkce: boolean;
  /** Whether a refusal may come back without `state`, against RFC 6749 section 4.1.2.1. */
  readonly mayLoseState?: boolean;
  /** Where a user finds client id and secret, as one sentence. */
  readonly clientAdvice?: string;
  /** Who may use it, as one sentence for error messages; left out where everybody may. */
  readonly advice?: string;
}

/** A broker: who it is, where it is, and how to read what it says. */
export interface Broker {
  /** How the broker writes its name; it stands in messages. */
  readonly name: string;
  /** The environment variables that hold what `new Session()` is not given. */
  readonly environment: {
    readonly clientId: string;
    readonly clientSecret: string;
    readonly refreshToken: string;
  };
  /** How the variables of other programs for this broker begin, in capitals: told if none is found. */
  readonly otherPrefixes?: readonly string[];
  /** Whether a token request needs the client id. */
  readonly requiresClientId: boolean;
  /** How a user gets credentials, as one sentence for error messages. */
  readonly credentialsAdvice: string;
  /** What is visibly wrong with a refresh token, told before anything is sent; usually nothing is. */
  checkRefreshToken?(
    refreshToken: string,
    options: EndpointOptions,
  ): CredentialComplaint | undefined;

  /** Where the servers are. Throws a `RangeError` for an API version that the broker cannot have. */
  endpoints(options: EndpointOptions): Endpoints;
  /**
   * All names of the API's hosts, so that a `baseUrl` of one tells which environment it is of; left out,
   * it tells nothing.
   */
  readonly hosts?: BrokerHosts;
  /** The request limits that the broker has published; left out where it has published none. */
  readonly rateLimits?: readonly RateLimit[];
  /**
   * The header in which a 429 says when requests are taken again, as seconds to wait or as seconds since
   * 1970; left out for a broker that sends `Retry-After` or nothing.
   */
  readonly resetHeader?: string;
  /** The body of a token request: left out, a form, as RFC 6749 has it; some brokers have JSON. */
  readonly tokenRequestFormat?: "form" | "json";
  /** The life of an access token whose answer does not tell it. */
  readonly defaultTokenLifetimeMs: number;
  /** Explains a refusal by the token endpoint; left out where it says no more than RFC 6749 has. */
  readTokenRefusal?(refusal: TokenRefusal): TokenProblem;

  /**
   * How a query writes a list: `status[]=A&status[]=B`, `status=A,B` (its comma encoded) or, left out,
   * `status=A&status=B`.
   */
  readonly listQuery?: "brackets" | "commas" | "repeat";
  /** Takes the envelope off a good answer that has a body; left out where there is none. */
  unwrap?(body: unknown): unknown;
  /** Reads a page of a list, from the whole body. */
  readPage(body: unknown): Page;
  /**
   * What tells an item of a list from every other, if it has that; left out where pages do not move.
   * Pages that are counted do, while something is added to the list, and bring an item again.
   */
  itemId?(item: unknown): string | undefined;
  /** Explains a refusal by the API; left out, the error has the status and what RFC 9457 has words for. */
  readApiRefusal?(refusal: ApiRefusal): ApiProblem;
  /** Whether a body is a refusal although its status is good; left out where that does not happen. */
  isRefusal?(body: unknown): boolean;

  /** The accounts. */
  readonly accounts: BrokerAccounts;
  /** The customer; left out where a broker has none. */
  readonly customers?: BrokerCustomers;
  /** The login with a browser; left out where a broker has none. */
  readonly login?: BrokerLogin;
}

/** What is visibly wrong with a credential. */
export interface CredentialComplaint {
  /** Which kind of wrong. */
  readonly code: "malformed_credential" | "wrong_environment";
  /** What is so, and what to do. */
  readonly message: string;
}
