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
