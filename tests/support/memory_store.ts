/**
 * A token store in memory that can fail and be slow on demand: two sessions with one of these are
 * two processes.
 *
 * @module
 */

import type { StoredTokens, TokenStore } from "../../mod.ts";

/** Keeps tokens, and what was done with them. */
export class MemoryStore implements TokenStore {
  /** What it holds. */
  readonly tokens: Map<string, StoredTokens> = new Map();
  /** What it was asked, in order. */
  readonly log: string[] = [];
  /** What its next calls of a kind do instead. */
  readonly faults: Partial<Record<"load" | "save" | "lock", () => Promise<void>>> = {};
  #last: Promise<unknown> = Promise.resolve();

  async load(key: string): Promise<StoredTokens | undefined> {
    this.log.push("load");
    await this.faults.load?.();
    return this.tokens.get(key);
  }

  async save(key: string, tokens: StoredTokens): Promise<void> {
    this.log.push("save");
    await this.faults.save?.();
    this.tokens.set(key, tokens);
    this.log.push("saved");
  }

  async lock<T>(_key: string, task: () => Promise<T>): Promise<T> {
    this.log.push("lock");
    await this.faults.lock?.();
    const result = this.#last.then(task);
    this.#last = result.catch(() => {});
    return await result;
  }
}
