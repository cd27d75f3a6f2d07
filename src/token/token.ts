/** A token response (RFC 6749 section 5.1), read once and checked. */

/** An access token and its life. */
export interface Token {
  readonly accessToken: string;
  /** A refresh token that replaces the one that was spent, if the endpoint sent one. */
  readonly refreshToken: string | undefined;
  readonly lifetimeMs: number;
  /** When it ends by the wall clock, which counts sleep but can be set. */
  readonly expiresAt: number;
  /** When it ends by the monotonic clock, which nobody can set but which may stand still in sleep. */
  readonly expiresAtMonotonic: number;
  /** In the last so many milliseconds the token is renewed behind the requests that still use it. */
  readonly softLeadMs: number;
  /** In the last so many milliseconds requests wait for the next token. */
  readonly hardLeadMs: number;
}

/** A moment on both clocks. */
export interface Moment {
  readonly wall: number;
  readonly monotonic: number;
}

/** This moment. */
export function moment(): Moment {
  return { wall: Date.now(), monotonic: performance.now() };
}

// A header value: RFC 6750 section 2.1 allows only these in a bearer token.
const BEARER_TOKEN = /^[\w\-.~+/]+=*$/;

// RFC 6749 appendix A.17: printable ASCII.
const REFRESH_TOKEN = /^[\x20-\x7e]+$/;

/** Whether a text can be an access token. */
export function isAccessToken(value: unknown): value is string {
  return typeof value === "string" && BEARER_TOKEN.test(value);
}

/** Whether a text can be a refresh token. */
export function isRefreshToken(value: unknown): value is string {
  return typeof value === "string" && REFRESH_TOKEN.test(value);
}

/** Reads a token response, or says in a sentence why it is none. The sentence quotes no value. */
export function parseToken(
  body: unknown,
  { requestedAt, defaultLifetimeMs }: { requestedAt: Moment; defaultLifetimeMs: number },
): Token | string {
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    return "it is not a JSON object";
  }
  const fields = body as Record<string, unknown>;
  const accessToken = fields.access_token;
  if (typeof accessToken !== "string" || accessToken === "") return "it has no access_token";
  if (!isAccessToken(accessToken)) return "its access_token is no bearer token";
  const tokenType = fields.token_type ?? "Bearer";
  if (typeof tokenType !== "string" || tokenType.toLowerCase() !== "bearer") {
    return "its token_type is not Bearer"; // RFC 6749 section 7.1: not understood, not to be used
  }
  const { refresh_token: refreshToken } = fields;
  return makeToken({
    accessToken,
    // What cannot be one is none, so the old one stays.
    refreshToken: isRefreshToken(refreshToken) ? refreshToken : undefined,
    lifetimeMs: readLifetimeMs(fields.expires_in) ?? defaultLifetimeMs,
    // RFC 6749 section 5.1 counts from the response's making; its request's sending is safely before.
    obtainedAt: requestedAt,
  });
}

/** A token that lives from a moment on. */
export function makeToken(
  { accessToken, refreshToken, lifetimeMs, obtainedAt }: {
    accessToken: string;
    refreshToken: string | undefined;
    lifetimeMs: number;
    obtainedAt: Moment;
  },
): Token {
  return {
    accessToken,
    refreshToken,
    lifetimeMs,
    expiresAt: obtainedAt.wall + lifetimeMs,
    expiresAtMonotonic: obtainedAt.monotonic + lifetimeMs,
    // Jittered, so that programs that started together do not renew together.
    softLeadMs: Math.min(120_000, lifetimeMs * 0.2) * (0.9 + Math.random() * 0.2),
    hardLeadMs: Math.min(10_000, lifetimeMs * 0.1),
  };
}

/** How long the token still lives: by the clock that is worse for it. */
export function remainingMs(token: Token): number {
  return Math.min(token.expiresAt - Date.now(), token.expiresAtMonotonic - performance.now());
}

/** Ten years: nobody means more, and a clock can hold it. */
export const MAX_LIFETIME_MS: number = 10 * 365 * 24 * 3_600_000;

/** `expires_in` in milliseconds: seconds as a number or as its digits, and nothing else. */
function readLifetimeMs(expiresIn: unknown): number | undefined {
  const seconds = typeof expiresIn === "number"
    ? expiresIn
    : typeof expiresIn === "string" && /^\d+(\.\d+)?$/.test(expiresIn)
    ? Number(expiresIn)
    : NaN;
  if (!Number.isFinite(seconds) || seconds <= 0) return undefined;
  return Math.min(Math.max(Math.floor(seconds), 1) * 1000, MAX_LIFETIME_MS);
}
