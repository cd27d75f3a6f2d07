import {
  assert,
  assertEquals,
  assertFalse,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import process from "node:process";
import { inspect } from "node:util";
import { Session, SessionError } from "../../mod.ts";
import { startEmulator } from "../../src/emulator/emulator.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { idle, quiet, settle } from "../support/idle.ts";
import { MemoryStore } from "../support/memory_store.ts";
import { ScriptedBroker } from "../support/scripted_broker.ts";
import { rotating, TOKEN_ROUTE } from "../token/refresh_grant_fixtures.ts";

/** What the process was warned of, until the end of the scope. */
class Warnings implements Disposable {
  readonly messages: string[] = [];
  readonly #listen = (warning: Error) => this.messages.push(`${warning.name}: ${warning.message}`);

  constructor() {
    process.on("warning", this.#listen);
  }

  [Symbol.dispose](): void {
    process.off("warning", this.#listen);
  }
}

Deno.test("RefreshGrant goes on from memory when a save fails, warns once, and saves again later", async () => {
  await using emulator = await startEmulator();
  using warnings = new Warnings();
  const store = new MemoryStore();
  const session = rotating(emulator, { store });
  store.faults.save = () => Promise.reject(new Error("disk full"));
  for (let i = 0; i < 3; i++) await session.refresh({ force: true });
  await session.get("/brokerage/accounts");
  assertEquals(emulator.tradestation.reusedRefreshTokens, 0);
  delete store.faults.save;
  await session.close();
  assertEquals(store.tokens.size, 1);
  await using next = rotating(emulator, { store });
  await next.refresh({ force: true }); // takes the live one: it is new to this process
  await next.refresh({ force: true });
  assertEquals(emulator.tradestation.reusedRefreshTokens, 0);
  assertEquals(warnings.messages.length, 1);
  assertMatch(warnings.messages[0] ?? "", /^TokenStoreWarning: Cannot save the tokens.*disk full/);
});

Deno.test("Session.close() says so when the tokens are still not saved", async () => {
  await using emulator = await startEmulator();
  using _warnings = new Warnings();
  const store = new MemoryStore();
  const session = rotating(emulator, { store });
  store.faults.save = () => Promise.reject(new Error("disk full"));
  await session.refresh();
  const error = await assertRejects(() => session.close(), SessionError, "Cannot save the tokens");
  assertEquals(error.code, "store_failed");
  assertStringIncludes(error.message, "disk full");
  assertStringIncludes(error.message, "refresh token may no longer work");
});

Deno.test("RefreshGrant does not wait for ever for a store that does not answer", async () => {
  await using emulator = await startEmulator();
  using _warnings = new Warnings();
  const store = new MemoryStore();
  const session = rotating(emulator, { store });
  store.faults.save = () => new Promise(() => {});
  using clock = new FakeClock({ timers: true });
  const accessToken = session.accessToken();
  while (!store.log.includes("save")) await idle();
  clock.advance(5_000);
  assert((await accessToken).length > 0);
  session[Symbol.dispose]();
});

Deno.test("RefreshGrant saves what it could not save as soon as the store lets it, without traffic", async () => {
  await using emulator = await startEmulator();
  using _warnings = new Warnings();
  const store = new MemoryStore();
  using clock = new FakeClock({ timers: true });
  await using session = rotating(emulator, { store });
  let saves = 0;
  store.faults.save = () =>
    ++saves < 4 ? Promise.reject(new Error("disk full")) : Promise.resolve();
  await session.refresh();
  assertEquals(store.tokens.size, 0);
  for (let s = 0; s < 120 && store.tokens.size === 0; s++) {
    clock.advance(1_000);
    await quiet(clock);
  }
  assertEquals(saves, 4);
  assertEquals(store.tokens.size, 1);
  assertEquals(clock.armed, 0);
});

Deno.test("RefreshGrant does not write over what another process saved later", async () => {
  await using emulator = await startEmulator();
  using _warnings = new Warnings();
  const store = new MemoryStore();
  using clock = new FakeClock({ timers: true });
  await using session = new Session({ ...emulator.tastytrade, store });
  store.faults.save = () => Promise.reject(new Error("disk full"));
  await session.refresh();
  delete store.faults.save;
  clock.advance(1);
  const other = new Session({ ...emulator.tastytrade, store });
  const accessToken = await other.accessToken();
  await other.close();
  clock.advance(30_000);
  await quiet(clock);
  assertEquals([...store.tokens.values()].map((tokens) => tokens.accessToken), [accessToken]);
});

Deno.test("RefreshGrant writes the newest tokens last, however late an earlier save ends", async () => {
  await using emulator = await startEmulator();
  using _warnings = new Warnings();
  const store = new MemoryStore();
  const session = rotating(emulator, { store });
  const late = Promise.withResolvers<void>();
  let saves = 0;
  store.faults.save = () => ++saves === 1 ? late.promise : Promise.resolve();
  using clock = new FakeClock({ timers: true });
  for (let i = 0; i < 2; i++) {
    let isDone = false;
    const refreshing = session.refresh({ force: true }).then(() => isDone = true);
    while (!isDone) {
      await idle();
      if (store.log.includes("save")) clock.advance(1_000);
    }
    await refreshing;
  }
  late.resolve();
  while (store.log.filter((entry) => entry === "saved").length < 2) await idle();
  const [saved] = store.tokens.values();
  const spent = emulator.requests.map(({ body }) => new URLSearchParams(body).get("refresh_token"));
  assertEquals(spent.length, 2);
  assertFalse(spent.includes(saved?.refreshToken ?? ""));
  assertEquals(saved?.accessToken, await session.accessToken());
  session[Symbol.dispose]();
});

Deno.test("RefreshGrant is free again after a store that did not answer", async () => {
  await using emulator = await startEmulator();
  const store = new MemoryStore();
  using session = rotating(emulator, { store });
  let loads = 0;
  store.faults.load = () => ++loads === 1 ? new Promise(() => {}) : Promise.resolve();
  using clock = new FakeClock({ timers: true });
  const first = session.accessToken().catch((error: unknown) => error);
  while (!store.log.includes("load")) await idle();
  clock.advance(5_000);
  const error = await first;
  assert(error instanceof SessionError);
  assertEquals(error.code, "store_failed");
  await idle();
  clock.advance(1_000);
  assert((await session.accessToken()).length > 0);
});

Deno.test("RefreshGrant gives up on a lock that never comes, and uses no refresh token if it comes later", async () => {
  await using emulator = await startEmulator();
  const store = new MemoryStore();
  using session = rotating(emulator, { store });
  const opened = Promise.withResolvers<void>();
  store.faults.lock = () => opened.promise;
  using clock = new FakeClock({ timers: true });
  const first = session.accessToken({ timeoutMs: 60_000 }).catch((error: unknown) => error);
  while (!store.log.includes("lock")) await idle();
  clock.advance(30_000);
  assert(await first instanceof SessionError);
  opened.resolve();
  await idle();
  assertEquals(emulator.count(TOKEN_ROUTE), 0);
});

Deno.test("RefreshGrant passes on a store's words without the tokens in them", async () => {
  await using emulator = await startEmulator();
  using warnings = new Warnings();
  const store = new MemoryStore();
  const session = rotating(emulator, { store });
  store.save = (_key, tokens) =>
    Promise.reject(new Error(`cannot insert ${JSON.stringify(tokens)}`));
  const accessToken = await session.accessToken();
  await idle(); // a warning comes in the next turn
  const error = await assertRejects(() => session.close(), SessionError);
  for (
    const text of [...warnings.messages, inspect(error, { depth: Infinity, showHidden: true })]
  ) {
    assertStringIncludes(text, "cannot insert");
    assertFalse(text.includes(accessToken));
  }
  assertEquals(warnings.messages.length, 1);
});

Deno.test("RefreshGrant uses no refresh token when the store cannot be locked or read", async () => {
  await using emulator = await startEmulator();
  for (const fault of ["lock", "load"] as const) {
    const store = new MemoryStore();
    const session = rotating(emulator, { store });
    store.faults[fault] = () => Promise.reject(new Error("no such table"));
    await assertRejects(() => session.get("/brokerage/accounts"), Error, "no such table");
    await session.close();
  }
  assertEquals(emulator.count(TOKEN_ROUTE), 0);
});

Deno.test("RefreshGrant saves later what could not be saved, though the lock fails once on the way", async () => {
  using clock = new FakeClock({ timers: true });
  using _warnings = new Warnings();
  const broker = new ScriptedBroker();
  broker.isRotating = true;
  const store = new MemoryStore();
  store.faults.save = () => Promise.reject(new Error("disk full"));
  await using session = new Session({ ...broker.options, store });
  await session.refresh();
  assertEquals(store.tokens.size, 0);
  delete store.faults.save;
  let locks = 0;
  store.faults.lock = () => {
    locks += 1;
    return locks === 1 ? Promise.reject(new Error("no such host")) : Promise.resolve();
  };
  for (let s = 0; s < 60 && store.tokens.size === 0; s++) {
    clock.advance(1_000);
    await settle();
  }
  assertEquals([store.tokens.size, locks], [1, 2]);
  assertEquals([...store.tokens.values()].map(({ refreshToken }) => refreshToken), ["refresh-1"]);
});
