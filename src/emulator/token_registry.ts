import { AccessTokens } from "./access_tokens.ts";
import { type Grant, RefreshTokens } from "./refresh_tokens.ts";
import type { Issuer } from "./service.ts";

/** The tokens of one sign-in, and their revocation. */
export class TokenRegistry implements Issuer {
  /** The refresh tokens. */
  readonly refreshTokens: RefreshTokens = new RefreshTokens();
  /** The access tokens. */
  readonly accessTokens: AccessTokens<Grant> = new AccessTokens();

  revokeAccessTokens(): void {
    this.accessTokens.clear();
  }

  revokeGrants(): void {
    this.refreshTokens.revoke();
  }

  restoreGrants(): void {
    this.refreshTokens.restore();
  }
}
