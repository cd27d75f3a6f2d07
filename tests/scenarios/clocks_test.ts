import {
  assert,
  assertEquals,
  assertFalse,
  assertGreater,
  assertLess,
  assertLessOrEqual,
} from "@std/assert";
import { AutoRefreshSession, Session } from "../../mod.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { quiet, settle } from "../support/idle.ts";
import { ScriptedBroker, signedIn } from "../support/scripted_broker.ts";

Deno.test("A token of 60 or of 5 seconds serves ten calls in one second", async () => {
  for (const lifetimeS of [60, 5]) {
    using clock = new FakeClock();
    const broker = new ScriptedBroker();
    broker.lifetimeS = lifetimeS;
    await using session = new Session(broker.options);
    for (let call = 0; call < 10; call++) {
      await session.get("/a");
      clock.advance(100);
    }
    assertEquals(broker.tokenRequests, 1, String(lifetimeS));
  }
});

Deno.test("A token of one second serves everyone who waited for it, also when it took two to come", async () => {
  using clock = new FakeClock();
  const broker = new ScriptedBroker();
  broker.lifetimeS = 1;
  broker.onTokenRequest = () => {
    clock.advance(2_000);
    return broker.issue();
  };
  await using session = new Session(broker.options);
  for (let round = 1; round <= 5; round++) {
    await Promise.all(Array.from({ length: 100 }, () => session.get("/a")));
    assertEquals(broker.tokenRequests, round);
    assertEquals(broker.tokens.slice(-100), Array(100).fill(`access-${round}`));
  }
});

Deno.test("A token of one second is refreshed in the background without a storm", async () => {
  using clock = new FakeClock({ timers: true });
  const broker = new ScriptedBroker();
  broker.lifetimeS = 1;
  await using session = await AutoRefreshSession.start(broker.options);
  for (let ms = 0; ms < 20_000; ms += 10) {
    await settle();
    assertLessOrEqual(clock.armed, 1);
    clock.advance(10);
  }
  assert(session.isLoggedIn);
  assertLess(broker.tokenRequests, 30);
});

Deno.test("A token of 30 or of 400 days arms no timer that fires at once", async () => {
  for (const days of [30, 400]) {
    using clock = new FakeClock({ timers: true });
    const delays: number[] = [];
    const arm = globalThis.setTimeout; // the clock's, which it puts back
    globalThis.setTimeout = ((callback: () => void, delayMs: number) => {
      delays.push(delayMs);
      return arm(callback, delayMs);
    }) as typeof setTimeout;
    const broker = new ScriptedBroker();
    broker.lifetimeS = days * 86_400;
    await using session = await AutoRefreshSession.start(broker.options);
    await settle();
    clock.advance(1_000);
    await settle();
    assertEquals(broker.tokenRequests, 1);
    assert(session.isLoggedIn);
    // Beyond it, setTimeout fires at once: the fake one would not.
    for (const delayMs of delays) assertLess(delayMs, 2 ** 31);
    assertGreater(delays.at(-1) ?? 0, 1_000);
  }
});

Deno.test("The first call after the clock was set, or after the machine slept, is sent with a new token", async () => {
  for (
    const jump of [
      (clock: FakeClock) => clock.setWall(Date.now() + 3_600_000),
      (clock: FakeClock) => clock.sleep(7_200_000),
    ]
  ) {
    using clock = new FakeClock();
    const broker = new ScriptedBroker();
    await using session = await signedIn(broker);
    await session.get("/a");
    jump(clock);
    await Promise.all([session.get("/a"), session.get("/a")]);
    assertEquals(broker.tokens, ["access-1", "access-2", "access-2"]);
    assertEquals(broker.tokenRequests, 2);
  }
});

Deno.test("AutoRefreshSession survives 90 seconds without a network after a sleep, and is back within 30 seconds of it", async () => {
  using clock = new FakeClock({ timers: true });
  const broker = new ScriptedBroker();
  await using session = await AutoRefreshSession.start(broker.options);
  await quiet(clock);
  clock.sleep(7_200_000);
  broker.onTokenRequest = () => {
    const cause = Object.assign(new Error("getaddrinfo ENOTFOUND"), { code: "ENOTFOUND" });
    return Promise.reject(new TypeError("fetch failed", { cause }));
  };
  for (let s = 0; s < 120; s++) { // the first 30 until it notices
    clock.advance(1_000);
    await settle();
    assertEquals(clock.armed, 1);
  }
  assertFalse(session.isLoggedIn);
  assertGreater(broker.tokenRequests, 3);
  assertLess(broker.tokenRequests, 90);
  broker.onTokenRequest = () => broker.issue();
  for (let s = 0; s < 31 && !session.isLoggedIn; s++) {
    clock.advance(1_000);
    await settle();
  }
  assert(session.isLoggedIn);
});

Deno.test("A token that expires on the way to the broker is replaced, and the call succeeds", async () => {
  using clock = new FakeClock();
  const broker = new ScriptedBroker();
  await using session = await signedIn(broker);
  broker.lifetimeS = 100_000;
  clock.advance(889_000);
  broker.onRequest = ({ token }) => {
    clock.advance(12_000); // longer than the last ten seconds, in which it would have waited
    return token === "access-1" ? new Response("", { status: 401 }) : new Response("{}");
  };
  await session.get("/a");
  assertEquals(broker.tokens, ["access-1", "access-2"]);
  assertEquals(broker.tokenRequests, 2);
});
