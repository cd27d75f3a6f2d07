/** One request to the token endpoint (RFC 6749 section 3.2): a grant goes in, a token comes out. */

import { parseBody, readStart } from "./body.ts";
import type { Broker, Endpoints } from "./brokers/broker.ts";
import type { Credentials } from "./credentials.ts";
import { Deadline } from "./deadline.ts";
import { NetworkError, type NetworkErrorKind } from "./errors.ts";
import { networkFailure } from "./network_failure.ts";
import { tokenRefusal } from "./refusal.ts";
import { jsonBody, unrepeatable } from "./request.ts";
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

/**
 * Exchanges a refresh token for an access token (RFC 6749 section 6).
 *
 * @throws {TokenError} If the endpoint refuses, or answers with no token.
 * @throws {NetworkError} If it does not answer.
 */
export async function requestToken(
  credentials: Credentials,
  context: TokenRequestContext,
  signal: AbortSignal,
): Promise<Token> {
  const { broker, sandbox } = context;
  const { clientId, clientSecret, refreshToken } = credentials;
  const requestedAt = moment();
  const { status, text } = await post(
    {
      grant_type: "refresh_token",
      refresh_token: refreshToken,
      client_secret: clientSecret,
      ...(clientId === undefined ? {} : { client_id: clientId }),
    },
    context,
    signal,
  );

  let flaw: string | undefined;
  if (status >= 200 && status < 300) {
    const defaultLifetimeMs = broker.defaultTokenLifetimeMs;
    const token = parseToken(parseBody(text).json, { requestedAt, defaultLifetimeMs });
    if (typeof token === "object") return token;
    flaw = token;
  } else if (status < 400) {
    flaw = "it redirects elsewhere, where the credentials do not follow";
  }
  const secrets = [clientSecret, refreshToken];
  throw tokenRefusal(
    { status, text, flaw },
    { broker, sandbox, apiVersion: undefined, secrets },
    refreshToken,
  );
}

async function post(
  parameters: Record<string, string>,
  { broker, endpoints, userAgent, fetch }: TokenRequestContext,
  signal: AbortSignal,
): Promise<{ status: number; text: string }> {
  const deadline = new Deadline(TIMEOUT_MS, () => noAnswer(endpoints.tokenUrl, "timeout"), signal);
  try {
    const body = broker.tokenRequestFormat === "json"
      ? jsonBody(parameters)
      : new URLSearchParams(parameters);
    const response = await fetch(endpoints.tokenUrl, {
      method: "POST",
      headers: { "accept": "application/json", "user-agent": userAgent },
      ...unrepeatable(body), // a refresh token may be good for one use only
      redirect: "manual", // the secret goes to this one address
      signal: deadline.signal,
    });
    return { status: response.status, text: await readStart(response) };
  } catch (error) {
    deadline.signal.throwIfAborted();
    const failure = networkFailure(error);
    throw failure === undefined ? error : noAnswer(endpoints.tokenUrl, failure.kind, error);
  } finally {
    deadline.finish();
  }
}

/** Whatever became of the token request, the request that needs the token was not sent. */
function noAnswer(tokenUrl: string, kind: NetworkErrorKind, cause?: unknown): NetworkError {
  return new NetworkError(
    `Cannot renew the access token: no answer from ${tokenUrl} (${kind})`,
    cause === undefined ? { kind, sent: "no" } : { kind, sent: "no", cause },
  );
}
