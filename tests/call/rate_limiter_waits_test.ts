import { assert, assertEquals, assertLess, assertRejects } from "@std/assert";
import { NetworkError, RateLimitError } from "../../mod.ts";
import { Deadline } from "../../src/net/deadline.ts";
import { RateLimiter } from "../../src/call/rate_limiter.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { idle, settle } from "../support/idle.ts";
import { mostIn, paced, pass } from "./rate_limiter_fixtures.ts";
import { ACTOR } from "../support/actor.ts";

Deno.test("RateLimiter's callers time out as they would without it, if a token is slow", async () => {
  const { clock, broker, session } = await paced({ requests: 1, perMs: 1_000 });
  using _clock = clock;
  broker.onTokenRequest = () => new Promise(() => {});
  clock.advance(1e9);
  const call = assertRejects(() => session.get("/a", { timeoutMs: 5_000 }), NetworkError);
  await pass(clock, 5_000, 1_000);
  assertEquals((await call).outcome, "not_processed");
  session[Symbol.dispose]();
});

Deno.test("RateLimiter counts what is sent, although its token or its body came late", async () => {
  const { clock, broker, session } = await paced({ requests: 1, perMs: 1_000 });
  using _clock = clock;
  broker.lifetimeS = 2;
  await session.refresh({ force: true });
  const at: number[] = [];
  broker.onRequest = () => {
    at.push(performance.now());
    return new Response("{}");
  };
  broker.onTokenRequest = async () => {
    await new Promise((resolve) => setTimeout(resolve, 700));
    return broker.issue();
  };
  let bodies = 0;
  const late = async () => {
    await new Promise((resolve) => setTimeout(resolve, 400 / ++bodies));
    return { bodies };
  };
  const calls = Array.from(
    { length: 6 },
    (_, i) => i % 2 ? session.get("/a") : session.post("/a", late),
  );
  await pass(clock, 20_000, 100);
  await Promise.all(calls);
  assertEquals(at.length, 6);
  assertEquals(mostIn(at, 1_000), 1);
});

Deno.test("RateLimiter starves nobody who waits under two limits at once", async () => {
  const { clock, broker, session } = await paced([
    { requests: 1, perMs: 1_000, path: /^\/(x|z)/ },
    { requests: 1, perMs: 1_000, path: /^\/(x|y)/ },
  ]);
  using _clock = clock;
  const done = [session.get("/z")];
  await pass(clock, 500, 100);
  const later = ["/y", "/x", ...Array.from({ length: 20 }, (_, i) => i % 2 ? "/y" : "/z")];
  done.push(...later.map((path) => session.get(path)));
  await pass(clock, 30_000, 100);
  await Promise.all(done);
  assertEquals(broker.requests.slice(0, 3).map(({ path }) => path), ["/v3/z", "/v3/y", "/v3/x"]);
});

Deno.test("RateLimiter ignores a broker that has enough for more than an hour", async () => {
  const { clock, broker, session } = await paced({ requests: 10, perMs: 1_000 });
  using _clock = clock;
  broker.onRequest = () =>
    new Response(null, { status: 429, headers: { "retry-after": "99999999999" } });
  await assertRejects(() => session.get("/a"), RateLimitError);
  broker.onRequest = () => new Response("1");
  clock.advance(3_599_000);
  const early = await assertRejects(() => session.get("/a", { timeoutMs: 900 }), RateLimitError);
  assertEquals(early.code, "rate_limited");
  clock.advance(1_000);
  assertEquals(await session.get("/a"), 1);
});

Deno.test("RateLimiter keeps to the longer of two pauses", async () => {
  const { clock, broker, session } = await paced({ requests: 10, perMs: 1_000 });
  using _clock = clock;
  const waits = ["60", "5"];
  broker.onRequest = () =>
    new Response(null, { status: 429, headers: { "retry-after": waits.shift() ?? "0" } });
  const both = [session.post("/a", {}), session.post("/a", {})];
  for (const one of both) await assertRejects(() => one, RateLimitError);
  const held = await assertRejects(() => session.get("/a", { timeoutMs: 30_000 }), RateLimitError);
  assertEquals(held.retryAfterMs, 60_000);
});

Deno.test("RateLimiter returns the response that there is when the next attempt would come too late", async () => {
  const { clock, broker, session } = await paced({ requests: 1, perMs: 60_000 });
  using _clock = clock;
  broker.onRequest = () => new Response("{}", { status: 503 });
  assertEquals((await session.fetch("/a", { timeoutMs: 30_000 })).status, 503);
  assertEquals(clock.holding, 0);
});

Deno.test("RateLimiter matches the path without its query, however its URL is written", async () => {
  const { clock, broker, session } = await paced({
    requests: 1,
    perMs: 60_000,
    path: /^\/balances$/,
  });
  using _clock = clock;
  for (const path of ["/balances?a=1", `${session.baseUrl}/balances#b`, "/balances"]) {
    const call = session.get(path, { timeoutMs: 30_000 });
    if (broker.requests.length === 0) await call;
    else assertEquals((await assertRejects(() => call, RateLimitError)).code, "rate_limited");
  }
  assertEquals(broker.requests.length, 1);
});

Deno.test("RateLimiter lets thousands of callers in at once", async () => {
  const { clock, session } = await paced({ requests: 10_000, perMs: 1_000 });
  using _clock = clock;
  const startedAt = Date.now();
  await Promise.all(Array.from({ length: 8_000 }, () => session.get("/a")));
  assertEquals(Date.now() - startedAt, 0); // nobody waited
});

Deno.test("RateLimiter does not say that an order was not sent whose first attempt was", async () => {
  const { clock, broker, session } = await paced({ requests: 1, perMs: 1_000 });
  using _clock = clock;
  broker.onRequest = ({ path }) =>
    path.endsWith("/order")
      ? new Response(null, { status: 503, headers: { "retry-after": "1" } })
      : new Response("{}");
  const options = { idempotent: true, timeoutMs: 1_500 };
  const order = assertRejects(() => session.post("/order", {}, options), RateLimitError);
  const other = session.get("/other"); // takes the turn while the order pauses
  await pass(clock, 2_000, 250);
  await other;
  assert((await order).message.includes("check that before you send it again"));
});

Deno.test("RateLimiter.release() gives back one departure, once", async () => {
  using clock = new FakeClock({ timers: true });
  const limiter = new RateLimiter([{ requests: 2, perMs: 1_000 }], "https://api.example", ACTOR);
  const url = "https://api.example/a";
  const departures: number[] = [];
  const leave = () => {
    const deadline = new Deadline(60_000, () => new Error("too late"));
    return limiter.wait(url, limiter.nextTicket(), deadline, () => new Error("too late")).then(
      (at) => {
        departures.push(performance.now());
        deadline.dispose();
        return at;
      },
    );
  };
  const [first] = await Promise.all([leave(), leave()]);
  limiter.release(url, first ?? 0); // its token had run out
  await leave();
  const last = leave();
  await settle();
  assertEquals(departures.length, 3);
  clock.advance(999);
  await settle();
  assertEquals(departures.length, 3);
  clock.advance(1);
  await last;
  limiter.release(url, -1); // one that never was takes nothing with it
  await leave();
  const sixth = leave();
  await settle();
  assertEquals(departures.length, 5);
  clock.advance(1_000);
  await sixth;
});

Deno.test("RateLimiter.release() of an older departure leaves the later ones counted", async () => {
  using clock = new FakeClock({ timers: true });
  const limiter = new RateLimiter([{ requests: 3, perMs: 1_000 }], "https://api.example", ACTOR);
  const url = "https://api.example/a";
  let departures = 0;
  const leave = async () => {
    const deadline = new Deadline(60_000, () => new Error("too late"));
    const at = await limiter.wait(url, limiter.nextTicket(), deadline, () => new Error("too late"));
    departures += 1;
    deadline.dispose();
    return at;
  };
  const first = await leave();
  clock.advance(100);
  await leave();
  clock.advance(100);
  await leave();
  limiter.release(url, first);
  await leave(); // in place of the first
  const last = leave();
  await settle();
  assertEquals(departures, 4);
  clock.advance(899); // a second after the second one, less one millisecond
  await settle();
  assertEquals(departures, 4);
  clock.advance(1);
  await last;
});

Deno.test("RateLimiter remembers no more departures than its limits count", async () => {
  const limiter = new RateLimiter(
    [{ requests: 10, perMs: 0.000001 }],
    "https://api.example",
    ACTOR,
  );
  const url = "https://api.example/a";
  const deadline = new Deadline(600_000, () => new Error("too late"));
  const leave = async (times: number) => {
    for (let count = 0; count < times; count++) {
      await limiter.wait(url, limiter.nextTicket(), deadline, () => new Error("too late"));
    }
  };
  // One that is not there is looked for in all that is remembered.
  const search = () => {
    const start = performance.now();
    for (let count = 0; count < 3_000; count++) limiter.release(url, -1);
    return performance.now() - start;
  };
  // The shortest time is the least disturbed.
  const shortest = () => Math.min(...Array.from({ length: 7 }, search));
  await leave(1_000);
  const before = shortest();
  await leave(200_000);
  assertLess(shortest(), 20 * Math.max(before, 1));
  deadline.dispose();
});

Deno.test("A request whose turn comes is sent with the token held, though another is on its way", async () => {
  const { clock, broker, session, departures } = await paced({ requests: 1, perMs: 60_000 });
  using _clock = clock;
  broker.lifetimeS = 65;
  await session.refresh({ force: true });
  await session.get("/first");
  const second = session.get("/second");
  await idle();
  broker.onTokenRequest = () => new Promise(() => {}); // the sign-in hangs
  await pass(clock, 60_000, 1_000); // its turn: the token lives for five seconds more
  assertEquals(departures.length, 2);
  await second;
  session[Symbol.dispose]();
});
