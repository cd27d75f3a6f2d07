/**
 * One authorization request (RFC 6749 section 4.1.1), and the check of what comes back for it.
 *
 * What comes back arrives at an address that every page in the browser and every program on this
 * machine can ask for. So whatever does not carry this request's `state` is a stray: it ends nothing.
 */

import type { Broker, BrokerLogin } from "../brokers/broker.ts";
import type { Client } from "../credential_options.ts";
import { LoginError } from "../errors.ts";
import { challengeOf, isSameSecret, oneTimeSecret } from "./pkce.ts";
import { redact } from "../net/redact.ts";
import { explain } from "../call/api_error.ts";
import type { GrantParameters } from "../token/token_endpoint.ts";

/** What is the same in every authorization request of one login. */
export interface AuthorizationContext {
  readonly broker: Broker;
  readonly login: BrokerLogin;
  readonly authorizeUrl: string;
  readonly redirectUri: string;
  /** Whether an answer may be from the issuer that it names (RFC 9207). */
  readonly isIssuer: (name: string) => boolean;
  readonly scopes: readonly string[];
}

/** What came back. */
export type AuthorizationAnswer =
  | { readonly kind: "code"; readonly code: string }
  | { readonly kind: "refusal"; readonly error: LoginError }
  /** It says that the broker refuses, and carries no `state`: anybody could have sent it. */
  | { readonly kind: "unproven"; readonly error: LoginError }
  | {
    readonly kind: "stray";
    readonly code: "state_mismatch" | "invalid_address";
    readonly reason: string;
  };

/** One authorization request. A second try is another one, with secrets of its own. */
export class Authorization {
  /** Where the user lets the client in. */
  readonly url: string;
  /** The client. */
  readonly #client: Client;
  readonly #context: AuthorizationContext;
  readonly #state = oneTimeSecret();
  readonly #verifier = oneTimeSecret();

  constructor(client: Client, context: AuthorizationContext) {
    this.#client = client;
    this.#context = context;
    const { login, authorizeUrl, redirectUri, scopes } = context;
    const query = Object.entries({
      response_type: "code",
      client_id: client.clientId,
      redirect_uri: redirectUri,
      ...(scopes.length === 0 ? {} : { scope: scopes.join(" ") }), // section 3.3: or at least one
      state: this.#state,
      ...login.parameters,
      ...(login.usesPkce
        ? { code_challenge: challengeOf(this.#verifier), code_challenge_method: "S256" }
        : {}),
    }).map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join("&");
    this.url = `${authorizeUrl}${authorizeUrl.includes("?") ? "&" : "?"}${query}`;
  }

  /** Reads the parameters with which the browser came back. */
  read(parameters: URLSearchParams): AuthorizationAnswer {
    const { login, isIssuer } = this.#context;
    const names = [...parameters.keys()];
    if (new Set(names).size < names.length) return stray("a parameter stands in it twice");
    const issuer = parameters.get("iss");
    if (issuer !== null && !isIssuer(issuer)) {
      return stray("it is from another issuer"); // RFC 9207 section 2.4: errors are not believed either
    }
    const error = parameters.get("error");
    const state = parameters.get("state");
    if (state === null && error !== null && login.mayLoseState && !parameters.has("code")) {
      return { kind: "unproven", error: this.refusal(error, null) };
    }
    if (state === null || !isSameSecret(state, this.#state)) {
      const reason = state === null ? "it has no state" : "its state is not this login's";
      return { kind: "stray", code: "state_mismatch", reason };
    }
    const code = parameters.get("code");
    if (code !== null && error !== null) return stray("it has both a code and an error");
    if (error !== null) {
      return { kind: "refusal", error: this.refusal(error, parameters.get("error_description")) };
    }
    return code ? { kind: "code", code } : stray("it has no code");
  }

  /** What the token endpoint wants for the code (RFC 6749 section 4.1.3). */
  grant(code: string): GrantParameters {
    const { login, redirectUri } = this.#context;
    return {
      grant_type: "authorization_code",
      code,
      redirect_uri: redirectUri, // to the letter what the authorization request had
      client_id: this.#client.clientId,
      client_secret: this.#client.clientSecret,
      ...(login.usesPkce ? { code_verifier: this.#verifier } : {}),
    };
  }

  /** The client that the user is asked to let in. */
  get client(): Client {
    return this.#client;
  }

  /** The broker's no. Its words come through a URL that anybody can write. */
  refusal(error: string, description: string | null): LoginError {
    const { broker, login } = this.#context;
    const secrets = [this.#state, this.#verifier, this.#client.clientSecret];
    const isCode = /^[\w.-]{1,64}$/.test(error) && redact(error, secrets) === error;
    const facts = [isCode ? error : undefined, description ?? undefined].map((fact) =>
      fact === undefined ? undefined : String(redact(fact, secrets))
    );
    const advice = error === "access_denied"
      ? "Log in again and accept what the page asks for"
      : login.advice;
    return new LoginError(explain(`Cannot log in to ${broker.name}`, { facts, advice: [advice] }), {
      code: isCode ? error : "login_refused",
    });
  }
}

function stray(reason: string): AuthorizationAnswer {
  return { kind: "stray", code: "invalid_address", reason };
}
