/** tastytrade's environments, production and the sandbox ("cert"), and which of them a token is for. */

import type { BrokerHosts, CredentialProblem, EndpointOptions, Endpoints } from "../broker.ts";
import { record, text } from "../fields.ts";

/** Where a user manages applications and grants. */
export const APPLICATIONS_PAGE =
  "my.tastytrade.com > Manage > My Profile > API > OAuth Applications";

/** An environment of tastytrade. */
export type Environment = keyof BrokerHosts;

/**
 * The documentation names one host for each environment. The official SDKs and the MCP server
 * (src/credential-target.ts there) know these, and refresh tokens name one of them as their issuer.
 */
export const HOSTS: BrokerHosts = {
  production: ["api.tastyworks.com", "api.tastytrade.com"],
  sandbox: ["api.cert.tastyworks.com", "api.cert.tastytrade.com", "api.sandbox.tastytrade.com"],
};

// https://developer.tastytrade.com/docs/sandbox
const PRODUCTION_URL = "https://api.tastyworks.com";
const SANDBOX_URL = "https://api.cert.tastyworks.com";
const PRODUCTION_STREAMER_URL = "wss://streamer.tastyworks.com";
const SANDBOX_STREAMER_URL = "wss://streamer.cert.tastyworks.com";
const PRODUCTION_SIGN_IN_URL = "https://my.tastytrade.com";
const SANDBOX_SIGN_IN_URL = "https://cert-my.staging-tasty.works";

/** The addresses of an environment. */
export function endpoints(
  { sandbox, apiVersion, baseUrl, signInUrl, streamerUrl }: EndpointOptions,
): Endpoints {
  // https://developer.tastytrade.com/docs/release-notes: the newest version up to that day
  if (apiVersion !== undefined && !/^\d{8}$/.test(apiVersion)) {
    throw new RangeError(
      `Cannot use apiVersion "${apiVersion}": tastytrade's versions are dates, written YYYYMMDD`,
    );
  }
  const url = baseUrl ?? (sandbox ? SANDBOX_URL : PRODUCTION_URL);
  const signIn = signInUrl ?? (sandbox ? SANDBOX_SIGN_IN_URL : PRODUCTION_SIGN_IN_URL);
  // A token for a server in the broker's place must not go to the broker.
  const isMoved = environmentOf(url) === undefined;
  const streamer = sandbox ? SANDBOX_STREAMER_URL : PRODUCTION_STREAMER_URL;
  return {
    baseUrl: url,
    streamerUrl: streamerUrl ?? (isMoved ? undefined : streamer),
    tokenUrl: `${url}/oauth/token`,
    authorizeUrl: `${signIn}/auth.html`,
    validatePath: "/customers/me",
    headers: apiVersion === undefined ? {} : { "accept-version": apiVersion },
  };
}

/** What a refresh token says about itself: it is a JWT with `typ: "rt+jwt"` and an issuer. */
export function readClaims(
  refreshToken: string,
): { parts: number; typ: string; environment: Environment | undefined } {
  const parts = refreshToken.split(".");
  const [header, payload] = parts.map((part) => {
    try {
      return record(JSON.parse(atob(part.replaceAll("-", "+").replaceAll("_", "/"))));
    } catch {
      return {};
    }
  });
  return {
    parts: parts.length,
    typ: text(header?.typ) ?? "",
    environment: environmentOf(text(payload?.iss) ?? ""),
  };
}

/** Finds an access token in place of the refresh token, and a token of the other environment. */
export function checkRefreshToken(
  refreshToken: string,
  { sandbox, baseUrl }: EndpointOptions,
): CredentialProblem | undefined {
  const { typ, environment } = readClaims(refreshToken);
  if (typ.startsWith("at+")) {
    return {
      code: "malformed_credential",
      message: "the refresh token is an access token, which lives only 15 minutes. " +
        `Create Grant shows the refresh token (${APPLICATIONS_PAGE})`,
    };
  }
  // Another address may be a proxy of either environment, so the server decides there.
  const isProxy = baseUrl !== undefined && environmentOf(baseUrl) === undefined;
  const problem = isProxy ? undefined : otherEnvironmentProblem(environment, sandbox);
  return problem === undefined
    ? undefined
    : { code: "wrong_environment", message: `the ${problem}` };
}

/** Says that a token is for another environment than the session, if it is. */
export function otherEnvironmentProblem(
  environment: Environment | undefined,
  sandbox: boolean,
): string | undefined {
  if (environment !== (sandbox ? "production" : "sandbox")) return undefined;
  return sandbox
    ? "refresh token is for production, and the session is for the sandbox. Leave sandbox out, or " +
      "create a grant in the sandbox"
    : "refresh token is for the sandbox, and the session is for production. Pass sandbox: true, or " +
      "create a grant in production";
}

function environmentOf(url: string): Environment | undefined {
  const host = URL.canParse(url) ? new URL(url).hostname : "";
  if (HOSTS.production.includes(host)) return "production";
  return HOSTS.sandbox.includes(host) ? "sandbox" : undefined;
}
