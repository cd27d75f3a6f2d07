import { assert } from "@std/assert";
import { testStore } from "../store/store_contract.ts";
import { type EngineKind, ENGINES } from "./engines.ts";
import { type OpenStore, openStore, type RedisClientName } from "./open_store.ts";

/** Tests the store of an engine, each one with a client of its own. */
function testEngine(
  { isAvailable, start }: EngineKind,
  { name, scheme = "", client }: { name: string; scheme?: string; client?: RedisClientName },
): void {
  testStore(
    isAvailable ? name : `${name} (not installed here)`,
    async () => {
      const engine = await start();
      const opened: OpenStore[] = [];
      return {
        async open() {
          const store = await openStore(scheme + engine.url, client);
          opened.push(store);
          return store.store;
        },
        async [Symbol.asyncDispose]() {
          for (const { close } of opened) await close();
          await engine[Symbol.asyncDispose]();
        },
      };
    },
    !isAvailable,
  );
}

for (const engine of ENGINES) {
  if (engine.name === "Redis") {
    testEngine(engine, { name: "redisStore() with redis", client: "redis" });
    testEngine(engine, { name: "redisStore() with ioredis", client: "ioredis" });
  }
  if (engine.name === "Deno KV") testEngine(engine, { name: "denoKvStore()" });
  if (engine.name === "PostgreSQL") {
    testEngine(engine, { name: "the store of examples/postgres_store.ts" });
  }
  testEngine(engine, { name: `encryptedStore() over ${engine.name}`, scheme: "encrypted+" });
}

Deno.test("Every engine is installed here, or its tests say that they were skipped", () => {
  for (const { name, isAvailable } of ENGINES) {
    if (!isAvailable) console.log(`${name} is not installed: its store is not tested here`);
  }
  assert(ENGINES.length === 4);
});
