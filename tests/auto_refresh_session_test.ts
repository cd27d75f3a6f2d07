import {
  assert,
  assertEquals,
  assertFalse,
  assertGreater,
  assertLess,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import {
  AutoRefreshSession,
  CredentialsError,
  NetworkError,
  Session,
  SessionClosedError,
  tastytrade,
  TokenError,
  tradestation,
} from "../mod.ts";
import { type Emulator, startEmulator, tastytradeFaults } from "../src/emulator/emulator.ts";
import { Random } from "./support/random.ts";
import { FakeClock } from "./support/fake_clock.ts";
import { idle, quiet } from "./support/idle.ts";
import { run, RUNTIMES } from "./support/runtimes.ts";

const TOKEN_ROUTE = "POST /oauth/token";

const BROKERS = [
  {
    name: "tastytrade",
    path: "/customers/me",
    options: (emulator: Emulator) => emulator.tastytrade,
  },
  {
    name: "TradeStation",
    path: "/brokerage/accounts",
    options: (emulator: Emulator) => ({ broker: tradestation, ...emulator.tradestation }),
  },
] as const;

for (const { name, path, options } of BROKERS) {
  Deno.test(`AutoRefreshSession signs in at once, at ${name}`, async () => {
    await using emulator = await startEmulator();
    using clock = new FakeClock({ timers: true });
    await using session = new AutoRefreshSession(options(emulator));
    await quiet(clock);
    assert(session.isLoggedIn);
  });

  Deno.test(`AutoRefreshSession.start() resolves with the first token, at ${name}`, async () => {
    await using emulator = await startEmulator();
    await using session = await AutoRefreshSession.start(options(emulator));
    assert(session instanceof AutoRefreshSession);
    assert(session.isLoggedIn);
    assertEquals(emulator.count(TOKEN_ROUTE), 1);
  });

  Deno.test(`AutoRefreshSession never makes a request wait and never sees a 401 in 200 renewals, at ${name}`, async () => {
    await using emulator = await startEmulator();
    emulator.tokenLifetimeS = 2;
    using clock = new FakeClock({ timers: true });
    await using session = await AutoRefreshSession.start(options(emulator));
    const random = new Random(200);
    let renewed = 1;
    while (renewed <= 200) {
      clock.advance(random.between(20, 150)); // the renewal has 160 ms and more before it is late
      // More than the hard window, 10 % of 2 s: so the request goes out in this tick.
      assertGreater(session.expiresAt?.getTime() ?? 0, Date.now() + 200);
      const before = emulator.requests.length;
      await session.get(path);
      const [first] = emulator.requests.slice(before).filter((one) => one.method === "GET");
      assertEquals(first?.status, 200);
      if (emulator.count(TOKEN_ROUTE) > renewed) {
        await session.refresh(); // joins the renewal that runs: the clock stood still for it
        renewed = emulator.count(TOKEN_ROUTE);
      }
    }
    assertEquals(emulator.requests.filter(({ status }) => status === 401), []);
    await session.close();
    assertEquals(clock.armed, 0);
  });
}

Deno.test("AutoRefreshSession renews without traffic, before the token is stale, one timer at a time", async () => {
  await using emulator = await startEmulator();
  using clock = new FakeClock({ timers: true });
  await using session = await AutoRefreshSession.start(emulator.tastytrade);
  await quiet(clock);
  for (let tokens = 1; tokens <= 5; tokens++) {
    assertEquals(emulator.count(TOKEN_ROUTE), tokens);
    for (let s = 0; s < 900 && emulator.count(TOKEN_ROUTE) === tokens; s += 10) {
      assertEquals(clock.armed, 1);
      assert(session.isLoggedIn);
      clock.advance(10_000);
      await quiet(clock);
    }
    // In the last 120 s ± 10 % of 900.
    assertGreater(session.expiresAt?.getTime() ?? 0, Date.now() + 889_000);
  }
});

Deno.test("AutoRefreshSession renews a token of 20 seconds in time, without traffic", async () => {
  await using emulator = await startEmulator();
  emulator.tokenLifetimeS = 20;
  using clock = new FakeClock({ timers: true });
  await using session = await AutoRefreshSession.start(emulator.tastytrade);
  for (let s = 0; s < 300; s++) {
    await quiet(clock);
    // Never in the hard window, the last 10 %.
    assertGreater(session.expiresAt?.getTime() ?? 0, Date.now() + 2_000);
    clock.advance(1_000);
  }
});

Deno.test("AutoRefreshSession goes on after an outage, with pauses", async () => {
  await using emulator = await startEmulator();
  using clock = new FakeClock({ timers: true });
  await using session = await AutoRefreshSession.start(emulator.tastytrade);
  emulator.injectFault(TOKEN_ROUTE, tastytradeFaults.badGateway, Infinity);
  for (let s = 0; s < 3_600; s += 10) {
    clock.advance(10_000);
    await quiet(clock);
  }
  assertFalse(session.isLoggedIn);
  assertEquals(clock.armed, 1);
  assertLess(emulator.count(TOKEN_ROUTE), 1 + 3_600 / 5); // pauses of 15 s on average
  emulator.clearFaults();
  for (let s = 0; s < 60 && !session.isLoggedIn; s += 10) {
    clock.advance(10_000);
    await quiet(clock);
  }
  assert(session.isLoggedIn);
});

Deno.test("AutoRefreshSession notices within 30 seconds that the machine slept or a clock was set", async () => {
  await using emulator = await startEmulator();
  using clock = new FakeClock({ timers: true });
  await using session = await AutoRefreshSession.start(emulator.tastytrade);
  for (const jump of [() => clock.sleep(7_200_000), () => clock.setWall(Date.now() + 86_400_000)]) {
    const before = emulator.count(TOKEN_ROUTE);
    jump();
    assertFalse(session.isLoggedIn);
    clock.advance(30_000);
    await quiet(clock);
    assert(session.isLoggedIn);
    assertEquals(emulator.count(TOKEN_ROUTE), before + 1);
  }
  clock.setWall(Date.now() - 86_400_000);
  clock.advance(30_000);
  await quiet(clock);
  assert(session.isLoggedIn);
});

Deno.test("AutoRefreshSession keeps a token of 400 days without a storm", async () => {
  await using emulator = await startEmulator();
  emulator.tokenLifetimeS = 400 * 86_400;
  using clock = new FakeClock({ timers: true });
  await using session = await AutoRefreshSession.start(emulator.tastytrade);
  clock.advance(86_400_000); // a timer beyond 24.8 days would have fired at once, again and again
  await idle();
  assertEquals(emulator.count(TOKEN_ROUTE), 1);
  assert(session.isLoggedIn);
});

Deno.test("AutoRefreshSession stops for good when the grant is refused, and says so to the next caller", async () => {
  await using emulator = await startEmulator();
  using clock = new FakeClock({ timers: true });
  await using session = await AutoRefreshSession.start(emulator.tastytrade);
  emulator.revokeGrant();
  for (let s = 0; s < 900; s += 10) {
    clock.advance(10_000);
    await quiet(clock);
  }
  assertEquals(emulator.count(TOKEN_ROUTE), 2);
  assertEquals(clock.armed, 0);
  const error = await assertRejects(() => session.get("/customers/me"), TokenError);
  assert(error.isPermanent);
  assertEquals(emulator.count(TOKEN_ROUTE), 2);
});

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

Deno.test("AutoRefreshSession closes in the middle of a renewal", async () => {
  await using emulator = await startEmulator();
  using clock = new FakeClock({ timers: true });
  emulator.latencyMs = 20;
  const session = new AutoRefreshSession(emulator.tastytrade);
  while (emulator.count(TOKEN_ROUTE) === 0) await idle();
  await session.close();
  await idle();
  assertEquals(clock.armed, 0);
});

for (const runtime of RUNTIMES) {
  Deno.test(`AutoRefreshSession keeps no process alive, on ${runtime.name}`, async () => {
    await using emulator = await startEmulator();
    const { code, stdout, stderr } = await run(runtime, [
      "tests/support/background_process.ts",
      JSON.stringify(emulator.tastytrade),
    ]);
    assertEquals(code, 0, stderr);
    // The program says when its work is done, and how long after that it still was there.
    assertLess(Number(stdout), 50, stdout);
  });
}

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
