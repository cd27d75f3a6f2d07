/**
 * TradeStation: https://api.tradestation.com/docs
 *
 * The access token lives 20 minutes. The refresh token does not expire, unless the key is switched
 * to rotation on request: then every refresh returns a new one, and the old one must not be used
 * again. The simulator (SIM) has its own address, but the same sign-in and the same credentials.
 */

import type { Broker, EndpointOptions, Endpoints, Page, RateLimit } from "../broker.ts";
import { nonEmptyText, record, records, text } from "../fields.ts";
import { isErrorBody, parseApiError, parseTokenError } from "./errors.ts";
import { orders } from "./orders.ts";
import { streams } from "./streams.ts";
import { updates } from "./updates.ts";
import { readAccount, readBalances, readPosition } from "./records.ts";

// https://api.tradestation.com/docs/fundamentals/sim-vs-live/
const LIVE_URL = "https://api.tradestation.com";
const SIM_URL = "https://sim-api.tradestation.com";
const SIGN_IN_URL = "https://signin.tradestation.com";

/**
 * https://api.tradestation.com/docs/fundamentals/rate-limiting/rate-limiting-overview/:
 * for each user and each kind of resource. Orders, symbols and bars have no published limit.
 */
const RATE_LIMITS: readonly RateLimit[] = [
  { path: /^\/brokerage\/accounts$/, requests: 320, perMs: 300_000 },
  { path: /^\/brokerage\/accounts\/[^/]+\/(historical)?orders/, requests: 320, perMs: 300_000 },
  { path: /^\/brokerage\/accounts\/[^/]+\/(bod)?balances$/, requests: 320, perMs: 300_000 },
  { path: /^\/brokerage\/accounts\/[^/]+\/positions$/, requests: 320, perMs: 300_000 },
  { path: /^\/marketdata\/quotes\//, requests: 500, perMs: 300_000 },
  { path: /^\/marketdata\/stream\/quotes\//, requests: 500, perMs: 300_000 },
  { path: /^\/marketdata\/stream\/barcharts\//, requests: 500, perMs: 300_000 },
  { path: /^\/marketdata\/stream\/tickbars\//, requests: 500, perMs: 300_000 },
  { path: /^\/marketdata\/stream\/marketdepth\//, requests: 30, perMs: 60_000 },
  { path: /^\/marketdata\/options\/expirations\//, requests: 90, perMs: 60_000 },
  { path: /^\/marketdata\/options\/strikes\//, requests: 90, perMs: 60_000 },
  { path: /^\/marketdata\/options\/spreadtypes$/, requests: 90, perMs: 60_000 },
  { path: /^\/marketdata\/options\/riskreward$/, requests: 90, perMs: 60_000 },
];

/** TradeStation, API v3; `apiVersion: "v2"` chooses the legacy API. */
export const tradestation: Broker = {
  name: "TradeStation",
  envVariables: {
    clientId: "TRADESTATION_CLIENT_ID",
    clientSecret: "TRADESTATION_CLIENT_SECRET",
    refreshToken: "TRADESTATION_REFRESH_TOKEN",
  },
  otherEnvPrefixes: ["TS", "TRADE"],
  requiresClientId: true,
  credentialsHelp:
    "Client id and secret are the API key and its secret from TradeStation's Client " +
    "Experience; login({ broker: tradestation }) gets the refresh token",
  endpoints,
  hosts: {
    production: ["api.tradestation.com"],
    sandbox: ["sim-api.tradestation.com", "sim.api.tradestation.com"], // older examples have the second
  },
  rateLimits: RATE_LIMITS,
  resetHeader: "x-ratelimit-reset", // .../docs/fundamentals/rate-limiting/rate-limiting-overview/
  defaultTokenLifetimeMs: 1_200_000, // 20 minutes, .../docs/fundamentals/authentication/auth-code/
  parseTokenError,
  arrayFormat: "commas",
  readPage,
  parseApiError,
  isErrorBody,
  accounts: {
    listPath: "/brokerage/accounts",
    readList: (data) => records(record(data).Accounts).map(readAccount),
    path: () => "/brokerage/accounts", // there is no path for a single account
    read: (data, accountNumber) => {
      const raw = records(record(data).Accounts).find((one) =>
        text(one.AccountID) === accountNumber
      );
      return raw === undefined ? undefined : readAccount(raw);
    },
    balancesPath: (accountNumber) =>
      `/brokerage/accounts/${encodeURIComponent(accountNumber)}/balances`,
    readBalances: (data) => readBalances(records(record(data).Balances)[0] ?? {}),
    positionsPath: (accountNumber) =>
      `/brokerage/accounts/${encodeURIComponent(accountNumber)}/positions`,
    readPositions: (data) => records(record(data).Positions).map(readPosition),
  },
  orders,
  streams,
  updates,
  // https://api.tradestation.com/docs/fundamentals/authentication/auth-code/
  login: {
    ports: [3001, 31022, 3000, 8080, 80], // registered for every key
    redirectUri: (port) => port === 80 ? "http://localhost" : `http://localhost:${port}`,
    scopes: [
      "openid",
      "offline_access", // or there is no refresh token
      "profile",
      "MarketData",
      "ReadAccount",
      "Trade",
      "OptionSpreads",
      "Matrix",
    ],
    parameters: { audience: LIVE_URL }, // the simulator's too
    usesPkce: false, // only after asking Client Experience
    mayLoseState: true, // the callback of a declined login has none in the documentation
    clientHelp:
      "The client id is the API key, and the client secret its secret, both from TradeStation's " +
      "Client Experience",
  },
};

function endpoints({ sandbox, apiVersion = "v3", baseUrl, signInUrl }: EndpointOptions): Endpoints {
  if (apiVersion !== "v3" && apiVersion !== "v2") {
    throw new RangeError(
      `Cannot use apiVersion "${apiVersion}": TradeStation has "v3" and the legacy "v2"`,
    );
  }
  if (/\/v[23]$/.test(baseUrl ?? "")) {
    throw new TypeError(
      `Cannot use baseUrl ${baseUrl}: leave out the version at its end, apiVersion chooses it`,
    );
  }
  const signIn = signInUrl ?? SIGN_IN_URL;
  return {
    baseUrl: `${baseUrl ?? (sandbox ? SIM_URL : LIVE_URL)}/${apiVersion}`,
    tokenUrl: `${signIn}/oauth/token`,
    authorizeUrl: `${signIn}/authorize`,
    revokeUrl: `${signIn}/oauth/revoke`,
    issuer: `${signIn}/`, // Auth0's issuer ends with a slash
    validatePath: apiVersion === "v3" ? "/brokerage/accounts" : "/data/quote/MSFT",
  };
}

/** Reads a page: its items are the only list besides `Errors`, and `NextToken` asks for the next one. */
function readPage(body: unknown): Page {
  if (Array.isArray(body)) return { items: body, next: undefined }; // v2
  const { Errors: _, NextToken, ...lists } = record(body);
  const token = nonEmptyText(NextToken);
  return {
    items: Object.values(lists).find((value) => Array.isArray(value)) ?? [],
    next: token === undefined ? undefined : { nextToken: token },
  };
}
