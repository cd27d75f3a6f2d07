import type { Buffer } from "node:buffer";
import { createHash, randomBytes } from "node:crypto";
import { type EmulatedResponse, type JsonObject, jsonResponse } from "../response.ts";
import { AuthorizationCodes, type Consent } from "../authorization_codes.ts";
import { signedJwt } from "../jwt.ts";
import type { ReceivedRequest } from "../received_request.ts";
import type { GoodToken, Grant } from "../refresh_tokens.ts";
import { readFields, words } from "../request_fields.ts";
import type { Settings } from "../service.ts";
import { TokenRegistry } from "../token_registry.ts";
import { FIRST_USER, type User } from "../users.ts";
import errors from "./recordings/errors.json" with { type: "json" };
import refreshed from "./recordings/token_refreshed.json" with { type: "json" };
import { tradestationFaults } from "./faults.ts";

const LIFETIME_S: number = refreshed.expires_in;

// As in the recorded response, without the Matrix and OptionSpreads of its request: the smallest of the
// three documented defaults.
const SCOPES = "openid profile email MarketData ReadAccount Trade offline_access";

/**
 * The grants of the users to one client, and their tokens, which are valid for LIVE and SIM.
 *
 * TradeStation's sign-in is a tenant of Auth0 and publishes no error responses. The ones here are Auth0's
 * in general; all of them are UNCONFIRMED.
 */
export class TradestationGrants {
  /** The id of the client, which TradeStation calls the API key. */
  readonly clientId: string;
  /** The client secret. */
  readonly clientSecret: string;
  /** The codes that the sign-in has issued. */
  readonly codes: AuthorizationCodes = new AuthorizationCodes();
  /** The first refresh token of the first grant. */
  readonly refreshToken: string;
  /** How many times a refresh token was used that another one had replaced. */
  reusedRefreshTokens = 0;

  readonly #settings: Settings;
  /** The tokens that it has issued. */
  readonly registry: TokenRegistry = new TokenRegistry();

  constructor(settings: Settings) {
    this.#settings = settings;
    const { clientId, clientSecret, refreshToken } = settings.credentials;
    this.clientId = clientId ?? randomBytes(24).toString("base64url").replace(/[-_]/g, "0");
    this.clientSecret = clientSecret ?? randomBytes(48).toString("base64url");
    this.refreshToken = this.grant(FIRST_USER, refreshToken);
  }

  /** Makes a grant of a user, with all scopes; returns its refresh token. */
  grant(user: User, token?: string): string {
    return this.#grant({ user, scopes: words(SCOPES), isPublic: false }, token);
  }

  /** What the key and the user permit at the moment. */
  get scopes(): readonly string[] {
    return words(this.#settings.scopes ?? SCOPES);
  }

  /**
   * `POST /oauth/token`. The documentation has forms only, but Auth0 accepts JSON too.
   *
   * @param issuer What id tokens say of who has issued them.
   */
  issue(request: ReceivedRequest, issuer: string): EmulatedResponse {
    const fields = readFields(request);
    if (fields === undefined) return refusal(400, "invalid_request", "Malformed request body");
    const missing = missingOf(fields, ["grant_type", "client_id"]);
    if (missing !== undefined) return missing;
    if (!this.#isClient(fields)) return tradestationFaults.clientSecretMismatch;
    switch (fields.get("grant_type")) {
      case "authorization_code":
        return this.#exchange(fields, issuer);
      case "refresh_token":
        return this.#refresh(fields, issuer);
      default: {
        const { error, error_description: words } = errors.grant_not_allowed;
        return refusal(403, error, words.replace("'x'", `'${fields.get("grant_type")}'`));
      }
    }
  }

  /**
   * `POST /oauth/revoke`: ends every grant of the key, not only the one of the token. The table of the
   * page names the parameter `refresh_token`, its example `token`, so both are taken; to revoke what is
   * unknown is a success (RFC 7009, section 2.2). Access tokens live on, as nothing else is said.
   */
  revoke(request: ReceivedRequest): EmulatedResponse {
    const fields = readFields(request);
    if (fields === undefined) return refusal(400, "invalid_request", "Malformed request body");
    const missing = missingOf(fields, ["client_id"]);
    if (missing !== undefined) return missing;
    if (!this.#isClient(fields)) return tradestationFaults.clientSecretMismatch;
    const token = fields.get("token") ?? fields.get("refresh_token") ?? "";
    if (token === "") return missingResponse("token");
    // The secret is "optional", which can only mean for grants that were made without it.
    if (!fields.has("client_secret") && !this.registry.refreshTokens.isPublic(token)) {
      return tradestationFaults.clientSecretMismatch;
    }
    if (this.registry.refreshTokens.has(token)) this.registry.refreshTokens.kill();
    return { status: 200 };
  }

  /** Whose token an `Authorization` header has, and its scopes; `undefined` if it is not valid. */
  find(
    authorization: string | undefined,
  ): { readonly user: User; readonly scopes: readonly string[] } | undefined {
    const grant = this.registry.accessTokens.find(authorization);
    return grant && { user: grant.user, scopes: this.#permittedOf(grant) };
  }

  /** Whether the client is known, and its secret is right if there is one. */
  #isClient(fields: ReadonlyMap<string, string>): boolean {
    return fields.get("client_id") === this.clientId &&
      (fields.get("client_secret") ?? this.clientSecret) === this.clientSecret;
  }

  #exchange(fields: ReadonlyMap<string, string>, issuer: string): EmulatedResponse {
    const missing = missingOf(fields, ["code", "redirect_uri"]);
    if (missing !== undefined) return missing;
    const consent = this.codes.redeem(`${fields.get("code")}`);
    if (consent === undefined) return tradestationFaults.invalidCode;
    const redirectUri = fields.get("redirect_uri");
    if (redirectUri !== consent.redirectUri) {
      const words =
        `The redirect URI is wrong. You sent ${redirectUri}, and we expected ${consent.redirectUri}`;
      return refusal(403, "unauthorized_client", words);
    }
    if (!isVerified(consent, fields.get("code_verifier"))) {
      return refusal(403, "invalid_grant", "Failed to verify code verifier");
    }
    // A default key must send its secret. A key for PKCE, which TradeStation makes on request, sends its
    // verifier instead. The client of the emulator may do either.
    const isPublic = !fields.has("client_secret");
    if (isPublic && consent.codeChallenge === undefined) {
      return tradestationFaults.clientSecretMismatch;
    }
    const grant: Grant = { user: FIRST_USER, scopes: consent.scopes, isPublic };
    const permitted = this.#permittedOf(grant);
    const accessToken = this.#accessToken(grant);
    return jsonResponse(200, {
      access_token: accessToken,
      refresh_token: permitted.includes("offline_access") ? this.#grant(grant) : undefined,
      id_token: this.#idToken(grant, accessToken, { iss: issuer, nonce: consent.nonce }),
      token_type: "Bearer",
      scope: permitted.join(" "),
      expires_in: this.#lifetimeS,
    }, NO_STORE);
  }

  #refresh(fields: ReadonlyMap<string, string>, issuer: string): EmulatedResponse {
    const token = fields.get("refresh_token") ?? "";
    if (token === "") return missingResponse("refresh_token");
    if (!fields.has("client_secret") && !this.registry.refreshTokens.isPublic(token)) {
      return tradestationFaults.clientSecretMismatch;
    }
    const found = this.registry.refreshTokens.find(token);
    if (found === "reused") this.reusedRefreshTokens += 1;
    if (typeof found === "string") return tradestationFaults.unknownRefreshToken;
    const permitted = this.#permittedOf(found.grant);
    const accessToken = this.#accessToken(found.grant);
    return jsonResponse(200, {
      access_token: accessToken,
      expires_in: this.#lifetimeS,
      // As recorded, without the scopes of the API.
      scope: permitted.filter((scope) => words(refreshed.scope).includes(scope)).join(" "),
      id_token: this.#idToken(found.grant, accessToken, { iss: issuer }),
      token_type: "Bearer",
      refresh_token: this.#settings.rotation ? this.#rotate(found) : undefined,
    }, NO_STORE);
  }

  #permittedOf({ scopes }: Grant): readonly string[] {
    return this.scopes.filter((scope) => scopes.includes(scope));
  }

  get #lifetimeS(): number {
    return this.#settings.tokenLifetimeS ?? LIFETIME_S;
  }

  #grant(grant: Grant, token: string = opaqueToken()): string {
    this.registry.refreshTokens.add(token, grant);
    return token;
  }

  #rotate(token: GoodToken): string {
    const next = opaqueToken();
    token.replaceBy(next);
    return next;
  }

  /** Documented as opaque. At the real service it may be a JWT (UNCONFIRMED). */
  #accessToken(grant: Grant): string {
    const token = opaqueToken();
    this.registry.accessTokens.add(token, grant, this.#lifetimeS);
    return token;
  }

  #idToken(
    grant: Grant,
    accessToken: string,
    claims: JsonObject,
  ): string | undefined {
    const permitted = this.#permittedOf(grant);
    if (!permitted.includes("openid")) return undefined;
    const iat = Math.floor(Date.now() / 1000);
    const profile = permitted.includes("profile")
      ? { name: "Test User", nickname: "testUser" }
      : {};
    const email = permitted.includes("email")
      ? { email: "test.user@example.com", email_verified: true }
      : {};
    return signedJwt({
      ...profile,
      ...email,
      ...claims,
      sub: `auth0|${grant.user.id}`,
      aud: this.clientId,
      iat,
      exp: iat + this.#lifetimeS,
      // OpenID Connect Core, section 3.1.3.6.
      at_hash: sha256(accessToken).subarray(0, 16).toString("base64url"),
    });
  }
}

const NO_STORE = { "cache-control": "no-store", "pragma": "no-cache" };

function opaqueToken(): string {
  return randomBytes(48).toString("base64url");
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

/** Checks the verifier if there was a challenge, and ignores it otherwise. */
function isVerified({ codeChallenge }: Consent, verifier = ""): boolean {
  if (codeChallenge === undefined) return true;
  return /^[\w.~-]{43,128}$/.test(verifier) &&
    sha256(verifier).toString("base64url") === codeChallenge;
}

function missingOf(
  fields: ReadonlyMap<string, string>,
  names: readonly string[],
): EmulatedResponse | undefined {
  const name = names.find((name) => !fields.get(name));
  return name === undefined ? undefined : missingResponse(name);
}

function missingResponse(name: string): EmulatedResponse {
  return refusal(400, "invalid_request", `Missing required parameter: ${name}`);
}

function refusal(status: number, error: string, description: string): EmulatedResponse {
  return jsonResponse(status, { error, error_description: description });
}
