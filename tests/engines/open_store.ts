/**
 * Opens a store by its URL, on any runtime, with the client that a program there would use.
 *
 * @module
 */

import process from "node:process";
import { fileStore, type TokenStore } from "../../mod.ts";
import { denoKvStore, encryptedStore, redisStore } from "../../src/store/stores.ts";
import { createTable, postgresStore } from "../../examples/postgres_store.ts";

/** A store, and what closes its client. */
export interface OpenStore {
  readonly store: TokenStore;
  close(): unknown;
}

/** The clients for Redis. */
export type RedisClientName = "redis" | "ioredis" | "Bun";

const KEY = "mB6pDKkmxmDbyJJ7mAaSKXpBIMHpxqbHD7FPUlpJ7dA=";

/** Opens a store; `encrypted+` before its URL encrypts it. */
export async function openStore(url: string, redis?: RedisClientName): Promise<OpenStore> {
  if (url.startsWith("encrypted+")) {
    const { store, close } = await openStore(url.slice("encrypted+".length), redis);
    return { store: encryptedStore(store, KEY), close };
  }
  const { protocol, pathname } = new URL(url);
  if (protocol === "redis:") return await openRedis(url, redis ?? usualClient());
  if (protocol === "postgres:") return await openPostgres(url);
  if (protocol === "denokv:") {
    const kv = await Deno.openKv(pathname);
    return { store: denoKvStore(kv), close: () => kv.close() };
  }
  return { store: fileStore(pathname), close: () => {} };
}

async function openRedis(url: string, name: RedisClientName): Promise<OpenStore> {
  if (name === "Bun") {
    const client = new (await load("bun")).RedisClient(url);
    return { store: redisStore(client), close: () => client.close() };
  }
  const quiet = () => {}; // both report each lost connection, and connect again
  if (name === "ioredis") {
    const { Redis } = await load("ioredis", "6.0.0");
    const client = new Redis(url);
    client.on("error", quiet);
    return { store: redisStore(client), close: () => client.disconnect() };
  }
  const { createClient } = await load("redis", "6.3.1");
  const client = createClient({ url });
  client.on("error", quiet);
  await client.connect();
  return { store: redisStore(client), close: () => client.destroy() };
}

async function openPostgres(url: string): Promise<OpenStore> {
  const { default: pg } = await load("pg", "8.23.1");
  const pool = new pg.Pool({ connectionString: url, max: 2 });
  pool.on("error", () => {});
  await createTable(pool).catch(() => {}); // another process may do so too
  return { store: postgresStore(pool), close: () => pool.end() };
}

function usualClient(): RedisClientName {
  if (process.versions.bun !== undefined) return "Bun";
  return process.versions.deno === undefined ? "redis" : "ioredis";
}

/** Loads an npm package: on Deno by its version, elsewhere from this folder's `node_modules`. */
// deno-lint-ignore no-explicit-any -- each client has types of its own, which are not of interest here
async function load(name: string, version?: string): Promise<any> {
  const isDeno = process.versions.deno !== undefined;
  return await import(isDeno && version !== undefined ? `npm:${name}@${version}` : name);
}
