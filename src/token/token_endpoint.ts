/** Requests to the token endpoint (RFC 6749 section 3.2) and the revocation endpoint (RFC 7009). */

import type { Broker, Endpoints } from "../brokers/broker.ts";
import { formatMessage } from "../error_message.ts";
import { NetworkError, type NetworkErrorKind, SessionError, withOutcome } from "../errors.ts";
import { type OffsetRange, offsetRange } from "../net/clock_offset.ts";
import { Deadline } from "../net/deadline.ts";
import { explainFailure, safeCause } from "../net/failure_advice.ts";
import { networkFailure } from "../net/network_failure.ts";
import { asNetworkDenied, requireNetwork } from "../net/platform_fetch.ts";
import { jsonBody } from "../net/request_body.ts";
import { parseBody, readLimited } from "../net/response_body.ts";
import { readRetryAfter } from "../net/retry_after.ts";
import { singleSendBody, singleSendInit } from "../net/runtime_retries.ts";
import { parseToken, readClocks, type Token } from "./token.ts";
import { type TokenEndpointResponse, tokenError } from "./token_error.ts";

/** How long the token endpoint may take. Any number of callers wait for one request. */
const TIMEOUT_MS = 10_000;

/** Which endpoint to ask, and how. */
export interface TokenEndpointContext {
  readonly broker: Broker;
  readonly endpoints: Endpoints;
  readonly sandbox: boolean;
  readonly userAgent: string;
  readonly fetch: typeof fetch;
}

/** A token that has just arrived. */
export interface IssuedToken extends Token {
  /** How far the endpoint's clock is ahead, if it tells the time. */
  readonly clockOffset: OffsetRange | undefined;
}

/** The parameters of a grant: `refresh_token` (section 6) or `authorization_code` (section 4.1.3). */
export type GrantParameters = Readonly<Record<string, string>> & {
  readonly grant_type: "refresh_token" | "authorization_code";
};

/**
 * Exchanges a refresh token or a code for an access token.
 *
 * @throws {TokenError} If the endpoint refuses, or its response holds no token.
 * @throws {NetworkError} If there is no response.
 */
export async function requestToken(
  parameters: GrantParameters,
  context: TokenEndpointContext,
  signal: AbortSignal,
): Promise<IssuedToken> {
  const { broker, sandbox } = context;
  const action = parameters.grant_type === "refresh_token"
    ? "Cannot refresh the access token"
    : "Cannot exchange the code for tokens";
  const requestedAt = readClocks();
  const response = await post(context.endpoints.tokenUrl, parameters, action, context, signal);
  const { status, text } = response;

  let problem: string | undefined;
  if (status >= 200 && status < 300) {
    const defaultLifetimeMs = broker.defaultTokenLifetimeMs;
    const token = parseToken(parseBody(text).json, { requestedAt, defaultLifetimeMs });
    if (typeof token === "object") return { ...token, clockOffset: response.clockOffset };
    problem = token;
  } else if (status < 400) {
    problem = status >= 300 && status !== 304
      ? "it is a redirect, which the credentials do not follow"
      : "its status is not one of a token response";
  }
  throw tokenError(response, {
    action,
    problem,
    refreshToken: parameters.refresh_token ?? "",
    broker,
    sandbox,
    secrets: secretsIn(parameters),
  });
}

/**
 * Revokes a refresh token (RFC 7009 section 2.1).
 *
 * @throws {SessionError} If the broker has no revocation endpoint.
 * @throws {TokenError} If the endpoint refuses.
 * @throws {NetworkError} If there is no response.
 */
export async function revokeToken(
  parameters: Readonly<Record<string, string>>,
  context: TokenEndpointContext,
  signal: AbortSignal,
): Promise<void> {
  const { broker, sandbox, endpoints } = context;
  const action = "Cannot revoke the refresh token";
  if (endpoints.revokeUrl === undefined) {
    throw new SessionError(
      `${action}: ${broker.name} has no revocation. Delete the grant on the broker's own pages`,
      { code: "unsupported" },
    );
  }
  const response = await post(endpoints.revokeUrl, parameters, action, context, signal)
    .catch((error) => {
      throw error instanceof NetworkError ? withOutcome(error, "unknown") : error;
    });
  if (response.status === 200) return; // section 2.2: also for an unknown token
  const error = tokenError(response, {
    action,
    refreshToken: parameters.token ?? "",
    broker,
    sandbox,
    secrets: secretsIn(parameters),
  });
  throw withOutcome(error, "refused");
}

/** The parameters that no error may show, although a response may echo them. */
function secretsIn(parameters: Readonly<Record<string, string>>): string[] {
  const names = ["client_secret", "refresh_token", "token", "code", "code_verifier"];
  return names.map((name) => parameters[name]).filter((secret) => secret !== undefined);
}

/** Sends one request. It is never sent twice, and never to a second address. */
async function post(
  url: string,
  parameters: Readonly<Record<string, string>>,
  action: string,
  { broker, userAgent, fetch }: TokenEndpointContext,
  signal: AbortSignal,
): Promise<TokenEndpointResponse> {
  requireNetwork(fetch, [url]);
  const deadline = new Deadline(TIMEOUT_MS, () => noResponse(action, url, "timeout"), signal);
  try {
    const body = broker.tokenRequestFormat === "json"
      ? jsonBody(parameters)
      : new URLSearchParams(parameters);
    const init = singleSendInit({
      method: "POST",
      ...singleSendBody("POST", body), // a refresh token may work only once
      keepalive: false, // on Bun a new connection: an idle one may have been closed
      redirect: "manual",
      headers: { "accept": "application/json", "user-agent": userAgent },
      signal: deadline.signal,
    });
    const sentAt = Date.now();
    // A custom fetch may ignore the signal, and would block every caller.
    const response = await deadline.race(fetch(url, init));
    const arrived = {
      status: response.status,
      retryAfterMs: readRetryAfter(response),
      clockOffset: offsetRange(response, sentAt),
    };
    return { ...arrived, text: await deadline.race(readLimited(response)) };
  } catch (error) {
    deadline.signal.throwIfAborted();
    const denied = asNetworkDenied(error, url);
    if (denied !== undefined) throw denied;
    const failure = networkFailure(error);
    if (failure === undefined) throw error;
    throw noResponse(action, url, failure.kind, safeCause(error, url));
  } finally {
    deadline.dispose();
  }
}

/** "not_processed": whatever became of the token request, the API request was not sent. */
function noResponse(
  action: string,
  url: string,
  kind: NetworkErrorKind,
  cause?: unknown,
): NetworkError {
  const { fact, advice = "Try again when it can be reached" } = explainFailure(kind, cause);
  const facts = [`no response from ${url} (${kind})`, fact];
  const message = formatMessage(action, { facts, advice: [advice] });
  const outcome = "not_processed";
  return new NetworkError(
    message,
    cause === undefined ? { kind, outcome } : { kind, outcome, cause },
  );
}
