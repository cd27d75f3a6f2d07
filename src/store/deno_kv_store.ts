import { MAX_AGE_MS, type TokenStore } from "./token_store.ts";

/** The part of `Deno.Kv` that is used. */
export interface DenoKv {
  /** Reads an entry. */
  get(
    key: readonly string[],
  ): Promise<{ readonly value: unknown; readonly versionstamp: string | null }>;
  /** Begins an atomic operation. */
  atomic(): DenoKvAtomic;
}

/** The part of `Deno.AtomicOperation` that is used. */
export interface DenoKvAtomic {
  /** Requires that an entry has not changed. */
  check(check: { readonly key: readonly string[]; readonly versionstamp: string | null }): this;
  /** Sets an entry. */
  set(key: readonly string[], value: unknown, options: { readonly expireIn: number }): this;
  /** Performs the operation. */
  commit(): Promise<{ readonly ok: boolean }>;
}

/** How often and how long to try again while another process has locked the database: 2 s at most. */
const LOCK_TRIES = 40;
const MAX_LOCK_PAUSE_MS = 100;

/**
 * Keeps tokens in Deno KV, below the key `["tasty-session"]`: in a file for the processes of one machine, or
 * in a KV service for any number of machines. The program opens and closes it, with `--unstable-kv`.
 *
 * A grant that nobody refreshes for 400 days expires. The tokens are not encrypted: whoever can read the database can trade. {@linkcode encryptedStore} encrypts
 * them.
 *
 * @param kv What `Deno.openKv()` returns.
 * @throws {TypeError} If it is something else.
 *
 * @example
 * ```ts ignore
 * import { Session } from "@tasty/session";
 * import { denoKvStore } from "@tasty/session/stores";
 *
 * using kv = await Deno.openKv();
 * await using session = new Session({ store: denoKvStore(kv) });
 * ```
 */
export function denoKvStore(kv: DenoKv): TokenStore {
  if (typeof kv?.get !== "function" || typeof kv.atomic !== "function") {
    throw new TypeError("Cannot use this Deno KV: pass what Deno.openKv() returns");
  }
  const entryOf = (key: string) => unlessLocked(() => kv.get(["tasty-session", key]));
  return {
    async get(key: string): Promise<string | undefined> {
      const { value } = await entryOf(key);
      return value === null ? undefined : String(value);
    },
    async compareAndSet(key: string, before: string | undefined, after: string): Promise<boolean> {
      const { value, versionstamp } = await entryOf(key);
      if ((value ?? undefined) !== before) return false;
      const path = ["tasty-session", key];
      const { ok } = await unlessLocked(() =>
        kv.atomic().check({ key: path, versionstamp }).set(path, after, { expireIn: MAX_AGE_MS })
          .commit()
      );
      return ok;
    },
  };
}

/** A database in a file has one writer at a time. The others get this error, and nothing was done. */
async function unlessLocked<T>(task: () => Promise<T>): Promise<T> {
  for (let tries = 1;; tries++) {
    try {
      return await task();
    } catch (error) {
      if (tries === LOCK_TRIES || !/database is locked/i.test(String(error))) throw error;
      const ms = MAX_LOCK_PAUSE_MS * Math.random();
      await new Promise((resolve) => setTimeout(resolve, ms));
    }
  }
}
