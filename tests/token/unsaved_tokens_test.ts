import {
  assert,
  assertEquals,
  assertFalse,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { inspect } from "node:util";
import { Session, SessionError } from "../../mod.ts";
import { startEmulator } from "../../src/emulator/emulator.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { idle, quiet, settle } from "../support/idle.ts";
import { MemoryStore } from "../support/memory_store.ts";
import { ScriptedBroker } from "../support/scripted_broker.ts";
import { rotating, TOKEN_ROUTE } from "./refresh_grant_fixtures.ts";
import { Fleet, tokenErrorOf, Warnings } from "./stored_grant_fixtures.ts";

Deno.test("StoredGrant goes on from memory when a save fails, warns once, and saves with the next intent", async () => {
  await using emulator = await startEmulator();
  using warnings = new Warnings();
  const store = new MemoryStore();
  const session = rotating(emulator, { store });
  store.faults.tokens = () => Promise.reject(new Error("disk full"));
  for (let i = 0; i < 3; i++) await session.refresh({ force: true });
  await session.get("/brokerage/accounts");
  assertEquals(emulator.tradestation.reusedRefreshTokens, 0);
  delete store.faults.tokens;
  await session.close();
  await using next = rotating(emulator, { store });
  await next.refresh({ force: true }); // takes the live one: it is new to this process
  await next.refresh({ force: true });
  assertEquals(emulator.tradestation.reusedRefreshTokens, 0);
  assertEquals(emulator.count(TOKEN_ROUTE), 4);
  assertEquals(warnings.messages.length, 1);
  assertMatch(
    warnings.messages[0] ?? "",
    /^TokenStoreWarning: Cannot save the tokens.*disk full.*previous tokens.*saved later/,
  );
});

Deno.test("Session.close() says so when the tokens are still not saved", async () => {
  await using emulator = await startEmulator();
  using _warnings = new Warnings();
  const store = new MemoryStore();
  const session = rotating(emulator, { store });
  store.faults.tokens = () => Promise.reject(new Error("disk full"));
  await session.refresh();
  const error = await assertRejects(() => session.close(), SessionError, "Cannot save the tokens");
  assertEquals(error.code, "store_failed");
  assertStringIncludes(error.message, "disk full");
  assertStringIncludes(error.message, "refresh token may no longer work");
});

Deno.test("StoredGrant does not wait for ever for a store that does not answer", async () => {
  using _warnings = new Warnings();
  using clock = new FakeClock({ timers: true });
  const fleet = new Fleet(clock);
  using session = fleet.start();
  fleet.store.faults.tokens = () => new Promise(() => {});
  const accessToken = session.accessToken();
  assertEquals(await fleet.time(accessToken), 5_000);
  assertEquals(await accessToken, "access-1");
});

Deno.test("StoredGrant saves what it could not save as soon as the store lets it, without traffic", async () => {
  using _warnings = new Warnings();
  const store = new MemoryStore();
  using clock = new FakeClock({ timers: true });
  const broker = new ScriptedBroker();
  broker.isRotating = true;
  await using session = new Session({ ...broker.options, store });
  let saves = 0;
  store.faults.tokens = () =>
    ++saves < 4 ? Promise.reject(new Error("disk full")) : Promise.resolve();
  await session.refresh();
  assertEquals(store.record.token, undefined);
  for (let s = 0; s < 120 && store.record.token === undefined; s++) {
    clock.advance(1_000);
    await quiet(clock);
  }
  assertEquals(saves, 4);
  assertEquals([store.record.refreshToken, store.record.intent], ["refresh-1", undefined]);
  assertEquals(clock.armed, 0);
});

Deno.test("StoredGrant does not write over what another process saved later", async () => {
  using _warnings = new Warnings();
  using clock = new FakeClock({ timers: true });
  const fleet = new Fleet(clock);
  const { store, broker } = fleet;
  broker.isRotating = false; // a server that accepts a refresh token twice
  await using session = fleet.start();
  store.faults.tokens = () => Promise.reject(new Error("disk full"));
  await session.refresh();
  delete store.faults.tokens;
  store.faults.get = () => Promise.reject(new Error("no such host")); // for the first one alone
  store.edit({ id: "other", generation: 7, intent: undefined });
  const { record } = store;
  await fleet.until(() => store.log.filter((entry) => entry === "get").length >= 4);
  delete store.faults.get;
  await fleet.until(() => clock.armed === 0);
  assertEquals(store.record, record);
  assertFalse(store.log.includes("tokens!"));
});

Deno.test("A save that lands late replaces nothing newer", async () => {
  using _warnings = new Warnings();
  using clock = new FakeClock({ timers: true });
  const fleet = new Fleet(clock);
  const { store } = fleet;
  using session = fleet.start();
  const late = Promise.withResolvers<void>();
  let saves = 0;
  store.faults.tokens = () => ++saves === 1 ? late.promise : Promise.resolve();
  for (let i = 0; i < 2; i++) await fleet.time(session.refresh({ force: true }), 1_000);
  assertEquals(store.record.refreshToken, "refresh-2");
  late.resolve();
  await fleet.until(() => store.log.includes("tokens!"));
  assertEquals(store.record.refreshToken, "refresh-2");
  assertEquals(await session.accessToken(), "access-2");
});

Deno.test("StoredGrant is free again after a store that did not answer", async () => {
  using clock = new FakeClock({ timers: true });
  const fleet = new Fleet(clock);
  using session = fleet.start({ retry: false });
  let reads = 0;
  fleet.store.faults.get = () => ++reads === 1 ? new Promise(() => {}) : Promise.resolve();
  const first = session.accessToken().catch((error: unknown) => error);
  assertEquals(await fleet.time(first), 5_000);
  const error = await first;
  assert(error instanceof SessionError);
  assertEquals(error.code, "store_failed");
  clock.advance(1_000);
  assertEquals(await session.accessToken(), "access-1");
});

Deno.test("StoredGrant passes on a store's words without the tokens in them", async () => {
  await using emulator = await startEmulator();
  using warnings = new Warnings();
  const store = new MemoryStore();
  const session = rotating(emulator, { store });
  const { compareAndSet } = store;
  store.compareAndSet = async (key, before, after) => {
    if (await compareAndSet.call(store, key, before, after) && !after.includes("intent")) {
      throw new Error(`cannot replace ${before} by ${after}`);
    }
    return true;
  };
  const accessToken = await session.accessToken();
  await idle(); // a warning comes in the next turn
  store.get = () => Promise.reject(new Error("cannot read"));
  const error = await assertRejects(() => session.close(), SessionError);
  const texts = [...warnings.messages, inspect(error, { depth: Infinity, showHidden: true })];
  for (const text of texts) {
    assertStringIncludes(text, "cannot re");
    for (const secret of [accessToken, emulator.tradestation.refreshToken]) {
      assertFalse(text.includes(secret));
    }
  }
  assertEquals(warnings.messages.length, 1);
});

Deno.test("StoredGrant never sends a refresh token that may rotate while the store does not work", async () => {
  await using emulator = await startEmulator();
  for (const fault of ["get", "intent"] as const) {
    const store = new MemoryStore();
    const session = rotating(emulator, { store, retry: false });
    store.faults[fault] = () => Promise.reject(new Error("no such table"));
    const error = await assertRejects(() => session.get("/brokerage/accounts"), SessionError);
    assertEquals(error.code, "store_failed");
    assertStringIncludes(error.message, "no such table");
    await session.close();
  }
  assertEquals(emulator.count(TOKEN_ROUTE), 0);
});

Deno.test("StoredGrant goes on without the store where the refresh token is known not to rotate", async () => {
  using _warnings = new Warnings();
  using clock = new FakeClock({ timers: true });
  const fleet = new Fleet(clock);
  const { store, broker } = fleet;
  broker.isRotating = false;
  await using session = fleet.start({ retry: false });
  await session.refresh();
  assertFalse(store.record.isRotating);
  await using other = fleet.start();
  await other.refresh(); // learns from the store that it does not rotate
  assertEquals(broker.tokenRequests, 1);
  const down = () => Promise.reject(new Error("no such host"));
  Object.assign(store.faults, { get: down, intent: down, tokens: down });
  clock.advance(900_000);
  assertEquals(await session.accessToken(), "access-2");
  assertEquals(await other.accessToken(), "access-3");
  clock.advance(900_000);
  broker.onTokenRequest = () => new Response("busy", { status: 503 });
  assertEquals((await tokenErrorOf(session.refresh())).status, 503);
  for (const fault of ["get", "intent", "tokens"] as const) delete store.faults[fault];
  await fleet.until(() => clock.holding === 0 && store.record.generation === 2);
});

Deno.test("StoredGrant warns of nothing once its session is closed", async () => {
  using warnings = new Warnings();
  const store = new MemoryStore();
  const broker = new ScriptedBroker();
  const session = new Session({ ...broker.options, store });
  store.faults.tokens = () => new Promise(() => {});
  const refreshing = session.refresh().catch(() => {});
  while (!store.log.includes("tokens")) await idle();
  session[Symbol.dispose]();
  await refreshing;
  await settle();
  await idle();
  assertEquals(warnings.messages, []);
});

Deno.test("A session asks its store again within two seconds of its return, however long it was down", async () => {
  using clock = new FakeClock({ timers: true });
  const fleet = new Fleet(clock);
  await using session = fleet.start({ retry: false });
  fleet.store.faults.get = () => Promise.reject(new Error("no such host"));
  for (let s = 0; s < 120; s++) {
    await session.refresh().catch(() => {});
    clock.advance(1_000);
  }
  delete fleet.store.faults.get;
  clock.advance(2_000);
  await session.refresh();
  assertEquals(fleet.broker.tokenRequests, 1);
});
