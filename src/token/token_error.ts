/** The error for a response of the token endpoint that holds no token. */

import type { Broker } from "../brokers/broker.ts";
import { parseOAuthError } from "../brokers/oauth_error.ts";
import { readSafely } from "../brokers/read_safely.ts";
import { formatMessage, toOneLine } from "../error_message.ts";
import { TokenError } from "../errors.ts";
import type { OffsetRange } from "../net/clock_offset.ts";
import {
  intermediaryAdvice,
  isIntermediaryStatus,
  unexpectedResponseAdvice,
} from "../net/intermediary.ts";
import { redact } from "../net/redact.ts";
import { parseBody } from "../net/response_body.ts";

/** A response of the token endpoint. */
export interface TokenEndpointResponse {
  readonly status: number;
  readonly text: string;
  readonly retryAfterMs: number | undefined;
  /** How far the endpoint's clock is ahead, if it tells the time. */
  readonly clockOffset: OffsetRange | undefined;
}

/** What the response answers. */
export interface TokenErrorContext {
  readonly broker: Broker;
  readonly sandbox: boolean;
  /** What failed, for instance "Cannot refresh the access token". */
  readonly action: string;
  /** Why the response is not a token response although its status is good. */
  readonly problem?: string | undefined;
  /** The refresh token that was sent; empty for the code of a login. */
  readonly refreshToken: string;
  /** What the response may echo, but no error may show. */
  readonly secrets: readonly string[];
}

/** Makes the error. */
export function tokenError(
  { status, text, retryAfterMs }: TokenEndpointResponse,
  { broker, sandbox, action, problem, refreshToken, secrets }: TokenErrorContext,
): TokenError {
  const { json, isHtml } = parseBody(text);
  const response = { status, body: redact(json, secrets), isHtml, sandbox, refreshToken };
  const parsed = readSafely(
    broker,
    () => broker.parseTokenError?.(response),
    parseOAuthError(response, broker),
  );
  const code = parsed.code === undefined ? undefined : toOneLine(parsed.code, 100);
  // A good status with an error in the body is that error. Without one, it is not a token response.
  if (problem !== undefined && code === undefined) {
    return new TokenError(
      formatMessage(action, {
        facts: [String(status), `this is not a token response: ${problem}`],
        advice: [unexpectedResponseAdvice(status, isHtml)],
      }),
      { code: "invalid_token_response", isPermanent: false, status, retryAfterMs },
    );
  }
  // The brokers refuse in JSON. Their own gateways send web pages with statuses from 500 on only.
  const isForeign = isIntermediaryStatus(status) || isHtml && (status === 403 || status === 404);
  const message = formatMessage(action, {
    facts: [`${status} ${code ?? ""}`, parsed.message],
    advice: [isForeign ? intermediaryAdvice(status, isHtml) : parsed.advice],
  });
  return new TokenError(message, {
    code: code ?? `http_${status}`,
    isPermanent: parsed.isPermanent,
    status,
    retryAfterMs,
  });
}
