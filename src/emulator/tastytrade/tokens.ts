import { Buffer } from "node:buffer";
import { randomBytes, randomUUID } from "node:crypto";
import { type Answer, jsonAnswer, type JsonObject, parseJsonObject } from "../answer.ts";
import type { ReceivedRequest } from "../received_request.ts";
import type { Behaviour } from "../site.ts";
import { troubles } from "./troubles.ts";

/** The grant of one user to one client in one environment, and the access tokens that come of it. */
export class TastytradeTokens {
  /** The id of the client, which is the audience of its tokens. */
  readonly clientId: string = randomUUID();
  /** The secret of the client. */
  readonly clientSecret: string = randomBytes(20).toString("hex");
  /** The refresh token of the grant. It never expires and is never replaced. */
  readonly refreshToken: string;

  readonly #issuer: string;
  readonly #behaviour: Behaviour;
  // Every token of a grant bears the moment of the grant, so `exp - iat` says nothing.
  readonly #grantedAtS: number = Math.floor(Date.now() / 1000);
  readonly #expiresAtMs = new Map<string, number>();

  constructor(issuer: string, behaviour: Behaviour) {
    this.#issuer = issuer;
    this.#behaviour = behaviour;
    this.refreshToken = this.#token("rt+jwt", {});
  }

  /** `POST /oauth/token`. */
  answer(request: ReceivedRequest): Answer {
    // Documented as extra, illegal and fatal; the words are UNCONFIRMED.
    if (request.headers["authorization"] !== undefined) {
      return refusal("invalid_request", "Authorization header is not allowed");
    }
    const fields = parseFields(request);
    // The real answer to a malformed body is UNCONFIRMED.
    if (fields === undefined) return refusal("invalid_request", "Malformed request body");
    for (const name of ["grant_type", "refresh_token", "client_secret"]) {
      if (!fields.get(name)) return refusal("invalid_request", "Missing required parameter");
    }
    if (fields.get("grant_type") !== "refresh_token") {
      return refusal("unsupported_grant_type", "Unsupported grant type");
    }
    // The token names the client, since the client id may be left out: so it is read first.
    if (fields.get("refresh_token") !== this.refreshToken) return troubles.invalidJwt;
    if ((fields.get("client_id") ?? this.clientId) !== this.clientId) {
      return refusal("invalid_client", "Client id mismatch");
    }
    if (fields.get("client_secret") !== this.clientSecret) return troubles.clientSecretMismatch;
    if (this.#behaviour.isGrantRevoked) return troubles.grantRevoked;
    return jsonAnswer(200, this.#issue());
  }

  /** Tells whether an `Authorization` header bears a token that is good now. */
  accepts(authorization: string | undefined): boolean {
    // The scheme is obligatory: a raw token was the way of the sessions that ended in 2026.
    const [, token] = /^Bearer (\S+)$/i.exec(authorization ?? "") ?? [];
    const expiresAtMs = token === undefined ? undefined : this.#expiresAtMs.get(token);
    return expiresAtMs !== undefined && Date.now() < expiresAtMs;
  }

  /** Makes every access token issued so far invalid. */
  revokeAccessTokens(): void {
    this.#expiresAtMs.clear();
  }

  /**
   * A token answer: no `data` envelope, no refresh token. The tokens issued earlier stay good until
   * they expire. What the `scope` of a request does is UNCONFIRMED, so it does nothing.
   */
  #issue(): JsonObject {
    const { scopes, tokenLifetimeS } = this.#behaviour;
    const expiresAtMs = Date.now() + tokenLifetimeS * 1000;
    const exp = Math.floor(expiresAtMs / 1000);
    const accessToken = this.#token("at+jwt", { exp });
    this.#expiresAtMs.set(accessToken, expiresAtMs);
    return {
      access_token: accessToken,
      token_type: "Bearer",
      expires_in: tokenLifetimeS,
      scope: scopes,
      id_token: scopes.split(" ").includes("openid") ? this.#token("JWT", { exp }) : undefined,
    };
  }

  #token(typ: string, claims: JsonObject): string {
    const head = { alg: "EdDSA", typ, kid: "emulator" };
    const body = {
      iss: this.#issuer,
      sub: "U0001563674",
      aud: this.clientId,
      iat: this.#grantedAtS,
      jti: randomUUID(),
      scope: this.#behaviour.scopes,
      ...claims,
    };
    // As long as a signature of this algorithm, but of nothing: clients cannot check it anyway.
    return [JSON.stringify(head), JSON.stringify(body), randomBytes(64)]
      .map((part) => Buffer.from(part).toString("base64url"))
      .join(".");
  }
}

/** The token endpoint's own error form: neither the API's envelope nor that of RFC 6749. */
function refusal(code: string, description: string): Answer {
  return jsonAnswer(400, { error_code: code, error_description: description });
}

/** The text fields of a JSON or form body; both are in use. */
function parseFields(request: ReceivedRequest): Map<string, string> | undefined {
  const type = request.headers["content-type"]?.split(";", 1)[0]?.trim().toLowerCase();
  if (type === "application/x-www-form-urlencoded") {
    return new Map(new URLSearchParams(request.body));
  }
  const object = type === "application/json" ? parseJsonObject(request.body) : undefined;
  if (object === undefined) return undefined;
  const fields = new Map<string, string>();
  for (const [name, value] of Object.entries(object)) {
    if (typeof value === "string") fields.set(name, value);
  }
  return fields;
}
