/** Error responses of a token endpoint, as RFC 6749 section 5.2 defines them. */

import type { Broker, ParsedTokenError, TokenErrorResponse } from "./broker.ts";
import { nonEmptyText, record } from "./fields.ts";

/** The codes that are about the application or the credentials, so that a retry is of no use. */
export const PERMANENT_TOKEN_ERRORS: ReadonlySet<string> = /* @__PURE__ */ new Set([
  "invalid_client",
  "invalid_grant",
  "unauthorized_client",
  "unsupported_grant_type",
  "invalid_scope",
]);

/** Reads an error response by the standard alone. */
export function parseOAuthError(
  { body }: TokenErrorResponse,
  { credentialsHelp }: Broker,
): ParsedTokenError {
  const { error, error_description: description } = record(body);
  const code = nonEmptyText(error);
  const isPermanent = code !== undefined && PERMANENT_TOKEN_ERRORS.has(code);
  const advice = code === "invalid_grant"
    ? "The refresh token is wrong, revoked, or was used before: a rotating token must be kept in a store. " +
      credentialsHelp
    : isPermanent
    ? credentialsHelp
    : undefined;
  return { code, message: nonEmptyText(description), isPermanent, advice };
}
