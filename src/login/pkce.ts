/** The secrets of a login: `state`, PKCE's code verifier (RFC 7636), and the token of a form. */

import type { Buffer } from "node:buffer";
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

/**
 * 256 random bits as 43 characters that need no escaping in a URL, as a code verifier has them (RFC
 * 7636 section 4.1).
 */
export function randomToken(): string {
  return randomBytes(32).toString("base64url");
}

/** The code challenge for a verifier, with the method S256 (RFC 7636 section 4.2). */
export function codeChallenge(verifier: string): string {
  return sha256(verifier).toString("base64url");
}

/** Compares two texts, of any lengths, in constant time. */
export function isSameSecret(given: string, expected: string): boolean {
  return timingSafeEqual(sha256(given), sha256(expected));
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
