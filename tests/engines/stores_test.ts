import { assert } from "@std/assert";
import { testStore } from "../store/store_contract.ts";
import { type EngineKind, ENGINES } from "./engines.ts";
import { type OpenStore, openStore, type RedisClientName } from "./open_store.ts";

/** Tests the store of an engine, each one with a client of its own. */
function testEngine(
  { isAvailable, start }: EngineKind,
  name: string,
  scheme = "",
  client?: RedisClientName,
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
    testEngine(engine, "redisStore() with redis", "", "redis");
    testEngine(engine, "redisStore() with ioredis", "", "ioredis");
  } else if (engine.name !== "files") {
    testEngine(
      engine,
      engine.name === "Deno KV" ? "denoKvStore()" : "the store of examples/postgres_store.ts",
    );
  }
  testEngine(engine, `encryptedStore() over ${engine.name}`, "encrypted+");
}

Deno.test("Every engine is installed here, or its tests say that they were skipped", () => {
  for (const { name, isAvailable } of ENGINES) {
    if (!isAvailable) console.log(`${name} is not installed: its store is not tested here`);
  }
  assert(ENGINES.length === 4);
});
