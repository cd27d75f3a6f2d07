/** Access tokens, and the token response that brings one (RFC 6749 section 5.1). */

/** An access token and its lifetime. */
export interface Token {
  /** The value of the `Authorization` header, without `Bearer`. */
  readonly accessToken: string;
  /** A new refresh token that replaces the one that was sent, if the endpoint issued one. */
  readonly refreshToken: string | undefined;
  /** The whole lifetime, in milliseconds. */
  readonly lifetimeMs: number;
  /** When it expires on the wall clock, which counts sleep but can be set. */
  readonly expiresAt: number;
  /** When it expires on the monotonic clock, which cannot be set but may stand still during sleep. */
  readonly expiresAtMonotonic: number;
  /** In this last part of the lifetime it is refreshed in the background, and still used. */
  readonly advisoryWindowMs: number;
  /** In this last part of the lifetime requests wait for a new one. */
  readonly mandatoryWindowMs: number;
  /** Whether it came from the store, so that it may be older than it seems. */
  readonly isStored: boolean;
}

/** A point in time on both clocks. */
export interface Instant {
  readonly wall: number;
  readonly monotonic: number;
}

/** The current time on both clocks. */
export function readClocks(): Instant {
  return { wall: Date.now(), monotonic: performance.now() };
}

/** Ten years. A longer lifetime is not meant, and might not fit into a clock. */
export const MAX_LIFETIME_MS: number = 10 * 365 * 24 * 3_600_000;

// RFC 6750 section 2.1: the characters of a bearer token.
const BEARER_TOKEN = /^[\w\-.~+/]+=*$/;

// RFC 6749 appendix A.17: printable ASCII.
const REFRESH_TOKEN = /^[\x20-\x7e]+$/;

/** Whether a value can be an access token. */
export function isAccessToken(value: unknown): value is string {
  return typeof value === "string" && matches(BEARER_TOKEN, value);
}

/** Whether a value can be a refresh token. */
export function isRefreshToken(value: unknown): value is string {
  return typeof value === "string" && matches(REFRESH_TOKEN, value);
}

/** Tests a secret. The engine keeps the last text that matched, as `RegExp.input`, so another follows. */
function matches(pattern: RegExp, secret: string): boolean {
  const isMatch = pattern.test(secret);
  /^/.test("");
  return isMatch;
}

/**
 * Reads a token response.
 *
 * @returns The token, or a description of what is wrong with the response, which quotes no value.
 */
export function parseToken(
  body: unknown,
  { requestedAt, defaultLifetimeMs }: { requestedAt: Instant; defaultLifetimeMs: number },
): Token | string {
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    return "it is not a JSON object";
  }
  const fields = body as Record<string, unknown>;
  const accessToken = fields.access_token;
  if (typeof accessToken !== "string" || accessToken === "") return "it has no access_token";
  if (!isAccessToken(accessToken)) return "its access_token is not a bearer token";
  const tokenType = fields.token_type ?? "Bearer";
  if (typeof tokenType !== "string" || tokenType.toLowerCase() !== "bearer") {
    return "its token_type is not Bearer"; // RFC 6749 section 7.1: must not be used
  }
  const { refresh_token: refreshToken } = fields;
  return createToken({
    accessToken,
    // Without a valid one, the old refresh token remains.
    refreshToken: isRefreshToken(refreshToken) ? refreshToken : undefined,
    lifetimeMs: readLifetimeMs(fields.expires_in) ?? defaultLifetimeMs,
    // RFC 6749 section 5.1 counts from the response. The time of the request is safely before it.
    obtainedAt: requestedAt,
  });
}

/** Creates a token from its lifetime and the time at which that began. */
export function createToken(
  { accessToken, refreshToken, lifetimeMs, obtainedAt, isStored = false }: {
    accessToken: string;
    refreshToken: string | undefined;
    lifetimeMs: number;
    obtainedAt: Instant;
    isStored?: boolean;
  },
): Token {
  return {
    accessToken,
    refreshToken,
    lifetimeMs,
    expiresAt: obtainedAt.wall + lifetimeMs,
    expiresAtMonotonic: obtainedAt.monotonic + lifetimeMs,
    // With jitter, so that programs that started together do not refresh together.
    advisoryWindowMs: Math.min(120_000, lifetimeMs * 0.2) * (0.9 + Math.random() * 0.2),
    mandatoryWindowMs: Math.min(10_000, lifetimeMs * 0.1),
    isStored,
  };
}

/** The rest of a token's lifetime in milliseconds, by the clock on which it expires first. */
export function remainingMs(token: Token): number {
  return Math.min(token.expiresAt - Date.now(), token.expiresAtMonotonic - performance.now());
}

/** Reads `expires_in`, a number of seconds or its digits, as milliseconds. */
function readLifetimeMs(expiresIn: unknown): number | undefined {
  const isNumeric = typeof expiresIn === "number" ||
    typeof expiresIn === "string" && /^\d+(\.\d+)?$/.test(expiresIn);
  const seconds = isNumeric ? Number(expiresIn) : NaN;
  if (!Number.isFinite(seconds) || seconds <= 0) return undefined;
  return Math.min(Math.max(Math.floor(seconds), 1) * 1000, MAX_LIFETIME_MS);
}
