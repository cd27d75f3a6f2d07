/**
 * A store that may fail, be slow, or never respond, made safe for one grant.
 *
 * Tokens that cannot be saved stay in memory and are saved later, under the store's lock. Older tokens
 * never replace newer ones. A store that does not respond blocks nobody for long.
 */

import { SessionError } from "../errors.ts";
import { Deadline } from "../net/deadline.ts";
import { redact } from "../net/redact.ts";
import { unref } from "../net/timer.ts";
import { nodeProcess } from "../node_process.ts";
import type { StoredTokens, TokenStore } from "./token_store.ts";

/** How long a load or save may take before the session goes on without it. */
const IO_TIMEOUT_MS = 5_000;

/** How long somebody else may hold the lock: a token request takes at most 10 s, and a save 5 s. */
const LOCK_TIMEOUT_MS = 30_000;

/** The longest delay between two attempts to save. */
const MAX_SAVE_DELAY_MS = 30_000;

/** Loads and saves the tokens of one grant. */
export class ResilientStore {
  readonly #store: TokenStore;
  readonly #key: () => Promise<string>;
  readonly #check: (tokens: StoredTokens) => boolean;
  readonly #closing = new AbortController();
  /** Tokens that the store does not have yet. */
  #unsaved: StoredTokens | undefined;
  /** The access token that was last loaded or saved here. A different one comes from another process. */
  #lastSeen: string | undefined;
  #write: Promise<void> | undefined;
  #failures = 0;
  #saveTimer: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param key Identifies the grant in the store.
   * @param check Whether loaded tokens are well-formed, since anybody may have written them.
   */
  constructor(
    store: TokenStore,
    key: () => Promise<string>,
    check: (tokens: StoredTokens) => boolean,
  ) {
    this.#store = store;
    this.#key = key;
    this.#check = check;
  }

  /** Whether the tokens in the store are older than those in memory. */
  get hasUnsaved(): boolean {
    return this.#unsaved !== undefined;
  }

  /** Runs a task while no other process refreshes this grant. */
  async lock<T>(task: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const deadline = new Deadline(LOCK_TIMEOUT_MS, timeoutError, signal);
    let hasStarted = false;
    try {
      const locked = this.#store.lock(await this.#key(), () => {
        deadline.signal.throwIfAborted(); // the store may ignore the signal
        hasStarted = true;
        deadline.stopTimer(); // the task has timeouts of its own
        return task();
      }, { signal: deadline.signal });
      return await deadline.race(locked);
    } catch (error) {
      signal.throwIfAborted();
      throw hasStarted ? error : this.#error("lock", error);
    } finally {
      deadline.dispose();
    }
  }

  /** Loads the tokens. To be called within the lock. */
  async load(): Promise<StoredTokens | undefined> {
    const tokens = await this.#read();
    this.#lastSeen = tokens?.accessToken;
    return tokens;
  }

  /** Saves tokens, or warns once and saves them later. To be called within the lock. */
  async save(tokens: StoredTokens): Promise<void> {
    this.#unsaved = tokens;
    try {
      await this.#inTime(this.#writeUnsaved());
    } catch (error) {
      if (this.#failures === 0) warn(this.#error("save", error));
      this.#scheduleSave();
    }
  }

  /**
   * Saves what could not be saved before, and ends.
   *
   * @throws {SessionError} If it still cannot be saved.
   */
  async close(): Promise<void> {
    try {
      if (this.#unsaved !== undefined) await this.#inTime(this.#writeUnsaved());
    } catch (error) {
      throw this.#error("save", error);
    } finally {
      this.abort();
    }
  }

  /** Ends all waiting and retrying. */
  abort(): void {
    clearTimeout(this.#saveTimer);
    this.#unsaved = undefined;
    this.#lastSeen = undefined;
    this.#closing.abort(new Error("the session was closed"));
  }

  async #read(): Promise<StoredTokens | undefined> {
    try {
      const tokens = await this.#inTime(this.#store.load(await this.#key()));
      if (tokens === undefined || this.#check(tokens)) return tokens;
      throw new Error("it holds something other than tokens. Remove it, and log in again");
    } catch (error) {
      throw this.#error("load", error);
    }
  }

  /** Writes one record after the other until nothing is unsaved. */
  #writeUnsaved(): Promise<void> {
    this.#write ??= this.#writeAll().finally(() => this.#write = undefined);
    return this.#write;
  }

  async #writeAll(): Promise<void> {
    while (this.#unsaved !== undefined) {
      const tokens = this.#unsaved;
      await this.#store.save(await this.#key(), tokens);
      this.#lastSeen = tokens.accessToken;
      if (this.#unsaved === tokens) this.#unsaved = undefined;
    }
    clearTimeout(this.#saveTimer); // a slow write may succeed after its timeout
    this.#failures = 0;
  }

  #scheduleSave(): void {
    if (this.#closing.signal.aborted || this.#unsaved === undefined) return;
    const maxDelayMs = Math.min(MAX_SAVE_DELAY_MS, 1000 * 2 ** this.#failures);
    this.#failures += 1;
    clearTimeout(this.#saveTimer);
    this.#saveTimer = setTimeout(() => void this.#saveLater(), Math.random() * maxDelayMs);
    unref(this.#saveTimer);
  }

  async #saveLater(): Promise<void> {
    const task = async () => {
      const stored = await this.#read();
      // What another process has saved meanwhile is newer. Clocks cannot tell, they may have been set.
      const isOutdated = stored !== undefined && stored.accessToken !== this.#lastSeen;
      if (isOutdated) this.#unsaved = undefined;
      else if (this.#unsaved !== undefined) await this.save(this.#unsaved);
    };
    await this.lock(task, this.#closing.signal).catch(() => this.#scheduleSave());
  }

  async #inTime<T>(promise: Promise<T>): Promise<T> {
    const deadline = new Deadline(IO_TIMEOUT_MS, timeoutError, this.#closing.signal);
    try {
      return await deadline.race(promise);
    } finally {
      deadline.dispose();
    }
  }

  /** The store's own message may quote what it was given. */
  #error(action: "load" | "lock" | "save", error: unknown): SessionError {
    const { accessToken, refreshToken } = this.#unsaved ?? {};
    const secrets = [accessToken, refreshToken].filter((secret) => secret !== undefined);
    const message = redact(error instanceof Error ? error.message : String(error), secrets);
    const advice = action === "save"
      ? ". The store still holds the previous tokens, whose refresh token may no longer work"
      : "";
    return new SessionError(`Cannot ${action} the tokens in the store: ${message}${advice}`, {
      code: "store_failed",
    });
  }
}

function timeoutError(): Error {
  return new Error("no response in time");
}

/** Tells the operator what no caller waits for. */
function warn({ message }: SessionError): void {
  const warning = `${message}. The new ones are in memory, and will be saved later`;
  const process = nodeProcess();
  if (process?.emitWarning !== undefined) process.emitWarning(warning, "TokenStoreWarning");
  // deno-lint-ignore no-console -- a bare web runtime has no other place for warnings
  else console.warn(`TokenStoreWarning: ${warning}`);
}
