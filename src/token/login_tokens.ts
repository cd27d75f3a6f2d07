/**
 * The tokens of a login, which sessions share and users do not see. They are kept apart from the
 * credentials that `login()` returns, so that a program that never logs in does not carry those.
 */

import { RefreshToken } from "./shared_refresh_token.ts";
import type { Token } from "./token.ts";

/** The tokens of a login. */
export interface LoginTokens {
  refreshToken: RefreshToken;
  readonly accessToken?: Token;
}

const tokensOf = /* @__PURE__ */ new WeakMap<object, LoginTokens>();

/** Keeps the refresh token of some credentials. */
export function keepRefreshToken(credentials: object, refreshToken: string): void {
  tokensOf.set(credentials, { refreshToken: new RefreshToken(refreshToken) });
}

/** Keeps the access token that came with the refresh token. */
export function keepAccessToken(credentials: object, accessToken: Token): void {
  tokensOf.set(credentials, { ...loginTokensOf(credentials), accessToken });
}

/**
 * The tokens of the login of these credentials.
 *
 * @throws {TypeError} If it is not what `login()` has returned.
 */
export function loginTokensOf(credentials: object): LoginTokens {
  const found = tokensOf.get(credentials);
  if (found !== undefined) return found;
  throw new TypeError("Cannot use these credentials: pass what login() returned, or parts of it");
}
