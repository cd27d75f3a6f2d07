import { type EmulatedResponse, jsonResponse, nginxResponse } from "../response.ts";
import errors from "./recordings/errors.json" with { type: "json" };
import marginCheckFailed from "./recordings/margin_check_failed.json" with {
  type: "json",
};
import { errorResponse } from "./envelope.ts";

/** tastytrade's error responses by name. */
export interface TastytradeFaults {
  /** 400 of the token endpoint: the user has deleted the grant, or the secret was regenerated. */
  readonly grantRevoked: EmulatedResponse;
  /** 400 of the token endpoint: the refresh token is not one of this environment. */
  readonly invalidJwt: EmulatedResponse;
  /** 400 of the token endpoint: the client secret is not the one of the grant's client. */
  readonly clientSecretMismatch: EmulatedResponse;
  /** 400 of the token endpoint for a valid grant. The same request succeeds minutes later. */
  readonly notACustomer: EmulatedResponse;
  /** 400: a parameter is missing. */
  readonly validationError: EmulatedResponse;
  /** 401 in HTML: no `User-Agent`, or not `product/version`. */
  readonly userAgentRequired: EmulatedResponse;
  /** 401: no bearer token, or one that has expired or was revoked. */
  readonly tokenInvalid: EmulatedResponse;
  /** 403: the scope of the token or the authority over the account does not permit this. */
  readonly notPermitted: EmulatedResponse;
  /** 404: no such account, symbol or id. */
  readonly notFound: EmulatedResponse;
  /** 406: the service does not know this `Accept-Version`. Its `code` is a number. */
  readonly unsupportedVersion: EmulatedResponse;
  /** 422: the preflight checks refuse an order. */
  readonly preflightFailed: EmulatedResponse;
  /** 422: the account cannot pay an order. It has both `data` and `error`. */
  readonly marginCheckFailed: EmulatedResponse;
  /** 429 in HTML: too many requests, with no `Retry-After`. */
  readonly tooManyRequests: EmulatedResponse;
  /** 500: the message ends in a support identifier. */
  readonly internalServerError: EmulatedResponse;
  /** 502 in HTML: nginx has no service behind it. */
  readonly badGateway: EmulatedResponse;
  /** 503 in HTML. */
  readonly serviceUnavailable: EmulatedResponse;
  /** 504 in HTML. */
  readonly gatewayTimeout: EmulatedResponse;
}

/**
 * tastytrade's error responses, as recorded, for `emulator.injectFault()`.
 *
 * @example A 429 with a hint
 * ```ts
 * import { startEmulator, tastytradeFaults } from "@tasty/session/emulator";
 *
 * const emulator = await startEmulator();
 * emulator.injectFault("GET /customers/me", {
 *   ...tastytradeFaults.tooManyRequests,
 *   headers: { ...tastytradeFaults.tooManyRequests.headers, "retry-after": "1" },
 * });
 * await emulator.close();
 * ```
 */
export const tastytradeFaults: TastytradeFaults = {
  grantRevoked: jsonResponse(400, errors.grant_revoked),
  invalidJwt: jsonResponse(400, errors.invalid_jwt),
  // Status and description were seen live; the keys are UNCONFIRMED and follow the recorded siblings.
  clientSecretMismatch: jsonResponse(400, {
    error_code: "invalid_client",
    error_description: "Client secret mismatch",
  }),
  notACustomer: jsonResponse(400, errors.not_a_customer),
  validationError: jsonResponse(400, errors.validation_error),
  userAgentRequired: nginxResponse(401, "Authorization Required"),
  tokenInvalid: jsonResponse(401, errors.token_invalid),
  notPermitted: jsonResponse(403, errors.not_permitted),
  notFound: errorResponse(404, "record_not_found", "Couldn't find the record"),
  unsupportedVersion: jsonResponse(406, errors.unsupported_version),
  preflightFailed: jsonResponse(422, errors.preflight_check_failure),
  marginCheckFailed: jsonResponse(422, marginCheckFailed),
  tooManyRequests: nginxResponse(429, "Too Many Requests"),
  // The identifier is a recorded one (of another code); the words before it are UNCONFIRMED.
  internalServerError: errorResponse(
    500,
    "internal_server_error",
    "Internal server error. Unique customer support identifier: 76c0d379867fcba1e29aebe4c81c3976",
  ),
  badGateway: nginxResponse(502, "Bad Gateway"),
  serviceUnavailable: nginxResponse(503, "Service Temporarily Unavailable"),
  gatewayTimeout: nginxResponse(504, "Gateway Time-out"),
};
