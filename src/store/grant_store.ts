/** The record of one grant in a store that may fail, be slow, never respond, or hold anything. */

import { SessionError } from "../errors.ts";
import { withTimeout } from "../net/deadline.ts";
import { redact } from "../net/redact.ts";
import { formatRecord, type GrantRecord, parseRecord } from "./grant_record.ts";
import { type Actor, tracers } from "../tracing/tracers.ts";
import type { TokenStore } from "./token_store.ts";

/** How long a read or write may take. */
export const IO_TIMEOUT_MS = 5_000;

/** How often a write may be refused although the same text is read again. */
const MAX_REFUSALS = 10;

/** What was read: the text, to be compared with later, and its meaning. */
export interface Snapshot {
  readonly text: string | undefined;
  readonly record: GrantRecord | undefined;
}

/** Reads and writes one record. */
export class GrantStore {
  readonly #store: TokenStore;
  readonly #actor: Actor;
  readonly #key: () => Promise<string>;
  readonly #isWellFormed: (record: GrantRecord) => boolean;
  readonly #closing = new AbortController();
  /** What a write was refused for last, and how often in a row. */
  #refused: { readonly text: string | undefined; readonly times: number } | undefined;

  /**
   * @param actor Whose tokens they are.
   * @param key Identifies the grant in the store.
   * @param isWellFormed Whether a record holds what can be tokens.
   */
  constructor(
    store: TokenStore,
    actor: Actor,
    key: () => Promise<string>,
    isWellFormed: (record: GrantRecord) => boolean,
  ) {
    this.#store = store;
    this.#actor = actor;
    this.#key = key;
    this.#isWellFormed = isWellFormed;
  }

  /** Whether the session was closed, so that nothing is read or written any more. */
  get isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  /** Reads the record. */
  read(): Promise<Snapshot> {
    return tracers.store.trace(this.#actor, () => ({ action: "read" }), () => this.#read());
  }

  async #read(): Promise<Snapshot> {
    try {
      const text = await this.#inTime(async () => await this.#store.get(await this.#key()));
      if (text === undefined || text === null) return { text: undefined, record: undefined };
      const record = typeof text === "string" ? parseRecord(text) : undefined;
      if (record !== undefined && this.#isWellFormed(record)) return { text, record };
    } catch (error) {
      throw storeError("load", error, []);
    }
    throw new SessionError(
      "Cannot load the tokens in the store: it holds something other than tokens. Remove it, and log in again",
      { code: "store_invalid" },
    );
  }

  /**
   * Writes a record in place of what was read.
   *
   * @returns `false` if something else is there now.
   * @throws {SessionError} If nobody can tell whether it was written.
   */
  replace(before: Snapshot, record: GrantRecord): Promise<boolean> {
    return tracers.store.trace(this.#actor, () => ({ action: "write" }), async (event = {}) => {
      return event.isWritten = await this.#replace(before, record);
    });
  }

  async #replace(before: Snapshot, record: GrantRecord): Promise<boolean> {
    const after = formatRecord(record);
    let isWritten: unknown;
    try {
      isWritten = await this.#inTime(async () =>
        await this.#store.compareAndSet(await this.#key(), before.text, after)
      );
    } catch (error) {
      throw storeError("save", error, [...secretsIn(before.record), ...secretsIn(record)]);
    }
    return this.#check(isWritten, before);
  }

  /** Without this, a store that does not keep its contract would be asked again and again. */
  #check(isWritten: unknown, before: Snapshot): boolean {
    const isRefusedAgain = isWritten === false && before.text === this.#refused?.text;
    this.#refused = isWritten === false
      ? { text: before.text, times: isRefusedAgain ? (this.#refused?.times ?? 0) + 1 : 1 }
      : undefined;
    if (typeof isWritten === "boolean" && (this.#refused?.times ?? 0) <= MAX_REFUSALS) {
      return isWritten;
    }
    const fact = typeof isWritten === "boolean"
      ? "compareAndSet() returns false again and again, although nothing else was written"
      : "compareAndSet() must return true or false";
    throw new SessionError(`Cannot use this store: ${fact}`, { code: "store_invalid" });
  }

  /** Ends all waiting. */
  abort(): void {
    this.#closing.abort(new Error("the session was closed"));
  }

  #inTime<T>(task: () => Promise<T>): Promise<T> {
    const timeoutError = () => new Error("no response in time");
    return withTimeout(IO_TIMEOUT_MS, timeoutError, task, this.#closing.signal);
  }
}

/** The store's own message may quote what it was given. */
function storeError(action: "load" | "save", error: unknown, secrets: string[]): SessionError {
  if (error instanceof SessionError) return error; // one of the module's own stores
  const message = redact(error instanceof Error ? error.message : String(error), secrets);
  return new SessionError(`Cannot ${action} the tokens in the store: ${message}`, {
    code: "store_failed",
  });
}

function secretsIn(record: GrantRecord | undefined): string[] {
  const { refreshToken, token } = record ?? {};
  return [refreshToken, token?.accessToken].filter((secret) => secret !== undefined);
}
