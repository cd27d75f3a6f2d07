import { assertEquals, assertFalse, assertRejects, assertStringIncludes } from "@std/assert";
import { Session, SessionError, tradestation } from "../../mod.ts";
import { type Emulator, startEmulator } from "../../src/emulator/emulator.ts";
import { MemoryStore } from "../support/memory_store.ts";
import { ScriptedBroker } from "../support/scripted_broker.ts";
import { isAlive } from "./shared_refresh_token_fixtures.ts";

/** A store, and a session's options for it, where refresh tokens rotate. */
function rotatingStore(emulator: Emulator) {
  emulator.tradestation.rotation = true;
  const store = new MemoryStore();
  return { store, options: { ...emulator.tradestation, broker: tradestation, store } };
}

Deno.test("A store that is behind does not bring back a refresh token that this process has used", async () => {
  await using emulator = await startEmulator();
  const { store, options } = rotatingStore(emulator);
  await using first = new Session(options);
  await first.refresh({ force: true });
  store.faults.tokens = () => Promise.reject(new Error("the disk is full"));
  await first.refresh({ force: true }); // what the store holds is used up from here on
  await using second = new Session(options);
  for (let count = 0; count < 3; count++) await second.refresh({ force: true });
  assertEquals(emulator.tradestation.reusedRefreshTokens, 0);
  delete store.faults.tokens;
});

Deno.test("Session.revoke() revokes the refresh token that the store holds", async () => {
  await using emulator = await startEmulator();
  const { store, options } = rotatingStore(emulator);
  {
    await using first = new Session(options);
    await first.refresh({ force: true });
    await first.refresh({ force: true });
  }
  const { refreshToken } = store.record;
  await using second = new Session(options); // knows the first refresh token of all
  await second.revoke();
  const { body = "" } = emulator.requests.at(-1) ?? {};
  assertEquals(new URLSearchParams(body).get("token"), refreshToken);
  assertFalse(await isAlive(emulator, refreshToken));
});

Deno.test("Session.revoke() does not report success where the store cannot be read", async () => {
  await using emulator = await startEmulator();
  const store = new MemoryStore();
  store.faults.get = () => Promise.reject(new Error("no such host"));
  await using session = new Session({ ...emulator.tradestation, broker: tradestation, store });
  await assertRejects(() => session.revoke(), SessionError, "no such host");
  assertEquals(emulator.count("POST /oauth/revoke"), 0);
});

Deno.test("Session takes nothing from a store that can be no token, and repeats nothing of it", async () => {
  const token = {
    accessToken: "stored-access",
    obtainedAt: new Date(Date.now()).toISOString(),
    expiresAt: new Date(Date.now() + 600_000).toISOString(),
  };
  const good = { version: 1, id: "1", generation: 1, refreshToken: "stored-refresh", token };
  const failure = { intentId: "0", message: "no", code: "no", isPermanent: false, status: 400 };
  const bad: readonly unknown[] = [
    { ...good, version: 2 },
    { ...good, id: undefined },
    { ...good, generation: -1 },
    { ...good, generation: "1" },
    { ...good, generation: 1e300 },
    { ...good, refreshToken: "" },
    { ...good, refreshToken: "two\nlines" },
    { ...good, refreshToken: 5 },
    { ...good, isRotating: "no" },
    { ...good, token: "stored-access" },
    { ...good, token: { ...token, accessToken: "" } },
    { ...good, token: { ...token, accessToken: "hidden\r\nx-evil: 1" } },
    { ...good, token: { ...token, accessToken: undefined } },
    { ...good, token: { ...token, obtainedAt: 5 } },
    { ...good, token: { ...token, expiresAt: undefined } },
    { ...good, intent: {} },
    { ...good, intent: { holder: "hidden" } },
    { ...good, failure: { ...failure, intentId: 5 } },
    { ...good, failure: { ...failure, message: undefined } },
    { ...good, failure: { ...failure, code: "" } },
    { ...good, failure: { ...failure, isPermanent: 1 } },
    { ...good, failure: { ...failure, status: "400" } },
    { ...good, failure: { ...failure, retryAfterMs: "5" } },
    null,
    "stored-refresh",
    [],
  ];
  const texts = [...bad.map((record) => JSON.stringify(record)), "", "hidden evil", "{", 5, {}];
  for (const text of texts) {
    const broker = new ScriptedBroker();
    const store = new MemoryStore();
    store.get = () => Promise.resolve(text as string);
    await using session = new Session({ ...broker.options, store });
    const error = await assertRejects(() => session.get("/a"), SessionError);
    assertEquals(error.code, "store_invalid");
    assertStringIncludes(error.message, "it holds something other than tokens");
    assertFalse(/hidden|evil/.test(Deno.inspect(error)));
    assertEquals([broker.tokenRequests, broker.requests.length], [0, 0]);
  }
  for (const record of [good, { ...good, failure }]) {
    const broker = new ScriptedBroker();
    const store = new MemoryStore();
    store.get = () => Promise.resolve(JSON.stringify(record));
    await using session = new Session({ ...broker.options, store });
    await session.get("/a");
    assertEquals(broker.tokens, ["stored-access"]);
  }
});

Deno.test("A store that returns null for no record has none", async () => {
  const broker = new ScriptedBroker();
  const store = new MemoryStore();
  const { get } = store;
  store.get = async (key) => await get.call(store, key) ?? null as unknown as undefined;
  await using session = new Session({ ...broker.options, store });
  await session.get("/a");
  assertEquals([broker.tokenRequests, store.record.token?.accessToken], [1, "access-1"]);
});

Deno.test("A store that does not keep its contract is refused, and not asked for ever", async () => {
  const broker = new ScriptedBroker();
  const answers: [unknown, string][] = [
    [1, "compareAndSet() must return true or false"],
    [undefined, "compareAndSet() must return true or false"],
    [false, "compareAndSet() returns false again and again"],
  ];
  for (const [answer, words] of answers) {
    const store = new MemoryStore();
    let writes = 0;
    store.compareAndSet = () => {
      writes += 1;
      return Promise.resolve(answer as boolean);
    };
    await using session = new Session({ ...broker.options, store });
    const error = await assertRejects(() => session.get("/a"), SessionError, words);
    assertEquals([error.code, writes], ["store_invalid", answer === false ? 11 : 1]);
  }
  assertEquals(broker.tokenRequests, 0);
});
