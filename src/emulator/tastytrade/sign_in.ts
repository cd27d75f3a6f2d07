import type { EmulatedResponse } from "../response.ts";
import type { ReceivedRequest } from "../received_request.ts";
import { readFields, readQuery, words } from "../request_fields.ts";
import { Route } from "../route.ts";
import { consentPage, errorPage, redirect } from "../sign_in_page.ts";
import type { Service } from "../service.ts";
import { Unserved } from "../unserved.ts";
import type { TastytradeTokens } from "./tokens.ts";

const AUTHORIZE = new Route("* /auth.html");

const MEANINGS: Readonly<Record<string, string>> = {
  "read": "See your accounts",
  "trade": "Place and cancel orders",
  "openid": "Know who you are",
};

/**
 * The page of one environment where a user lets a client in. The parameters, and that code and state
 * come back, is all that is documented; what is refused here, and how, is UNCONFIRMED.
 */
export class TastytradeSignIn implements Service {
  readonly broker = "tastytrade";
  readonly prefix: string;
  readonly environment: "production" | "sandbox";

  readonly #tokens: TastytradeTokens;

  constructor(environment: "production" | "sandbox", tokens: TastytradeTokens) {
    this.prefix = environment === "sandbox" ? "/tastytrade-sandbox-signin" : "/tastytrade-signin";
    this.environment = environment;
    this.#tokens = tokens;
  }

  respond(request: ReceivedRequest): EmulatedResponse {
    if (!AUTHORIZE.matches(request)) {
      throw new Unserved(`${request.method} ${request.path.split("?", 1)} of the sign-in`);
    }
    const query = readQuery(request);
    const redirectUri = query.get("redirect_uri") ?? "";
    if (query.get("client_id") !== this.#tokens.clientId) return refusal(400, "Unknown client");
    if (!isCallback(redirectUri)) return refusal(400, "Unknown redirect URI");
    if (query.get("response_type") !== "code") return refusal(400, "Unknown response type");
    // A third party met this status with PKCE.
    if (query.has("code_challenge")) return refusal(405, "Method not allowed");
    const { scopes: permitted } = this.#tokens;
    const asked = query.get("scope");
    const scopes = asked === null ? permitted : words(asked).filter((s) => permitted.includes(s));
    if (request.method === "GET") {
      return consentPage({
        broker: "tastytrade",
        clientId: this.#tokens.clientId,
        scopes: scopes.map((scope) => [scope, MEANINGS[scope] ?? scope]),
        redirectUri,
      });
    }
    const state = query.get("state") ?? undefined;
    switch (readFields(request)?.get("decision")) {
      case "accept": {
        const code = this.#tokens.codes.issue({ redirectUri, scopes, codeChallenge: undefined });
        return redirect(redirectUri, { code, state });
      }
      case "decline":
        return redirect(redirectUri, { error: "access_denied", state });
      default:
        return refusal(400, "Neither accepted nor declined");
    }
  }
}

/** Users register their own; here any complete one on this machine counts as registered. */
function isCallback(uri: string): boolean {
  return /^http:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d+)?([/?]|$)/.test(uri) &&
    URL.canParse(uri) &&
    !uri.includes("#");
}

function refusal(status: number, message: string): EmulatedResponse {
  return errorPage(status, { broker: "tastytrade", message });
}
