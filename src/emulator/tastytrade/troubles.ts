import { type Answer, jsonAnswer, nginxAnswer } from "../answer.ts";
import errors from "./recordings/errors.json" with { type: "json" };
import marginCheckFailed from "./recordings/margin_check_failed.json" with {
  type: "json",
};
import { errorAnswer } from "./envelope.ts";

/** tastytrade's bad answers by name. */
export interface Troubles {
  /** 400 of the token endpoint: the user has deleted the grant, or the secret was regenerated. */
  readonly grantRevoked: Answer;
  /** 400 of the token endpoint: the refresh token is not one of this environment. */
  readonly invalidJwt: Answer;
  /** 400 of the token endpoint: the client secret is not the one of the grant's client. */
  readonly clientSecretMismatch: Answer;
  /** 400 of the token endpoint for a healthy grant; the same request succeeds minutes later. */
  readonly notACustomer: Answer;
  /** 400: a parameter is missing. */
  readonly validationError: Answer;
  /** 401 in HTML: no `User-Agent`, or one that does not look like `product/version`. */
  readonly userAgentRequired: Answer;
  /** 401: no bearer token, or one that has expired or was revoked. */
  readonly tokenInvalid: Answer;
  /** 403: the scope of the token or the authority over the account does not permit this. */
  readonly notPermitted: Answer;
  /** 404: no such account, symbol or id. */
  readonly notFound: Answer;
  /** 406: the `Accept-Version` is none that the service knows; its `code` is a number. */
  readonly unsupportedVersion: Answer;
  /** 422: an order that the preflight checks refuse. */
  readonly preflightFailed: Answer;
  /** 422: an order that the account cannot pay; both `data` and `error`. */
  readonly marginCheckFailed: Answer;
  /** 429 in HTML: too many requests, with no `Retry-After`. */
  readonly tooManyRequests: Answer;
  /** 500: the message ends in a support identifier. */
  readonly internalServerError: Answer;
  /** 502 in HTML: nginx has no service behind it. */
  readonly badGateway: Answer;
  /** 503 in HTML. */
  readonly serviceUnavailable: Answer;
  /** 504 in HTML. */
  readonly gatewayTimeout: Answer;
}

/**
 * tastytrade's bad answers, as recorded, to be ordered with `emulator.trouble()`.
 *
 * @example A 429 with a hint
 * ```ts
 * import { startEmulator, troubles } from "@tasty/session/emulator";
 *
 * const emulator = await startEmulator();
 * emulator.trouble("GET /customers/me", {
 *   ...troubles.tooManyRequests,
 *   headers: { ...troubles.tooManyRequests.headers, "retry-after": "1" },
 * });
 * await emulator.close();
 * ```
 */
export const troubles: Troubles = {
  grantRevoked: jsonAnswer(400, errors.grant_revoked),
  invalidJwt: jsonAnswer(400, errors.invalid_jwt),
  // Status and description were seen live; the keys are UNCONFIRMED and follow the recorded siblings.
  clientSecretMismatch: jsonAnswer(400, {
    error_code: "invalid_client",
    error_description: "Client secret mismatch",
  }),
  notACustomer: jsonAnswer(400, errors.not_a_customer),
  validationError: jsonAnswer(400, errors.validation_error),
  userAgentRequired: nginxAnswer(401, "Authorization Required"),
  tokenInvalid: jsonAnswer(401, errors.token_invalid),
  notPermitted: jsonAnswer(403, errors.not_permitted),
  notFound: errorAnswer(404, "record_not_found", "Couldn't find the record"),
  unsupportedVersion: jsonAnswer(406, errors.unsupported_version),
  preflightFailed: jsonAnswer(422, errors.preflight_check_failure),
  marginCheckFailed: jsonAnswer(422, marginCheckFailed),
  tooManyRequests: nginxAnswer(429, "Too Many Requests"),
  // The identifier is a recorded one (of another code); the words before it are UNCONFIRMED.
  internalServerError: errorAnswer(
    500,
    "internal_server_error",
    "Internal server error. Unique customer support identifier: 76c0d379867fcba1e29aebe4c81c3976",
  ),
  badGateway: nginxAnswer(502, "Bad Gateway"),
  serviceUnavailable: nginxAnswer(503, "Service Temporarily Unavailable"),
  gatewayTimeout: nginxAnswer(504, "Gateway Time-out"),
};
