import { type Answer, jsonAnswer } from "../answer.ts";
import errors from "./recordings/errors.json" with { type: "json" };
import { errorAnswer, legacyErrorAnswer } from "./errors.ts";

/** TradeStation's bad answers by name. */
export interface TradestationTroubles {
  /** 403 of the token endpoint: the refresh token is unknown, spent or revoked. */
  readonly unknownRefreshToken: Answer;
  /** 403 of the token endpoint: the code is unknown, used or too old. */
  readonly invalidCode: Answer;
  /** 401 of the token endpoint: the client or its secret is wrong. */
  readonly clientSecretMismatch: Answer;
  /** 429 of the token endpoint: too many logins. */
  readonly tooManyLogins: Answer;
  /** 400: a parameter is wrong. */
  readonly badRequest: Answer;
  /** 401: no bearer token, or one that has expired or was revoked. */
  readonly unauthorized: Answer;
  /** 401 of v2. */
  readonly legacyUnauthorized: Answer;
  /** 403: the scope of the token does not permit this. */
  readonly forbidden: Answer;
  /** 403: the account is none of the user's. */
  readonly invalidAccount: Answer;
  /** 404: no such path, symbol or order. */
  readonly notFound: Answer;
  /** 429, with the headers that tell when the quota is full again. */
  readonly tooManyRequests: Answer;
  /** 403 "Quota Exceeded" in HTML: what v2 has for a 429. */
  readonly legacyQuotaExceeded: Answer;
  /** 500. */
  readonly internalServerError: Answer;
  /** 503. */
  readonly serviceUnavailable: Answer;
  /** 504. */
  readonly gatewayTimeout: Answer;
  /** 200, and yet an error: bars of a symbol that the user has no data for. */
  readonly notEntitled: Answer;
}

/**
 * TradeStation's bad answers, to be ordered with `emulator.trouble()`. Those of the token endpoint are
 * Auth0's in general and UNCONFIRMED, as are the messages of 400, 401, 5xx.
 *
 * @example A quota that is used up
 * ```ts
 * import { startEmulator, tradestationTroubles } from "@tasty/session/emulator";
 *
 * const emulator = await startEmulator();
 * emulator.trouble("GET /v3/brokerage/accounts", tradestationTroubles.tooManyRequests);
 * const response = await fetch(`${emulator.tradestation.baseUrl}/v3/brokerage/accounts`);
 * if (response.headers.get("x-ratelimit-reset") !== "60") throw new Error("Expected a minute");
 * await response.body?.cancel();
 * await emulator.close();
 * ```
 */
export const tradestationTroubles: TradestationTroubles = {
  unknownRefreshToken: jsonAnswer(403, errors.unknown_refresh_token),
  invalidCode: jsonAnswer(403, errors.invalid_code),
  clientSecretMismatch: jsonAnswer(401, errors.wrong_secret),
  tooManyLogins: jsonAnswer(429, {
    error: "too_many_requests",
    error_description: "Global limit has been reached",
  }),
  badRequest: errorAnswer(400, "Bad request"),
  unauthorized: errorAnswer(401, "Unauthorized"),
  legacyUnauthorized: legacyErrorAnswer(401, "Unauthorized"),
  forbidden: errorAnswer(403, "Forbidden"),
  invalidAccount: errorAnswer(403, errors.invalid_account.Message),
  notFound: jsonAnswer(404, errors.not_found),
  tooManyRequests: {
    ...jsonAnswer(429, errors.rate_quota_exceeded),
    // The names and that the last but one counts seconds are documented; these values are ours, with
    // the limit of the accounts.
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
  internalServerError: errorAnswer(500, "Internal server error"),
  serviceUnavailable: errorAnswer(503, "Service unavailable"),
  gatewayTimeout: errorAnswer(504, "Gateway timeout"),
  notEntitled: jsonAnswer(200, errors.not_entitled),
};
