import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Session } from "../../mod.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { idle } from "../support/idle.ts";
import { MemoryStore } from "../support/memory_store.ts";
import { ScriptedBroker } from "../support/scripted_broker.ts";
import { HeldAnswers } from "./fixtures.ts";

Deno.test("A one-time refresh token is used up once, through four lives of the access token", async () => {
  using clock = new FakeClock();
  const broker = new ScriptedBroker();
  broker.isRotating = true;
  await using session = new Session(broker.options);
  for (let life = 0; life < 4; life++) {
    await session.get("/a");
    clock.advance(900_000);
  }
  assertEquals(await broker.refreshTokens(), ["refresh-0", "refresh-1", "refresh-2", "refresh-3"]);
  assertEquals(broker.tokens, ["access-1", "access-2", "access-3", "access-4"]);
});

Deno.test("A used refresh token is not sent again, although the store still holds it", async () => {
  const broker = new ScriptedBroker();
  broker.isRotating = true;
  const store = new MemoryStore();
  const session = new Session({ ...broker.options, store });
  await session.refresh();
  store.faults.tokens = () => Promise.reject(new Error("disk full"));
  for (let i = 0; i < 3; i++) {
    await session.refresh({ force: true });
    assertEquals(store.record.refreshToken, `refresh-${i + 1}`); // with each intent comes the last one
  }
  await session.get("/a");
  assertEquals(broker.tokens, ["access-4"]);
  delete store.faults.tokens;
  await session.refresh({ force: true });
  assertEquals(store.record.refreshToken, "refresh-5");
  assertEquals(await broker.refreshTokens(), [0, 1, 2, 3, 4].map((n) => `refresh-${n}`));
  await session.close();
});

Deno.test("While one process waits for a slow token endpoint, the other does not spend the same refresh token", async () => {
  using clock = new FakeClock({ timers: true });
  const broker = new ScriptedBroker();
  broker.isRotating = true;
  const answers = new HeldAnswers();
  broker.onTokenRequest = () => answers.hold();
  const store = new MemoryStore();
  await using first = new Session({ ...broker.options, store });
  await using second = new Session({ ...broker.options, store });
  const slow = first.accessToken();
  while (broker.tokenRequests === 0) await idle();
  const other = second.accessToken();
  for (let s = 0; s < 9; s++) {
    await idle();
    clock.advance(1_000);
  }
  assertEquals(broker.tokenRequests, 1);
  answers.give(broker.issue());
  assertEquals(await Promise.all([slow, other]), ["access-1", "access-1"]);
  assertEquals(await broker.refreshTokens(), ["refresh-0"]);
});

Deno.test("force means force, but never two token requests at once", async () => {
  const broker = new ScriptedBroker();
  broker.isRotating = true;
  await using session = new Session(broker.options);
  for (let i = 0; i < 500; i++) await session.refresh({ force: true });
  assertEquals(broker.tokenRequests, 500);
  await Promise.all(Array.from({ length: 500 }, () => session.refresh({ force: true })));
  assertEquals([broker.tokenRequests, broker.mostTokenRequestsAtOnce], [501, 1]);
});

Deno.test("Calls that wait for a store that fails get an error each", async () => {
  const store = new MemoryStore();
  store.faults.get = () => Promise.reject(new Error("no such table"));
  await using session = new Session({ ...new ScriptedBroker().options, store, retry: false });
  const calls = Array.from({ length: 5 }, () => session.get("/a").catch((error: unknown) => error));
  const errors = await Promise.all(calls);
  assertEquals(new Set(errors).size, 5);
  for (const error of errors) assertStringIncludes(String(error), "no such table");
});

Deno.test("A stored token whose end is beyond ten years is ignored", async () => {
  const broker = new ScriptedBroker();
  const store = new MemoryStore();
  const first = new Session({ ...broker.options, store });
  await first.refresh();
  await first.close();
  const { token } = store.record;
  assert(token);
  store.edit({ token: { ...token, expiresAt: "9999-12-31T23:59:59.999Z" } });
  await using second = new Session({ ...broker.options, store });
  await second.get("/a");
  assertEquals(broker.tokenRequests, 2);
});
