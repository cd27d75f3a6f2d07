import { randomBytes } from "node:crypto";

/** What a user has accepted on the consent page. */
export interface Consent {
  /** Where the browser was sent, to the letter. */
  readonly redirectUri: string;
  /** What was asked for and may be given. */
  readonly scopes: readonly string[];
  /** The PKCE challenge of the request, of the method S256. */
  readonly codeChallenge: string | undefined;
}

// The most that RFC 6749, section 4.1.2, recommends; neither broker documents its own.
const LIFETIME_MS = 10 * 60 * 1000;

/** The authorization codes that wait for their exchange. */
export class AuthorizationCodes {
  readonly #waiting = new Map<
    string,
    { readonly consent: Consent; readonly expiresAtMs: number }
  >();

  /** Makes a code. */
  issue(consent: Consent): string {
    const code = randomBytes(36).toString("base64url");
    this.#waiting.set(code, { consent, expiresAtMs: Date.now() + LIFETIME_MS });
    return code;
  }

  /** What the code stands for. It can be asked once: whatever comes of it, the code is spent. */
  redeem(code: string): Consent | undefined {
    const waiting = this.#waiting.get(code);
    this.#waiting.delete(code);
    return waiting !== undefined && Date.now() < waiting.expiresAtMs ? waiting.consent : undefined;
  }
}
