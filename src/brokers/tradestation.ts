/**
 * TradeStation: https://api.tradestation.com/docs
 *
 * The access token lives 20 minutes. The refresh token does not expire, unless the key is switched
 * to rotation on request: then every renewal brings a new one, and the old one must not be used
 * again. The simulator (SIM) has its own address, but the same sign-in and the same credentials.
 */

import type { ApiFault } from "../errors.ts";
import type {
  ApiProblem,
  ApiRefusal,
  Broker,
  EndpointOptions,
  Endpoints,
  Page,
  RateLimit,
  TokenProblem,
  TokenRefusal,
} from "./broker.ts";
import { decimal, instant, nonEmptyText, record, records, text } from "./fields.ts";
import type { AccountRecord, Balances, Position, Raw } from "./records.ts";

// https://api.tradestation.com/docs/fundamentals/sim-vs-live/
const LIVE_URL = "https://api.tradestation.com";
const SIM_URL = "https://sim-api.tradestation.com";
const SIGN_IN_URL = "https://signin.tradestation.com";

/**
 * https://api.tradestation.com/docs/fundamentals/rate-limiting/rate-limiting-overview/: for each user,
 * kind by kind. Orders, symbols and bars have none that is published.
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

const LOG_IN = "Log in again, with login({ broker: tradestation })";

/** TradeStation, API v3; `apiVersion: "v2"` chooses the legacy API. */
export const tradestation: Broker = {
  name: "TradeStation",
  environment: {
    clientId: "TRADESTATION_CLIENT_ID",
    clientSecret: "TRADESTATION_CLIENT_SECRET",
    refreshToken: "TRADESTATION_REFRESH_TOKEN",
  },
  otherPrefixes: ["TS", "TRADE"],
  requiresClientId: true,
  credentialsAdvice: "Client id and secret are the API key and its secret, which TradeStation's " +
    "Client Experience hands out; login({ broker: tradestation }) gets the refresh token",
  endpoints,
  hosts: {
    production: ["api.tradestation.com"],
    sandbox: ["sim-api.tradestation.com", "sim.api.tradestation.com"], // the second in older examples
  },
  rateLimits: RATE_LIMITS,
  resetHeader: "x-ratelimit-reset", // .../docs/fundamentals/rate-limiting/rate-limiting-overview/
  defaultTokenLifetimeMs: 1_200_000, // 20 minutes, .../docs/fundamentals/authentication/auth-code/
  readTokenRefusal,
  listQuery: "commas",
  readPage,
  readApiRefusal,
  isRefusal,
  accounts: {
    listPath: "/brokerage/accounts",
    readList: (data) => records(record(data).Accounts).map(readAccount),
    path: () => "/brokerage/accounts", // the API has no path for a single one
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
    mayLoseState: true, // the documentation's declined callback has none
    clientAdvice:
      "The client id is the API key, and the client secret its secret, as TradeStation's " +
      "Client Experience has sent them to you",
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
    issuer: `${signIn}/`, // Auth0's, which ends with a slash
    validatePath: apiVersion === "v3" ? "/brokerage/accounts" : "/data/quote/MSFT",
  };
}

/** The sign-in is Auth0's: RFC 6749's fields, under statuses of its own. */
function readTokenRefusal({ status, body, isHtml, refreshToken }: TokenRefusal): TokenProblem {
  const fields = record(body);
  const code = nonEmptyText(fields.error);
  const message = nonEmptyText(fields.error_description) ??
    (isHtml ? "a web page instead of JSON" : undefined);
  const tryLater = (advice: string): TokenProblem => ({
    code,
    message,
    isPermanent: false,
    advice,
  });
  const giveUp = (advice: string): TokenProblem => ({ code, message, isPermanent: true, advice });

  if (status === 429 || status >= 500) return tryLater("Try again later");
  switch (code) {
    case "invalid_grant":
      if (refreshToken === "") return giveUp(`The code was used before or is too old. ${LOG_IN}`);
      return giveUp(
        "The refresh token is not TradeStation's, was revoked with the key's others, or, if the key " +
          `rotates its tokens, was used before or is over 24 hours old. ${LOG_IN}`,
      );
    case "access_denied":
    case "invalid_client":
      return giveUp(
        "Compare TRADESTATION_CLIENT_ID and TRADESTATION_CLIENT_SECRET with the API key and its secret",
      );
    case "invalid_scope":
    case "unsupported_grant_type":
    case "unauthorized_client":
      return giveUp("The API key does not permit this: ask TradeStation's Client Experience");
    default:
      return tryLater("Try again later, and log in again if it stays so");
  }
}

/** The only list beside `Errors` is the list asked for, and `NextToken` leads on. */
function readPage(body: unknown): Page {
  if (Array.isArray(body)) return { items: body, next: undefined }; // v2
  const { Errors: _, NextToken, ...lists } = record(body);
  const token = nonEmptyText(NextToken);
  return {
    items: Object.values(lists).find((value) => Array.isArray(value)) ?? [],
    next: token === undefined ? undefined : { nextToken: token },
  };
}

/** 200 is also the status of `{"Error": …}`, and of a list of `Errors` with nothing beside it. */
function isRefusal(body: unknown): boolean {
  const { Error: error, Errors: errors, ...lists } = record(body);
  if (nonEmptyText(error) !== undefined) return true;
  return records(errors).length > 0 &&
    Object.values(lists).every((list) => Array.isArray(list) && list.length === 0);
}

function readApiRefusal({ status, body, isHtml, sandbox, apiVersion }: ApiRefusal): ApiProblem {
  const fields = record(body); // v3: Error, Message; v2: TraceId, StatusCode, Message
  const errors = records(fields.Errors).map(readFault);
  // v2 answers 403 with a web page that says "Quota Exceeded".
  const isRateLimit = status === 429 || status === 403 && isHtml && apiVersion === "v2";
  const code = nonEmptyText(fields.Error) ?? errors[0]?.code;
  return {
    code,
    message: nonEmptyText(fields.Message) ?? (isHtml ? "a web page instead of JSON" : undefined),
    errors,
    isRateLimit,
    // A 200 too may say Forbidden, of an account.
    advice: isRateLimit ? WAIT : isHtml && status < 500
      ? undefined // TradeStation itself sends JSON
      : adviceOnStatus(code === "Forbidden" ? 403 : status, sandbox, apiVersion),
  };
}

function readFault(fault: Raw): ApiFault {
  const code = nonEmptyText(fault.Error);
  const message = nonEmptyText(fault.Message);
  const field = nonEmptyText(fault.AccountID) ?? nonEmptyText(fault.Symbol) ??
    nonEmptyText(fault.OrderID);
  return {
    ...(code === undefined ? {} : { code }),
    ...(message === undefined ? {} : { message }),
    ...(field === undefined ? {} : { field }),
  };
}

const WAIT = "TradeStation wants fewer requests: wait, longer each time";

function adviceOnStatus(
  status: number,
  sandbox: boolean,
  apiVersion: string | undefined,
): string | undefined {
  switch (status) {
    case 401:
      return "TradeStation refused a new access token too: the login's scopes may not permit this " +
        `(orders need Trade, accounts ReadAccount, quotes MarketData), or it has ended. ${LOG_IN}`;
    case 403:
      return "The login's scopes do not permit this, or the account is not yours: orders need the " +
        "scope Trade, accounts ReadAccount, quotes MarketData";
    case 404:
      return apiVersion === "v2"
        ? 'apiVersion "v2" has paths of its own, for instance /users/<user id>/accounts'
        : `There is no such path, symbol or order ${sandbox ? "in the simulator" : "here"}`;
    default:
      return status >= 500 ? "TradeStation is out of order: try again later" : undefined;
  }
}

function readAccount(raw: Raw): AccountRecord {
  const accountType = text(raw.AccountType);
  const status = text(raw.Status);
  return {
    accountNumber: text(raw.AccountID) ?? "",
    accountType,
    nickname: text(raw.Alias),
    marginOrCash: accountType === "Margin" || accountType === "Cash" ? accountType : undefined,
    authorityLevel: undefined,
    isClosed: status === undefined ? undefined : status === "Closed",
    openedAt: undefined,
    raw,
  };
}

function readBalances(raw: Raw): Balances {
  const detail = record(raw.BalanceDetail);
  const [currencyDetail = {}] = records(raw.CurrencyDetails);
  return {
    accountNumber: text(raw.AccountID),
    currency: text(currencyDetail.Currency),
    cashBalance: decimal(raw.CashBalance),
    netLiquidatingValue: decimal(raw.Equity),
    equityBuyingPower: decimal(raw.BuyingPower),
    derivativeBuyingPower: decimal(detail.OptionBuyingPower),
    dayTradingBuyingPower: decimal(detail.DayTradeExcess),
    maintenanceRequirement: decimal(detail.MaintenanceMargin) ?? decimal(detail.RequiredMargin),
    longEquityValue: undefined,
    shortEquityValue: undefined,
    longDerivativeValue: undefined,
    shortDerivativeValue: undefined,
    cashAvailableToWithdraw: undefined,
    updatedAt: undefined,
    raw,
  };
}

function readPosition(raw: Raw): Position {
  const direction = raw.LongShort;
  return {
    accountNumber: text(raw.AccountID),
    symbol: text(raw.Symbol) ?? "",
    instrumentType: text(raw.AssetType),
    underlyingSymbol: undefined,
    quantity: decimal(raw.Quantity)?.replace(/^[+-]/, ""), // negative when short
    quantityDirection: direction === "Long" || direction === "Short" ? direction : undefined,
    averageOpenPrice: decimal(raw.AveragePrice),
    closePrice: undefined,
    multiplier: undefined,
    expiresAt: instant(raw.ExpirationDate),
    createdAt: instant(raw.Timestamp),
    updatedAt: undefined,
    raw,
  };
}
