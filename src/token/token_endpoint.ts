/**
 * Requests to the sign-in server: a grant goes in and a token comes out (RFC 6749 section 3.2), or a
 * token goes in and is revoked (RFC 7009).
 */

import { parseBody, readStart } from "../net/body.ts";
import type { Broker, Endpoints } from "../brokers/broker.ts";
import { Deadline } from "../net/deadline.ts";
import { NetworkError, type NetworkErrorKind, SessionError } from "../errors.ts";
import { explainFailure, networkFailure, tellable } from "../net/network_failure.ts";
import { explain, tokenRefusal } from "../call/api_error.ts";
import { jsonBody, singleSendInit, unrepeatable } from "../call/request.ts";
import { asNetworkDenied, requireNetwork } from "../net/platform_fetch.ts";
import { readRetryAfter } from "../net/retry_after.ts";
import { moment, parseToken, type Token } from "./token.ts";

/** How long the token endpoint may take. Any number of callers wait for one request. */
const TIMEOUT_MS = 10_000;

/** Who asks, and whom. */
export interface TokenRequestContext {
  readonly broker: Broker;
  readonly endpoints: Endpoints;
  readonly sandbox: boolean;
  readonly userAgent: string;
  readonly fetch: typeof fetch;
}

/** The parameters of a grant: `refresh_token` (section 6) or `authorization_code` (section 4.1.3). */
export type GrantParameters = Readonly<Record<string, string>> & {
  readonly grant_type: "refresh_token" | "authorization_code";
};

/**
 * Exchanges a grant for an access token.
 *
 * @throws {TokenError} If the endpoint refuses, or answers with no token.
 * @throws {NetworkError} If it does not answer.
 */
export async function requestToken(
  parameters: GrantParameters,
  context: TokenRequestContext,
  signal: AbortSignal,
): Promise<Token> {
  const { broker, sandbox } = context;
  const action = parameters.grant_type === "refresh_token"
    ? "Cannot renew the access token"
    : "Cannot exchange the code for tokens";
  const requestedAt = moment();
  const { tokenUrl } = context.endpoints;
  const answer = await post(tokenUrl, parameters, action, context, signal);
  const { status, text } = answer;

  let flaw: string | undefined;
  if (status >= 200 && status < 300) {
    const defaultLifetimeMs = broker.defaultTokenLifetimeMs;
    const token = parseToken(parseBody(text).json, { requestedAt, defaultLifetimeMs });
    if (typeof token === "object") return token;
    flaw = token;
  } else if (status < 400) {
    flaw = status === 0 || status >= 300 && status !== 304 // 0 is how browsers show a redirect
      ? "it redirects elsewhere, where the credentials do not follow"
      : "it has a status that no token response has";
  }
  throw tokenRefusal(
    { ...answer, action, flaw, refreshToken: parameters.refresh_token ?? "" },
    { broker, sandbox, apiVersion: undefined, secrets: () => secretsIn(parameters) },
  );
}

/**
 * Revokes a refresh token (RFC 7009 section 2.1).
 *
 * @throws {SessionError} If the broker has no such thing.
 * @throws {TokenError} If the endpoint refuses.
 * @throws {NetworkError} If it does not answer.
 */
export async function revokeToken(
  parameters: Readonly<Record<string, string>>,
  context: TokenRequestContext,
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
  const answer = await post(endpoints.revokeUrl, parameters, action, context, signal);
  if (answer.status === 200) return; // section 2.2: also for a token that is unknown
  throw tokenRefusal(
    { ...answer, action, flaw: undefined, refreshToken: parameters.token ?? "" },
    { broker, sandbox, apiVersion: undefined, secrets: () => secretsIn(parameters) },
  );
}

/** What an answer may echo, and no error may repeat. */
function secretsIn(parameters: Readonly<Record<string, string>>): string[] {
  const names = ["client_secret", "refresh_token", "token", "code", "code_verifier"];
  return names.map((name) => parameters[name]).filter((secret) => secret !== undefined);
}

/** One exchange with the sign-in server. Nothing is sent twice, and nothing to a second address. */
async function post(
  url: string,
  parameters: Readonly<Record<string, string>>,
  action: string,
  { broker, userAgent, fetch }: TokenRequestContext,
  signal: AbortSignal,
): Promise<{ status: number; text: string; retryAfterMs: number | undefined }> {
  requireNetwork(fetch, [url]);
  const deadline = new Deadline(TIMEOUT_MS, () => noAnswer(action, url, "timeout"), signal);
  try {
    const body = broker.tokenRequestFormat === "json"
      ? jsonBody(parameters)
      : new URLSearchParams(parameters);
    // A fetch of the user's own may not know of signals, and would hold up everybody.
    const init = singleSendInit({
      method: "POST",
      ...unrepeatable("POST", body), // a refresh token may be good for one use only
      keepalive: false, // on Bun a connection of its own: an idle one may be closed by now
      redirect: "manual",
      headers: { "accept": "application/json", "user-agent": userAgent },
      signal: deadline.signal,
    });
    const response = await deadline.wait(fetch(url, init));
    const text = await deadline.wait(readStart(response));
    return { status: response.status, text, retryAfterMs: readRetryAfter(response) };
  } catch (error) {
    deadline.signal.throwIfAborted();
    const denied = asNetworkDenied(error, url);
    if (denied !== undefined) throw denied;
    const failure = networkFailure(error);
    throw failure === undefined ? error : noAnswer(action, url, failure.kind, tellable(error, url));
  } finally {
    deadline.finish();
  }
}

/** Whatever became of the token request, the request that needs the token was not sent. */
function noAnswer(
  action: string,
  url: string,
  kind: NetworkErrorKind,
  cause?: unknown,
): NetworkError {
  const { fact, advice = "Try again when it can be reached" } = explainFailure(kind, cause);
  return new NetworkError(
    explain(action, { facts: [`no answer from ${url} (${kind})`, fact], advice: [advice] }),
    cause === undefined ? { kind, sent: "no" } : { kind, sent: "no", cause },
  );
}
