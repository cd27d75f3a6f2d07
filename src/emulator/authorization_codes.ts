import { randomBytes } from "node:crypto";

/** What a user has consented to. */
export interface Consent {
  /** The exact redirect URI. */
  readonly redirectUri: string;
  /** The scopes that were asked for and are permitted. */
  readonly scopes: readonly string[];
  /** The PKCE code challenge, with the method S256. */
  readonly codeChallenge: string | undefined;
  /** What the id token repeats (OpenID Connect Core section 3.1.2.1). */
  readonly nonce?: string | undefined;
}

// The maximum that RFC 6749 section 4.1.2 recommends. Neither broker documents its own.
const LIFETIME_MS = 10 * 60 * 1000;

/** The authorization codes that were not exchanged yet. */
export class AuthorizationCodes {
  readonly #waiting = new Map<
    string,
    { readonly consent: Consent; readonly expiresAtMs: number }
  >();

  /** Issues a code. */
  issue(consent: Consent): string {
    const code = randomBytes(36).toString("base64url");
    this.#waiting.set(code, { consent, expiresAtMs: Date.now() + LIFETIME_MS });
    return code;
  }

  /** Redeems a code. It works once, whatever becomes of the exchange. */
  redeem(code: string): Consent | undefined {
    const waiting = this.#waiting.get(code);
    this.#waiting.delete(code);
    return waiting !== undefined && Date.now() < waiting.expiresAtMs ? waiting.consent : undefined;
  }
}
