/**
 * The tokens of one grant in a store, which may fail, be slow, or never answer.
 *
 * What cannot be saved is kept here and saved later, under the store's lock; nothing older is ever
 * written over something newer. A store that does not answer holds up nobody for long.
 */

import process from "node:process";
import { Deadline } from "../net/deadline.ts";
import { SessionError } from "../errors.ts";
import { redact } from "../net/redact.ts";
import { unref } from "../net/timer.ts";
import { isAccessToken, isRefreshToken } from "../token/token.ts";
import type { StoredTokens, TokenStore } from "./token_store.ts";

/** How long the store may take to load or to save before the session goes on without it. */
const PATIENCE_MS = 5_000;

/** How long the lock may be somebody else's: a token request takes 10 s at most, and a save 5 s. */
const LOCK_PATIENCE_MS = 30_000;

/** The longest pause between two attempts to save. */
const MAX_PAUSE_MS = 30_000;

/** Keeps the tokens of one grant. */
export class TokenKeeper {
  readonly #store: TokenStore;
  readonly #key: () => Promise<string>;
  readonly #ending = new AbortController();
  /** What is only here as yet. */
  #unsaved: StoredTokens | undefined;
  /** The access token of the record that was loaded or saved here last: another one is somebody else's. */
  #seen: string | undefined;
  #writing: Promise<void> | undefined;
  #failures = 0;
  #retry: ReturnType<typeof setTimeout> | undefined;

  /** @param key Names the grant in the store. */
  constructor(store: TokenStore, key: () => Promise<string>) {
    this.#store = store;
    this.#key = key;
  }

  /** Whether the tokens in the store are older than those here. */
  get hasUnsaved(): boolean {
    return this.#unsaved !== undefined;
  }

  /** Runs a task while no other process spends this grant. */
  async lock<T>(task: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const deadline = new Deadline(LOCK_PATIENCE_MS, late, signal);
    let hasBegun = false;
    try {
      const locked = this.#store.lock(await this.#key(), () => {
        deadline.signal.throwIfAborted(); // a store may not know of signals
        hasBegun = true;
        deadline.stopTimer(); // the task has times of its own
        return task();
      }, { signal: deadline.signal });
      return await deadline.wait(locked);
    } catch (error) {
      signal.throwIfAborted();
      throw hasBegun ? error : this.#failure("lock", error);
    } finally {
      deadline.finish();
    }
  }

  /** Loads what the store holds. Within the lock. */
  async load(): Promise<StoredTokens | undefined> {
    const stored = await this.#read();
    this.#seen = stored?.accessToken;
    return stored;
  }

  async #read(): Promise<StoredTokens | undefined> {
    try {
      const stored = await this.#inTime(this.#store.load(await this.#key()));
      if (stored !== undefined) checkStored(stored);
      return stored;
    } catch (error) {
      throw this.#failure("load", error);
    }
  }

  /** Saves, if the store lets it; else says so once, and tries again behind. Within the lock. */
  async save(tokens: StoredTokens): Promise<void> {
    this.#unsaved = tokens;
    try {
      await this.#inTime(this.#write());
    } catch (error) {
      if (this.#failures === 0) warn(this.#failure("save", error));
      this.#tryAgainLater();
    }
  }

  /**
   * Saves what could not be saved before, for the last time.
   *
   * @throws {SessionError} If it still cannot be.
   */
  async flush(): Promise<void> {
    if (this.#unsaved === undefined) return;
    try {
      await this.#inTime(this.#write());
    } catch (error) {
      throw this.#failure("save", error);
    } finally {
      this.abort();
    }
  }

  /** Ends all waiting and trying. */
  abort(): void {
    clearTimeout(this.#retry);
    this.#unsaved = undefined;
    this.#seen = undefined;
    this.#ending.abort(new Error("the session was ended"));
  }

  /** One writer at a time, until nothing is left to write. */
  #write(): Promise<void> {
    this.#writing ??= this.#writeAll().finally(() => this.#writing = undefined);
    return this.#writing;
  }

  async #writeAll(): Promise<void> {
    while (this.#unsaved !== undefined) {
      const tokens = this.#unsaved;
      await this.#store.save(await this.#key(), tokens);
      this.#seen = tokens.accessToken;
      if (this.#unsaved === tokens) this.#unsaved = undefined;
    }
    clearTimeout(this.#retry); // also when it comes after it was given up
    this.#failures = 0;
  }

  #tryAgainLater(): void {
    if (this.#ending.signal.aborted || this.#unsaved === undefined) return;
    const pauseMs = Math.min(MAX_PAUSE_MS, 1000 * 2 ** this.#failures);
    this.#failures += 1;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => void this.#tryAgain(), Math.random() * pauseMs);
    unref(this.#retry);
  }

  async #tryAgain(): Promise<void> {
    const again = async () => {
      const stored = await this.#read();
      // What another process has saved since is newer; the clocks cannot tell, they may have been set.
      const isOutdated = stored !== undefined && stored.accessToken !== this.#seen;
      if (isOutdated) this.#unsaved = undefined;
      else if (this.#unsaved !== undefined) await this.save(this.#unsaved);
    };
    await this.lock(again, this.#ending.signal).catch(() => this.#tryAgainLater());
  }

  async #inTime<T>(promise: Promise<T>): Promise<T> {
    const deadline = new Deadline(PATIENCE_MS, late, this.#ending.signal);
    try {
      return await deadline.wait(promise);
    } finally {
      deadline.finish();
    }
  }

  /** A store's own words may hold what it was given. */
  #failure(what: string, error: unknown): SessionError {
    const { accessToken, refreshToken } = this.#unsaved ?? {};
    const secrets = [accessToken, refreshToken].filter((secret) => secret !== undefined);
    const words = redact(error instanceof Error ? error.message : String(error), secrets);
    const advice = what === "save"
      ? ". The store still holds the tokens before, whose refresh token may be spent"
      : "";
    return new SessionError(`Cannot ${what} the tokens in the store: ${words}${advice}`, {
      code: "store_failed",
    });
  }
}

/** What a store brings is checked as a token response is: it may have been written by anybody. */
function checkStored(stored: StoredTokens): void {
  const { accessToken, refreshToken, obtainedAt, expiresAt } = Object(stored);
  const isGood = isAccessToken(accessToken) && isRefreshToken(refreshToken) &&
    typeof obtainedAt === "string" && typeof expiresAt === "string";
  if (isGood) return;
  throw new Error("what it holds is no record of tokens. Remove it, and log in again");
}

function late(): Error {
  return new Error("no answer in time");
}

/** The platform's own way to tell an operator something that no caller waits for. */
function warn({ message }: SessionError): void {
  process.emitWarning(
    `${message}. They are in memory, and are saved again later`,
    "TokenStoreWarning",
  );
}
