import { randomBytes, randomUUID } from "node:crypto";
import { type EmulatedResponse, type JsonObject, jsonResponse } from "../response.ts";
import { AuthorizationCodes } from "../authorization_codes.ts";
import { unsignedJwt } from "../jwt.ts";
import type { ReceivedRequest } from "../received_request.ts";
import type { Grant } from "../refresh_tokens.ts";
import { readFields, words } from "../request_fields.ts";
import type { Settings } from "../service.ts";
import { TokenRegistry } from "../token_registry.ts";
import { FIRST_USER, type User } from "../users.ts";
import { tastytradeFaults } from "./faults.ts";

const LIFETIME_S = 900;
const SCOPES = "read trade openid";

/** The grants of the users to one client in one environment, and their tokens. */
export class TastytradeTokens {
  /** The client id, which is the audience of its tokens. */
  readonly clientId: string;
  /** The client secret. */
  readonly clientSecret: string;
  /** The codes that the sign-in has issued. */
  readonly codes: AuthorizationCodes = new AuthorizationCodes();
  /** The refresh token of the first grant. It does not expire and does not rotate. */
  readonly refreshToken: string;

  readonly #issuer: string;
  readonly #settings: Settings;
  // All tokens of a grant have the time of the grant, so `exp - iat` says nothing.
  readonly #grantedAtS: number = Math.floor(Date.now() / 1000);
  /** The tokens that it has issued. */
  readonly registry: TokenRegistry = new TokenRegistry();

  constructor(issuer: string, settings: Settings) {
    this.#issuer = issuer;
    this.#settings = settings;
    const { clientId, clientSecret, refreshToken } = settings.credentials;
    this.clientId = clientId ?? randomUUID();
    this.clientSecret = clientSecret ?? randomBytes(20).toString("hex");
    this.refreshToken = this.grant(FIRST_USER, words(SCOPES), refreshToken);
  }

  /** What grants permit at the moment. */
  get scopes(): readonly string[] {
    return words(this.#settings.scopes ?? SCOPES);
  }

  /** `POST /oauth/token`. */
  respond(request: ReceivedRequest): EmulatedResponse {
    // Documented as an error; the message is UNCONFIRMED.
    if (request.headers["authorization"] !== undefined) {
      return refusal("invalid_request", "Authorization header is not allowed");
    }
    const fields = readFields(request);
    // The real response to a malformed body is UNCONFIRMED.
    if (fields === undefined) return refusal("invalid_request", "Malformed request body");
    if (!fields.get("grant_type")) return MISSING;
    return fields.get("grant_type") === "authorization_code"
      ? this.#exchange(fields)
      : this.#refresh(fields);
  }

  /** Whose token an `Authorization` header has; `undefined` if it is not valid. */
  userOf(authorization: string | undefined): User | undefined {
    // The scheme is required. A bare token was for the sessions that ended in 2026.
    return this.registry.accessTokens.find(authorization)?.user;
  }

  /** Makes a grant, as a user does on the page of the application; returns its refresh token. */
  grant(
    user: User,
    scopes: readonly string[] = words(SCOPES),
    token: string = this.#token("rt+jwt", { user, scopes }, {}),
  ): string {
    this.registry.refreshTokens.add(token, { user, scopes, isPublic: false });
    return token;
  }

  #refresh(fields: ReadonlyMap<string, string>): EmulatedResponse {
    const { refresh_token: token, client_secret: secret } = Object.fromEntries(fields);
    if (!token || !secret) return MISSING;
    if (fields.get("grant_type") !== "refresh_token") {
      return refusal("unsupported_grant_type", "Unsupported grant type");
    }
    // The token is read first, because it identifies the client: the client id is optional.
    const found = this.registry.refreshTokens.find(token);
    if (found === "unknown") return tastytradeFaults.invalidJwt;
    const refused = this.#refuseClient(fields.get("client_id") ?? this.clientId, secret);
    if (refused !== undefined) return refused;
    return typeof found === "string"
      ? tastytradeFaults.grantRevoked
      : jsonResponse(200, this.#issue(found.grant));
  }

  /** Only the fields of request and response are documented. The refusals are made like their siblings. */
  #exchange(fields: ReadonlyMap<string, string>): EmulatedResponse {
    for (const name of ["code", "client_id", "client_secret", "redirect_uri"]) {
      if (!fields.get(name)) return MISSING;
    }
    const refused = this.#refuseClient(fields.get("client_id"), fields.get("client_secret"));
    if (refused !== undefined) return refused;
    const consent = this.codes.redeem(`${fields.get("code")}`);
    if (consent === undefined || consent.redirectUri !== fields.get("redirect_uri")) {
      return refusal("invalid_grant", "Invalid authorization code");
    }
    const { scopes } = consent;
    return jsonResponse(200, {
      ...this.#issue({ user: FIRST_USER, scopes, isPublic: false }),
      refresh_token: this.grant(FIRST_USER, scopes),
    });
  }

  #refuseClient(
    clientId: string | undefined,
    secret: string | undefined,
  ): EmulatedResponse | undefined {
    if (clientId !== this.clientId) return refusal("invalid_client", "Client id mismatch");
    return secret === this.clientSecret ? undefined : tastytradeFaults.clientSecretMismatch;
  }

  /**
   * A token response, without `data` envelope and refresh token. Earlier tokens remain valid until they
   * expire. The effect of `scope` in a refresh is UNCONFIRMED, so it has none.
   */
  #issue(grant: Grant): JsonObject {
    const { tokenLifetimeS = LIFETIME_S } = this.#settings;
    const scopes = this.scopes.filter((scope) => grant.scopes.includes(scope));
    const exp = Math.floor(Date.now() / 1000 + tokenLifetimeS);
    const { user } = grant;
    const accessToken = this.#token("at+jwt", { user, scopes }, { exp });
    this.registry.accessTokens.add(accessToken, grant, tokenLifetimeS);
    return {
      access_token: accessToken,
      token_type: "Bearer",
      expires_in: tokenLifetimeS,
      scope: scopes.join(" "),
      id_token: scopes.includes("openid")
        ? this.#token("JWT", { user, scopes }, { exp })
        : undefined,
    };
  }

  #token(
    typ: string,
    { user, scopes }: { user: User; scopes: readonly string[] },
    claims: JsonObject,
  ): string {
    const head = { alg: "EdDSA", typ, kid: "emulator" };
    return unsignedJwt(head, {
      iss: this.#issuer,
      sub: user.id,
      aud: this.clientId,
      iat: this.#grantedAtS,
      jti: randomUUID(),
      scope: scopes.join(" "),
      ...claims,
    });
  }
}

const MISSING: EmulatedResponse = refusal("invalid_request", "Missing required parameter");

/** The token endpoint's own error format, which is neither the API's nor that of RFC 6749. */
function refusal(code: string, description: string): EmulatedResponse {
  return jsonResponse(400, { error_code: code, error_description: description });
}
