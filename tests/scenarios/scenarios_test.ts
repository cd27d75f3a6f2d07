/**
 * What a session must survive, as far as no other test shows it. `SCENARIOS.md` lists every scenario
 * and the tests that stand for it, here and in the other files.
 */

import {
  assert,
  assertEquals,
  assertFalse,
  assertGreater,
  assertGreaterOrEqual,
  assertInstanceOf,
  assertLess,
  assertLessOrEqual,
  assertMatch,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
} from "@std/assert";
import {
  ApiError,
  AutoRefreshSession,
  type Broker,
  NetworkError,
  Session,
  SessionClosedError,
  tastytrade,
  TokenError,
  tradestation,
} from "../../mod.ts";
import { startEmulator } from "../../src/emulator/emulator.ts";
import { CountedSignal } from "../support/counted_signal.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { collectGarbageUntil, memoryInUse } from "../support/garbage.ts";
import { idle, quiet, settle } from "../support/idle.ts";
import { serve } from "../support/loopback.ts";
import { MemoryStore } from "../support/memory_store.ts";
import { run, RUNTIMES } from "../support/runtimes.ts";
import { hang, hangInBody, ScriptedBroker, signedIn } from "../support/scripted_broker.ts";

const ORDERS = "/orderexecution/orders";

/** What a promise rejects with, or `undefined`. */
function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(() => undefined, (error: unknown) => error);
}

/** Answers that wait until the test gives them, in the order of the requests. */
class HeldAnswers {
  readonly #waiting: PromiseWithResolvers<Response>[] = [];

  hold(): Promise<Response> {
    const answer = Promise.withResolvers<Response>();
    this.#waiting.push(answer);
    return answer.promise;
  }

  give(response: Response): void {
    this.#waiting.shift()?.resolve(response);
  }
}

// A. Collapse

Deno.test("1,000 calls in the last seconds of a token make one token request, and all go out with the new token", async () => {
  using clock = new FakeClock();
  const broker = new ScriptedBroker();
  await using session = await signedIn(broker);
  clock.advance(890_001);
  await Promise.all(Array.from({ length: 1_000 }, () => session.get("/a")));
  assertEquals(broker.tokenRequests, 2);
  assertEquals(broker.tokens, Array(1_000).fill("access-2"));
});

Deno.test("1,000 calls with an ageing token go out in the tick in which they are made, and one token request runs behind them", async () => {
  using clock = new FakeClock();
  const broker = new ScriptedBroker();
  const tokenAnswers = new HeldAnswers();
  await using session = await signedIn(broker);
  broker.onTokenRequest = () => tokenAnswers.hold();
  clock.advance(800_000);
  const calls = Array.from({ length: 1_000 }, () => session.get("/a"));
  assertEquals(broker.requests.length, 1_000); // nothing was awaited since: they were not held up
  await Promise.all(calls); // and they come back while the token request is still open
  assertEquals(broker.tokens, Array(1_000).fill("access-1"));
  assertEquals(broker.tokenRequests, 2);
  tokenAnswers.give(broker.issue());
  await settle();
  await session.get("/a");
  assertEquals(broker.tokens.at(-1), "access-2");
  assertEquals(broker.tokenRequests, 2);
});

Deno.test("A forced renewal joins the one that runs, and makes one of its own after it", async () => {
  const broker = new ScriptedBroker();
  const answers = new HeldAnswers();
  broker.onTokenRequest = () => answers.hold();
  await using session = new Session(broker.options);
  const lazy = session.get("/a");
  const forced = Array.from({ length: 50 }, () => session.refresh({ force: true }));
  answers.give(broker.issue());
  await Promise.all([lazy, ...forced]);
  assertEquals(broker.tokenRequests, 1);
  const later = session.refresh({ force: true });
  answers.give(broker.issue());
  await later;
  assertEquals(broker.tokenRequests, 2);
});

Deno.test("200 calls that wait for a renewal that fails get an error each, and the next call asks anew", async () => {
  using clock = new FakeClock();
  const broker = new ScriptedBroker();
  await using session = new Session({ ...broker.options, retry: false });
  broker.onTokenRequest = () => new Response("", { status: 503 });
  const errors = await Promise.all(Array.from({ length: 200 }, () => failureOf(session.get("/a"))));
  assertEquals(new Set(errors).size, 200);
  for (const error of errors) assertInstanceOf(error, TokenError);
  assertEquals([broker.tokenRequests, broker.requests.length], [1, 0]);
  broker.onTokenRequest = () => broker.issue();
  clock.advance(1_000);
  await session.get("/a");
  assertEquals(broker.tokenRequests, 2);
});

Deno.test("A fetch that throws, returns no promise, never answers or never calls back holds up nobody for longer than its time", async () => {
  for (
    const fault of [
      () => {
        throw new Error("a mistake");
      },
      () => undefined,
      () => ({ then: () => {} }),
      () => new Promise(() => {}), // deaf to signals, too
      ({ signal }: RequestInit) => hang({ signal: signal ?? null }),
      (init: RequestInit) => Promise.resolve(hangInBody(init)),
    ] as readonly ((init: RequestInit) => unknown)[]
  ) {
    using clock = new FakeClock({ timers: true });
    const broker = new ScriptedBroker();
    let isBroken = true;
    const session = new Session({
      ...broker.options,
      fetch: (input, init = {}) =>
        isBroken ? fault(init) as Promise<Response> : broker.fetch(input, init),
    });
    const failing = failureOf(session.get("/a"));
    await settle();
    clock.advance(10_000); // the time of a token request; a call has 30 s
    assertInstanceOf(await failing, Error);
    assertEquals(clock.holding, 0);
    isBroken = false;
    clock.advance(1_000);
    await session.get("/a");
    assertEquals(broker.tokenRequests, 1);
    await session.close();
  }
});

Deno.test("A lazy call, a forced renewal, the background and a 401 at once make one token request", async () => {
  using clock = new FakeClock({ timers: true });
  const broker = new ScriptedBroker();
  broker.lifetimeS = 50;
  const [answers, tokenAnswers] = [new HeldAnswers(), new HeldAnswers()];
  const session = await AutoRefreshSession.start(broker.options);
  await settle();
  broker.onRequest = ({ token }) => token === "access-1" ? answers.hold() : new Response("{}");
  broker.onTokenRequest = () => tokenAnswers.hold();
  const refused = session.get("/a", { timeoutMs: 60_000 });
  for (let s = 0; s < 42; s++) {
    clock.advance(1_000);
    await settle();
  }
  assertEquals(broker.tokenRequests, 2); // the background's
  clock.advance(4_000); // the last five seconds: others wait
  const others = [
    session.get("/a"),
    session.accessToken(),
    session.refresh(),
    session.refresh({ force: true }),
  ];
  answers.give(new Response("", { status: 401 }));
  await settle();
  assertEquals(broker.tokenRequests, 2);
  tokenAnswers.give(broker.issue());
  await Promise.all([refused, ...others]);
  await settle();
  assertEquals(broker.tokenRequests, 2);
  assertEquals(broker.mostTokenRequestsAtOnce, 1);
  await session.close();
});

// B. 401

Deno.test("A 401 that comes after the renewal that another 401 began is replayed without a further one", async () => {
  const broker = new ScriptedBroker();
  await using session = await signedIn(broker);
  const answers = new HeldAnswers();
  broker.onRequest = ({ token }) => token === "access-1" ? answers.hold() : new Response("{}");
  const [first, straggler] = [session.get("/first"), session.get("/straggler")];
  answers.give(new Response("", { status: 401 }));
  await first;
  assertEquals(broker.tokenRequests, 2);
  answers.give(new Response("", { status: 401 }));
  await straggler;
  assertEquals(broker.tokenRequests, 2);
  assertEquals(broker.requests.map(({ path, token }) => `${path} ${token}`), [
    "/v3/first access-1",
    "/v3/straggler access-1",
    "/v3/first access-2",
    "/v3/straggler access-2",
  ]);
});

Deno.test("Twenty 401s that come 15 ms after one another make one renewal and twenty good answers", async () => {
  using clock = new FakeClock();
  const broker = new ScriptedBroker();
  await using session = await signedIn(broker);
  const [answers, tokenAnswers] = [new HeldAnswers(), new HeldAnswers()];
  broker.onRequest = ({ token }) => token === "access-1" ? answers.hold() : new Response("{}");
  broker.onTokenRequest = () => tokenAnswers.hold();
  const calls = Array.from({ length: 20 }, () => session.fetch("/a"));
  for (let i = 0; i < 20; i++) {
    answers.give(new Response("", { status: 401 }));
    await settle();
    clock.advance(15);
    if (i === 9) tokenAnswers.give(broker.issue()); // half come before it, half after it
    await settle();
  }
  for (const response of await Promise.all(calls)) assertEquals(response.status, 200);
  assertEquals(broker.tokenRequests, 2);
  assertEquals(broker.requests.length, 40);
});

Deno.test("Session.fetch() returns the second 401 as it is, after one renewal", async () => {
  const broker = new ScriptedBroker();
  await using session = await signedIn(broker);
  await session.get("/a");
  broker.onRequest = ({ token }) =>
    new Response(`no to ${token}`, { status: 401, headers: { "www-authenticate": "Bearer" } });
  const response = await session.fetch("/b");
  assertEquals([response.status, await response.text()], [401, "no to access-2"]);
  assertEquals(response.headers.get("www-authenticate"), "Bearer");
  assertEquals([broker.tokenRequests, broker.requests.length], [2, 3]);
});

Deno.test("A broker that refuses every token costs one renewal in 30 seconds, however many requests there are", async () => {
  using clock = new FakeClock();
  const broker = new ScriptedBroker();
  await using session = await signedIn(broker);
  await session.get("/a"); // it took this one
  broker.onRequest = () => new Response("", { status: 401 });
  for (let request = 0; request < 1_000; request++) {
    await assertRejects(() => session.get("/a"), ApiError);
    clock.advance(300);
  }
  // The one that was good once, and then one in each of the ten half minutes.
  assertLessOrEqual(broker.tokenRequests, 1 + 1 + 10);
});

Deno.test("No status but 401 renews or replays", async () => {
  const broker = new ScriptedBroker();
  await using session = await signedIn(broker, { retry: false });
  const challenge = { "www-authenticate": 'Bearer error="insufficient_scope", scope="trade"' };
  for (const status of [400, 403, 404, 407, 409, 418, 419, 422, 429, 440, 498, 500, 503]) {
    broker.requests.length = 0;
    broker.onRequest = () => new Response("{}", { status, headers: challenge });
    for (const method of ["GET", "POST"]) {
      const response = await session.fetch("/a", { method });
      assertEquals(response.status, status);
    }
    assertEquals(broker.requests.length, 2);
  }
  assertEquals(broker.tokenRequests, 1);
});

Deno.test("A 401 renews once and replays once, whatever its challenge says or whether there is one", async () => {
  for (
    const challenge of [
      undefined,
      "Bearer",
      'Bearer error="invalid_token"',
      "Basic",
      'Basic realm="a, Bearer b", Bearer error="invalid_token", error_description="x \\"q\\""',
      "Negotiate",
      '"""',
      "Bearer error=",
      "=,=,",
    ]
  ) {
    const broker = new ScriptedBroker();
    await using session = await signedIn(broker);
    const headers: HeadersInit = challenge === undefined ? {} : { "www-authenticate": challenge };
    broker.onRequest = ({ token }) =>
      token === "access-1" ? new Response("", { status: 401, headers }) : new Response("{}");
    await session.get("/a");
    assertEquals(broker.tokens, ["access-1", "access-2"], challenge ?? "none");
    assertEquals(broker.tokenRequests, 2);
  }
});

Deno.test("A token that is refused as soon as it is issued is replaced at once, without a pause", async () => {
  using clock = new FakeClock({ timers: true });
  const broker = new ScriptedBroker();
  broker.onRequest = ({ token }) =>
    token === "access-1" ? new Response("", { status: 401 }) : new Response("{}");
  await using session = new Session(broker.options);
  await session.get("/a"); // the clock stands still: a pause would never end
  assertEquals(broker.tokens, ["access-1", "access-2"]);
  assertEquals(clock.holding, 0);
});

Deno.test("Every body but a stream arrives again after a 401, with its length and its type", async () => {
  const bytes = Uint8Array.from({ length: 128 }, (_, i) => i);
  const form = new FormData();
  form.set("a", "1");
  form.set("file", new Blob([bytes]), "a.bin");
  const bodies: readonly BodyInit[] = [
    '{"a":1}',
    "",
    new URLSearchParams({ a: "b c", d: "&" }),
    form,
    new Blob([bytes], { type: "application/x-mine" }),
    bytes.buffer,
    bytes.subarray(3, 77),
    new DataView(bytes.buffer, 5, 50),
  ];
  await using server = await serve((response, { headers }) =>
    response.writeHead(headers.authorization === "Bearer good" ? 200 : 401).end("{}")
  );
  for (const body of bodies) {
    for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
      let token = "bad";
      await using session = new Session({
        ...new ScriptedBroker().options,
        baseUrl: server.url,
        fetch(input, init) {
          if (String(input).startsWith(server.url)) return fetch(input, init);
          const answer = { "access_token": token, "token_type": "Bearer" };
          token = "good";
          return Promise.resolve(Response.json(answer));
        },
      });
      const response = await session.fetch("/a", { method, body });
      await response.body?.cancel();
      assertEquals(response.status, 200);
    }
  }
  const arrivals = [...server.arrivals];
  assertEquals(arrivals.length, 2 * 4 * bodies.length);
  while (arrivals.length > 0) {
    const [first, second] = arrivals.splice(0, 2);
    assert(first && second);
    // The platform gives a form a new boundary each time that it is sent.
    const pure = ({ body, headers }: typeof first) => {
      const type = headers["content-type"] ?? "";
      const boundary = /boundary=(.*)/.exec(type)?.[1];
      assertEquals(headers["content-length"] ?? "0", String(body.length), type);
      return [body, type].map((text) => text.replaceAll(boundary ?? "\0none", "<boundary>"));
    };
    assertEquals(pure(first), pure(second));
  }
});

Deno.test("A stream of 1 GB goes out once, in less than 20 MB of memory, and its 401 comes back", async () => {
  const [deno] = RUNTIMES;
  assert(deno);
  const { code, stdout, stderr } = await run(deno, ["tests/support/stream_process.ts"]);
  assertEquals(code, 0, stderr);
  const { status, text, sent, arrived, mostGrowth } = JSON.parse(stdout);
  assertEquals([status, text], [401, '{"why":"no"}']);
  assertGreaterOrEqual(sent, 1e9);
  assertEquals(arrived, sent); // once
  assertLess(mostGrowth, 20e6);
});

Deno.test("A thousand replays let go of the bodies of their 401s", async () => {
  const broker = new ScriptedBroker();
  let cancelled = 0;
  const refusal = () =>
    new Response(new ReadableStream({ cancel: () => void cancelled++ }), { status: 401 });
  let isRefused = true;
  broker.onRequest = () => {
    isRefused = !isRefused;
    return isRefused ? new Response("{}") : refusal();
  };
  await using session = await signedIn(broker);
  for (let replays = 1; replays <= 1_000; replays++) {
    await session.get("/a");
    assertEquals(cancelled, replays);
  }

  // And on the wire, where the sanitizer counts what stays open.
  await using emulator = await startEmulator();
  await using real = new Session(emulator.tastytrade);
  for (let replays = 0; replays < 100; replays++) {
    await real.get("/customers/me");
    emulator.revokeAccessTokens();
  }
  assertEquals(emulator.requests.filter(({ status }) => status === 401).length, 99);
});

Deno.test("An order that is answered with anything but a 401, or not in time, is sent once", async () => {
  using clock = new FakeClock({ timers: true });
  const broker = new ScriptedBroker();
  await using session = await signedIn(broker);
  for (const status of [408, 425, 429, 500, 502, 503, 504]) {
    broker.requests.length = 0;
    broker.onRequest = () => new Response("{}", { status, headers: { "retry-after": "0" } });
    await assertRejects(() => session.post(ORDERS, { a: 1 }), ApiError);
    clock.advance(60_000);
    await settle();
    assertEquals(broker.requests.length, 1, String(status));
  }
  for (const silence of [hang, hangInBody]) {
    broker.requests.length = 0;
    broker.onRequest = ({ init }) => silence(init);
    const failing = failureOf(session.post(ORDERS, { a: 1 }));
    await settle();
    clock.advance(30_000);
    assertInstanceOf(await failing, NetworkError);
    clock.advance(60_000);
    await settle();
    assertEquals(broker.requests.length, 1);
  }
  assertEquals(broker.tokenRequests, 1);
});

// C. Lifetimes and clocks

for (
  const [broker, minutes] of [[tastytrade, 15], [tradestation, 20]] as readonly [Broker, number][]
) {
  Deno.test(`A token without expires_in lives for ${broker.name}'s ${minutes} minutes, and one that is revoked earlier is replaced`, async () => {
    using clock = new FakeClock();
    const scripted = new ScriptedBroker();
    scripted.lifetimeS = undefined;
    const [header, payload] = [{ typ: "rt+jwt" }, {}].map((one) => btoa(JSON.stringify(one)));
    await using session = new Session({
      ...scripted.options,
      broker,
      refreshToken: `${header}.${payload}.c2ln`.replaceAll("=", ""),
      fetch: (input, init) => {
        const { pathname } = new URL(String(input));
        const isSignIn = pathname === "/oauth/token";
        return scripted.fetch(isSignIn ? "https://signin.example/oauth/token" : input, init);
      },
    });
    for (let i = 0; i < 5; i++) await session.get("/a");
    assertEquals(scripted.tokenRequests, 1);
    assertEquals((session.expiresAt?.getTime() ?? 0) - Date.now(), minutes * 60_000);
    scripted.onRequest = ({ token }) =>
      token === "access-1" ? new Response("", { status: 401 }) : new Response("{}");
    await session.get("/a");
    assertEquals(scripted.tokenRequests, 2);
    clock.advance(minutes * 60_000);
    await session.get("/a");
    assertEquals(scripted.tokenRequests, 3);
  });
}

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

Deno.test("A token of one second is renewed in the background without a storm", async () => {
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

Deno.test("The first call after the clock was set, or after the machine slept, goes out with a new token", async () => {
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

// D. Failures of the token endpoint

Deno.test("Every call succeeds with the old token while the token endpoint is out of order, which is asked with pauses", async () => {
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
  assertEquals([early.kind, early.sent], ["timeout", "no"]);
  assertMatch(early.message, /\/a: no access token \(timeout\)\. The request was not sent$/);
  clock.advance(9_500);
  const late = await patient;
  assertInstanceOf(late, NetworkError);
  assertEquals([late.kind, late.sent], ["timeout", "no"]);
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

Deno.test("A grant that is refused for good is not asked for again, and what is stored stays", async () => {
  using clock = new FakeClock({ timers: true });
  const broker = new ScriptedBroker();
  const store = new MemoryStore();
  const session = await AutoRefreshSession.start({ ...broker.options, store });
  await settle();
  const stored = [...store.tokens];
  assertEquals(stored.length, 1);
  broker.onTokenRequest = () => Response.json({ error: "invalid_grant" }, { status: 403 });
  for (let i = 0; i < 3; i++) {
    const error = await failureOf(session.refresh({ force: true }));
    assert(error instanceof TokenError && error.isPermanent && error.code === "invalid_grant");
  }
  clock.advance(86_400_000);
  await settle();
  assertInstanceOf(await failureOf(session.get("/a")), TokenError);
  assertEquals([broker.tokenRequests, clock.armed], [2, 1]); // the one that ends requests
  assertEquals([...store.tokens], stored);
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

Deno.test("A token endpoint that hangs before or in its answer costs ten seconds, and the next call asks anew", async () => {
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

// E. Cancellation

Deno.test("A caller who aborts leaves in the same tick, also the first one, and the renewal ends well for the others and the store", async () => {
  const broker = new ScriptedBroker();
  const answers = new HeldAnswers();
  const store = new MemoryStore();
  broker.onTokenRequest = () => answers.hold();
  await using session = new Session({ ...broker.options, store });
  const controllers = Array.from({ length: 3 }, () => new AbortController());
  const reasons = controllers.map((_, i) => ({ caller: i }));
  const leaving = controllers.map(({ signal }) => failureOf(session.get("/a", { signal })));
  const staying = Array.from({ length: 9 }, () => session.get("/a"));
  const waiting = failureOf(session.accessToken({ signal: controllers[0]?.signal }));
  while (broker.tokenRequests === 0) await idle(); // the name of the record is a digest
  controllers.forEach((controller, i) => controller.abort(reasons[i]));
  const left = Promise.all([...leaving, waiting]);
  let isLeft = false;
  left.then(() => isLeft = true);
  await settle(); // microtasks only: no timer, no network
  assert(isLeft);
  for (const [i, reason] of (await left).entries()) assertStrictEquals(reason, reasons[i % 3]);
  answers.give(broker.issue());
  await Promise.all(staying);
  assertEquals([broker.tokenRequests, broker.requests.length], [1, 9]);
  assertEquals([...store.tokens.values()].map(({ accessToken }) => accessToken), ["access-1"]);
});

Deno.test("A caller who aborts while the store's lock is waited for leaves at once, and the others get their token", async () => {
  const broker = new ScriptedBroker();
  const store = new MemoryStore();
  const locked = Promise.withResolvers<void>();
  store.faults.lock = () => locked.promise;
  await using session = new Session({ ...broker.options, store });
  const controller = new AbortController();
  const leaving = failureOf(session.get("/a", { signal: controller.signal }));
  const staying = session.get("/a");
  while (!store.log.includes("lock")) await idle();
  controller.abort("enough");
  assertEquals(await leaving, "enough");
  assertEquals(broker.tokenRequests, 0);
  locked.resolve();
  await staying;
  assertEquals(broker.tokenRequests, 1);
});

Deno.test("An abort in the middle of a body ends the reading, and neither renews nor sends again", async () => {
  const broker = new ScriptedBroker();
  await using session = await signedIn(broker);
  broker.onRequest = ({ init }) => hangInBody(init);
  for (const isJson of [true, false]) {
    const controller = new AbortController();
    const { signal } = controller;
    const reading = isJson
      ? session.get("/a", { signal })
      : session.fetch("/a", { signal }).then((response) => response.text());
    const failure = failureOf(reading);
    await settle();
    const reason = new Error("mine");
    controller.abort(reason);
    assertStrictEquals(await failure, reason);
  }
  assertEquals([broker.requests.length, broker.tokenRequests], [2, 1]);
});

Deno.test("The time of a call is one budget for the wait for a token, both tries and the body", async () => {
  const steps = ["a token", "the first try", "the next token", "the second try", "the body"];
  for (const [last, stuck] of steps.entries()) {
    using clock = new FakeClock({ timers: true });
    const broker = new ScriptedBroker();
    const [tokenAnswers, answers] = [new HeldAnswers(), new HeldAnswers()];
    broker.onTokenRequest = () => tokenAnswers.hold();
    let init: RequestInit = {};
    broker.onRequest = (request) => {
      init = request.init;
      return answers.hold();
    };
    await using session = new Session(broker.options);
    let isOver = false;
    const failure = failureOf(session.get("/a", { timeoutMs: 9_000 })).finally(() => isOver = true);
    await settle();
    for (let step = 0; step < last; step++) { // each takes its second, and the last one hangs
      clock.advance(1_000);
      if (step === 1) answers.give(new Response("", { status: 401 }));
      else if (step === 3) answers.give(hangInBody(init));
      else tokenAnswers.give(broker.issue());
      await settle();
    }
    clock.advance(9_000 - last * 1_000 - 1);
    await settle();
    assertFalse(isOver, stuck);
    clock.advance(1);
    await settle();
    assert(isOver, stuck);
    const error = await failure;
    assertInstanceOf(error, NetworkError);
    assertEquals([error.kind, broker.requests.length], ["timeout", Math.min(2, (last + 1) >> 1)]);
    tokenAnswers.give(broker.issue()); // for what goes on without the caller
    await settle();
    assertEquals(clock.armed, 0, stuck);
  }
});

Deno.test("20,000 calls with one long-lived signal leave no listener on it, and no memory behind", async () => {
  const broker = new ScriptedBroker();
  broker.onRequest = () => new Response('{"a":1}');
  await using session = await signedIn(broker);
  const caller = new CountedSignal();
  const { signal } = caller;
  const round = async (calls: number) => {
    for (let i = 0; i < calls; i += 4) {
      await session.get("/a", { signal });
      await session.post("/a", {}, { signal });
      await session.accessToken({ signal });
      await session.refresh({ signal });
    }
    broker.requests.length = 0;
  };
  await round(1_000);
  const before = memoryInUse();
  await round(20_000);
  assertEquals(caller.listeners, 0);
  assertLess(memoryInUse() - before, 4e6);
});

Deno.test("5,000 fetches with one long-lived signal leave no listener on it once their bodies are read and gone", async () => {
  const broker = new ScriptedBroker();
  broker.onRequest = () => new Response('{"a":1}');
  await using session = await signedIn(broker);
  const caller = new CountedSignal();
  const { signal } = caller;
  const round = async (calls: number) => {
    for (let i = 0; i < calls; i++) await (await session.fetch("/a", { signal })).text();
    broker.requests.length = 0;
  };
  await round(1_000);
  assert(await collectGarbageUntil(() => caller.listeners === 0), `${caller.listeners} listeners`);
  const before = memoryInUse();
  await round(5_000);
  assert(await collectGarbageUntil(() => caller.listeners === 0), `${caller.listeners} listeners`);
  assertLess(memoryInUse() - before, 4e6);

  // The same over a network, with the platform's own fetch.
  await using emulator = await startEmulator();
  await using real = new Session(emulator.tastytrade);
  for (let i = 0; i < 500; i++) await (await real.fetch("/customers/me", { signal })).text();
  assert(await collectGarbageUntil(() => caller.listeners === 0), `${caller.listeners} listeners`);
});

// F. Rotation and persistence

Deno.test("A one-time refresh token is spent once, through four lives of the access token", async () => {
  using clock = new FakeClock();
  const broker = new ScriptedBroker();
  broker.isRotating = true;
  await using session = new Session(broker.options);
  for (let life = 0; life < 4; life++) {
    await session.get("/a");
    clock.advance(900_000);
  }
  assertEquals(await broker.refreshTokens(), ["refresh-0", "refresh-1", "refresh-2", "refresh-3"]);
  assertEquals(broker.tokens, ["access-1", "access-2", "access-3", "access-4"]);
});

Deno.test("A spent refresh token is not sent again, although the store still holds it", async () => {
  const broker = new ScriptedBroker();
  broker.isRotating = true;
  const store = new MemoryStore();
  const session = new Session({ ...broker.options, store });
  await session.refresh();
  store.faults.save = () => Promise.reject(new Error("disk full"));
  for (let i = 0; i < 3; i++) await session.refresh({ force: true });
  await session.get("/a");
  assertEquals(broker.tokens, ["access-4"]);
  const held = () => [...store.tokens.values()].map(({ refreshToken }) => refreshToken);
  assertEquals(held(), ["refresh-1"]);
  delete store.faults.save;
  await session.refresh({ force: true });
  assertEquals(held(), ["refresh-5"]);
  assertEquals(await broker.refreshTokens(), [0, 1, 2, 3, 4].map((n) => `refresh-${n}`));
  await session.close();
});

Deno.test("While one process waits for a slow token endpoint, the other does not spend the same refresh token", async () => {
  using clock = new FakeClock({ timers: true });
  const broker = new ScriptedBroker();
  broker.isRotating = true;
  const answers = new HeldAnswers();
  broker.onTokenRequest = () => answers.hold();
  const store = new MemoryStore();
  await using first = new Session({ ...broker.options, store });
  await using second = new Session({ ...broker.options, store });
  const slow = first.accessToken();
  while (broker.tokenRequests === 0) await idle();
  const other = second.accessToken();
  for (let s = 0; s < 9; s++) {
    await idle();
    clock.advance(1_000);
  }
  assertEquals(broker.tokenRequests, 1);
  answers.give(broker.issue());
  assertEquals(await Promise.all([slow, other]), ["access-1", "access-1"]);
  assertEquals(await broker.refreshTokens(), ["refresh-0"]);
});

Deno.test("force means force, but never two token requests at once", async () => {
  const broker = new ScriptedBroker();
  broker.isRotating = true;
  await using session = new Session(broker.options);
  for (let i = 0; i < 500; i++) await session.refresh({ force: true });
  assertEquals(broker.tokenRequests, 500);
  await Promise.all(Array.from({ length: 500 }, () => session.refresh({ force: true })));
  assertEquals([broker.tokenRequests, broker.mostTokenRequestsAtOnce], [501, 1]);
});

// G. The background

Deno.test("AutoRefreshSession has one timer after a success, a failure and a jump of the clock, and none after the end", async () => {
  using clock = new FakeClock({ timers: true });
  const broker = new ScriptedBroker();
  const session = new AutoRefreshSession(broker.options);
  const pass = async (ms: number) => {
    for (let left = ms; left > 0; left -= 1_000) {
      clock.advance(1_000);
      await settle(); // so that the clock stands still for a token request
    }
    return clock.armed;
  };
  await settle();
  assertEquals(clock.armed, 1);
  for (let s = 0; s < 3_600; s += 30) assertEquals(await pass(30_000), 1);
  const renewed = broker.tokenRequests;
  assertGreater(renewed, 3);
  for (const jump of [-3_600_000, 3_600_000]) {
    clock.setWall(Date.now() + jump);
    assertEquals(await pass(30_000), 1);
  }
  clock.sleep(3_600_000);
  assertEquals(await pass(30_000), 1);
  for (let i = 0; i < 10; i++) await session.refresh({ force: true });
  assertEquals(clock.armed, 1); // what others renew arms nothing more
  broker.onTokenRequest = () => new Response("", { status: 503 });
  for (let s = 0; s < 3_600; s += 30) assertEquals(await pass(30_000), 1);
  broker.onTokenRequest = () => Response.json({ error: "invalid_grant" }, { status: 400 });
  await pass(60_000);
  assertEquals(clock.armed, 0);
  await session.close();
  assertEquals(clock.armed, 0);
});

Deno.test("A renewal that fails with nobody waiting is nobody's unhandled rejection, and the next caller is told", async () => {
  const unhandled: unknown[] = [];
  const listen = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    unhandled.push(event.reason);
  };
  globalThis.addEventListener("unhandledrejection", listen);
  try {
    using clock = new FakeClock({ timers: true });
    const other = new ScriptedBroker();
    const lazy = await signedIn(other);
    await settle();
    clock.advance(800_000);
    other.onTokenRequest = () => new Response("", { status: 503 });
    await lazy.get("/a"); // renews behind
    assertEquals(other.tokenRequests, 2);
    const broker = new ScriptedBroker();
    broker.onTokenRequest = () => new Response("", { status: 503 });
    const background = new AutoRefreshSession({ ...broker.options, retry: false });
    await idle();
    await idle();
    assertInstanceOf(await failureOf(background.get("/a")), TokenError);
    background[Symbol.dispose]();
    lazy[Symbol.dispose]();
    await idle();
    assertEquals(unhandled, []);
  } finally {
    globalThis.removeEventListener("unhandledrejection", listen);
  }
});

// I. Secrets

Deno.test("No message and no url of an error tells a query, a user or a password", async () => {
  const broker = new ScriptedBroker();
  await using session = await signedIn(broker, { retry: false });
  const told = async (call: Promise<unknown>) => {
    const error = await failureOf(call);
    assertInstanceOf(error, Error);
    return `${error.message} ${error instanceof ApiError ? error.url : ""} ${String(error)}`;
  };
  const texts: string[] = [];
  for (const status of [400, 401, 404, 429, 500]) {
    broker.onRequest = () => new Response("{}", { status });
    texts.push(await told(session.get("/a?pin=hidden", { query: { "account": "hidden" } })));
  }
  broker.onRequest = () => Promise.reject(new TypeError("x", { cause: new Error("reset") }));
  texts.push(await told(session.post("/a?pin=hidden#hidden", {})));
  texts.push(await told(session.get("a?pin=hidden")));
  texts.push(await told(session.fetch("https://hidden:hidden@api.example/a?pin=hidden")));
  texts.push(await told(session.fetch("https://elsewhere.example/hidden?pin=hidden")));
  for (const text of texts) assertFalse(text.includes("hidden"), text);
});

Deno.test("A session writes nothing to the console, whatever happens", async () => {
  const methods = ["log", "info", "debug", "warn", "error", "trace", "dir"] as const;
  const before = methods.map((method) => console[method]);
  let writes = 0;
  for (const method of methods) console[method] = () => void writes++;
  try {
    using clock = new FakeClock({ timers: true });
    const broker = new ScriptedBroker();
    const session = await AutoRefreshSession.start({ ...broker.options, retry: false });
    await session.get("/a");
    broker.onRequest = ({ token }) => new Response(token, { status: 401 });
    await failureOf(session.get("/a"));
    broker.onRequest = () => Promise.reject(new TypeError("x", { cause: new Error("reset") }));
    await failureOf(session.get("/a"));
    broker.onTokenRequest = () => new Response("", { status: 503 });
    clock.advance(900_000);
    await failureOf(session.get("/a"));
    broker.onTokenRequest = () => Response.json({ error: "invalid_grant" }, { status: 400 });
    clock.advance(60_000);
    await failureOf(session.get("/a"));
    await session.close();
  } finally {
    methods.forEach((method, i) => console[method] = before[i] ?? console[method]);
  }
  assertEquals(writes, 0);
});

// K. Disposal

Deno.test("await using lets a renewal finish and be stored, ends the rest, and leaves neither timer nor listener", async () => {
  using clock = new FakeClock({ timers: true });
  const broker = new ScriptedBroker();
  broker.isRotating = true;
  const answers = new HeldAnswers();
  const store = new MemoryStore();
  const caller = new CountedSignal();
  const { signal } = caller;
  const session = await AutoRefreshSession.start({ ...broker.options, store });
  broker.onRequest = ({ init }) => hang(init);
  const running = [session.get("/a", { signal }), session.fetch("/a", { signal })].map(failureOf);
  broker.onTokenRequest = () => answers.hold();
  running.push(failureOf(session.refresh({ force: true, signal })));
  while (broker.tokenRequests < 2) await idle();
  {
    await using _closing = session;
    setTimeout(() => answers.give(broker.issue()), 4_000);
    queueMicrotask(() => clock.advance(4_000));
  }
  for (const error of await Promise.all(running)) assertInstanceOf(error, SessionClosedError);
  assertEquals([...store.tokens.values()].map(({ refreshToken }) => refreshToken), ["refresh-2"]);
  assertEquals([clock.armed, caller.listeners], [0, 0]);
  await assertRejects(() => session.get("/a", { signal }), SessionClosedError);
  await assertRejects(() => session.refresh({ signal }), SessionClosedError);
});

Deno.test("using ends requests, waits and timers at once, and leaves no rejection unhandled", async () => {
  const unhandled: unknown[] = [];
  const listen = (event: PromiseRejectionEvent) => unhandled.push(event.reason);
  globalThis.addEventListener("unhandledrejection", listen);
  try {
    using clock = new FakeClock({ timers: true });
    const broker = new ScriptedBroker();
    const caller = new CountedSignal();
    const { signal } = caller;
    const calls: Promise<unknown>[] = [];
    let aborted = 0;
    {
      using session = await AutoRefreshSession.start(broker.options);
      await settle();
      broker.onRequest = ({ init }) => {
        init.signal?.addEventListener("abort", () => aborted += 1);
        return hang(init);
      };
      broker.onTokenRequest = hang;
      calls.push(session.get("/a", { signal }), session.fetch("/a", { signal }));
      calls.push(session.refresh({ force: true, signal }));
      for (const call of calls) call.catch(() => {});
    }
    assertEquals(aborted, 2); // in this tick
    for (const call of calls) assertInstanceOf(await failureOf(call), SessionClosedError);
    await settle();
    assertEquals([clock.armed, caller.listeners], [0, 0]);
    await idle();
    assertEquals(unhandled, []);
  } finally {
    globalThis.removeEventListener("unhandledrejection", listen);
  }
});

Deno.test("A session that nobody holds any more is let go, although its timer is armed, and the timer is its last", async () => {
  using clock = new FakeClock({ timers: true });
  const broker = new ScriptedBroker();
  const open = async () => new WeakRef(await AutoRefreshSession.start(broker.options));
  const forgotten = await open();
  await idle();
  assertEquals(clock.armed, 1);
  assert(await collectGarbageUntil(() => forgotten.deref() === undefined));
  clock.advance(3_600_000);
  await idle();
  assertEquals([clock.armed, broker.tokenRequests], [0, 1]);
});

for (const end of ["timeoutMs", "signal", "aborted before", "close", "closed before"]) {
  Deno.test(`A Request whose body never comes is ended by ${end}`, async () => {
    const broker = new ScriptedBroker();
    const session = new Session(broker.options);
    const request = new Request(`${session.baseUrl}/a`, {
      method: "POST",
      body: new ReadableStream({ pull: () => new Promise(() => {}) }),
      duplex: "half",
    } as RequestInit);
    const controller = new AbortController();
    if (end === "aborted before") controller.abort("enough");
    if (end === "closed before") await session.close();
    const init = end === "timeoutMs" ? { timeoutMs: 30 } : { signal: controller.signal };
    const call = session.fetch(request, init).catch((error: unknown) => error);
    if (end === "signal") controller.abort("enough");
    if (end === "close") await session.close();
    const ending = await call;
    if (end === "signal" || end === "aborted before") assertEquals(ending, "enough");
    else assertInstanceOf(ending, end === "timeoutMs" ? NetworkError : SessionClosedError);
    assertEquals(broker.requests.length, 0);
    await session.close();
  });
}

Deno.test("One path that always answers 401 does not cost a renewal for each of its calls", async () => {
  using clock = new FakeClock();
  const broker = new ScriptedBroker();
  broker.onRequest = ({ path }) =>
    path.endsWith("/forbidden") ? new Response("", { status: 401 }) : new Response("{}");
  await using session = new Session(broker.options);
  for (let i = 0; i < 50; i++) {
    await session.get("/a");
    await assertRejects(() => session.get("/forbidden"), ApiError);
  }
  assertEquals(broker.tokenRequests, 2);
  clock.advance(30_000);
  await assertRejects(() => session.get("/forbidden"), ApiError);
  await assertRejects(() => session.get("/forbidden"), ApiError);
  assertEquals(broker.tokenRequests, 3);
});

Deno.test("No cause of an error tells the query of a URL", async () => {
  await using emulator = await startEmulator();
  await using session = new Session({ ...emulator.tastytrade, retry: false });
  emulator.injectFault("GET /customers/me", "reset", Infinity);
  const call = () => session.get("/customers/me", { query: { account: "5WT-HIDDEN" } });
  const error = await assertRejects(call, NetworkError);
  assertInstanceOf(error.cause, Error);
  assertFalse(Deno.inspect(error, { depth: 100, showHidden: true }).includes("HIDDEN"));
});

Deno.test("A scope or grant type that TradeStation does not know is refused for good", async () => {
  for (const code of ["invalid_scope", "unsupported_grant_type"]) {
    const broker = new ScriptedBroker();
    broker.onTokenRequest = () => Response.json({ error: code }, { status: 400 });
    await using session = new Session(broker.options);
    assert((await assertRejects(() => session.get("/a"), TokenError)).isPermanent);
  }
});

Deno.test("Calls that wait for a store that fails get an error each", async () => {
  const store = new MemoryStore();
  store.faults.load = () => Promise.reject(new Error("no such table"));
  await using session = new Session({ ...new ScriptedBroker().options, store });
  const calls = Array.from({ length: 5 }, () => session.get("/a").catch((error: unknown) => error));
  const errors = await Promise.all(calls);
  assertEquals(new Set(errors).size, 5);
  for (const error of errors) assertStringIncludes(String(error), "no such table");
});

Deno.test("A stored token whose end is beyond ten years is not believed", async () => {
  const broker = new ScriptedBroker();
  const store = new MemoryStore();
  const first = new Session({ ...broker.options, store });
  await first.refresh();
  await first.close();
  for (const [key, tokens] of store.tokens) {
    store.tokens.set(key, { ...tokens, expiresAt: "9999-12-31T23:59:59.999Z" });
  }
  await using second = new Session({ ...broker.options, store });
  await second.get("/a");
  assertEquals(broker.tokenRequests, 2);
});

Deno.test("using leaves no timer while a save is under way", async () => {
  using clock = new FakeClock({ timers: true });
  const store = new MemoryStore();
  store.faults.save = () => new Promise(() => {});
  const session = new Session({ ...new ScriptedBroker().options, store });
  const refreshing = session.refresh().catch(() => {});
  while (!store.log.includes("save")) await idle();
  session[Symbol.dispose]();
  await refreshing;
  await idle();
  assertEquals(clock.armed, 0);
});

Deno.test("close() comes back although the store does not answer", async () => {
  using clock = new FakeClock({ timers: true });
  const store = new MemoryStore();
  let saves = 0;
  store.faults.save = () =>
    ++saves === 1 ? Promise.reject(new Error("down")) : new Promise(() => {});
  const session = new Session({ ...new ScriptedBroker().options, store });
  await session.refresh();
  const closing = session.close().catch((error: unknown) => error);
  while (saves < 2) await idle();
  clock.advance(5_000);
  assertStringIncludes(String(await closing), "no response in time");
  assertEquals(clock.armed, 0);
});
