import { publicKeys } from "../jwt.ts";
import { type EmulatedResponse, jsonResponse } from "../response.ts";
import type { ReceivedRequest } from "../received_request.ts";
import { readFields, readQuery, words } from "../request_fields.ts";
import { Route } from "../route.ts";
import { consentPage, errorPage, redirect } from "../sign_in_page.ts";
import type { Service, Settings } from "../service.ts";
import { Unserved } from "../unserved.ts";
import { TradestationGrants } from "./grants.ts";

const PREFIX = "/tradestation-signin";
const AUDIENCE = "https://api.tradestation.com";

/** The callback addresses that TradeStation registers for every key. */
export const defaultCallbackUrls: readonly string[] = [
  "http://localhost",
  "http://localhost:80",
  "http://localhost:3000",
  "http://localhost:3001",
  "http://localhost:8080",
  "http://localhost:31022",
];

const MEANINGS: Readonly<Record<string, string>> = {
  "MarketData": "Look up and stream market data",
  "ReadAccount": "See your brokerage accounts",
  "Trade": "Place and cancel orders",
  "OptionSpreads": "Work with option spreads",
  "Matrix": "See market depth",
  "openid": "Know who you are",
  "profile": "Know your name",
  "email": "Know your e-mail address",
  "offline_access": "Stay signed in for later",
};

/** TradeStation's sign-in, the same for LIVE and SIM: authorize, token, revoke and logout. */
export class TradestationSignIn implements Service {
  readonly broker = "tradestation";
  readonly environment = undefined;
  readonly prefix: string = PREFIX;
  /** The tokens. */
  readonly grants: TradestationGrants;

  readonly #settings: Settings;
  readonly #pages: readonly (readonly [Route, (request: ReceivedRequest) => EmulatedResponse])[];

  constructor(settings: Settings) {
    this.#settings = settings;
    this.grants = new TradestationGrants(settings);
    this.#pages = [
      [new Route("GET /authorize"), (request) => this.#authorize(request)],
      [new Route("POST /authorize"), (request) => this.#authorize(request)],
      [new Route("POST /oauth/token"), (request) => this.grants.issue(request, issuerOf(request))],
      [new Route("POST /oauth/revoke"), (request) => this.grants.revoke(request)],
      [new Route("GET /v2/logout"), (request) => this.#logOut(request)],
      [new Route("GET /.well-known/openid-configuration"), discoveryResponse],
      [new Route("GET /.well-known/jwks.json"), () => jsonResponse(200, publicKeys())],
    ];
  }

  respond(request: ReceivedRequest): EmulatedResponse {
    const page = this.#pages.find(([route]) => route.matches(request));
    if (page !== undefined) return page[1](request);
    throw new Unserved(`${request.method} ${request.path.split("?", 1)} of the sign-in`);
  }

  /**
   * The consent page and the decision. The real service shows a login page before it, which `prompt=login`
   * is about, and at the first login a second consent page of Auth0.
   */
  #authorize(request: ReceivedRequest): EmulatedResponse {
    const query = readQuery(request);
    const { grants } = this;
    const clientId = query.get("client_id");
    if (clientId !== grants.clientId) return refusal(403, `Unknown client: ${clientId}`);
    const redirectUri = query.get("redirect_uri") ?? "";
    // Exactly: another host or a slash at the end makes another address.
    if (!this.#settings.callbackUrls.includes(redirectUri)) {
      return refusal(403, CALLBACK_MISMATCH);
    }
    const audience = query.get("audience");
    if (audience !== AUDIENCE) return refusal(403, `Service not found: ${audience}`);
    const state = query.get("state") ?? undefined;
    const error = errorOf(query);
    if (error !== undefined) return redirect(redirectUri, { ...error, state });

    // Scopes that the key lacks are dropped silently, as Auth0 does; UNCONFIRMED.
    const asked = words(query.get("scope") ?? "");
    const scopes = grants.scopes.filter((scope) => asked.includes(scope));
    if (request.method === "GET") {
      return consentPage({
        broker: "TradeStation",
        clientId,
        scopes: scopes.map((scope) => [scope, MEANINGS[scope] ?? scope]),
        redirectUri,
      });
    }
    switch (readFields(request)?.get("decision")) {
      case "accept": {
        const codeChallenge = query.get("code_challenge") ?? undefined;
        return redirect(redirectUri, {
          code: grants.codes.issue({
            redirectUri,
            scopes,
            codeChallenge,
            nonce: query.get("nonce") ?? undefined,
          }),
          state,
        });
      }
      case "decline":
        return redirect(redirectUri, {
          error: "access_denied",
          error_description: "User did not authorize the request",
          state: this.#settings.isStateKeptOnDecline ? state : undefined,
        });
      default:
        return refusal(400, "Neither accepted nor declined");
    }
  }

  /** Ends the browser's session only, of which there is none here. Tokens remain valid. */
  #logOut(request: ReceivedRequest): EmulatedResponse {
    const returnTo = readQuery(request).get("returnTo");
    if (returnTo === null) return redirect("https://www.tradestation.com/");
    const allowed = [
      "https://tradestation.com",
      ...this.#settings.callbackUrls.map((url) => `${url}/logout`),
    ];
    return allowed.includes(returnTo) ? redirect(returnTo) : refusal(
      400,
      `The "returnTo" querystring parameter "${returnTo}" is not defined as a valid URL`,
    );
  }
}

/** Who issues id tokens, as the discovery document says: here the emulator itself. */
function issuerOf({ headers }: ReceivedRequest): string {
  return `http://${headers["host"]}${PREFIX}/`;
}

/** What Auth0 has there in general (OpenID Connect Discovery); UNCONFIRMED for this tenant. */
function discoveryResponse(request: ReceivedRequest): EmulatedResponse {
  const issuer = issuerOf(request);
  return jsonResponse(200, {
    issuer,
    authorization_endpoint: `${issuer}authorize`,
    token_endpoint: `${issuer}oauth/token`,
    revocation_endpoint: `${issuer}oauth/revoke`,
    jwks_uri: `${issuer}.well-known/jwks.json`,
    scopes_supported: Object.keys(MEANINGS),
    response_types_supported: ["code"],
    subject_types_supported: ["public"],
    id_token_signing_alg_values_supported: ["RS256"],
    token_endpoint_auth_methods_supported: ["client_secret_post", "none"],
    code_challenge_methods_supported: ["S256"],
  });
}

/** Auth0's message in general; UNCONFIRMED for this tenant, as the ones below. */
const CALLBACK_MISMATCH =
  "Callback URL mismatch. The provided redirect_uri is not in the list of allowed callback URLs.";

/** The errors that Auth0 and RFC 6749 section 4.1.2.1 return to the client without asking the user. */
function errorOf(query: URLSearchParams): Record<string, string> | undefined {
  const missing = ["response_type", "scope"].find((name) => !query.get(name));
  if (missing !== undefined) return invalid(`Missing required parameter: ${missing}`);
  const type = query.get("response_type");
  if (type !== "code") {
    return {
      error: "unsupported_response_type",
      error_description: `Unsupported response type: ${type}`,
    };
  }
  // Nobody is signed in before.
  if (query.get("prompt") === "none") {
    return { error: "login_required", error_description: "Login required" };
  }
  const challenge = query.get("code_challenge");
  const method = query.get("code_challenge_method");
  if (challenge === null && method === null) return undefined;
  // Auth0 supports "plain" too; TradeStation documents S256 only.
  if (method !== "S256") return invalid("code_challenge_method must be S256");
  return /^[\w-]{43}$/.test(`${challenge}`) ? undefined : invalid("Invalid code_challenge");
}

function invalid(description: string): Record<string, string> {
  return { error: "invalid_request", error_description: description };
}

function refusal(status: number, message: string): EmulatedResponse {
  return errorPage(status, { broker: "TradeStation", message });
}
