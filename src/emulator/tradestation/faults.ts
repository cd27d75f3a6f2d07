import { type EmulatedResponse, jsonResponse } from "../response.ts";
import errors from "./recordings/errors.json" with { type: "json" };
import { errorResponse, legacyErrorResponse } from "./errors.ts";

/** TradeStation's error responses by name. */
export interface TradestationFaults {
  /** 403 of the token endpoint: the refresh token is unknown, spent or revoked. */
  readonly unknownRefreshToken: EmulatedResponse;
  /** 403 of the token endpoint: the code is unknown, used or too old. */
  readonly invalidCode: EmulatedResponse;
  /** 401 of the token endpoint: the client or its secret is wrong. */
  readonly clientSecretMismatch: EmulatedResponse;
  /** 429 of the token endpoint: too many logins. */
  readonly tooManyLogins: EmulatedResponse;
  /** 400: a parameter is wrong. */
  readonly badRequest: EmulatedResponse;
  /** 401: no bearer token, or one that has expired or was revoked. */
  readonly unauthorized: EmulatedResponse;
  /** 401 of v2. */
  readonly legacyUnauthorized: EmulatedResponse;
  /** 403: the scope of the token does not permit this. */
  readonly forbidden: EmulatedResponse;
  /** 403: the account is not the user's. */
  readonly invalidAccount: EmulatedResponse;
  /** 404: no such path, symbol or order. */
  readonly notFound: EmulatedResponse;
  /** 429, with headers that say when the quota resets. */
  readonly tooManyRequests: EmulatedResponse;
  /** 403 "Quota Exceeded" in HTML, which v2 sends instead of 429. */
  readonly legacyQuotaExceeded: EmulatedResponse;
  /** 500. */
  readonly internalServerError: EmulatedResponse;
  /** 503. */
  readonly serviceUnavailable: EmulatedResponse;
  /** 504. */
  readonly gatewayTimeout: EmulatedResponse;
  /** 200 with an error: bars of a symbol for which the user has no data. */
  readonly notEntitled: EmulatedResponse;
}

/**
 * TradeStation's error responses, for `emulator.injectFault()`. Those of the token endpoint are Auth0's
 * in general and UNCONFIRMED, and so are the messages of 400, 401 and 5xx.
 *
 * @example A quota that is used up
 * ```ts
 * import { startEmulator, tradestationFaults } from "@tasty/session/emulator";
 *
 * const emulator = await startEmulator();
 * emulator.injectFault("GET /v3/brokerage/accounts", tradestationFaults.tooManyRequests);
 * const response = await fetch(`${emulator.tradestation.baseUrl}/v3/brokerage/accounts`);
 * if (response.headers.get("x-ratelimit-reset") !== "60") throw new Error("Expected a minute");
 * await response.body?.cancel();
 * await emulator.close();
 * ```
 */
export const tradestationFaults: TradestationFaults = {
  unknownRefreshToken: jsonResponse(403, errors.unknown_refresh_token),
  invalidCode: jsonResponse(403, errors.invalid_code),
  clientSecretMismatch: jsonResponse(401, errors.wrong_secret),
  tooManyLogins: jsonResponse(429, {
    error: "too_many_requests",
    error_description: "Global limit has been reached",
  }),
  badRequest: errorResponse(400, "Bad request"),
  unauthorized: errorResponse(401, "Unauthorized"),
  legacyUnauthorized: legacyErrorResponse(401, "Unauthorized"),
  forbidden: errorResponse(403, "Forbidden"),
  invalidAccount: errorResponse(403, errors.invalid_account.Message),
  notFound: jsonResponse(404, errors.not_found),
  tooManyRequests: {
    ...jsonResponse(429, errors.rate_quota_exceeded),
    // The names are documented, and that the reset is in seconds. The values are examples, with the limit
    // of the accounts.
    headers: {
      "content-type": "application/json",
      "x-ratelimit-limit": "320",
      "x-ratelimit-period": "300",
      "x-ratelimit-remaining": "0",
      "x-ratelimit-reset": "60",
      "x-ratelimit-resource": "accounts",
    },
  },
  legacyQuotaExceeded: {
    status: 403,
    statusText: "Quota Exceeded",
    headers: { "content-type": "text/html" },
    body: errors.v2_quota_exceeded,
  },
  internalServerError: errorResponse(500, "Internal server error"),
  serviceUnavailable: errorResponse(503, "Service unavailable"),
  gatewayTimeout: errorResponse(504, "Gateway timeout"),
  notEntitled: jsonResponse(200, errors.not_entitled),
};
