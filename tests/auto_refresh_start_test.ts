import { assert, assertEquals, assertFalse, assertRejects, assertStrictEquals } from "@std/assert";
import {
  AutoRefreshSession,
  CredentialsError,
  NetworkError,
  Session,
  SessionClosedError,
  tastytrade,
  TokenError,
} from "../mod.ts";
import { startEmulator, tastytradeFaults } from "../src/emulator/emulator.ts";
import { FakeClock } from "./support/fake_clock.ts";
import { idle, quiet } from "./support/idle.ts";
import { TOKEN_ROUTE } from "./support/auto_refresh_fixtures.ts";

Deno.test("AutoRefreshSession.start() rejects when it cannot sign in, and leaves nothing behind", async () => {
  await using emulator = await startEmulator();
  using clock = new FakeClock({ timers: true });
  emulator.revokeGrant();
  await assertRejects(() => AutoRefreshSession.start(emulator.tastytrade), TokenError);
  emulator.restoreGrant();
  emulator.injectFault(TOKEN_ROUTE, "reset", Infinity);
  const options = { ...emulator.tastytrade, retry: false } as const;
  await assertRejects(() => AutoRefreshSession.start(options), NetworkError);
  await assertRejects(
    () => AutoRefreshSession.start({ ...emulator.tastytrade, clientSecret: "" }),
    CredentialsError,
  );
  await idle();
  assertEquals(clock.armed, 0);
});

Deno.test("AutoRefreshSession.close() and using leave no timer", async () => {
  await using emulator = await startEmulator();
  using clock = new FakeClock({ timers: true });
  const closed = await AutoRefreshSession.start(emulator.tastytrade);
  await quiet(clock);
  assertEquals(clock.armed, 1);
  await closed.close();
  await closed.close();
  assertEquals(clock.armed, 0);
  {
    using session = await AutoRefreshSession.start(emulator.tastytrade);
    assert(session.isLoggedIn);
  }
  assertEquals(clock.armed, 0);
  await assertRejects(() => closed.get("/customers/me"), SessionClosedError);
});

Deno.test("AutoRefreshSession closes in the middle of a refresh", async () => {
  await using emulator = await startEmulator();
  using clock = new FakeClock({ timers: true });
  emulator.latencyMs = 20;
  const session = new AutoRefreshSession(emulator.tastytrade);
  while (emulator.count(TOKEN_ROUTE) === 0) await idle();
  await session.close();
  await idle();
  assertEquals(clock.armed, 0);
});

Deno.test("tastytrade's default is what AutoRefreshSession signs in to", async () => {
  await using emulator = await startEmulator();
  await using session = new AutoRefreshSession(emulator.tastytrade);
  assertEquals(session.broker, tastytrade);
});

Deno.test("AutoRefreshSession.start() goes on for a moment where nobody answers at first, as any call", async () => {
  await using emulator = await startEmulator();
  emulator.injectFault(TOKEN_ROUTE, "reset", 1);
  await using session = await AutoRefreshSession.start(emulator.tastytrade);
  assert(session.isLoggedIn);
  assertEquals(emulator.count(TOKEN_ROUTE), 2);

  emulator.injectFault(TOKEN_ROUTE, "reset", 1);
  await using plain = new Session(emulator.tastytrade);
  await plain.refresh();
  emulator.injectFault(TOKEN_ROUTE, "reset", 1);
  await using other = new Session(emulator.tastytrade);
  assert((await other.accessToken()).length > 0);
  emulator.injectFault(TOKEN_ROUTE, "reset", 1);
  await using impatient = new Session({ ...emulator.tastytrade, retry: false });
  await assertRejects(() => impatient.accessToken(), NetworkError);
});

Deno.test("await new AutoRefreshSession() waits until it is signed in, and rejects if it cannot be", async () => {
  await using emulator = await startEmulator();
  await using session = await new AutoRefreshSession(emulator.tastytrade);
  assert(session instanceof AutoRefreshSession);
  assert(session.isLoggedIn);
  assertStrictEquals(await session, session); // as any value, from then on
  assertStrictEquals(await Promise.resolve(session), session);

  using clock = new FakeClock({ timers: true });
  emulator.revokeGrant();
  const refused = new AutoRefreshSession(emulator.tastytrade);
  await assertRejects(async () => void await refused, TokenError);
  await assertRejects(() => refused.get("/customers/me"), SessionClosedError);
  const closed = new AutoRefreshSession(emulator.tastytrade);
  closed[Symbol.dispose]();
  await assertRejects(async () => void await closed, SessionClosedError);
  await quiet(clock); // the first session shares the refresh token, so the last request may end
  assertEquals(clock.armed, 0);
});

Deno.test("A session that has had a token is handed on as it is, whatever the sign-in says by then", async () => {
  await using emulator = await startEmulator();
  await using session = new AutoRefreshSession({ ...emulator.tastytrade, retry: false });
  await session.get("/customers/me"); // nobody has awaited the session itself
  emulator.revokeAccessTokens();
  emulator.injectFault(TOKEN_ROUTE, tastytradeFaults.badGateway, Infinity);
  await assertRejects(() => session.get("/customers/me"));
  const handOn = () => Promise.resolve(session);
  assertStrictEquals(await handOn(), session);
  emulator.clearFaults();
  using clock = new FakeClock();
  clock.advance(60_000);
  await session.get("/customers/me");
});

Deno.test("new AutoRefreshSession() alone waits for nothing, and complains of nothing", async () => {
  await using emulator = await startEmulator();
  emulator.revokeGrant();
  {
    await using session = new AutoRefreshSession(emulator.tastytrade);
    assertFalse(session.isLoggedIn);
    await idle();
  }
  await idle(); // an unhandled rejection would end the test
});
