/** The record of one grant in a store that may fail, be slow, never respond, or hold anything. */

import { SessionError } from "../errors.ts";
import { Deadline } from "../net/deadline.ts";
import { redact } from "../net/redact.ts";
import { formatRecord, type GrantRecord, parseRecord } from "./grant_record.ts";
import type { TokenStore } from "./token_store.ts";

/** How long a read or write may take. */
export const IO_TIMEOUT_MS = 5_000;

/** What was read: the text, to be compared with later, and its meaning. */
export interface Snapshot {
  readonly text: string | undefined;
  readonly record: GrantRecord | undefined;
}

/** Reads and writes one record. */
export class GrantStore {
  readonly #store: TokenStore;
  readonly #key: () => Promise<string>;
  readonly #isWellFormed: (record: GrantRecord) => boolean;
  readonly #closing = new AbortController();

  /**
   * @param key Identifies the grant in the store.
   * @param isWellFormed Whether a record holds what can be tokens.
   */
  constructor(
    store: TokenStore,
    key: () => Promise<string>,
    isWellFormed: (record: GrantRecord) => boolean,
  ) {
    this.#store = store;
    this.#key = key;
    this.#isWellFormed = isWellFormed;
  }

  /** Whether the session was closed, so that nothing is read or written any more. */
  get isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  /** Reads the record. */
  async read(): Promise<Snapshot> {
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
  async replace(before: Snapshot, record: GrantRecord): Promise<boolean> {
    const after = formatRecord(record);
    try {
      return await this.#inTime(async () =>
        await this.#store.compareAndSet(await this.#key(), before.text, after) === true
      );
    } catch (error) {
      throw storeError("save", error, [...secretsIn(before.record), ...secretsIn(record)]);
    }
  }

  /** Ends all waiting. */
  abort(): void {
    this.#closing.abort(new Error("the session was closed"));
  }

  async #inTime<T>(task: () => Promise<T>): Promise<T> {
    const timeoutError = () => new Error("no response in time");
    const deadline = new Deadline(IO_TIMEOUT_MS, timeoutError, this.#closing.signal);
    try {
      return await deadline.race(task());
    } finally {
      deadline.dispose();
    }
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
