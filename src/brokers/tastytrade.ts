/**
 * tastytrade: https://developer.tastytrade.com
 *
 * The access token lives 15 minutes, the refresh token does not expire and does not rotate. There
 * are two environments with credentials of their own, production and the sandbox ("cert").
 */

import type { ApiFault } from "../errors.ts";
import type {
  ApiProblem,
  ApiRefusal,
  Broker,
  BrokerHosts,
  CredentialComplaint,
  EndpointOptions,
  Endpoints,
  Page,
  RateLimit,
  TokenProblem,
  TokenRefusal,
} from "./broker.ts";
import { decimal, flag, instant, nonEmptyText, record, records, text } from "./fields.ts";
import type { AccountRecord, Balances, CustomerRecord, Position, Raw } from "./records.ts";

// https://developer.tastytrade.com/docs/sandbox
const PRODUCTION_URL = "https://api.tastyworks.com";
const SANDBOX_URL = "https://api.cert.tastyworks.com";
const PRODUCTION_SIGN_IN_URL = "https://my.tastytrade.com";
const SANDBOX_SIGN_IN_URL = "https://cert-my.staging-tasty.works";

/**
 * Each environment has more names than the documentation tells: the official SDKs and the MCP server
 * (src/credential-target.ts) know these, and refresh tokens name one of them as their issuer.
 */
const HOSTS: BrokerHosts = {
  production: ["api.tastyworks.com", "api.tastytrade.com"],
  sandbox: ["api.cert.tastyworks.com", "api.cert.tastytrade.com", "api.sandbox.tastytrade.com"],
};

/**
 * The limits that tastytrade's own MCP server keeps to, as the published ones (src/safety/rate-limit.ts
 * there). https://developer.tastytrade.com/docs/guides/rate-limits-and-backoff names no figures.
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

const APPLICATIONS_PAGE = "my.tastytrade.com > Manage > My Profile > API > OAuth Applications";

/** tastytrade, the default broker. */
export const tastytrade: Broker = {
  name: "tastytrade",
  environment: {
    clientId: "TASTY_CLIENT_ID",
    clientSecret: "TASTY_CLIENT_SECRET",
    refreshToken: "TASTY_REFRESH_TOKEN",
  },
  otherPrefixes: ["TT", "TASTYTRADE", "TASTYWORKS"], // TT_SECRET is the Python packages'
  requiresClientId: false,
  credentialsAdvice:
    `Two steps, once, on ${APPLICATIONS_PAGE}: create an OAuth application and save ` +
    "its client secret, then create a grant and save its refresh token",
  checkRefreshToken,
  endpoints,
  hosts: HOSTS,
  rateLimits: RATE_LIMITS,
  tokenRequestFormat: "json", // as in https://developer.tastytrade.com/docs/get-started
  defaultTokenLifetimeMs: 900_000, // 15 minutes, https://developer.tastytrade.com/docs/authentication/oauth2
  readTokenRefusal,
  listQuery: "brackets",
  unwrap: (body) => record(body).data,
  readPage,
  itemId: (item) => text(record(item).id),
  readApiRefusal,
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
    positionsPath: (accountNumber) => `/accounts/${encodeURIComponent(accountNumber)}/positions`,
    readPositions: (data) => records(record(data).items).map(readPosition),
  },
  customers: { path: "/customers/me", read: readCustomer },
  login: {
    ports: [8000], // as the documentation's examples register it
    redirectUri: (port) => `http://localhost:${port}`,
    scopes: ["read", "trade", "openid"],
    parameters: {},
    usesPkce: false, // reported to be answered with 405
    mayLoseState: false,
    clientAdvice: `Client id and client secret are shown under ${APPLICATIONS_PAGE}`,
    advice: 'tastytrade opens its login to applications of "trusted partners" only ' +
      "(api.support@tastytrade.com). For your own account, Create Grant shows the refresh token: " +
      APPLICATIONS_PAGE,
  },
};

function endpoints({ sandbox, apiVersion, baseUrl, signInUrl }: EndpointOptions): Endpoints {
  // https://developer.tastytrade.com/docs/release-notes: the newest version up to that day
  if (apiVersion !== undefined && !/^\d{8}$/.test(apiVersion)) {
    throw new RangeError(
      `Cannot use apiVersion "${apiVersion}": tastytrade's versions are dates, written YYYYMMDD`,
    );
  }
  const url = baseUrl ?? (sandbox ? SANDBOX_URL : PRODUCTION_URL);
  const signIn = signInUrl ?? (sandbox ? SANDBOX_SIGN_IN_URL : PRODUCTION_SIGN_IN_URL);
  return {
    baseUrl: url,
    tokenUrl: `${url}/oauth/token`,
    authorizeUrl: `${signIn}/auth.html`,
    validatePath: "/customers/me",
    headers: apiVersion === undefined ? {} : { "accept-version": apiVersion },
  };
}

/** What a refresh token says of itself: tastytrade's are JWTs with `typ: "rt+jwt"` and an issuer. */
function claimsOf(
  refreshToken: string,
): { parts: number; typ: string; environment: keyof BrokerHosts | undefined } {
  const parts = refreshToken.split(".");
  const [header, payload] = parts.map((part) => {
    try {
      return record(JSON.parse(atob(part.replaceAll("-", "+").replaceAll("_", "/"))));
    } catch {
      return {};
    }
  });
  return {
    parts: parts.length,
    typ: text(header?.typ) ?? "",
    environment: environmentOf(text(payload?.iss) ?? ""),
  };
}

/** The environment that an address is of. */
function environmentOf(url: string): keyof BrokerHosts | undefined {
  const host = URL.canParse(url) ? new URL(url).hostname : "";
  if (HOSTS.production.includes(host)) return "production";
  return HOSTS.sandbox.includes(host) ? "sandbox" : undefined;
}

/** Whether a token names the environment that the session is not of. */
function isOfOther(environment: keyof BrokerHosts | undefined, sandbox: boolean): boolean {
  return environment === (sandbox ? "production" : "sandbox");
}

function checkRefreshToken(
  refreshToken: string,
  { sandbox, baseUrl }: EndpointOptions,
): CredentialComplaint | undefined {
  const { typ, environment } = claimsOf(refreshToken);
  if (typ.startsWith("at+")) {
    return {
      code: "malformed_credential",
      message: "the refresh token is an access token, which lives 15 minutes only. " +
        `The refresh token is what Create Grant shows (${APPLICATIONS_PAGE})`,
    };
  }
  // Another address may be a proxy of either environment: there the server decides.
  const isProxy = baseUrl !== undefined && environmentOf(baseUrl) === undefined;
  if (isProxy || !isOfOther(environment, sandbox)) return undefined;
  return { code: "wrong_environment", message: `the ${otherEnvironment(sandbox)}` };
}

function otherEnvironment(sandbox: boolean): string {
  return sandbox
    ? "refresh token is one of production, and the session is one of the sandbox. " +
      "Leave sandbox out, or create a grant in the sandbox"
    : "refresh token is one of the sandbox, and the session is one of production. " +
      "Pass sandbox: true, or create a grant in production";
}

function readTokenRefusal(
  { status, body, isHtml, sandbox, refreshToken }: TokenRefusal,
): TokenProblem {
  const fields = record(body);
  const nested = record(fields.error);
  // tastytrade says error_code, RFC 6749 error, and an API behind it {"error": {"code", "message"}}.
  const code = nonEmptyText(fields.error_code) ?? nonEmptyText(fields.error) ??
    nonEmptyText(nested.code);
  const message = nonEmptyText(fields.error_description) ?? nonEmptyText(nested.message) ??
    (isHtml ? "a web page instead of JSON" : undefined);
  const tryLater = (advice?: string): TokenProblem => ({
    code,
    message,
    isPermanent: false,
    advice,
  });
  const logIn = (advice?: string): TokenProblem => ({ code, message, isPermanent: true, advice });

  if (status === 401 && isHtml) return tryLater(USER_AGENT_ADVICE);
  if (status === 429) return tryLater("tastytrade wants fewer requests: wait, longer each time");
  if (status >= 500) return tryLater("tastytrade is out of order: try again later");
  const said = `${code} ${message}`.toLowerCase();
  if (said.includes("not a tastytrade customer")) {
    return tryLater("tastytrade says so of healthy grants too, for a while: try again later");
  }
  if (said.includes("secret mismatch") || code === "invalid_client") {
    return logIn(
      "Compare TASTY_CLIENT_SECRET with what was saved when the OAuth application was created " +
        `(${APPLICATIONS_PAGE}). A regenerated secret needs a new grant too, and the sandbox has ` +
        "secrets of its own",
    );
  }
  if (said.includes("revoked")) {
    return logIn(
      "The grant was deleted, or the client secret regenerated. Create a new grant and save its " +
        `refresh token in TASTY_REFRESH_TOKEN (${APPLICATIONS_PAGE})`,
    );
  }
  if (code === "invalid_grant") {
    return logIn(
      refreshToken === ""
        ? "The code was used before or is too old: log in again"
        : adviceOnRefreshToken(refreshToken, sandbox),
    );
  }
  return PERMANENT_CODES.has(code ?? "") ? logIn() : tryLater();
}

// RFC 6749 section 5.2: these are about the application, not about the moment.
const PERMANENT_CODES = new Set(["unauthorized_client", "unsupported_grant_type", "invalid_scope"]);

const USER_AGENT_ADVICE =
  "tastytrade answers so when the User-Agent is missing or not <product>/<version>: leave userAgent " +
  "out, or look at what a proxy or your own fetch does to the headers";

function adviceOnRefreshToken(refreshToken: string, sandbox: boolean): string {
  const { parts, environment } = claimsOf(refreshToken);
  if (isOfOther(environment, sandbox)) return `The ${otherEnvironment(sandbox)}`;
  if (parts !== 3) {
    return "A refresh token of tastytrade is three parts joined by dots, several hundred characters " +
      `in all, and this one has ${parts} part${
        parts === 1 ? "" : "s"
      }. Copy it again from Create ` +
      `Grant (${APPLICATIONS_PAGE}) into TASTY_REFRESH_TOKEN`;
  }
  return "The refresh token was copied incompletely, or belongs to the other environment: this session " +
    `is one of ${
      sandbox ? "the sandbox" : "production"
    }. Create a grant there (${APPLICATIONS_PAGE})`;
}

/** Pages are counted from zero, and the links in a page are always null. */
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

function readApiRefusal(
  { status, body, isHtml, sandbox, method, apiVersion }: ApiRefusal,
): ApiProblem {
  const { error, data } = record(body);
  const fields = record(error);
  return {
    // The 406 has a number for a code, which says no more than the status.
    code: nonEmptyText(fields.code),
    message: nonEmptyText(fields.message) ?? (isHtml ? "a web page instead of JSON" : undefined),
    errors: records(fields.errors).map(readFault),
    data,
    advice: adviceOnStatus({ status, isHtml, sandbox, method, apiVersion }),
  };
}

function readFault(fault: Raw): ApiFault {
  const code = nonEmptyText(fault.code);
  const message = nonEmptyText(fault.message) ?? nonEmptyText(fault.reason);
  const field = nonEmptyText(fault.domain); // {"domain": "account-numbers", "reason": "is missing"}
  return {
    ...(code === undefined ? {} : { code }),
    ...(message === undefined ? {} : { message }),
    ...(field === undefined ? {} : { field }),
  };
}

// https://developer.tastytrade.com/reference/errors
function adviceOnStatus(
  { status, isHtml, sandbox, method, apiVersion }: Omit<ApiRefusal, "body">,
): string | undefined {
  switch (status) {
    case 401:
      return isHtml
        ? USER_AGENT_ADVICE
        : "tastytrade refused a new access token too: check that the grant still exists, and that its " +
          "scopes permit this, read and for orders trade";
    case 403:
      if (isHtml) return undefined; // tastytrade itself sends JSON
      return method === "GET"
        ? "The grant's scopes do not permit this, or the account is not yours: a grant needs the " +
          "scope read"
        : "The grant's scopes or your authority over the account do not permit this: orders need " +
          `the scope trade. Scopes are chosen with the OAuth application (${APPLICATIONS_PAGE})`;
    case 404:
      if (isHtml) return undefined;
      return "There is no such account, symbol, order or path in this environment, which is " +
        (sandbox ? "the sandbox" : "production");
    case 406:
      return apiVersion === undefined
        ? "tastytrade wants an apiVersion for this, a date written YYYYMMDD"
        : `tastytrade does not serve apiVersion "${apiVersion}": use a later date, or leave it out`;
    case 422:
      return undefined; // the faults say it all
    case 429:
      return "tastytrade asks for fewer requests: wait, longer each time";
    case 502:
      return sandbox
        ? "The sandbox has no market data, market metrics, watchlists or symbol search: production has"
        : "tastytrade's gateway has no answer from behind it: try again later";
    default:
      return status >= 500 ? "tastytrade is out of order: try again later" : undefined;
  }
}

function readAccount(raw: Raw, authorityLevel: unknown): AccountRecord {
  return {
    accountNumber: text(raw["account-number"]) ?? "",
    accountType: text(raw["account-type-name"]),
    nickname: text(raw.nickname),
    marginOrCash: text(raw["margin-or-cash"]),
    authorityLevel: text(authorityLevel),
    isClosed: flag(raw["is-closed"]),
    openedAt: instant(raw["opened-at"]),
    raw,
  };
}

/** One object without `Accept-Version`, a list of one since version 20240501. */
function readBalances(data: unknown): Balances {
  const raw = records(record(data).items)[0] ?? record(data);
  return {
    accountNumber: text(raw["account-number"]),
    currency: text(raw.currency),
    cashBalance: decimal(raw["cash-balance"]),
    netLiquidatingValue: decimal(raw["net-liquidating-value"]),
    equityBuyingPower: decimal(raw["equity-buying-power"]),
    derivativeBuyingPower: decimal(raw["derivative-buying-power"]),
    dayTradingBuyingPower: decimal(raw["day-trading-buying-power"]),
    maintenanceRequirement: decimal(raw["maintenance-requirement"]),
    longEquityValue: decimal(raw["long-equity-value"]),
    shortEquityValue: decimal(raw["short-equity-value"]),
    longDerivativeValue: decimal(raw["long-derivative-value"]),
    shortDerivativeValue: decimal(raw["short-derivative-value"]),
    cashAvailableToWithdraw: decimal(raw["cash-available-to-withdraw"]),
    updatedAt: instant(raw["updated-at"]),
    raw,
  };
}

function readPosition(raw: Raw): Position {
  const direction = raw["quantity-direction"];
  return {
    accountNumber: text(raw["account-number"]),
    symbol: text(raw.symbol) ?? "",
    instrumentType: text(raw["instrument-type"]),
    underlyingSymbol: text(raw["underlying-symbol"]),
    quantity: decimal(raw.quantity),
    quantityDirection: direction === "Long" || direction === "Short" || direction === "Zero"
      ? direction
      : undefined,
    averageOpenPrice: decimal(raw["average-open-price"]),
    closePrice: decimal(raw["close-price"]),
    multiplier: decimal(raw.multiplier),
    expiresAt: instant(raw["expires-at"]),
    createdAt: instant(raw["created-at"]),
    updatedAt: instant(raw["updated-at"]),
    raw,
  };
}

function readCustomer(data: unknown): CustomerRecord {
  const raw = record(data);
  return {
    id: text(raw.id),
    firstName: text(raw["first-name"]),
    lastName: text(raw["last-name"]),
    email: text(raw.email),
    mobilePhoneNumber: text(raw["mobile-phone-number"]),
    birthDate: text(raw["birth-date"]),
    isProfessional: flag(raw["is-professional"]),
    createdAt: instant(raw["created-at"]),
    raw,
  };
}
