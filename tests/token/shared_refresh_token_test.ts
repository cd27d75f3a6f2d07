import { assert, assertEquals, assertFalse, assertRejects, assertStrictEquals } from "@std/assert";
import { Session, SessionError, TokenError, tradestation } from "../../mod.ts";
import { startEmulator } from "../../src/emulator/emulator.ts";
import { RefreshToken, shareRefreshToken } from "../../src/token/shared_refresh_token.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { collectGarbageUntil } from "../support/garbage.ts";
import { idle, settle } from "../support/idle.ts";
import { ScriptedBroker } from "../support/scripted_broker.ts";
import { isAlive, logIn, TOKEN_ROUTE, written } from "./shared_refresh_token_fixtures.ts";

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
  first.token.advance("refresh-1");
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
  for (let count = 1; count <= 250; count++) token.advance(`refresh-${count}`);
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
  own.advance("refresh-1");
  const credentials = { refreshToken: own };
  const { token } = shareRefreshToken(names);
  assertStrictEquals(shareRefreshToken(names, credentials).token, token);
  assertEquals(credentials.refreshToken.current, "refresh-1");

  const elsewhere = { ...names, fetch: () => Promise.resolve(new Response()) };
  const alone = new RefreshToken("refresh-0");
  alone.advance("refresh-1");
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
  const refresh = first.refresh({ force: true });
  const ended = assertRejects(() => refresh, SessionError, "closed");
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
  const refresh = first.refresh({ force: true });
  const ended = assertRejects(() => refresh, SessionError, "closed");
  while (emulator.count(TOKEN_ROUTE) === before) await idle();
  first[Symbol.dispose]();
  await ended;
  emulator.latencyMs = 0;
  await using second = new Session(credentials);
  emulator.revokeGrant();
  await assertRejects(() => second.refresh({ force: true }), TokenError, "was lost");
});

Deno.test("What failed before it arrived is not told as a response that was lost", async () => {
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

Deno.test("An order that waited for its token while the process was stopped does not are sent late", async () => {
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
    token.advance("refresh-1");
    return new WeakRef(token);
  };
  const dropped = drop();
  await idle(); // what was looked at lives on until then
  assert(await collectGarbageUntil(() => dropped.deref() === undefined));
  await idle(); // what follows a collection
  assertEquals(shareRefreshToken(names).token.current, "refresh-0");
});
