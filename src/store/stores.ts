/**
 * Stores for more than one machine, and encryption for any store. They import no client: the program
 * passes the one that it has.
 *
 * With a store, any number of processes make one token request for each lifetime of an access token, and
 * none of them uses a refresh token that another one has used. If the engine is down, sessions go on
 * with the access token that they have. When that expires, a session whose refresh token is known not to
 * rotate refreshes it by itself; any other waits for the engine, and its calls reject with a
 * `SessionError` whose `code` is `"store_failed"`.
 *
 * ## A fleet
 *
 * Give every process the same credentials and the same store; that is all. The credentials of one grant lead to one
 * record, whatever the machine, and no process needs to know of the others. For the processes of one machine, or
 * containers with one folder, `fileStore("tokens")` of the main entry is enough.
 *
 * ```ts ignore
 * import { createClient } from "redis";
 * import { Session } from "@tasty/session";
 * import { encryptedStore, redisStore } from "@tasty/session/stores";
 *
 * const client = await createClient({ url: process.env.REDIS_URL }).connect();
 * const store = encryptedStore(redisStore(client), process.env.TOKEN_KEY ?? ""); // 32 random bytes as base64
 * await using session = new Session({ store });
 * ```
 *
 * One process at a time asks for tokens; the others go on with the token that they have, or wait. A process that is
 * killed or stopped while it asks is replaced after 20 seconds; where the refresh token is known not to rotate, after
 * 5. Streams go on when another process refreshes. The channels `tasty-session:store` and `tasty-session:wait` tell
 * who waits for whom.
 *
 * An engine that removes keys when its memory is short (any `maxmemory-policy` of Redis but `noeviction`) may lose a
 * rotating refresh token, and the grant with it. Read and write at the primary: a replica that lags behind hands out
 * old tokens. Whoever reads a record can trade, unless it is encrypted.
 *
 * Another engine needs two functions: see `TokenStore` and `examples/postgres_store.ts`.
 *
 * @module
 */

export { denoKvStore } from "./deno_kv_store.ts";
export type { DenoKv, DenoKvAtomic } from "./deno_kv_store.ts";
export { encryptedStore } from "./encrypted_store.ts";
export { redisStore } from "./redis_store.ts";
export type {
  BunRedisClient,
  IORedisClient,
  NodeRedisClient,
  RedisClient,
  RedisStoreOptions,
} from "./redis_store.ts";
export type { TokenStore } from "./token_store.ts";
