/** tastytrade's error responses: what they mean, and what to do. */

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
import { APPLICATIONS_PAGE, otherEnvironmentProblem, readClaims } from "./environments.ts";

/** Reads an error response of the token endpoint. */
export function parseTokenError(response: TokenErrorResponse): ParsedTokenError {
  const { body, isHtml } = response;
  const fields = record(body);
  const nested = record(fields.error);
  // tastytrade has error_code, RFC 6749 has error, and an API behind has {"error": {"code", "message"}}.
  const code = nonEmptyText(fields.error_code) ?? nonEmptyText(fields.error) ??
    nonEmptyText(nested.code);
  const message = nonEmptyText(fields.error_description) ?? nonEmptyText(nested.message) ??
    (isHtml ? "a web page instead of JSON" : undefined);
  const words = `${code} ${message}`.toLowerCase();
  const tryLater = adviceOnTemporaryError(response, words);
  if (tryLater !== undefined) return { code, message, isPermanent: false, advice: tryLater };
  const giveUp = adviceOnPermanentError(response, code, words);
  const isPermanent = giveUp !== undefined || PERMANENT_TOKEN_ERRORS.has(code ?? "");
  return { code, message, isPermanent, advice: giveUp };
}

function adviceOnTemporaryError(
  { status, isHtml }: TokenErrorResponse,
  words: string,
): string | undefined {
  if (status === 401 && isHtml) return USER_AGENT_ADVICE;
  if (status === 429) return FEWER_REQUESTS;
  if (status >= 500) return NOT_WORKING;
  return words.includes("not a tastytrade customer")
    ? "tastytrade sometimes reports this temporarily for valid grants: try again later"
    : undefined;
}

function adviceOnPermanentError(
  { refreshToken, sandbox }: TokenErrorResponse,
  code: string | undefined,
  words: string,
): string | undefined {
  if (words.includes("secret mismatch") || code === "invalid_client") {
    return "Compare TASTY_CLIENT_SECRET with what was saved when the OAuth application was created " +
      `(${APPLICATIONS_PAGE}). A regenerated secret needs a new grant too, and the sandbox has ` +
      "secrets of its own";
  }
  if (words.includes("revoked")) {
    return "The grant was deleted, or the client secret regenerated. Create a new grant and save its " +
      `refresh token in TASTY_REFRESH_TOKEN (${APPLICATIONS_PAGE})`;
  }
  if (code !== "invalid_grant") return undefined;
  return refreshToken === ""
    ? "The code was used before or is too old: log in again"
    : adviceOnRefreshToken(refreshToken, sandbox);
}

const FEWER_REQUESTS = "tastytrade asks for fewer requests: wait, longer each time";
const NOT_WORKING = "tastytrade is not working: try again later";
const USER_AGENT_ADVICE =
  "tastytrade responds this way when the User-Agent is missing or not <product>/<version>: leave userAgent out, " +
  "or check what a proxy or your own fetch does to the headers";

function adviceOnRefreshToken(refreshToken: string, sandbox: boolean): string {
  const { parts, environment } = readClaims(refreshToken);
  const problem = otherEnvironmentProblem(environment, sandbox);
  if (problem !== undefined) return `The ${problem}`;
  if (parts !== 3) {
    return "A refresh token of tastytrade has three parts joined by dots and several hundred characters, " +
      `and this one has ${parts} part${parts === 1 ? "" : "s"}. Copy it again from Create ` +
      `Grant (${APPLICATIONS_PAGE}) into TASTY_REFRESH_TOKEN`;
  }
  return "The refresh token was copied incompletely, or belongs to the other environment: this session " +
    `is for ${sandbox ? "the sandbox" : "production"}. Create a grant there (${APPLICATIONS_PAGE})`;
}

/** Reads an error response of the API. */
export function parseApiError(
  { status, body, isHtml, sandbox, method, apiVersion }: ApiErrorResponse,
): ParsedApiError {
  const { error, data } = record(body);
  const fields = record(error);
  return {
    // The code of a 406 is a number, which says no more than the status.
    code: nonEmptyText(fields.code),
    message: nonEmptyText(fields.message) ?? (isHtml ? "a web page instead of JSON" : undefined),
    errors: records(fields.errors).map(readDetail),
    data,
    advice: adviceOnStatus({ status, isHtml, sandbox, method, apiVersion }),
  };
}

function readDetail(detail: Raw): ApiErrorDetail {
  return errorDetail({
    code: nonEmptyText(detail.code),
    message: nonEmptyText(detail.message) ?? nonEmptyText(detail.reason),
    field: nonEmptyText(detail.domain), // {"domain": "account-numbers", "reason": "is missing"}
  });
}

// https://developer.tastytrade.com/reference/errors
function adviceOnStatus(
  { status, isHtml, sandbox, method, apiVersion }: Omit<ApiErrorResponse, "body">,
): string | undefined {
  switch (status) {
    case 401:
      return isHtml
        ? USER_AGENT_ADVICE
        : "tastytrade refused a fresh access token too: check that the grant still exists, and that its " +
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
        ? "tastytrade needs an apiVersion for this, a date written YYYYMMDD"
        : `tastytrade does not serve apiVersion "${apiVersion}": use a later date, or leave it out`;
    case 422:
      return undefined; // the single errors say it all
    case 501:
      return undefined; // that will not change
    case 429:
      return FEWER_REQUESTS;
    case 502:
      return sandbox
        ? "The sandbox has no market data, market metrics, watchlists or symbol search. Use production"
        : "tastytrade's gateway got no response: try again later";
    default:
      return status >= 500 ? NOT_WORKING : undefined;
  }
}
