/** What a store holds for one grant: its tokens, and the process that is refreshing them. */

/** An access token. */
export interface StoredToken {
  readonly accessToken: string;
  /** When it was requested, as `Date.prototype.toISOString` writes it. */
  readonly obtainedAt: string;
  /** When it expires, likewise. */
  readonly expiresAt: string;
}

/** A process has declared that it will send the refresh token. */
export interface Intent {
  /** The process, which alone knows this. */
  readonly holder: string;
  /** When, by its clock. For people who look; no process compares it with its own clock. */
  readonly since: string;
}

/** A refusal of the token endpoint, for the processes that waited for the token. */
export interface StoredFailure {
  /** The record with the intent that ended so. */
  readonly intentId: string;
  readonly message: string;
  readonly code: string;
  readonly isPermanent: boolean;
  readonly status: number;
  readonly retryAfterMs?: number | undefined;
}

/** The record of a grant. */
export interface GrantRecord {
  /** Another one for each write, so that no two records are the same text. */
  readonly id: string;
  /** How many token responses led to these tokens. A record never replaces one with a greater number. */
  readonly generation: number;
  /** The current refresh token. */
  readonly refreshToken: string;
  /** Whether the last refresh brought another refresh token; `undefined` before the first. */
  readonly isRotating?: boolean | undefined;
  /** The access token that came last. */
  readonly token?: StoredToken | undefined;
  /** Who is refreshing. */
  readonly intent?: Intent | undefined;
  /** How the last refresh failed. */
  readonly failure?: StoredFailure | undefined;
}

/** Writes a record as text. */
export function formatRecord(record: GrantRecord): string {
  return JSON.stringify({ version: 1, ...record });
}

/** Reads a record; `undefined` if it is none, since anybody may have written it. */
export function parseRecord(text: string): GrantRecord | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { version, ...record } = Object(json);
  const { id, generation, refreshToken, isRotating, token, intent, failure } = record;
  const isValid = version === 1 && isText(id) && Number.isSafeInteger(generation) &&
    generation >= 0 && isText(refreshToken) && isOptional(isRotating, "boolean") &&
    (token === undefined || isStoredToken(token)) && (intent === undefined || isIntent(intent)) &&
    (failure === undefined || isStoredFailure(failure));
  return isValid ? record : undefined;
}

function isStoredToken(value: unknown): value is StoredToken {
  const { accessToken, obtainedAt, expiresAt } = Object(value);
  return isText(accessToken) && isText(obtainedAt) && isText(expiresAt);
}

function isIntent(value: unknown): value is Intent {
  const { holder, since } = Object(value);
  return isText(holder) && isText(since);
}

function isStoredFailure(value: unknown): value is StoredFailure {
  const { intentId, message, code, isPermanent, status, retryAfterMs } = Object(value);
  return isText(intentId) && isText(message) && isText(code) && typeof isPermanent === "boolean" &&
    typeof status === "number" && isOptional(retryAfterMs, "number");
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

function isOptional(value: unknown, type: "boolean" | "number"): boolean {
  return value === undefined || typeof value === type;
}
