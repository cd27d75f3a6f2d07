import { createHash, randomBytes } from "node:crypto";
import type { Emulator } from "../../src/emulator/emulator.ts";
import orderRequests from "../../src/emulator/tradestation/recordings/order_requests.json" with {
  type: "json",
};

export const CASH = "123456789";

export const MARGIN = "123456782";

type OrderRequest = typeof orderRequests[number] | undefined;

export const MARKET_ORDER: OrderRequest = orderRequests[0];
export const LIMIT_ORDER: OrderRequest = orderRequests[1];
export const STOP_ORDER: OrderRequest = orderRequests[2];
export const OPTION_ORDER: OrderRequest = orderRequests[3];

/** Lets the wall clock show another time until disposed. */
export function atTime(ms: number): Disposable {
  const { now } = Date;
  Date.now = () => ms;
  return { [Symbol.dispose]: () => void (Date.now = now) };
}

/** A PKCE verifier, and what a client sends of it at first. */
export function pkce(): { verifier: string; query: Record<string, string> } {
  const verifier = randomBytes(32).toString("base64url");
  const challenge = createHash("sha256").update(verifier).digest("base64url");
  return { verifier, query: { "code_challenge": challenge, "code_challenge_method": "S256" } };
}

export function oauthError(error: string, description: string): Record<string, string> {
  return { "error": error, "error_description": description };
}

// tastytrade's way of signing in
export function tastytradeUrl(
  emulator: Emulator,
  changes: Record<string, string | undefined> = {},
): string {
  const query = Object.entries({
    "client_id": emulator.tastytrade.clientId,
    "redirect_uri": "http://localhost:8000/callback",
    "response_type": "code",
    "scope": "read trade",
    "state": "s 1",
    ...changes,
  }).flatMap(([name, value]) => value === undefined ? [] : [[name, value]]);
  return `${emulator.tastytrade.signInUrl}/auth.html?${new URLSearchParams(query)}`;
}
