import { assert, assertEquals, assertMatch } from "@std/assert";
import { testStore } from "../store/store_contract.ts";
import { fromNpm, isAvailable, run, type Runtime } from "../support/runtimes.ts";
import { type EngineKind, ENGINES } from "./engines.ts";
import { type OpenStore, openStore, type RedisClientName } from "./open_store.ts";

const BUN: Runtime = { name: "Bun", command: await fromNpm("bun@1") };
const isBunAvailable = await isAvailable(BUN);

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

/** Tests the client that only Bun has. */
function testOnBun(name: string, { isAvailable, start }: EngineKind): void {
  Deno.test({
    name,
    ignore: !isAvailable || !isBunAvailable,
    async fn() {
      await using engine = await start();
      const args = ["test", "./tests/engines/bun_redis.ts"];
      const { code, stdout, stderr } = await run(BUN, args, { STORE_URL: engine.url });
      assertEquals(code, 0, `${stdout}\n${stderr}`);
      assertMatch(stderr, /^ *4 pass$/m);
    },
  });
}

for (const engine of ENGINES) {
  if (engine.name === "Redis" || engine.name === "Valkey") {
    const what = `redisStore() over ${engine.name}`;
    testEngine(engine, { name: `${what} with redis`, client: "redis" });
    testEngine(engine, { name: `${what} with ioredis`, client: "ioredis" });
    testOnBun(`${what} passes the same tests with Bun's client`, engine);
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
  assert(ENGINES.length === 5);
});
