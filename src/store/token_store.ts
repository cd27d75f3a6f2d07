/** The interface of stores, which keep tokens between processes. */

/** A grant that nobody has refreshed for 400 days is removed. One that is used once a year remains. */
export const MAX_AGE_MS: number = 400 * 24 * 3_600_000;

/**
 * Keeps the records of any number of grants, for any number of processes and machines. It is two
 * functions, so that any engine with a conditional write can be one; who refreshes, who waits and who takes
 * over is decided above it. {@linkcode fileStore} keeps them in files, `@tasty/session/stores` in Redis and
 * Deno KV, and `examples/postgres_store.ts` in PostgreSQL.
 *
 * A record is a text of about 3 kB, which holds the tokens: whoever can read it can trade, and whoever can
 * write it can end the grant. The refresh token in it may be the only one that works. So a write must be
 * durable when its promise resolves, and the store must not drop records to make room. It must not use the
 * session that it belongs to, which waits for it: after five seconds such a wait ends with an error.
 */
export interface TokenStore {
  /**
   * Reads a record.
   *
   * @param key Identifies the grant without revealing it: 64 hexadecimal digits.
   * @returns The text that was written last, by whichever process; `undefined` if there is none.
   */
  get(key: string): Promise<string | undefined>;
  /**
   * Writes a record if the store still holds the text that was read before. The comparison and the write
   * must be one atomic step, for every process and machine that uses the store.
   *
   * @param before What it must hold now; `undefined` means no record.
   * @returns Whether it was written. If nobody can tell, the promise must reject.
   */
  compareAndSet(key: string, before: string | undefined, after: string): Promise<boolean>;
}
