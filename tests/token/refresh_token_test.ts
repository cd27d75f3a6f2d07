/**
 * One refresh token in many hands: those of a login and of its sessions, of two sessions, of a store and
 * of who revokes it. Where it rotates, it is good for one use.
 *
 * @module
 */

import {
  assert,
  assertEquals,
  assertFalse,
  assertNotEquals,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
} from "@std/assert";
import {
  type Credentials,
  login,
  Session,
  SessionError,
  type SessionOptions,
  type StoredTokens,
  TokenError,
  tradestation,
} from "../../mod.ts";
import { type Emulator, startEmulator } from "../../src/emulator/emulator.ts";
import { RefreshToken, shareRefreshToken } from "../../src/token/refresh_token.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { collectGarbageUntil } from "../support/garbage.ts";
import { idle, settle } from "../support/idle.ts";
import { MemoryStore } from "../support/memory_store.ts";
import { ScriptedBroker } from "../support/scripted_broker.ts";

const TOKEN_ROUTE = "POST /oauth/token";

/** Logs in, at a broker whose refresh tokens are good for one use. */
async function logIn(emulator: Emulator): Promise<Credentials> {
  emulator.tradestation.rotation = true;
  return await login({
    ...emulator.tradestation,
    broker: tradestation,
    pasteAddress: (url) => emulator.submitConsent(url, "accept"),
  });
}

/** The refresh token that `toEnv()` writes. */
function written(credentials: Credentials): string {
  return /^TRADESTATION_REFRESH_TOKEN=(.*)$/m.exec(credentials.toEnv())?.[1] ?? "";
}

/** Whether the next start of the program signs in with what was written. */
async function isAlive(emulator: Emulator, refreshToken: string): Promise<boolean> {
  const options = { ...emulator.tradestation, broker: tradestation, refreshToken };
  await using session = new Session({ ...options, fetch: (input, init) => fetch(input, init) });
  return await session.validate();
}

Deno.test("A session starts with the access token that the login has brought", async () => {
  await using emulator = await startEmulator();
  const credentials = await logIn(emulator);
  emulator.forgetRequests();
  await using session = new Session(credentials);
  assert(session.isLoggedIn);
  await session.get("/brokerage/accounts");
  await using second = new Session({ ...credentials });
  await second.get("/brokerage/accounts");
  assertEquals(emulator.count(TOKEN_ROUTE), 0);
});

Deno.test("What a login's credentials write is what lives, before and after each renewal", async () => {
  await using emulator = await startEmulator();
  const credentials = await logIn(emulator);
  const first = written(credentials);
  {
    await using session = new Session(credentials);
    await session.get("/brokerage/accounts");
    assertEquals(written(credentials), first);
    for (let count = 0; count < 3; count++) await session.refresh({ force: true });
  }
  assertNotEquals(written(credentials), first);
  assertEquals(credentials.refreshToken, written(credentials));
  assert(await isAlive(emulator, written(credentials)));
  assertEquals(emulator.tradestation.reusedRefreshTokens, 0);
});

Deno.test("Any number of sessions from the same credentials spend no refresh token twice", async () => {
  await using emulator = await startEmulator();
  const credentials = await logIn(emulator);
  await using first = new Session(credentials);
  await using second = new Session(credentials);
  for (let count = 0; count < 5; count++) {
    await Promise.all([first.refresh({ force: true }), second.refresh({ force: true })]);
  }
  await using third = new Session(credentials);
  await third.refresh({ force: true });
  assertEquals(emulator.tradestation.reusedRefreshTokens, 0);
  assert(await isAlive(emulator, written(credentials)));
});

Deno.test("Credentials whose session has a store write by what the store finds the grant", async () => {
  await using emulator = await startEmulator();
  const credentials = await logIn(emulator);
  const store = new MemoryStore();
  const session = new Session({ ...credentials, store });
  await session.refresh({ force: true });
  const refreshToken = written(credentials);
  await session.refresh({ force: true }); // after it was written
  await session.close();
  const options = { ...emulator.tradestation, broker: tradestation, refreshToken, store };
  await using next = new Session({ ...options, fetch: (input, init) => fetch(input, init) });
  await next.refresh({ force: true });
  await next.refresh({ force: true });
  assertEquals([store.tokens.size, emulator.tradestation.reusedRefreshTokens], [1, 0]);
});

Deno.test("Credentials of an address with a slash at the end are the same", async () => {
  await using emulator = await startEmulator();
  emulator.tradestation.rotation = true;
  const { signInUrl, baseUrl, ...rest } = emulator.tradestation;
  const credentials = await login({
    ...rest,
    baseUrl: `${baseUrl}/`,
    signInUrl: `${signInUrl}/`,
    broker: tradestation,
    pasteAddress: (url) => emulator.submitConsent(url, "accept"),
  });
  await using session = new Session(credentials);
  assert(session.isLoggedIn);
  await session.refresh({ force: true });
  assert(await isAlive(emulator, written(credentials)));
});

Deno.test("A session that replaces one of a login's credentials does not take its access token", async () => {
  await using emulator = await startEmulator();
  const credentials = await logIn(emulator);
  const { refreshToken } = emulator.tradestation;
  const { tradestationSandbox: { baseUrl, sandbox } } = emulator;
  const rows: readonly [SessionOptions, boolean][] = [
    [{ credentials, refreshToken }, false],
    [{ credentials, clientId: "another" }, false],
    [{ credentials, signInUrl: `${emulator.url}/elsewhere` }, false],
    [{ credentials, baseUrl, sandbox }, true], // the simulator takes the same tokens
  ];
  for (const [options, isLoggedIn] of rows) {
    await using session = new Session(options);
    assertEquals(session.isLoggedIn, isLoggedIn);
  }
  await assertRejects(
    async () => await new Session({ credentials: { ...credentials } as Credentials }).close(),
    TypeError,
    "Cannot use these credentials",
  );
});

Deno.test("Sessions that were given the same refresh token share it, one after the other and at once", async () => {
  await using emulator = await startEmulator();
  emulator.tradestation.rotation = true;
  const options = { ...emulator.tradestation, broker: tradestation };
  await using first = new Session(options);
  await first.get("/brokerage/accounts");
  await using second = new Session(options); // from the environment, for instance
  await second.get("/brokerage/accounts");
  const sessions = Array.from({ length: 10 }, () => new Session(options));
  await Promise.all(sessions.map((session) => session.get("/brokerage/accounts")));
  await Promise.all(sessions.map((session) => session.close()));
  await first.refresh({ force: true });
  assertEquals(emulator.tradestation.reusedRefreshTokens, 0);
  assertEquals(emulator.count(TOKEN_ROUTE), 13);
});

Deno.test("Sessions share no refresh token across endpoints, clients and fetches, nor after the last is closed", () => {
  const names = {
    tokenUrl: "https://signin.example/oauth/token",
    clientId: "client",
    refreshToken: "refresh-0",
    fetch: () => Promise.resolve(new Response()),
  };
  const first = shareRefreshToken(names);
  first.token.replace("refresh-1");
  const second = shareRefreshToken(names);
  assertStrictEquals(second.token, first.token);
  for (
    const change of [
      { tokenUrl: "https://other.example/oauth/token" },
      { clientId: "other" },
      { clientId: undefined },
      { fetch: () => Promise.resolve(new Response()) },
    ]
  ) {
    const { token } = shareRefreshToken({ ...names, ...change });
    assertEquals(token.current, "refresh-0");
  }
  first.release();
  assertStrictEquals(shareRefreshToken(names).token, first.token);
  second.release();
  second.release(); // for the one that was just asked for
  assertEquals(shareRefreshToken(names).token.current, "refresh-0");
});

Deno.test("Sessions share a refresh token by every name that it has had, and with credentials that come later", () => {
  const names = {
    tokenUrl: "https://signin.example/oauth/token",
    clientId: "client",
    refreshToken: "refresh-0",
    fetch: () => Promise.resolve(new Response()),
  };
  const { token, release } = shareRefreshToken(names);
  for (let count = 1; count <= 250; count++) token.replace(`refresh-${count}`);
  for (const refreshToken of ["refresh-0", "refresh-250", "refresh-200"]) {
    assertStrictEquals(shareRefreshToken({ ...names, refreshToken }).token, token);
  }
  const forgotten = shareRefreshToken({ ...names, refreshToken: "refresh-1" }); // long ago
  assertFalse(forgotten.token === token);

  const credentials = { refreshToken: new RefreshToken("refresh-0") };
  assertStrictEquals(shareRefreshToken(names, credentials).token, token);
  assertStrictEquals(credentials.refreshToken, token);
  for (let count = 0; count < 5; count++) release();
  const own = new RefreshToken("refresh-0");
  assertStrictEquals(shareRefreshToken(names, { refreshToken: own }).token, own);
  assertStrictEquals(shareRefreshToken(names).token, own);
});

Deno.test("Credentials whose token was replaced already bring the current one to those who were there first", () => {
  const names = {
    tokenUrl: "https://signin.example/oauth/token",
    clientId: "client",
    refreshToken: "refresh-0",
    fetch: () => Promise.resolve(new Response()),
  };
  const own = new RefreshToken("refresh-0");
  own.replace("refresh-1");
  const credentials = { refreshToken: own };
  const { token } = shareRefreshToken(names);
  assertStrictEquals(shareRefreshToken(names, credentials).token, token);
  assertEquals(credentials.refreshToken.current, "refresh-1");

  const elsewhere = { ...names, fetch: () => Promise.resolve(new Response()) };
  const alone = new RefreshToken("refresh-0");
  alone.replace("refresh-1");
  assertStrictEquals(shareRefreshToken(elsewhere, { refreshToken: alone }).token, alone);
  assertStrictEquals(shareRefreshToken({ ...elsewhere, refreshToken: "refresh-1" }).token, alone);
});

Deno.test("RefreshToken.use() begins nothing for whom has left already", async () => {
  const token = new RefreshToken("refresh-0");
  let began = 0;
  const task = () => Promise.resolve(began += 1);
  const left = token.use(task, AbortSignal.abort("enough"));
  assertEquals([await left.catch((reason) => reason), began], ["enough", 0]);
});

Deno.test("A session that is disposed of in the middle does not cost the others the refresh token", async () => {
  await using emulator = await startEmulator();
  const credentials = await logIn(emulator);
  emulator.forgetRequests();
  const first = new Session(credentials);
  await using second = new Session(credentials);
  emulator.latencyMs = 50;
  const renewal = first.refresh({ force: true });
  const ended = assertRejects(() => renewal, SessionError, "closed");
  while (emulator.count(TOKEN_ROUTE) === 0) await idle();
  first[Symbol.dispose]();
  await ended;
  await second.refresh({ force: true });
  assertEquals([emulator.count(TOKEN_ROUTE), emulator.tradestation.reusedRefreshTokens], [2, 0]);
  emulator.latencyMs = 0;
  assert(await isAlive(emulator, written(credentials)));
});

Deno.test("A session that is disposed of alone ends its token request, and a later refusal tells of it", async () => {
  await using emulator = await startEmulator();
  const credentials = await logIn(emulator);
  const first = new Session(credentials);
  emulator.injectFault(TOKEN_ROUTE, "resetMidBody");
  emulator.latencyMs = 50;
  const before = emulator.count(TOKEN_ROUTE);
  const renewal = first.refresh({ force: true });
  const ended = assertRejects(() => renewal, SessionError, "closed");
  while (emulator.count(TOKEN_ROUTE) === before) await idle();
  first[Symbol.dispose]();
  await ended;
  emulator.latencyMs = 0;
  await using second = new Session(credentials);
  emulator.revokeGrant();
  await assertRejects(() => second.refresh({ force: true }), TokenError, "was lost");
});

Deno.test("What failed before it arrived is not told as an answer that was lost", async () => {
  for (
    const [code, isLost] of [["ENOTFOUND", false], ["ECONNREFUSED", false], [
      "ECONNRESET",
      true,
    ]] as const
  ) {
    using clock = new FakeClock();
    const broker = new ScriptedBroker();
    broker.onTokenRequest = () =>
      Promise.reject(
        new TypeError("fetch failed", { cause: Object.assign(new Error(), { code }) }),
      );
    await using session = new Session({ ...broker.options, retry: false });
    await assertRejects(() => session.refresh(), Error);
    clock.advance(60_000);
    broker.onTokenRequest = () => Response.json({ error: "invalid_grant" }, { status: 403 });
    const { message } = await assertRejects(() => session.refresh(), TokenError);
    assertEquals(message.includes("was lost"), isLost, code);
  }
});

Deno.test("RefreshToken.use() lets one in at a time, and whoever waits can leave", async () => {
  const token = new RefreshToken("refresh-0");
  const never = new AbortController().signal;
  const first = Promise.withResolvers<void>();
  const log: string[] = [];
  const running = token.use(async () => {
    log.push("first");
    await first.promise;
    throw new Error("no response");
  }, never);
  const leaving = new AbortController();
  const left = token.use(() => Promise.resolve(log.push("left")), leaving.signal);
  const second = token.use(() => Promise.resolve(log.push("second")), never);
  leaving.abort("enough");
  assertEquals(await left.catch((reason) => reason), "enough");
  await settle();
  assertEquals(log, ["first"]);
  first.resolve();
  await assertRejects(() => running, Error, "no response");
  await second;
  assertEquals(log, ["first", "second"]);
});

Deno.test("A store that is behind does not bring back a refresh token that this process has spent", async () => {
  await using emulator = await startEmulator();
  emulator.tradestation.rotation = true;
  const store = new MemoryStore();
  const options = { ...emulator.tradestation, broker: tradestation, store };
  await using first = new Session(options);
  await first.refresh({ force: true });
  store.faults.save = () => Promise.reject(new Error("the disk is full"));
  await first.refresh({ force: true }); // what the store holds is spent from here on
  await using second = new Session(options);
  for (let count = 0; count < 3; count++) await second.refresh({ force: true });
  assertEquals(emulator.tradestation.reusedRefreshTokens, 0);
  delete store.faults.save;
});

Deno.test("Session.revoke() revokes the refresh token that the store holds", async () => {
  await using emulator = await startEmulator();
  emulator.tradestation.rotation = true;
  const store = new MemoryStore();
  const options = { ...emulator.tradestation, broker: tradestation, store };
  {
    await using first = new Session(options);
    await first.refresh({ force: true });
    await first.refresh({ force: true });
  }
  const [{ refreshToken } = { refreshToken: "" }] = store.tokens.values();
  await using second = new Session(options); // knows the first refresh token of all
  await second.revoke();
  const { body = "" } = emulator.requests.at(-1) ?? {};
  assertEquals(new URLSearchParams(body).get("token"), refreshToken);
  assertFalse(await isAlive(emulator, refreshToken));
});

Deno.test("Session.revoke() does not report success where the store cannot be read", async () => {
  await using emulator = await startEmulator();
  const store = new MemoryStore();
  store.faults.load = () => Promise.reject(new Error("no such host"));
  await using session = new Session({ ...emulator.tradestation, broker: tradestation, store });
  await assertRejects(() => session.revoke(), SessionError, "no such host");
  assertEquals(emulator.count("POST /oauth/revoke"), 0);
});

Deno.test("Session takes nothing from a store that can be no token, and repeats nothing of it", async () => {
  const good: StoredTokens = {
    refreshToken: "stored-refresh",
    accessToken: "stored-access",
    obtainedAt: new Date(Date.now()).toISOString(),
    expiresAt: new Date(Date.now() + 600_000).toISOString(),
  };
  const bad: readonly unknown[] = [
    { ...good, refreshToken: "" },
    { ...good, refreshToken: "two\nlines" },
    { ...good, refreshToken: 5 },
    { ...good, accessToken: "" },
    { ...good, accessToken: "hidden\r\nx-evil: 1" },
    { ...good, accessToken: undefined },
    { ...good, obtainedAt: 5 },
    { ...good, expiresAt: undefined },
    null,
    "stored-refresh",
    [],
  ];
  for (const record of bad) {
    const broker = new ScriptedBroker();
    const store = new MemoryStore();
    store.load = () => Promise.resolve(record as StoredTokens);
    await using session = new Session({ ...broker.options, store });
    const error = await assertRejects(() => session.get("/a"), SessionError);
    assertEquals(error.code, "store_failed");
    assertStringIncludes(error.message, "it holds something else than tokens");
    assertFalse(/hidden|evil/.test(Deno.inspect(error)));
    assertEquals([broker.tokenRequests, broker.requests.length], [0, 0]);
  }
  const broker = new ScriptedBroker();
  const store = new MemoryStore();
  store.load = () => Promise.resolve(good);
  await using session = new Session({ ...broker.options, store });
  await session.get("/a");
  assertEquals(broker.tokens, ["stored-access"]);
});

Deno.test("A token response that is there when the process goes on is not thrown away", async () => {
  using clock = new FakeClock({ timers: true });
  const broker = new ScriptedBroker();
  broker.isRotating = true;
  const answer = Promise.withResolvers<Response>();
  broker.onTokenRequest = () => answer.promise;
  await using session = new Session({ ...broker.options, retry: false });
  const call = session.get("/a", { timeoutMs: 60_000 });
  await settle();
  clock.sleepMonotonic(30_000); // stopped, in the middle of the token request
  clock.advance(10_000); // its timer rings, too late
  answer.resolve(broker.issue()); // read after that, in the same turn of the event loop
  await call;
  broker.onTokenRequest = () => broker.issue();
  await session.refresh({ force: true });
  assertEquals(await broker.refreshTokens(), ["refresh-0", "refresh-1"]);
});

Deno.test("An order that waited for its token while the process was stopped does not go out late", async () => {
  using clock = new FakeClock({ timers: true });
  const broker = new ScriptedBroker();
  const answer = Promise.withResolvers<Response>();
  broker.onTokenRequest = () => answer.promise;
  await using session = new Session({ ...broker.options, retry: false });
  const call = session.post("/order", {}, { timeoutMs: 20_000 });
  const failed = assertRejects(() => call, Error, "The request was not sent");
  await settle();
  clock.sleepMonotonic(30_000);
  clock.advance(10_000);
  answer.resolve(broker.issue());
  await failed;
  assertEquals(broker.requests.length, 0);
});

Deno.test("An outage of the token endpoint costs some 25 token requests in ten minutes", async () => {
  for (const status of [429, 503]) {
    using clock = new FakeClock();
    const broker = new ScriptedBroker();
    broker.onTokenRequest = () => new Response("", { status });
    await using session = new Session({ ...broker.options, retry: false });
    for (let ms = 0; ms < 600_000; ms += 100) {
      await assertRejects(() => session.refresh(), TokenError);
      clock.advance(100);
    }
    const count = broker.tokenRequests;
    assert(count >= 20 && count <= 29, `${status}: ${count}`);
  }
});

Deno.test("A refresh token whose session was dropped without being closed is forgotten", async () => {
  const names = {
    tokenUrl: "https://signin.example/oauth/token",
    clientId: "client",
    refreshToken: "refresh-0",
    fetch: () => Promise.resolve(new Response()),
  };
  const drop = () => {
    const { token } = shareRefreshToken(names);
    token.replace("refresh-1");
    return new WeakRef(token);
  };
  const dropped = drop();
  await idle(); // what was looked at lives on until then
  assert(await collectGarbageUntil(() => dropped.deref() === undefined));
  await idle(); // what follows a collection
  assertEquals(shareRefreshToken(names).token.current, "refresh-0");
});
