/**
 * An access token in a store. Its times are by the broker's clock, because the clocks of the machines that
 * share it may be hours apart.
 */

import { CLOCK_TOLERANCE_MS, DATE_RESOLUTION_MS } from "../net/clock_offset.ts";
import type { StoredToken } from "../store/grant_record.ts";
import { createToken, MAX_LIFETIME_MS, readClocks, remainingMs, type Token } from "./token.ts";

/**
 * Converts a token for the store.
 *
 * @param offsetMs How far the broker's clock is ahead at least.
 */
export function storeToken(
  { accessToken, expiresAt, lifetimeMs }: Token,
  offsetMs: number,
): StoredToken {
  // One that seems older than it is would be refreshed too early by all who share it.
  const shiftMs = offsetMs === 0 ? 0 : offsetMs + DATE_RESOLUTION_MS;
  return {
    accessToken,
    obtainedAt: new Date(expiresAt - lifetimeMs + shiftMs).toISOString(),
    expiresAt: new Date(expiresAt + shiftMs).toISOString(),
  };
}

/**
 * Restores a stored token, if it is alive. One from the future has an unknown lifetime.
 *
 * @param offsetMs How far the broker's clock is ahead at least.
 */
export function restoreToken(
  { accessToken, obtainedAt, expiresAt }: StoredToken,
  offsetMs: number,
): Token | undefined {
  const now = readClocks();
  const ageMs = now.wall + offsetMs - Date.parse(obtainedAt);
  const lifetimeMs = Date.parse(expiresAt) - Date.parse(obtainedAt);
  const isKnown = ageMs >= -CLOCK_TOLERANCE_MS && lifetimeMs > ageMs &&
    lifetimeMs <= MAX_LIFETIME_MS;
  if (!isKnown) return undefined;
  const sinceMs = Math.max(0, ageMs);
  const token = createToken({
    accessToken,
    refreshToken: undefined,
    lifetimeMs,
    obtainedAt: { wall: now.wall - sinceMs, monotonic: now.monotonic - sinceMs },
    isStored: true,
  });
  return remainingMs(token) > token.mandatoryWindowMs ? token : undefined;
}
