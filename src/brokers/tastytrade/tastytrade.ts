/**
 * tastytrade: https://developer.tastytrade.com
 *
 * The access token lives 15 minutes, the refresh token does not expire and does not rotate. There
 * are two environments with credentials of their own, production and the sandbox ("cert").
 */

import type { Broker, Page, RateLimit } from "../broker.ts";
import { instant, nonEmptyText, record, records, text } from "../fields.ts";
import type { BrokerQuoteTokens } from "../quote_tokens.ts";
import { APPLICATIONS_PAGE, checkRefreshToken, endpoints, HOSTS } from "./environments.ts";
import { parseApiError, parseTokenError } from "./errors.ts";
import { orders } from "./orders.ts";
import { readAccount, readBalances, readCustomer, readPosition } from "./records.ts";
import { updates } from "./updates.ts";

/**
 * The limits that tastytrade's own MCP server keeps (src/safety/rate-limit.ts there).
 * https://developer.tastytrade.com/docs/guides/rate-limits-and-backoff names no figures.
 */
const RATE_LIMITS: readonly RateLimit[] = [
  { requests: 50, perMs: 1_000 },
  { path: /^\/market-data\/by-type$/, requests: 2, perMs: 1_000 },
  { path: /^\/(option|futures-option)-chains\//, requests: 2, perMs: 1_000 },
  { path: /^\/instruments\/equities\/[^/]+$/, requests: 3, perMs: 1_000 },
  { path: /^\/instruments\/equities$/, requests: 2, perMs: 1_000 },
  { path: /^\/instruments\/futures(\/|$)/, requests: 1, perMs: 1_000 },
  { path: /^\/instruments\/future-products(\/|$)/, requests: 1, perMs: 1_000 },
  { path: /^\/instruments\/equity-options\/[^/]+$/, requests: 3, perMs: 1_000 },
  { path: /^\/instruments\/future-options\/[^/]+$/, requests: 3, perMs: 1_000 },
  { path: /^\/accounts\/[^/]+\/positions$/, requests: 1, perMs: 1_000 },
  { path: /^\/accounts\/[^/]+\/balances$/, requests: 1, perMs: 1_000 },
  { path: /^\/accounts\/[^/]+\/trading-status$/, requests: 1, perMs: 1_000 },
  { path: /^\/customers\/me\/accounts$/, requests: 1, perMs: 1_000 },
];

/** tastytrade, the default broker. */
export const tastytrade: Broker = {
  name: "tastytrade",
  envVariables: {
    clientId: "TASTY_CLIENT_ID",
    clientSecret: "TASTY_CLIENT_SECRET",
    refreshToken: "TASTY_REFRESH_TOKEN",
  },
  otherEnvPrefixes: ["TT", "TASTYTRADE", "TASTYWORKS"], // the Python packages read TT_SECRET
  requiresClientId: false,
  credentialsHelp:
    `On ${APPLICATIONS_PAGE}, create an OAuth application and save its client secret, then create a ` +
    "grant and save its refresh token",
  checkRefreshToken,
  endpoints,
  hosts: HOSTS,
  rateLimits: RATE_LIMITS,
  tokenRequestFormat: "json", // as in https://developer.tastytrade.com/docs/get-started
  defaultTokenLifetimeMs: 900_000, // 15 minutes, https://developer.tastytrade.com/docs/authentication/oauth2
  parseTokenError,
  arrayFormat: "brackets",
  unwrap: (body) => record(body).data,
  readPage,
  itemId: (item) => text(record(item).id),
  parseApiError,
  accounts: {
    listPath: "/customers/me/accounts",
    readList: (data) =>
      records(record(data).items).map((item) =>
        readAccount(record(item.account), item["authority-level"])
      ),
    path: (accountNumber) => `/customers/me/accounts/${encodeURIComponent(accountNumber)}`,
    read: (data) => readAccount(record(data), undefined),
    balancesPath: (accountNumber) => `/accounts/${encodeURIComponent(accountNumber)}/balances`,
    readBalances,
    // Without marks, a position has no price but the last close.
    positionsPath: (accountNumber) =>
      `/accounts/${encodeURIComponent(accountNumber)}/positions?include-marks=true`,
    readPositions: (data) => records(record(data).items).map(readPosition),
  },
  orders,
  updates,
  // https://developer.tastytrade.com/streaming-market-data: the token is valid for 24 hours
  quoteTokens: { path: "/api-quote-tokens", defaultLifetimeMs: 86_400_000, read: readQuoteToken },
  customers: { path: "/customers/me", read: readCustomer },
  login: {
    ports: [8000], // as the documentation's examples register it
    redirectUri: (port) => `http://localhost:${port}`,
    scopes: ["read", "trade", "openid"],
    parameters: {},
    usesPkce: false, // users report a 405 with it
    mayLoseState: false,
    clientHelp: `Client id and client secret are shown under ${APPLICATIONS_PAGE}`,
    help: 'tastytrade permits this login to applications of "trusted partners" only ' +
      "(api.support@tastytrade.com). For your own account, Create Grant shows the refresh token: " +
      APPLICATIONS_PAGE,
  },
};

function readQuoteToken(data: unknown): ReturnType<BrokerQuoteTokens["read"]> {
  const { "dxlink-url": dxlinkUrl, "expires-at": expiresAt, ...answer } = record(data);
  const [token, url] = [nonEmptyText(answer.token), nonEmptyText(dxlinkUrl)];
  if (token === undefined || url === undefined) return undefined;
  return { token, url, level: text(answer.level), expiresAt: instant(expiresAt) };
}

/** Reads a page. Pages are numbered from zero, and the links in a page are always null. */
function readPage(body: unknown): Page {
  const { data, pagination } = record(body);
  const items = record(data).items;
  const { "page-offset": offset, "total-pages": total } = record(pagination);
  const hasNext = typeof offset === "number" && typeof total === "number" && offset + 1 < total;
  return {
    items: Array.isArray(items) ? items : data === undefined ? [] : [data],
    next: hasNext ? { "page-offset": String(offset + 1) } : undefined,
  };
}
