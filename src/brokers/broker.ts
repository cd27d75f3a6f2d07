/**
 * What a session needs to know about a broker: data, and pure functions that read the broker's JSON.
 * A broker sends nothing and keeps no state, so a custom one fits into a single file of any program.
 */

import type { ApiErrorDetail } from "../errors.ts";
import type { BrokerOrders } from "./orders.ts";
import type { BrokerQuoteTokens } from "./quote_tokens.ts";
import type { BrokerStreams } from "./streams.ts";
import type { BrokerUpdates } from "./updates.ts";
import type { AccountRecord, Balances, CustomerRecord, Position } from "./records.ts";

/** What {@linkcode Broker.endpoints} gets. */
export interface EndpointOptions {
  /** Whether to use the broker's test system instead of real money. */
  readonly sandbox: boolean;
  /** The session's `apiVersion`. */
  readonly apiVersion: string | undefined;
  /**
   * The session's `baseUrl`, without a slash at the end, which takes the place of the broker's own
   * address. The broker may add a common prefix of all paths.
   */
  readonly baseUrl: string | undefined;
  /** The session's `signInUrl`, likewise. */
  readonly signInUrl: string | undefined;
  /** The session's `streamerUrl`, likewise. */
  readonly streamerUrl?: string | undefined;
}

/** The host names of a broker's API, by environment. */
export interface BrokerHosts {
  /** The hosts that trade real money. */
  readonly production: readonly string[];
  /** The hosts of the test system. */
  readonly sandbox: readonly string[];
}

/** A broker's addresses, and the headers of every request. */
export interface Endpoints {
  /** The address before every path, including a common prefix, without a slash at the end. */
  readonly baseUrl: string;
  /** The OAuth token endpoint (RFC 6749 section 3.2). */
  readonly tokenUrl: string;
  /** The OAuth authorization endpoint (RFC 6749 section 3.1), if there is one. */
  readonly authorizeUrl?: string;
  /** The OAuth revocation endpoint (RFC 7009), if there is one. */
  readonly revokeUrl?: string;
  /** The issuer of authorization responses (RFC 9207); by default the origin of the addresses above. */
  readonly issuer?: string;
  /** Additional headers of every API request, with names in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The WebSocket that tells of changes in accounts; `undefined` if there is none at these addresses. */
  readonly streamerUrl?: string | undefined;
  /** A path whose GET is cheap and needs nothing but a valid token. */
  readonly validatePath: string;
}

/** A response with which a broker refuses something. */
export interface ErrorResponse {
  /** The HTTP status. */
  readonly status: number;
  /** The body as JSON with secrets redacted, or `undefined` if it is not JSON. */
  readonly body: unknown;
  /** Whether the body is a web page, as gateways send in front of an API. */
  readonly isHtml: boolean;
  /** Whether it came from the broker's test system. */
  readonly sandbox: boolean;
}

/** An error response of the token endpoint. */
export interface TokenErrorResponse extends ErrorResponse {
  /**
   * The refused refresh token, so that the broker can say what is visibly wrong with it. Empty if the
   * code of a login was refused.
   */
  readonly refreshToken: string;
}

/** An error response of the API. */
export interface ApiErrorResponse extends ErrorResponse {
  /** The request's method. */
  readonly method: string;
  /** The session's `apiVersion`. */
  readonly apiVersion: string | undefined;
}

/** What an error response of the token endpoint means. */
export interface ParsedTokenError {
  /** The endpoint's code, for instance `invalid_grant` (RFC 6749 section 5.2). */
  readonly code?: string | undefined;
  /** The endpoint's message. */
  readonly message?: string | undefined;
  /** Whether these credentials can never work again. */
  readonly isPermanent: boolean;
  /** What the user should do. */
  readonly advice?: string | undefined;
}

/** What an error response of the API means. */
export interface ParsedApiError {
  /** The broker's code. */
  readonly code?: string | undefined;
  /** The broker's message. */
  readonly message?: string | undefined;
  /** The single errors, where the broker lists them. */
  readonly errors?: readonly ApiErrorDetail[];
  /** What the broker sent besides the error. */
  readonly data?: unknown;
  /** What the user should do. */
  readonly advice?: string | undefined;
  /**
   * Whether it means "too many requests" with another status than 429.
   *
   * @default {status === 429}
   */
  readonly isRateLimit?: boolean;
}

/**
 * At most `requests` in any `perMs` milliseconds. A session counts its own API requests only: not those
 * for tokens, and not those of other sessions.
 */
export interface RateLimit {
  /** How many requests may be sent, a whole number. */
  readonly requests: number;
  /** The length of the window, in milliseconds. */
  readonly perMs: number;
  /**
   * Which requests count, by their path after `baseUrl`, without the query.
   *
   * @default {undefined} all requests
   */
  readonly path?: RegExp | undefined;
}

/** One page of a list. */
export interface Page {
  /** The items of this page. */
  readonly items: readonly unknown[];
  /** The query parameters that ask for the next page; `undefined` on the last one. */
  readonly next?: Readonly<Record<string, string>> | undefined;
}

/**
 * How a broker presents accounts. The `read` functions get JSON after {@linkcode Broker.unwrap}. A list
 * is read from one page, so where the broker has more, its path asks for a page that is long enough, as
 * in `/accounts?limit=1000`.
 */
export interface BrokerAccounts {
  /** The path of the list of all accounts. */
  readonly listPath: string;
  /** Reads that list. */
  readList(data: unknown): AccountRecord[];
  /** The path of one account, which may be the list of all. */
  path(accountNumber: string): string;
  /** Reads one account, or returns `undefined` if it is not in the response. */
  read(data: unknown, accountNumber: string): AccountRecord | undefined;
  /** The path of an account's balances. */
  balancesPath(accountNumber: string): string;
  /** Reads balances. */
  readBalances(data: unknown): Balances;
  /** The path of an account's positions. */
  positionsPath(accountNumber: string): string;
  /** Reads positions. Quantities are unsigned; `quantityDirection` has the sign. */
  readPositions(data: unknown): Position[];
}

/** How a broker presents the customer. */
export interface BrokerCustomers {
  /** The path of the customer who is signed in. */
  readonly path: string;
  /** Reads the customer. */
  read(data: unknown): CustomerRecord;
}

/** How a user logs in with a browser (RFC 6749 section 4.1). */
export interface BrokerLogin {
  /** The ports whose callback address the broker registers by default. The first one is used. */
  readonly ports: readonly [number, ...number[]];
  /** The callback address of a port, spelled as it is registered, because brokers compare the text. */
  redirectUri(port: number): string;
  /** The default scopes; without them, the broker decides. */
  readonly scopes?: readonly string[];
  /** Additional parameters of the authorization request. */
  readonly parameters?: Readonly<Record<string, string>>;
  /** Whether the broker supports PKCE (RFC 7636). Some refuse a request that uses it. */
  readonly usesPkce: boolean;
  /** Whether a refusal may come back without `state`, against RFC 6749 section 4.1.2.1. */
  readonly mayLoseState?: boolean;
  /** Where a user finds client id and secret, as one sentence. */
  readonly clientHelp?: string;
  /** Who may log in this way, as one sentence, if not everybody may. */
  readonly help?: string;
}

/** A broker: its name, its addresses, and how to read its JSON. */
export interface Broker {
  /** The broker's name, as it appears in messages. */
  readonly name: string;
  /** The environment variables that `new Session()` reads. */
  readonly envVariables: {
    readonly clientId: string;
    readonly clientSecret: string;
    readonly refreshToken: string;
  };
  /**
   * How variables of other programs for this broker begin, in capitals. The error for missing
   * credentials mentions such variables.
   */
  readonly otherEnvPrefixes?: readonly string[];
  /** Whether token requests need the client id. */
  readonly requiresClientId: boolean;
  /** How a user gets credentials, as one sentence. */
  readonly credentialsHelp: string;
  /** Says what is visibly wrong with a refresh token, before any request. */
  checkRefreshToken?(
    refreshToken: string,
    options: EndpointOptions,
  ): CredentialProblem | undefined;

  /**
   * Returns the broker's addresses.
   *
   * @throws {RangeError} For an API version that the broker does not have.
   */
  endpoints(options: EndpointOptions): Endpoints;
  /** All host names of the API, so that a `baseUrl` tells its environment. */
  readonly hosts?: BrokerHosts;
  /** The published rate limits, for `rateLimit: "published"`. */
  readonly rateLimits?: readonly RateLimit[];
  /**
   * The header in which a 429 says when requests are taken again, as seconds to wait or as seconds since
   * 1970. Not needed for `Retry-After`.
   */
  readonly resetHeader?: string;
  /**
   * The format of token requests.
   *
   * @default {"form"} as in RFC 6749
   */
  readonly tokenRequestFormat?: "form" | "json";
  /** The lifetime of an access token without `expires_in`, in milliseconds. */
  readonly defaultTokenLifetimeMs: number;
  /** Reads an error response of the token endpoint; by default as in RFC 6749 section 5.2. */
  parseTokenError?(response: TokenErrorResponse): ParsedTokenError;

  /**
   * How a query writes a list: `a[]=1&a[]=2`, `a=1%2C2` or `a=1&a=2`.
   *
   * @default {"repeat"}
   */
  readonly arrayFormat?: "brackets" | "commas" | "repeat";
  /** Takes the data out of a successful response's envelope, if there is one. */
  unwrap?(body: unknown): unknown;
  /** Reads a page of a list, from the whole body. */
  readPage(body: unknown): Page;
  /**
   * Identifies an item of a list. Where pages are numbered, an item that is added meanwhile moves another
   * one to the next page, and `session.items()` leaves out the repetition by this id.
   */
  itemId?(item: unknown): string | undefined;
  /** Reads an error response of the API; by default as in RFC 9457. */
  parseApiError?(response: ApiErrorResponse): ParsedApiError;
  /** Whether the body of a response with a good status is an error. */
  isErrorBody?(body: unknown): boolean;

  /** The accounts. */
  readonly accounts: BrokerAccounts;
  /** How the broker takes orders; without it, `account.placeOrder()` is not supported. */
  readonly orders?: BrokerOrders;
  /** How the broker sends chunked JSON, if it does; without it, `session.stream()` is not supported. */
  readonly streams?: BrokerStreams;
  /** How the broker tells of changes in accounts; without it, `account.updates()` is not supported. */
  readonly updates?: BrokerUpdates;
  /** How the broker gives tokens for its server of quotes, if that is another one. */
  readonly quoteTokens?: BrokerQuoteTokens;
  /** The customer, if the broker has one. */
  readonly customers?: BrokerCustomers;
  /** The login with a browser, if the broker has one. */
  readonly login?: BrokerLogin;
}

/** What is visibly wrong with a credential. */
export interface CredentialProblem {
  /** The code of the {@linkcode CredentialsError}. */
  readonly code: "malformed_credential" | "wrong_environment";
  /** What is wrong, and what to do. */
  readonly message: string;
}
