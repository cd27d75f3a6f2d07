import {
  assert,
  assertEquals,
  assertExists,
  assertFalse,
  assertInstanceOf,
  assertLessOrEqual,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { AutoRefreshSession, NetworkError, Session, TokenError } from "../../mod.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { settle } from "../support/idle.ts";
import { MemoryStore } from "../support/memory_store.ts";
import { hang, hangInBody, ScriptedBroker, signedIn } from "../support/scripted_broker.ts";
import { failureOf } from "./fixtures.ts";

Deno.test("Every call succeeds with the old token while the token endpoint is not working, which is asked with pauses", async () => {
  using clock = new FakeClock();
  const broker = new ScriptedBroker();
  await using session = await signedIn(broker);
  clock.advance(860_000); // it has 40 seconds left
  const askedAt: number[] = [];
  broker.onTokenRequest = () => {
    askedAt.push(performance.now());
    return askedAt.length <= 3 ? new Response("", { status: 503 }) : broker.issue();
  };
  for (let ms = 0; ms < 29_000; ms += 100) {
    await session.get("/a");
    clock.advance(100);
    await settle();
  }
  assertEquals(new Set(broker.tokens), new Set(["access-1", "access-2"])); // and none failed
  // Full jitter: the pauses are at most 1, 2 and 4 s, so no more than that, and not all at once.
  assertEquals(askedAt.length, 4);
  for (const [i, limitMs] of [1_000, 2_000, 4_000].entries()) {
    assertLessOrEqual((askedAt[i + 1] ?? Infinity) - (askedAt[i] ?? 0), limitMs + 100);
  }

  // The success is the end of the pauses: the next failure is a first one.
  broker.onTokenRequest = () => new Response("", { status: 503 });
  await assertRejects(() => session.refresh({ force: true }), TokenError);
  broker.onTokenRequest = () => broker.issue();
  clock.advance(1_000);
  await session.refresh({ force: true });
});

Deno.test("Calls without a token wait for a silent endpoint for their own time, or ten seconds, and then fail at once", async () => {
  using clock = new FakeClock({ timers: true });
  const broker = new ScriptedBroker();
  broker.onTokenRequest = hang;
  await using session = new Session(broker.options);
  const [hasty, patient] = [
    failureOf(session.get("/a", { timeoutMs: 500 })),
    failureOf(session.get("/a")),
  ];
  clock.advance(500);
  const early = await hasty;
  assertInstanceOf(early, NetworkError);
  assertEquals([early.kind, early.outcome], ["timeout", "not_processed"]);
  assertMatch(early.message, /\/a: no access token \(timeout\)\. The request was not sent$/);
  clock.advance(9_500);
  const late = await patient;
  assertInstanceOf(late, NetworkError);
  assertEquals([late.kind, late.outcome], ["timeout", "not_processed"]);
  assertEquals(broker.tokenRequests, 1);
  assertEquals(clock.holding, 0);

  // Whatever the jitter made of the pause, some of it is left in the first tick.
  for (let i = 0; i < 100; i++) await assertRejects(() => session.get("/a"), NetworkError);
  assertEquals([broker.tokenRequests, broker.requests.length], [1, 0]);
  assertEquals(clock.holding, 0); // nobody had to wait
});

Deno.test("Nothing asks an endpoint before the time that it named is over: no call, no force, no 401 and no background", async () => {
  using clock = new FakeClock({ timers: true });
  const broker = new ScriptedBroker();
  await using session = await AutoRefreshSession.start({ ...broker.options, retry: false });
  await settle();
  broker.onTokenRequest = () =>
    new Response("{}", { status: 429, headers: { "retry-after": "30" } });
  const limited = await failureOf(session.refresh({ force: true }));
  assertInstanceOf(limited, TokenError);
  assertEquals([limited.status, limited.retryAfterMs, limited.isPermanent], [429, 30_000, false]);
  broker.onTokenRequest = () => broker.issue();
  await session.get("/a"); // the token held is good
  broker.onRequest = ({ token }) =>
    token === "access-1" ? new Response("", { status: 401 }) : new Response("{}");
  for (let ms = 0; ms < 29_900; ms += 100) {
    clock.advance(100);
    for (
      const call of [
        () => session.get("/a"),
        () => session.refresh({ force: true }),
        () => session.refresh(),
        () => session.accessToken(),
      ]
    ) {
      const error = await failureOf(call());
      assert(error instanceof TokenError && error.retryAfterMs === 30_000);
    }
  }
  assertEquals(broker.tokenRequests, 2);
  clock.advance(100);
  await session.get("/a");
  assertEquals(broker.tokenRequests, 3);
});

Deno.test("A grant that is refused permanently is not asked for again, and the stored tokens stay", async () => {
  using clock = new FakeClock({ timers: true });
  const broker = new ScriptedBroker();
  const store = new MemoryStore();
  const session = await AutoRefreshSession.start({ ...broker.options, store });
  await settle();
  const { token, refreshToken } = store.record;
  assertExists(token);
  broker.onTokenRequest = () => Response.json({ error: "invalid_grant" }, { status: 403 });
  for (let i = 0; i < 3; i++) {
    const error = await failureOf(session.refresh({ force: true }));
    assert(error instanceof TokenError && error.isPermanent && error.code === "invalid_grant");
  }
  clock.advance(86_400_000);
  await settle();
  assertInstanceOf(await failureOf(session.get("/a")), TokenError);
  assertEquals([broker.tokenRequests, clock.armed], [2, 1]); // the one that ends requests
  assertEquals([store.record.token, store.record.refreshToken], [token, refreshToken]);
  await session.close();

  // A new session is how a new login goes on.
  broker.onTokenRequest = () => broker.issue();
  await using next = new Session({ ...broker.options, refreshToken: "another", store });
  await next.get("/a");
  assertEquals((await broker.refreshTokens()).at(-1), "another");
});

Deno.test("A wrong client is told by its code, stops the background and is not asked for again", async () => {
  for (const code of ["invalid_client", "unauthorized_client"]) {
    using clock = new FakeClock({ timers: true });
    const broker = new ScriptedBroker();
    broker.onTokenRequest = () => Response.json({ error: code }, { status: 401 });
    await using session = new AutoRefreshSession(broker.options);
    await settle();
    clock.advance(3_600_000);
    await settle();
    const error = await failureOf(session.get("/a"));
    assert(error instanceof TokenError && error.isPermanent);
    assertStringIncludes(error.message, code);
    for (const secret of ["a-client-secret", "refresh-0"]) {
      assertFalse(error.message.includes(secret));
    }
    assertEquals([broker.tokenRequests, clock.armed], [1, 1]); // the one that ends requests
  }
});

Deno.test("A token endpoint that hangs before or in its response costs ten seconds, and the next call asks again", async () => {
  for (const silence of [hang, (init: RequestInit) => hangInBody(init, '{"access_token":')]) {
    using clock = new FakeClock({ timers: true });
    const broker = new ScriptedBroker();
    await using session = new Session(broker.options);
    broker.onTokenRequest = silence;
    const calls = Array.from({ length: 50 }, () => failureOf(session.get("/a")));
    await settle();
    clock.advance(10_000);
    for (const error of await Promise.all(calls)) assertInstanceOf(error, NetworkError);
    assertEquals([broker.tokenRequests, clock.holding], [1, 0]);
    broker.onTokenRequest = () => broker.issue();
    clock.advance(1_000);
    await session.get("/a");
    assertEquals(broker.tokenRequests, 2);
  }
});

Deno.test("A token request that broke off is not sent again by itself, but by the next caller after the pause", async () => {
  using clock = new FakeClock({ timers: true });
  const broker = new ScriptedBroker();
  broker.isRotating = true;
  await using session = await signedIn(broker, { retry: false });
  broker.onTokenRequest = () => {
    const cause = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
    return Promise.reject(new TypeError("fetch failed", { cause }));
  };
  await assertRejects(() => session.refresh({ force: true }), NetworkError);
  clock.advance(60_000);
  await settle();
  assertEquals(await broker.refreshTokens(), ["refresh-0", "refresh-1"]);
  broker.onTokenRequest = () => broker.issue();
  await session.refresh({ force: true });
  assertEquals(await broker.refreshTokens(), ["refresh-0", "refresh-1", "refresh-1"]);
});

Deno.test("The same access token again, with a shorter life, is taken with that life", async () => {
  for (const store of [undefined, new MemoryStore()]) {
    using clock = new FakeClock();
    const broker = new ScriptedBroker();
    const until = Date.now() + 900_000;
    broker.onTokenRequest = () => {
      const left = Math.floor((until - Date.now()) / 1_000);
      // A cache in front of the endpoint: the same token until it is gone.
      return left > 10
        ? broker.issue({ "access_token": "cached", "expires_in": left })
        : broker.issue();
    };
    await using session = new Session({ ...broker.options, store });
    await session.get("/a");
    clock.advance(600_000);
    await session.refresh({ force: true });
    assertEquals((session.expiresAt?.getTime() ?? 0) - Date.now(), 300_000);
    for (let i = 0; i < 10; i++) await session.get("/a");
    assertEquals(broker.tokenRequests, 2);
    clock.advance(300_000);
    await session.get("/a");
    assertFalse(broker.tokens.at(-1) === "cached");
    assertEquals(broker.tokenRequests, 3);
  }
});
