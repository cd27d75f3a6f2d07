/** TradeStation's error responses: what they mean, and what to do. */

import type { ApiErrorDetail } from "../../errors.ts";
import type {
  ApiErrorResponse,
  ParsedApiError,
  ParsedTokenError,
  TokenErrorResponse,
} from "../broker.ts";
import { errorDetail, nonEmptyText, record, records } from "../fields.ts";
import { PERMANENT_TOKEN_ERRORS } from "../oauth_error.ts";
import type { Raw } from "../records.ts";

const LOG_IN = "Log in again, with login({ broker: tradestation })";

/** Reads an error response of the token endpoint. The sign-in is Auth0's: RFC 6749 with other statuses. */
export function parseTokenError(
  { status, body, isHtml, refreshToken }: TokenErrorResponse,
): ParsedTokenError {
  const fields = record(body);
  const code = nonEmptyText(fields.error);
  const message = nonEmptyText(fields.error_description) ??
    (isHtml ? "a web page instead of JSON" : undefined);
  if (status === 429 || status >= 500) {
    return { code, message, isPermanent: false, advice: "Try again later" };
  }
  const isPermanent = code === "access_denied" || PERMANENT_TOKEN_ERRORS.has(code ?? "");
  return { code, message, isPermanent, advice: adviceOnTokenError(code, refreshToken) };
}

function adviceOnTokenError(code: string | undefined, refreshToken: string): string {
  switch (code) {
    case "invalid_grant":
      return refreshToken === ""
        ? `The code was used before or is too old. ${LOG_IN}`
        : "The refresh token is not TradeStation's, was revoked with the key's others or, if the key " +
          `rotates its tokens, was used before or is over 24 hours old. ${LOG_IN}`;
    case "access_denied":
    case "invalid_client":
      return "Compare TRADESTATION_CLIENT_ID and TRADESTATION_CLIENT_SECRET with the API key and its " +
        "secret";
    case "invalid_scope":
    case "unsupported_grant_type":
    case "unauthorized_client":
      return "The API key does not permit this: ask TradeStation's Client Experience";
    default:
      return "Try again later, and log in again if the error remains";
  }
}

/** Whether a 200 is an error: `{"Error": …}`, or a list of `Errors` and nothing else. */
export function isErrorBody(body: unknown): boolean {
  const { Error: error, Errors: errors, ...lists } = record(body);
  if (nonEmptyText(error) !== undefined) return true;
  return records(errors).length > 0 &&
    Object.values(lists).every((list) => Array.isArray(list) && list.length === 0);
}

/**
 * Reads an error response of the API. v3 has `Error` and `Message`; v2 has `TraceId`, `StatusCode` and
 * `Message`.
 */
export function parseApiError(
  { status, body, isHtml, sandbox, apiVersion }: ApiErrorResponse,
): ParsedApiError {
  const fields = record(body);
  const errors = records(fields.Errors).map(readDetail);
  // v2 answers 403 with a web page that says "Quota Exceeded".
  const isRateLimit = status === 429 || status === 403 && isHtml && apiVersion === "v2";
  const code = nonEmptyText(fields.Error) ?? errors[0]?.code;
  return {
    code,
    message: nonEmptyText(fields.Message) ?? (isHtml ? "a web page instead of JSON" : undefined),
    errors,
    isRateLimit,
    // A 200 may say Forbidden too, about an account.
    advice: isRateLimit ? FEWER_REQUESTS : isHtml && status < 500
      ? undefined // TradeStation itself sends JSON
      : adviceOnStatus(code === "Forbidden" ? 403 : status, sandbox, apiVersion),
  };
}

/** Reads one entry of `Errors`. */
export function readDetail(detail: Raw): ApiErrorDetail {
  return errorDetail({
    code: nonEmptyText(detail.Error),
    message: nonEmptyText(detail.Message),
    field: nonEmptyText(detail.AccountID) ?? nonEmptyText(detail.Symbol) ??
      nonEmptyText(detail.OrderID),
  });
}

const FEWER_REQUESTS = "TradeStation asks for fewer requests: wait, longer each time";

function adviceOnStatus(
  status: number,
  sandbox: boolean,
  apiVersion: string | undefined,
): string | undefined {
  switch (status) {
    case 401:
      return "TradeStation refused a fresh access token too: the login's scopes may not permit this " +
        `(orders need Trade, accounts ReadAccount, quotes MarketData), or it has ended. ${LOG_IN}`;
    case 403:
      return "The login's scopes do not permit this, or the account is not yours: orders need the " +
        "scope Trade, accounts ReadAccount, quotes MarketData";
    case 404:
      return apiVersion === "v2"
        ? 'apiVersion "v2" has paths of its own, for instance /users/<user id>/accounts'
        : `There is no such path, symbol or order ${sandbox ? "in the simulator" : "here"}`;
    case 501:
      return undefined; // that will not change
    default:
      return status >= 500 ? "TradeStation is not working: try again later" : undefined;
  }
}
