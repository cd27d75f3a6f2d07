import {
  assert,
  assertEquals,
  assertFalse,
  assertGreater,
  assertLess,
  assertRejects,
} from "@std/assert";
import { AutoRefreshSession, TokenError, tradestation } from "../mod.ts";
import { type Emulator, startEmulator, tastytradeFaults } from "../src/emulator/emulator.ts";
import { Random } from "./support/random.ts";
import { FakeClock } from "./support/fake_clock.ts";
import { idle, quiet } from "./support/idle.ts";
import { TOKEN_ROUTE } from "./support/auto_refresh_fixtures.ts";

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

  Deno.test(`AutoRefreshSession never makes a request wait and never sees a 401 in 200 refreshes, at ${name}`, async () => {
    await using emulator = await startEmulator();
    emulator.tokenLifetimeS = 2;
    using clock = new FakeClock({ timers: true });
    await using session = await AutoRefreshSession.start(options(emulator));
    const random = new Random(200);
    let refreshed = 1;
    while (refreshed <= 200) {
      clock.advance(random.between(20, 150)); // the refresh has 160 ms and more before it is late
      // More than the hard window, 10 % of 2 s: so the request is sent in this tick.
      assertGreater(session.expiresAt?.getTime() ?? 0, Date.now() + 200);
      const before = emulator.requests.length;
      await session.get(path);
      const [first] = emulator.requests.slice(before).filter((one) => one.method === "GET");
      assertEquals(first?.status, 200);
      if (emulator.count(TOKEN_ROUTE) > refreshed) {
        await session.refresh(); // joins the refresh that runs: the clock stood still for it
        refreshed = emulator.count(TOKEN_ROUTE);
      }
    }
    assertEquals(emulator.requests.filter(({ status }) => status === 401), []);
    await session.close();
    assertEquals(clock.armed, 0);
  });
}

Deno.test("AutoRefreshSession refreshes without traffic, before the token is stale, one timer at a time", async () => {
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

Deno.test("AutoRefreshSession refreshes a token of 20 seconds in time, without traffic", async () => {
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

Deno.test("AutoRefreshSession stops permanently when the grant is refused, and says so to the next caller", async () => {
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
