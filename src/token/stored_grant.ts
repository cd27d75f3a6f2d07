/**
 * A grant in a store, which any number of processes on any number of machines refresh one at a time:
 *
 *              ┌──── new tokens ────┐            ┌──── new tokens ────┐
 *              ▼                    │            ▼                    │
 *            free ──── intent ──▶ taken ──── other intent ──▶ taken by another
 *              ▲                    │          (take-over)
 *              └───── failure ──────┘
 *
 * Each arrow is one compare-and-set, so each has one winner. Only who has written the intent sends the
 * refresh token, because a second use of it may revoke the grant. The others use the token that they have,
 * and wait for the record to change.
 *
 * A holder that was killed or stopped leaves its intent. Another process takes over after it has itself
 * seen the intent unchanged for longer than a holder that runs can take; no clock of two machines is
 * compared. While it can use a token itself, it waits for as long as that lasts, to give a holder that is
 * only stopped more time. A holder that finds that it was stopped before it sent the refresh token
 * declares its intent anew.
 *
 * Two ways to use a refresh token twice remain, which no store can prevent: the holder dies between its
 * request and its save, or is stopped there until another has taken over. Each costs one second use.
 *
 * A record never replaces one of a greater generation, so a late save does no harm. Tokens that cannot be
 * saved are used from memory, and saved later. Nobody sends a refresh token without an intent in the
 * store, unless it is known not to rotate: then nothing can be lost.
 */

import { SessionClosedError, SessionError, TokenError } from "../errors.ts";
import { Deadline, MAX_TIMEOUT_MS, withTimeout } from "../net/deadline.ts";
import { deferred } from "../net/deferred.ts";
import { unref } from "../net/timer.ts";
import { nodeProcess } from "../node_process.ts";
import {
  formatRecord,
  type GrantRecord,
  type StoredFailure,
  type StoredToken,
} from "../store/grant_record.ts";
import type { GrantStore, Snapshot } from "../store/grant_store.ts";
import { type Actor, traceWait } from "../tracing/tracers.ts";
import type { RefreshToken } from "./shared_refresh_token.ts";
import { readClocks } from "./token.ts";

/** A holder that needs longer than this to declare its intent was stopped, and declares it anew. */
const MAX_DECLARATION_MS = 3_000;

/**
 * How long an intent must be seen unchanged before another process takes over. A holder that runs needs
 * at most 18 s: 3 until it sends, 10 for the token request, 5 for the save.
 */
const TAKEOVER_MS = 20_000;

/** The same for a refresh token that is known not to rotate. Nothing is lost if it is sent twice. */
const QUICK_TAKEOVER_MS = 5_000;

/** How often a record is read while another process refreshes: first and last. */
const POLL_MS = { first: 50, last: 1_000 } as const;

/** How long the caller of a refresh waits for the new tokens to be saved. */
const SAVE_PATIENCE_MS = 5_000;

/** The longest delay between two attempts to save. */
const MAX_SAVE_DELAY_MS = 30_000;

/** The right to send the refresh token, once. */
export interface RefreshRight {
  /** What the outcome replaces; `undefined` if the store is down. */
  readonly declared: Snapshot | undefined;
}

/** Who asks for a refresh. */
export interface Asker<T> {
  /** Makes use of a stored token; `undefined` if it is of no use. */
  readonly accept: (token: StoredToken) => T | undefined;
  /** Whether requests can go on with a token that the asker has. */
  readonly hasUsableToken: () => boolean;
}

/** Decides which process refreshes a grant, and saves what that brings. */
export class StoredGrant {
  readonly #store: GrantStore;
  readonly #actor: Actor;
  /** Forgotten at the end. */
  #openRefreshToken: RefreshToken | undefined;
  readonly #watch = new IntentWatch();
  #isClosing = false;
  /** Ends the pause before the next look at another process's intent. */
  #endPause: (() => void) | undefined;
  /** What the store does not have yet. */
  #unsaved: GrantRecord | undefined;
  #writing: Promise<void> | undefined;
  #saveFailures = 0;
  #saveTimer: ReturnType<typeof setTimeout> | undefined;
  /** The failure that was there before this session. It asks again, once. */
  #oldFailure: { readonly id: string | undefined } | undefined;

  /** @param refreshToken What all sessions of this process know of the grant. */
  constructor(store: GrantStore, actor: Actor, refreshToken: RefreshToken) {
    this.#store = store;
    this.#actor = actor;
    this.#openRefreshToken = refreshToken;
  }

  /**
   * Waits until the store has a token that the asker can use, or until this process may refresh. To be
   * called by one session of the process at a time.
   *
   * @throws {TokenError} If the refresh that it waited for has failed, or the grant was refused for good.
   * @throws {SessionError} If the store does not work and the refresh token may rotate.
   */
  async acquire<T>(asker: Asker<T>, signal: AbortSignal): Promise<T | RefreshRight> {
    const wait = new Deadline(MAX_TIMEOUT_MS, () => new SessionClosedError(), signal);
    wait.stopTimer(); // the signal alone ends it
    try {
      return await this.#acquire(asker, wait);
    } catch (error) {
      wait.signal.throwIfAborted();
      if (this.#isClosing) throw new SessionClosedError();
      const isStoreDown = error instanceof SessionError && error.code === "store_failed";
      if (!isStoreDown || this.#refreshToken.isRotating !== false) throw error;
      return { declared: undefined };
    } finally {
      wait.dispose();
    }
  }

  /** Saves new tokens, or warns once and saves them later. */
  async save({ declared }: RefreshRight, token: StoredToken): Promise<void> {
    const { generation, current, isRotating } = this.#refreshToken;
    const unsaved = { id: newId(), generation, refreshToken: current, isRotating, token };
    this.#unsaved = unsaved;
    try {
      await inTime(() => this.#write(declared));
    } catch (error) {
      if (this.#saveFailures === 0 && !this.#store.isClosed) warn(unsavedError(error));
      this.#saveLater();
    }
  }

  /**
   * Gives the right back after a refresh that failed.
   *
   * @returns Whether the refresh token that was sent is still the grant's.
   */
  async fail({ declared }: RefreshRight, error: unknown): Promise<boolean> {
    if (declared?.record === undefined) return true;
    const { id: intentId, intent: _, ...record } = declared.record;
    const failure = asFailure(error, intentId);
    try {
      return await this.#store.replace(declared, { ...record, id: newId(), failure });
    } catch {
      return true; // another process takes over
    }
  }

  /** Ends the waits for other processes. A refresh of this one may finish. */
  stopWaiting(): void {
    this.#isClosing = true;
    this.#endPause?.();
  }

  /**
   * Saves what could not be saved before, and ends.
   *
   * @throws {SessionError} If it still cannot be saved.
   */
  async close(): Promise<void> {
    try {
      if (this.#unsaved !== undefined) await inTime(() => this.#write());
    } catch (error) {
      throw unsavedError(error);
    } finally {
      this.abort();
    }
  }

  /** Ends all waiting and retrying. */
  abort(): void {
    this.stopWaiting();
    clearTimeout(this.#saveTimer);
    this.#unsaved = undefined;
    this.#openRefreshToken = undefined;
    this.#store.abort();
  }

  get #refreshToken(): RefreshToken {
    if (this.#openRefreshToken === undefined) throw new SessionClosedError();
    return this.#openRefreshToken;
  }

  async #acquire<T>(asker: Asker<T>, wait: Deadline): Promise<T | RefreshRight> {
    for (let polls = 0;; polls++) {
      if (this.#isClosing) throw new SessionClosedError();
      const stored = await wait.race(this.#store.read());
      const { record } = stored;
      this.#oldFailure ??= { id: record?.failure?.intentId };
      // Otherwise the store is behind this process, which goes on with what it knows.
      if (record !== undefined && record.generation >= this.#refreshToken.generation) {
        this.#adopt(record);
        const token = record.token && asker.accept(record.token);
        if (token !== undefined) return token;
        this.#throwFailure(record);
        if (this.#watch.isTaken(record) && !this.#mayTakeOver(record, asker)) {
          await this.#pauseTold(pollDelayMs(polls), wait);
          continue;
        }
      }
      const right = await wait.race(this.#declare(stored));
      if (right !== undefined) return right;
      await this.#pause(pollDelayMs(polls), wait); // a shared folder may show old records for a moment
    }
  }

  /** Waits for another process. */
  #pauseTold(forMs: number, wait: Deadline): Promise<void> {
    const what = { reason: "other_process", forMs } as const;
    return traceWait(this.#actor, what, () => this.#pause(forMs, wait));
  }

  /** Waits without keeping the process alive: who waits for the token has a timer of its own. */
  async #pause(ms: number, wait: Deadline): Promise<void> {
    const { promise, resolve } = deferred<void>();
    const timer = setTimeout(resolve, ms);
    unref(timer);
    this.#endPause = resolve;
    try {
      await wait.race(promise);
    } finally {
      clearTimeout(timer);
      this.#endPause = undefined;
    }
  }

  #adopt(record: GrantRecord): void {
    this.#refreshToken.adopt(record);
    this.#settled(); // what is not saved is not newer
    this.#saveFailures = 0;
  }

  /** Another process was refused the token that this one waits for, or the grant is refused for good. */
  #throwFailure({ failure }: GrantRecord): void {
    if (failure === undefined) return;
    const isNews = failure.isPermanent && failure.intentId !== this.#oldFailure?.id;
    const wasAwaited = this.#watch.hasSeen(failure.intentId);
    if (isNews || wasAwaited) throw new TokenError(failure.message, failure);
  }

  #mayTakeOver<T>({ intent }: GrantRecord, asker: Asker<T>): boolean {
    const { holder, isRotating } = this.#refreshToken;
    if (intent?.holder === holder) return true; // its session has ended
    const { watchedMs } = this.#watch;
    if (isRotating === false) return watchedMs >= QUICK_TAKEOVER_MS;
    return watchedMs >= TAKEOVER_MS && !asker.hasUsableToken();
  }

  /** Writes an intent; `undefined` if something else is there now, or it took too long. */
  async #declare(stored: Snapshot): Promise<RefreshRight | undefined> {
    const startedAt = readClocks();
    const { generation, current, isRotating, holder } = this.#refreshToken;
    const unsaved = this.#unsaved;
    const isCurrent = stored.record?.generation === generation;
    const record = {
      id: newId(),
      generation,
      refreshToken: current,
      isRotating,
      token: isCurrent ? stored.record?.token : unsaved?.token,
      intent: { holder, since: new Date(Date.now()).toISOString() },
    };
    if (!await this.#store.replace(stored, record)) return undefined;
    if (unsaved === this.#unsaved) this.#settled();
    // Neither clock is enough: one stands still while the machine sleeps, the other can be set.
    const now = readClocks();
    const elapsedMs = Math.max(now.wall - startedAt.wall, now.monotonic - startedAt.monotonic);
    if (elapsedMs > MAX_DECLARATION_MS) return undefined;
    return { declared: { text: formatRecord(record), record } };
  }

  /** Writes what is unsaved, after the write that runs, whose failure says nothing of this one. */
  async #write(before?: Snapshot): Promise<void> {
    for (; this.#writing !== undefined; before = undefined) await this.#writing.catch(() => {});
    this.#writing = this.#writeUnsaved(before).finally(() => this.#writing = undefined);
    await this.#writing;
  }

  /** Writes what is unsaved in place of what the store holds, unless that is as new. */
  async #writeUnsaved(before: Snapshot | undefined): Promise<void> {
    for (let known = before; this.#unsaved !== undefined; known = undefined) {
      const record = this.#unsaved;
      const stored = known ?? await this.#store.read();
      const isAsNew = known === undefined && (stored.record?.generation ?? -1) >= record.generation;
      const isSaved = isAsNew || await this.#store.replace(stored, record);
      if (isSaved && this.#unsaved === record) this.#settled();
      if (isSaved) this.#saveFailures = 0;
    }
  }

  /** Nothing is unsaved. */
  #settled(): void {
    clearTimeout(this.#saveTimer);
    this.#unsaved = undefined;
  }

  #saveLater(): void {
    if (this.#store.isClosed || this.#unsaved === undefined) return;
    const maxDelayMs = Math.min(MAX_SAVE_DELAY_MS, 1000 * 2 ** this.#saveFailures);
    this.#saveFailures += 1;
    clearTimeout(this.#saveTimer);
    const save = () => void this.#write().catch(() => this.#saveLater());
    this.#saveTimer = setTimeout(save, Math.random() * maxDelayMs);
    unref(this.#saveTimer);
  }
}

/** What a session has seen of other processes' intents. */
class IntentWatch {
  #current: string | undefined;
  #lookedAt = 0;
  /** How long the current intent was seen unchanged, in milliseconds. */
  watchedMs = 0;

  /** Whether a process is refreshing. To be asked with each record that is read. */
  isTaken({ id, intent }: GrantRecord): boolean {
    if (intent === undefined) return false;
    const now = performance.now();
    // A pause longer than any between two reads was sleep, which may have stopped the holder too.
    const sinceMs = Math.min(now - this.#lookedAt, 2 * POLL_MS.last);
    this.watchedMs = id === this.#current ? this.watchedMs + sinceMs : 0;
    this.#current = id;
    this.#lookedAt = now;
    return true;
  }

  /** Whether the intent with this id was seen last, which is the only one that can have ended. Says so once. */
  hasSeen(id: string): boolean {
    const isCurrent = id === this.#current;
    if (isCurrent) this.#current = undefined;
    return isCurrent;
  }
}

/** Another id for each record. */
function newId(): string {
  return crypto.randomUUID();
}

/** More often at first, when the holder is probably alive; with jitter, so that a fleet does not read at once. */
function pollDelayMs(polls: number): number {
  return Math.min(POLL_MS.last, POLL_MS.first * 1.5 ** polls) * (0.5 + Math.random() / 2);
}

function inTime(save: () => Promise<void>): Promise<void> {
  const timeoutError = () => new Error("Cannot save the tokens in the store: no response in time");
  return withTimeout(SAVE_PATIENCE_MS, timeoutError, save);
}

/** What others need to know of a failure: not what is wrong with this process or its network. */
function asFailure(error: unknown, intentId: string): StoredFailure | undefined {
  if (!(error instanceof TokenError)) return undefined;
  const { message, code, isPermanent, status, retryAfterMs } = error;
  if (isPermanent && code !== "invalid_grant") return undefined;
  return { intentId, message, code, isPermanent, status, retryAfterMs };
}

function unsavedError(error: unknown): SessionError {
  const message = error instanceof Error ? error.message : String(error);
  return new SessionError(
    `${message}. The store still holds the previous tokens, whose refresh token may no longer work`,
    { code: "store_failed" },
  );
}

/** Tells the operator of tokens that are not saved yet, for which no caller waits. */
function warn({ message }: SessionError): void {
  const warning = `${message}. The new ones are in memory, and will be saved later`;
  const process = nodeProcess();
  if (process?.emitWarning !== undefined) process.emitWarning(warning, "TokenStoreWarning");
  // deno-lint-ignore no-console -- a bare web runtime has no other place for warnings
  else console.warn(`TokenStoreWarning: ${warning}`);
}
