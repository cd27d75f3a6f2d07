/**
 * One authorization request (RFC 6749 section 4.1.1), and the check of the response.
 *
 * Every web page and every program on this machine can request the callback address. So a response
 * without this request's `state` is unrelated and ends nothing.
 */

import type { Broker, BrokerLogin } from "../brokers/broker.ts";
import type { Client } from "../credential_options.ts";
import { formatMessage } from "../error_message.ts";
import { LoginError } from "../errors.ts";
import { redact } from "../net/redact.ts";
import type { GrantParameters } from "../token/token_endpoint.ts";
import { codeChallenge, isSameSecret, randomToken } from "./pkce.ts";

/** What all authorization requests of a login have in common. */
export interface AuthorizationContext {
  readonly broker: Broker;
  readonly login: BrokerLogin;
  readonly authorizeUrl: string;
  readonly redirectUri: string;
  /** Whether a response may come from the issuer that it names (RFC 9207). */
  readonly isIssuer: (name: string) => boolean;
  readonly scopes: readonly string[];
}

/** What a response means. */
export type AuthorizationResponse =
  | { readonly kind: "code"; readonly code: string }
  | { readonly kind: "refusal"; readonly error: LoginError }
  /** A refusal without `state`, which anybody could have sent. */
  | { readonly kind: "unproven"; readonly error: LoginError }
  | {
    readonly kind: "unrelated";
    readonly code: "state_mismatch" | "invalid_address";
    readonly reason: string;
  };

/** One authorization request. A second attempt is another one, with another `state`. */
export class Authorization {
  /** Where the user authorizes the client. */
  readonly url: string;
  readonly #client: Client;
  readonly #context: AuthorizationContext;
  readonly #state = randomToken();
  readonly #verifier = randomToken();

  constructor(client: Client, context: AuthorizationContext) {
    this.#client = client;
    this.#context = context;
    const { login, authorizeUrl, redirectUri, scopes } = context;
    const query = Object.entries({
      response_type: "code",
      client_id: client.clientId,
      redirect_uri: redirectUri,
      ...(scopes.length === 0 ? {} : { scope: scopes.join(" ") }), // section 3.3: not empty
      state: this.#state,
      ...login.parameters,
      ...(login.usesPkce
        ? { code_challenge: codeChallenge(this.#verifier), code_challenge_method: "S256" }
        : {}),
    }).map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join("&");
    this.url = `${authorizeUrl}${authorizeUrl.includes("?") ? "&" : "?"}${query}`;
  }

  /** The client that the user authorizes. */
  get client(): Client {
    return this.#client;
  }

  /** Reads the parameters with which the browser came back. */
  read(parameters: URLSearchParams): AuthorizationResponse {
    const { login, isIssuer } = this.#context;
    const names = [...parameters.keys()];
    if (new Set(names).size < names.length) return unrelated("a parameter occurs twice");
    const issuer = parameters.get("iss");
    if (issuer !== null && !isIssuer(issuer)) {
      return unrelated("it is from another issuer"); // RFC 9207 section 2.4: errors too
    }
    const error = parameters.get("error");
    const state = parameters.get("state");
    if (state === null && error !== null && login.mayLoseState && !parameters.has("code")) {
      // Any web page can have written it, so nothing else of it is repeated.
      const code = error === "access_denied" ? error : "login_refused";
      return { kind: "unproven", error: this.#refusal(code, null) };
    }
    if (state === null || !isSameSecret(state, this.#state)) {
      const reason = state === null ? "it has no state" : "its state is not that of this login";
      return { kind: "unrelated", code: "state_mismatch", reason };
    }
    const code = parameters.get("code");
    if (code !== null && error !== null) return unrelated("it has both a code and an error");
    if (error !== null) {
      return { kind: "refusal", error: this.#refusal(error, parameters.get("error_description")) };
    }
    return code ? { kind: "code", code } : unrelated("it has no code");
  }

  /** The parameters that exchange the code for tokens (RFC 6749 section 4.1.3). */
  grant(code: string): GrantParameters {
    const { login, redirectUri } = this.#context;
    return {
      grant_type: "authorization_code",
      code,
      redirect_uri: redirectUri, // exactly as in the authorization request
      client_id: this.#client.clientId,
      client_secret: this.#client.clientSecret,
      ...(login.usesPkce ? { code_verifier: this.#verifier } : {}),
    };
  }

  /** The error for a refusal. Its words come through a URL that anybody can write. */
  #refusal(error: string, description: string | null): LoginError {
    const { broker, login } = this.#context;
    const secrets = [this.#state, this.#verifier, this.#client.clientSecret];
    const isCode = /^[\w.-]{1,64}$/.test(error) && redact(error, secrets) === error;
    const facts = [isCode ? error : undefined, description ?? undefined].map((fact) =>
      fact === undefined ? undefined : String(redact(fact, secrets))
    );
    const advice = error === "access_denied"
      ? "Log in again and accept what the page asks for"
      : login.help;
    const message = formatMessage(`Cannot log in to ${broker.name}`, { facts, advice: [advice] });
    return new LoginError(message, { code: isCode ? error : "login_refused" });
  }
}

function unrelated(reason: string): AuthorizationResponse {
  return { kind: "unrelated", code: "invalid_address", reason };
}
