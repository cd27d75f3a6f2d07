import { randomUUID } from "node:crypto";

const LIFETIME_MS = 24 * 60 * 60 * 1000;

/** The tokens for the server of quotes of one environment. Each is good for a day. */
export class QuoteTokens {
  readonly #expiresAt = new Map<string, number>();

  /** Issues a token. Earlier ones remain valid. */
  issue(): { readonly token: string; readonly issuedAt: number; readonly expiresAt: number } {
    const token = randomUUID();
    const issuedAt = Date.now();
    const expiresAt = issuedAt + LIFETIME_MS;
    this.#expiresAt.set(token, expiresAt);
    return { token, issuedAt, expiresAt };
  }

  /** Whether a token is valid. */
  has(token: unknown): boolean {
    return Date.now() < (this.#expiresAt.get(`${token}`) ?? 0);
  }
}
