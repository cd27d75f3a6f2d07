import { assert, assertEquals, assertGreaterOrEqual, assertLessOrEqual } from "@std/assert";
import { AutoRefreshSession, Session } from "../../mod.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { idle } from "../support/idle.ts";
import { HeldAnswers } from "../scenarios/fixtures.ts";
import { Fleet, refusal } from "./stored_grant_fixtures.ts";

Deno.test("The intent of a killed process is taken over after it was seen unchanged for 20 seconds", async () => {
  using clock = new FakeClock({ timers: true });
  const fleet = new Fleet(clock);
  await fleet.startAndKill();
  await using session = fleet.start();
  const ms = await fleet.time(session.refresh());
  assertGreaterOrEqual(ms, 20_000);
  assertLessOrEqual(ms, 21_100); // the last look is at most a second later
  assertEquals(await fleet.broker.refreshTokens(), ["refresh-0", "refresh-0"]);
});

Deno.test("Of many that watch a killed process, one takes over", async () => {
  using clock = new FakeClock({ timers: true });
  const fleet = new Fleet(clock);
  await fleet.startAndKill();
  const sessions = Array.from({ length: 8 }, () => fleet.start());
  await fleet.time(Promise.all(sessions.map((session) => session.refresh())));
  assertEquals(fleet.broker.tokenRequests, 2);
  await Promise.all(sessions.map((session) => session.close()));
});

Deno.test("Nobody takes over while its own token can be used, and then no request waits", async () => {
  using clock = new FakeClock({ timers: true });
  const fleet = new Fleet(clock);
  await using session = fleet.start();
  await session.refresh(); // for 900 s
  clock.advance(800_000);
  fleet.store.edit({ id: "killed", intent: { holder: "another", since: "now" } });
  let calls = 0;
  for (let s = 0; s < 85; s++) {
    await session.get("/a"); // the refresh waits behind
    calls += 1;
    await fleet.until(() => true);
    clock.advance(1_000);
  }
  assertEquals(fleet.broker.tokens, Array(calls).fill("access-1"));
  assertEquals(fleet.broker.tokenRequests, 1);
  await fleet.until(() => fleet.broker.tokenRequests === 2); // in the last ten seconds
  assertEquals(await fleet.time(session.get("/a")), 0);
  assertEquals(fleet.broker.tokens.at(-1), "access-2");
});

Deno.test("The intent of a killed process is taken over soon where the refresh token does not rotate", async () => {
  using clock = new FakeClock({ timers: true });
  const fleet = new Fleet(clock);
  fleet.broker.isRotating = false;
  await using first = fleet.start();
  await first.refresh();
  clock.advance(900_000);
  await fleet.startAndKill();
  const ms = await fleet.time(first.refresh());
  assertGreaterOrEqual(ms, 5_000);
  assertLessOrEqual(ms, 6_100);
});

Deno.test("Sleep of the machine is no reason to take over", async () => {
  for (const sleep of ["sleep", "sleepMonotonic"] as const) {
    using clock = new FakeClock({ timers: true });
    const fleet = new Fleet(clock);
    const answers = new HeldAnswers();
    fleet.broker.lifetimeS = 86_400;
    fleet.broker.onTokenRequest = () => answers.hold();
    await using holder = fleet.start();
    const held = holder.accessToken();
    while (fleet.broker.tokenRequests === 0) await idle();
    await using other = fleet.start();
    const waiting = other.accessToken({ timeoutMs: 4_000_000 });
    await fleet.until(() => fleet.store.log.length > 5, 10);
    clock[sleep](3_600_000);
    const { length } = fleet.store.log;
    await fleet.until(() => fleet.store.log.length > length, 300); // the other has looked again
    assertEquals(fleet.broker.tokenRequests, 1);
    answers.give(fleet.broker.issue());
    await fleet.time(Promise.all([held, waiting]));
    assertEquals(fleet.broker.tokenRequests, 1);
  }
});

Deno.test("A store that fails now and then does not make the watch begin anew", async () => {
  using clock = new FakeClock({ timers: true });
  const fleet = new Fleet(clock);
  await fleet.startAndKill();
  const startedAt = performance.now();
  let reads = 0;
  fleet.store.faults.get = () =>
    ++reads % 15 === 0 ? Promise.reject(new Error("busy")) : Promise.resolve();
  await using session = await startPatiently(fleet);
  assertLessOrEqual(performance.now() - startedAt, 180_000);
  assert(session.isLoggedIn);
});

/** A session that tries again whenever its store fails. */
async function startPatiently(fleet: Fleet): Promise<Session> {
  const session = new AutoRefreshSession({ ...fleet.broker.options, store: fleet.store });
  await fleet.until(() => session.isLoggedIn);
  return session;
}

Deno.test("A holder that was stopped before it sends the refresh token declares its intent anew", async () => {
  for (const stop of ["monotonic", "wall"] as const) {
    using clock = new FakeClock({ timers: true });
    const fleet = new Fleet(clock);
    await using session = fleet.start();
    let intents = 0;
    fleet.store.faults.intent = () => {
      intents += 1;
      if (intents === 1 && stop === "wall") clock.sleep(60_000);
      if (intents === 1 && stop === "monotonic") clock.sleepMonotonic(3_001);
      return Promise.resolve();
    };
    await fleet.time(session.refresh());
    assertEquals([intents, fleet.broker.tokenRequests], [2, 1]);
  }
});

Deno.test("A holder that was stopped finds that another has taken over, and sends nothing", async () => {
  using clock = new FakeClock({ timers: true });
  const fleet = new Fleet(clock);
  await using session = fleet.start();
  const { compareAndSet } = fleet.store;
  let isFirst = true;
  fleet.store.compareAndSet = async (key, before, after) => {
    const isDone = await compareAndSet.call(fleet.store, key, before, after);
    if (isFirst) {
      isFirst = false;
      clock.sleepMonotonic(60_000);
      fleet.store.edit({ id: "taken", intent: { holder: "another", since: "now" } });
    }
    return isDone;
  };
  const refreshing = session.refresh();
  await fleet.until(() => fleet.store.log.length > 5);
  assertEquals(fleet.broker.tokenRequests, 0);
  fleet.store.edit({
    id: "done",
    generation: 1,
    refreshToken: "refresh-1",
    intent: undefined,
    token: {
      accessToken: "access-of-another",
      obtainedAt: new Date().toISOString(),
      expiresAt: new Date(Date.now() + 900_000).toISOString(),
    },
  });
  await fleet.time(refreshing);
  assertEquals(await session.accessToken(), "access-of-another");
  assertEquals(fleet.broker.tokenRequests, 0);
});

Deno.test("A holder that saves after it was taken over brings its tokens to the one that was refused", async () => {
  using clock = new FakeClock({ timers: true });
  const fleet = new Fleet(clock);
  const answers = new HeldAnswers();
  fleet.broker.onTokenRequest = () => answers.hold();
  await using holder = fleet.start();
  const saving = Promise.withResolvers<void>();
  fleet.store.faults.tokens = () => saving.promise;
  const held = holder.accessToken();
  await fleet.until(() => fleet.broker.tokenRequests === 1);
  const issued = fleet.broker.issue();
  await using taker = fleet.start();
  const taken = taker.accessToken({ timeoutMs: 60_000 });
  await fleet.until(() => fleet.store.log.length > 5, 10);
  answers.give(issued);
  await idle();
  // The save does not land until another has taken over and was refused.
  fleet.broker.onTokenRequest = async () => {
    saving.resolve();
    await fleet.until(() => fleet.store.record.generation === 1);
    return refusal();
  };
  await fleet.time(taken);
  assertEquals([await taken, await held], ["access-1", "access-1"]);
  assertEquals(fleet.store.record.refreshToken, "refresh-1");
});

Deno.test("Of a holder and the one that took over, the first to save wins, and both use that", async () => {
  using clock = new FakeClock({ timers: true });
  const fleet = new Fleet(clock);
  const answers = new HeldAnswers();
  await using holder = fleet.start();
  await using taker = fleet.start();
  fleet.broker.onTokenRequest = () => answers.hold();
  const held = holder.accessToken();
  await fleet.until(() => fleet.broker.tokenRequests === 1);
  fleet.store.edit({ id: "taken", intent: { holder: "another", since: "now" } });
  answers.give(fleet.broker.issue());
  await fleet.time(held);
  assertEquals([fleet.store.record.generation, fleet.store.record.refreshToken], [1, "refresh-1"]);
  assertEquals(await taker.accessToken(), "access-1");
});

Deno.test("What the request of a disposed session brings is used by the others of its process", async () => {
  using clock = new FakeClock({ timers: true });
  const fleet = new Fleet(clock);
  const options = { ...fleet.broker.options, store: fleet.store };
  const answers = new HeldAnswers();
  fleet.broker.onTokenRequest = () => answers.hold();
  await using other = new Session(options);
  const first = new Session(options);
  const refreshing = first.refresh().catch(() => {});
  await fleet.until(() => fleet.broker.tokenRequests === 1);
  first[Symbol.dispose]();
  await refreshing;
  answers.give(fleet.broker.issue());
  fleet.broker.onTokenRequest = () => fleet.broker.issue();
  await fleet.time(other.refresh());
  assertEquals(await fleet.broker.refreshTokens(), ["refresh-0", "refresh-1"]);
  assertEquals(fleet.store.record.refreshToken, "refresh-2");
});

Deno.test("revoke() takes over from a killed process too", async () => {
  using clock = new FakeClock({ timers: true });
  const fleet = new Fleet(clock);
  await fleet.startAndKill();
  const { fetch } = fleet.broker;
  let revocations = 0;
  await using session = fleet.start({
    fetch: (input: RequestInfo | URL, init?: RequestInit) => {
      if (!String(input).endsWith("/oauth/revoke")) return fetch(input, init);
      revocations += 1;
      return Promise.resolve(new Response("", { status: 503 }));
    },
  });
  const revoking = session.revoke({ timeoutMs: 60_000 }).catch((error: unknown) => error);
  const ms = await fleet.time(revoking);
  assertGreaterOrEqual(ms, 20_000);
  assertEquals(revocations, 1);
  // It has failed, and others may refresh.
  assertEquals([fleet.store.record.intent, fleet.store.record.failure], [undefined, undefined]);
});
