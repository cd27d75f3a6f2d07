import { assertFalse, assertRejects } from "@std/assert";
import { tastytrade } from "../../src/brokers/tastytrade/tastytrade.ts";
import type { GrantCredentials } from "../../src/credential_options.ts";
import { TokenError } from "../../src/errors.ts";
import type { Token } from "../../src/token/token.ts";
import { requestToken, type TokenEndpointContext } from "../../src/token/token_endpoint.ts";

// printable ASCII, as credentials are
export const SECRET: string = "s3cr/et+%c&=?é ü".replace(/[^!-~]/g, "~");

export const REFRESH: string = "r3fr/esh+.t0ken==";

export const CREDENTIALS: GrantCredentials = {
  clientId: undefined,
  clientSecret: SECRET,
  refreshToken: REFRESH,
};

export const GOOD: string = JSON.stringify({
  access_token: "abc",
  token_type: "Bearer",
  expires_in: 900,
});

export const NEVER: AbortSignal = new AbortController().signal;

export interface Request extends Partial<TokenEndpointContext> {
  readonly url?: string;
  readonly credentials?: GrantCredentials;
  readonly signal?: AbortSignal;
}

export function request(
  { url = "http://127.0.0.1:1", credentials = CREDENTIALS, signal = NEVER, ...changes }: Request,
): Promise<Token> {
  const context: TokenEndpointContext = {
    broker: tastytrade,
    endpoints: { baseUrl: url, tokenUrl: `${url}/oauth/token`, headers: {}, validatePath: "/" },
    sandbox: false,
    userAgent: "test/1.0",
    fetch,
    ...changes,
  };
  const { clientId, clientSecret, refreshToken } = credentials;
  const parameters = {
    "grant_type": "refresh_token",
    "refresh_token": refreshToken,
    "client_secret": clientSecret,
    ...(clientId === undefined ? {} : { "client_id": clientId }),
  } as const;
  return requestToken(parameters, context, signal);
}

/** What the request rejects with, once it is sure that nothing in it reports a secret. */
export async function refusal(changes: Request): Promise<TokenError> {
  const error = await assertRejects(() => request(changes), TokenError);
  const base64 = btoa(SECRET);
  const printed = Deno.inspect(error, { depth: 100, showHidden: true }) + JSON.stringify(error) +
    error.stack;
  for (const form of [SECRET, REFRESH, encodeURIComponent(SECRET), base64, "hidden"]) {
    assertFalse(printed.includes(form), printed);
  }
  return error;
}

/** A `fetch` that answers with this, and sends nothing. */
export function answering(status: number, body: BodyInit | null): typeof fetch {
  return () => Promise.resolve(new Response(body, { status }));
}
