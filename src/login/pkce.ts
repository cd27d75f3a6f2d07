/** The secrets that live as long as one login: `state`, PKCE's verifier, the form's token. */

import type { Buffer } from "node:buffer";
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

/**
 * 256 random bits, as 43 characters that need no escaping in a URL. That is also what a code
 * verifier is made of (RFC 7636 section 4.1).
 */
export function oneTimeSecret(): string {
  return randomBytes(32).toString("base64url");
}

/** The challenge that a verifier proves, by the method S256 (RFC 7636 section 4.2). */
export function challengeOf(verifier: string): string {
  return sha256(verifier).toString("base64url");
}

/** Compares two texts in a time that tells nothing of either. */
export function isSameSecret(given: string, expected: string): boolean {
  return timingSafeEqual(sha256(given), sha256(expected)); // texts of different lengths, too
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
