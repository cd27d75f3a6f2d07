import {
  assert,
  assertEquals,
  assertLessOrEqual,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { AutoRefreshSession, Session, SessionClosedError } from "../../mod.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { HeldAnswers } from "../scenarios/fixtures.ts";
import { Fleet, refusal, tokenErrorOf } from "./stored_grant_fixtures.ts";

Deno.test("Twenty processes make one token request, though all ask at once and again when it is refused", async () => {
  using clock = new FakeClock({ timers: true });
  const fleet = new Fleet(clock);
  const sessions = Array.from({ length: 20 }, () => fleet.start());
  for (let round = 1; round <= 3; round++) {
    const tokens = Promise.all(sessions.map(async (session) => {
      await session.refresh({ force: true });
      return await session.accessToken();
    }));
    await fleet.time(tokens);
    assertEquals(new Set(await tokens), new Set([`access-${round}`]));
  }
  assertEquals(await fleet.broker.refreshTokens(), ["refresh-0", "refresh-1", "refresh-2"]);
  await Promise.all(sessions.map((session) => session.close()));
});

Deno.test("Processes that wait are told how the refresh failed, and ask by themselves only later", async () => {
  using clock = new FakeClock({ timers: true });
  const fleet = new Fleet(clock);
  const answers = new HeldAnswers();
  fleet.broker.onTokenRequest = () => answers.hold();
  const sessions = Array.from({ length: 10 }, () => fleet.start({ retry: false }));
  const errors = sessions.map((session) => tokenErrorOf(session.refresh()));
  await fleet.until(() => fleet.broker.tokenRequests === 1);
  await fleet.until(() => fleet.store.log.length > 80, 100); // each has seen the intent several times
  answers.give(new Response("later", { status: 429, headers: { "retry-after": "7" } }));
  await fleet.time(Promise.all(errors));
  for (const { status, retryAfterMs, isPermanent } of await Promise.all(errors)) {
    assertEquals([status, retryAfterMs, isPermanent], [429, 7_000, false]);
  }
  assertEquals(fleet.broker.tokenRequests, 1);
  // The same failure is not told twice.
  fleet.broker.onTokenRequest = () => fleet.broker.issue();
  clock.advance(7_001);
  await fleet.time(Promise.all(sessions.map((session) => session.refresh())));
  assertEquals(fleet.broker.tokenRequests, 2);
  await Promise.all(sessions.map((session) => session.close()));
});

Deno.test("A lost grant is the same clear error in every process, for one token request", async () => {
  using clock = new FakeClock({ timers: true });
  const fleet = new Fleet(clock);
  const sessions = Array.from({ length: 10 }, () => fleet.start());
  await fleet.time(Promise.all(sessions.map((session) => session.refresh())));
  fleet.broker.onTokenRequest = () => refusal();
  clock.advance(900_000);
  // Some wait for the one that asks; the others come later.
  const early = sessions.slice(0, 5).map((session) => tokenErrorOf(session.get("/a")));
  await fleet.time(Promise.all(early));
  clock.advance(3_600_000);
  const late = sessions.slice(5).map((session) => tokenErrorOf(session.get("/a")));
  await fleet.time(Promise.all(late));
  const messages = new Set<string>();
  for (const error of await Promise.all([...early, ...late])) {
    assertEquals([error.isPermanent, error.code, error.status], [true, "invalid_grant", 403]);
    messages.add(error.message);
  }
  assertEquals(messages.size, 1);
  assertStringIncludes([...messages][0] ?? "", "Log in again");
  assertEquals(fleet.broker.tokenRequests, 2);
  assertEquals(fleet.store.record.refreshToken, "refresh-1"); // nothing is erased
  await Promise.all(sessions.map((session) => session.close()));

  // A program that is started again asks once more, since somebody may have repaired the grant.
  await using restarted = fleet.start();
  fleet.broker.onTokenRequest = () => fleet.broker.issue();
  await restarted.get("/a");
  assertEquals((await fleet.broker.refreshTokens()).at(-1), "refresh-1");
});

Deno.test("What is wrong with one process is not told to the others", async () => {
  using clock = new FakeClock({ timers: true });
  const fleet = new Fleet(clock);
  fleet.broker.onTokenRequest = () => Response.json({ error: "invalid_client" }, { status: 401 });
  await using wrong = fleet.start({ clientSecret: "another-client-secret" });
  assert((await tokenErrorOf(wrong.refresh())).isPermanent);
  assertEquals([fleet.store.record.failure, fleet.store.record.intent], [undefined, undefined]);
  fleet.broker.onTokenRequest = () => Promise.reject(new TypeError("connection refused"));
  await using cutOff = fleet.start({ retry: false });
  await assertRejects(() => cutOff.refresh());
  assertEquals([fleet.store.record.failure, fleet.store.record.intent], [undefined, undefined]);
  fleet.broker.onTokenRequest = () => fleet.broker.issue();
  await using other = fleet.start();
  assertEquals(await other.accessToken(), "access-1");
});

Deno.test("A process that knows newer tokens than the store goes on with those", async () => {
  using clock = new FakeClock({ timers: true });
  const fleet = new Fleet(clock);
  await using session = fleet.start();
  for (let i = 0; i < 3; i++) await session.refresh({ force: true });
  const { texts } = fleet.store;
  texts.clear(); // the engine has lost it
  await session.refresh({ force: true });
  assertEquals([fleet.store.record.generation, fleet.store.record.refreshToken], [4, "refresh-4"]);
  fleet.store.edit({ id: "old", generation: 2, refreshToken: "refresh-2" }); // from a backup
  await session.refresh({ force: true });
  assertEquals(
    await fleet.broker.refreshTokens(),
    [0, 1, 2, 3, 4].map((n) => `refresh-${n}`),
  );
});

Deno.test("A session goes on at once after another of its process was disposed of in the middle", async () => {
  using clock = new FakeClock({ timers: true });
  const fleet = new Fleet(clock);
  const options = { ...fleet.broker.options, store: fleet.store };
  fleet.broker.onTokenRequest = () => new Promise(() => {});
  await using other = new Session(options);
  const first = new Session(options);
  const refreshing = assertRejects(() => first.refresh(), SessionClosedError);
  await fleet.until(() => fleet.broker.tokenRequests === 1);
  first[Symbol.dispose]();
  await refreshing;
  await fleet.until(() => clock.holding === 0, 1_000); // its request ends after ten seconds
  fleet.broker.onTokenRequest = () => fleet.broker.issue();
  assertLessOrEqual(await fleet.time(other.refresh()), 1_000);
});

Deno.test("close() does not wait for another process, and tells the callers", async () => {
  using clock = new FakeClock({ timers: true });
  const fleet = new Fleet(clock);
  await fleet.startAndKill();
  const session = fleet.start();
  const waiting = assertRejects(() => session.accessToken(), SessionClosedError);
  await fleet.until(() => fleet.store.log.length > 5);
  assertEquals(await fleet.time(session.close()), 0);
  await waiting;
  assertEquals(clock.armed, 0);
});

Deno.test("A wait for another process does not keep the process alive", async () => {
  using clock = new FakeClock({ timers: true });
  const fleet = new Fleet(clock);
  await using session = await AutoRefreshSession.start({
    ...fleet.broker.options,
    store: fleet.store,
  });
  fleet.store.edit({ id: "taken", intent: { holder: "another", since: "now" } });
  const before = fleet.store.log.length;
  clock.advance(800_000);
  await fleet.until(() => fleet.store.log.length > before + 5 && clock.holding === 0, 10);
  assertEquals(fleet.broker.tokenRequests, 1);
  assert(session.isLoggedIn);
});

Deno.test("revoke() waits for a refresh of another process, and tells all that the grant is gone", async () => {
  using clock = new FakeClock({ timers: true });
  const fleet = new Fleet(clock);
  const revoked: string[] = [];
  const { fetch } = fleet.broker;
  const options = {
    fetch: async (input: RequestInfo | URL, init?: RequestInit) => {
      if (!String(input).endsWith("/oauth/revoke")) return await fetch(input, init);
      const { body } = init ?? {};
      const form = new URLSearchParams(body instanceof Blob ? await body.text() : String(body));
      revoked.push(form.get("token") ?? "");
      return new Response("", { status: 200 });
    },
  };
  const answers = new HeldAnswers();
  fleet.broker.onTokenRequest = () => answers.hold();
  await using holder = fleet.start();
  const held = holder.accessToken();
  await fleet.until(() => fleet.broker.tokenRequests === 1);
  await using session = fleet.start(options);
  const revoking = session.revoke();
  await fleet.until(() => fleet.store.log.length > 5);
  assertEquals(revoked, []);
  answers.give(fleet.broker.issue());
  await fleet.time(Promise.all([held, revoking]));
  assertEquals(revoked, ["refresh-1"]);
  clock.advance(900_000);
  const error = await tokenErrorOf(holder.get("/a"));
  assertStringIncludes(error.message, "revoke() has revoked the grant. Log in again");
  assertEquals(fleet.broker.tokenRequests, 1);
});

Deno.test("An intent whose write was not confirmed is the process's own when it landed after all", async () => {
  using clock = new FakeClock({ timers: true });
  const fleet = new Fleet(clock);
  await using session = fleet.start({ retry: false });
  const { compareAndSet } = fleet.store;
  let writes = 0;
  fleet.store.compareAndSet = async (...request) => {
    const isDone = await compareAndSet.apply(fleet.store, request);
    writes += 1;
    if (writes === 1) throw new Error("connection reset");
    return isDone;
  };
  await assertRejects(() => session.refresh(), Error, "connection reset");
  assertNotEquals(fleet.store.record.intent, undefined);
  clock.advance(1_000);
  assertEquals(await fleet.time(session.refresh()), 0);
  assertEquals(fleet.broker.tokenRequests, 1);
});
