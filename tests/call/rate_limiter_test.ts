import { assert, assertEquals, assertLess, assertRejects } from "@std/assert";
import {
  NetworkError,
  type RateLimit,
  RateLimitError,
  Session,
  type SessionOptions,
  tastytrade,
  tradestation,
} from "../../mod.ts";
import { Deadline } from "../../src/net/deadline.ts";
import { RateLimiter } from "../../src/call/rate_limiter.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { acme } from "../support/broker_fixtures.ts";
import { idle, settle } from "../support/idle.ts";
import { ScriptedBroker } from "../support/scripted_broker.ts";

/** A session under limits, on a clock of its own. */
async function paced(
  rateLimit: SessionOptions["rateLimit"],
  options: SessionOptions = {},
): Promise<{ clock: FakeClock; broker: ScriptedBroker; session: Session; departures: number[] }> {
  const clock = new FakeClock({ timers: true });
  const broker = new ScriptedBroker();
  broker.lifetimeS = 1e6;
  const session = new Session({ ...broker.options, timeoutMs: 600_000, rateLimit, ...options });
  await session.refresh();
  const startedAt = performance.now();
  const departures: number[] = [];
  broker.onRequest = () => {
    departures.push(performance.now() - startedAt);
    return new Response("{}");
  };
  return { clock, broker, session, departures };
}

/** Time passes in steps, and what is due happens in between. */
async function pass(clock: FakeClock, ms: number, stepMs: number): Promise<void> {
  await idle();
  for (let passed = 0; passed < ms; passed += stepMs) {
    clock.advance(stepMs);
    for (let i = 0; i < 3; i++) await settle();
  }
  await idle();
}

/** The most departures in any window of so long. */
function mostIn(departures: readonly number[], windowMs: number): number {
  return Math.max(
    ...departures.map((start) =>
      departures.filter((at) => at >= start && at < start + windowMs).length
    ),
  );
}

Deno.test("RateLimiter lets 200 callers out in order, the first at once, never above a limit in any window", async () => {
  const limits = [{ requests: 60, perMs: 60_000 }, { requests: 5, perMs: 1_000 }];
  const { clock, broker, session, departures } = await paced(limits);
  using _clock = clock;
  const calls = Array.from({ length: 200 }, (_, i) => session.get(`/${i}`));
  await pass(clock, 200_000, 250);
  await Promise.all(calls);
  assertEquals(broker.requests.map(({ path }) => path), calls.map((_, i) => `/v3/${i}`));
  assertEquals(departures.slice(0, 6), [0, 0, 0, 0, 0, 1_000]);
  assertEquals([mostIn(departures, 60_000), mostIn(departures, 1_000)], [60, 5]);
  assertEquals(departures.at(-1), 183_000); // three windows of sixty, and three more seconds
  assertEquals(clock.holding, 0);
});

Deno.test("RateLimiter holds up only the paths that a limit is about", async () => {
  const { clock, broker, session } = await paced([
    { requests: 1, perMs: 10_000, path: /^\/balances/g }, // its state must not matter
    { requests: 3, perMs: 1_000 },
  ]);
  using _clock = clock;
  const calls = ["/balances?a=1", "/balances", "/orders", "/balances", "/orders#x", "/orders"].map(
    (path) => session.get(path),
  );
  const paths = () => broker.requests.map(({ path }) => path.replace("/v3", ""));
  await pass(clock, 500, 500);
  assertEquals(paths(), ["/balances?a=1", "/orders", "/orders"]);
  await pass(clock, 1_000, 500);
  assertEquals(paths().slice(3), ["/orders"]);
  await pass(clock, 20_000, 500);
  assertEquals(paths().slice(4), ["/balances", "/balances"]);
  await Promise.all(calls);
});

Deno.test("RateLimiter forgets who leaves the queue, in the same tick, and the others move up", async () => {
  const { clock, broker, session, departures } = await paced({ requests: 1, perMs: 1_000 });
  using _clock = clock;
  const controller = new AbortController();
  const { signal } = controller;
  let left = 0;
  await session.get("/first");
  const leaving = Array.from({ length: 5 }, () => session.get("/leaves", { signal }));
  for (const call of leaving) call.catch((reason) => left += reason === "enough" ? 1 : 0);
  const staying = [session.get("/second"), session.get("/third")];
  await pass(clock, 500, 500);
  controller.abort("enough");
  for (let i = 0; i < 10; i++) await Promise.resolve();
  assertEquals(left, 5);
  await pass(clock, 2_000, 500);
  await Promise.all(staying);
  assertEquals(broker.requests.map(({ path }) => path), ["/v3/first", "/v3/second", "/v3/third"]);
  assertEquals(departures, [0, 1_000, 2_000]);

  const closing = assertRejects(() => session.get("/never"));
  await idle();
  await session.close();
  await closing;
  assertEquals(clock.armed, 0);
});

Deno.test("RateLimiter refuses at once what would have to wait longer than its call may take", async () => {
  const { clock, broker, session } = await paced({ requests: 2, perMs: 10_000 });
  using _clock = clock;
  await Promise.all([session.get("/a"), session.get("/a")]);
  const waiting = [session.get("/b"), session.get("/b")];
  const refusal = await assertRejects(
    () => session.post("/order?pin=1", {}, { timeoutMs: 20_000 }),
    RateLimitError,
  );
  assertEquals(
    [refusal.code, refusal.status, refusal.retryAfterMs],
    ["rate_limited", 429, 20_000],
  );
  assertEquals(
    refusal.message,
    "Cannot POST https://api.example/v3/order: the session's rate limit permits it in 20 s, " +
      "after the end of this call. The request was not sent",
  );
  const last = session.fetch("/c", { timeoutMs: 20_001 });
  await pass(clock, 20_000, 1_000);
  await Promise.all([...waiting, last]);
  assertEquals(broker.requests.map(({ path }) => path), [
    "/v3/a",
    "/v3/a",
    "/v3/b",
    "/v3/b",
    "/v3/c",
  ]);
});

Deno.test("RateLimiter holds everyone up after a 429, and goes on in order", async () => {
  const { clock, broker, session, departures } = await paced([
    { requests: 2, perMs: 1_000, path: /^\/limited/ },
    { requests: 100, perMs: 1_000, path: /^\/other/ },
  ]);
  using _clock = clock;
  const good = broker.onRequest;
  let refused = 0;
  broker.onRequest = (request) =>
    refused++ < 2
      ? new Response(null, { status: 429, headers: { "retry-after": "30" } })
      : good(request);
  const calls = [1, 2, 3, 4].map((i) => session.get(`/limited/${i}`));
  await pass(clock, 10_000, 500);
  assertEquals(broker.requests.length, 2);
  // Who cannot wait so long is told at once.
  const refusal = await assertRejects(() => session.get("/limited/5", { timeoutMs: 5_000 }));
  assert(refusal instanceof RateLimitError);
  assertEquals(refusal.retryAfterMs, 22_000); // 20 s, and a second for each two of the four in front
  const other = session.get("/other");
  await pass(clock, 500, 500);
  await other;
  await pass(clock, 30_000, 500);
  await Promise.all(calls);
  const paths = broker.requests.map(({ path }) => path.replace("/v3/", ""));
  assertEquals(paths, [
    ...["limited/1", "limited/2", "other"],
    ...["limited/1", "limited/2", "limited/3", "limited/4"],
  ]);
  assertEquals(departures.slice(1), [30_000, 30_000, 31_000, 31_000]);
});

Deno.test("RateLimiter tells those who wait already that a 429 makes their turn too late", async () => {
  const { clock, broker, session } = await paced({ requests: 1, perMs: 1_000 });
  using _clock = clock;
  broker.onRequest = () => new Response(null, { status: 429, headers: { "retry-after": "60" } });
  const first = assertRejects(() => session.post("/a", {}), RateLimitError);
  const second = assertRejects(() => session.get("/b", { timeoutMs: 30_000 }), RateLimitError);
  assertEquals([(await first).code, (await second).code], ["http_429", "rate_limited"]);
  assertEquals([broker.requests.length, clock.holding], [1, 0]);
});

Deno.test("RateLimiter lets a call wait by itself whose path no limit is about", async () => {
  const { clock, broker, session } = await paced({ requests: 1, perMs: 1_000, path: /^\/limited/ });
  using _clock = clock;
  broker.onRequest = () =>
    broker.requests.length === 1
      ? new Response(null, { status: 429, headers: { "retry-after": "5" } })
      : new Response("1");
  const call = session.get("/free");
  await pass(clock, 4_500, 500);
  assertEquals(broker.requests.length, 1);
  await pass(clock, 500, 500);
  assertEquals(await call, 1);
});

Deno.test("RateLimiter counts replays and retries too", async () => {
  const { clock, broker, session } = await paced({ requests: 1, perMs: 10_000 });
  using _clock = clock;
  const at: number[] = [];
  const statuses = [401, 503, 200];
  broker.onRequest = () => {
    at.push(performance.now());
    return new Response("{}", { status: statuses.shift() ?? 200 });
  };
  const call = session.get("/a");
  await pass(clock, 20_000, 500);
  await call;
  assertEquals(at.map((one) => one - (at[0] ?? 0)), [0, 10_000, 20_000]);
});

Deno.test("RateLimiter sends with a live token after a long wait", async () => {
  const { clock, broker, session } = await paced({ requests: 1, perMs: 100_000 });
  using _clock = clock;
  broker.lifetimeS = 60;
  await session.refresh({ force: true });
  await session.get("/a");
  const call = session.get("/b");
  await pass(clock, 100_000, 1_000);
  await call;
  assertEquals(broker.requests.map(({ token }) => token), ["access-2", "access-3"]);
});

Deno.test("Session takes the limits that its broker has published", async () => {
  const { clock, broker, session } = await paced("published", { broker: tradestation });
  using _clock = clock;
  const calls = Array.from({ length: 321 }, () => session.get("/brokerage/accounts"));
  await pass(clock, 1_000, 500);
  assertEquals(broker.requests.length, 320);
  await session.get("/orderexecution/orders"); // for which none is published
  await pass(clock, 300_000, 10_000);
  await Promise.all(calls);
  await session.close();
  for (const { path, requests, perMs } of [tastytrade, tradestation].flatMap(limitsOf)) {
    assert(requests > 0 && perMs >= 1_000 && !path?.global);
  }
});

function limitsOf(
  { rateLimits = [] }: { rateLimits?: readonly RateLimit[] },
): readonly RateLimit[] {
  return rateLimits;
}

Deno.test("A broker's published limits are about the paths that its resources use", () => {
  const limited = (broker: typeof tastytrade, path: string) =>
    limitsOf(broker).filter((limit) => limit.path?.test(path)).map(({ requests }) => requests);
  const { accounts } = tastytrade;
  for (
    const path of [accounts.listPath, accounts.balancesPath("5WT"), accounts.positionsPath("5WT")]
  ) {
    assertEquals(limited(tastytrade, path), [1], path);
  }
  assertEquals(limited(tastytrade, "/accounts/5WT/orders"), []);
  assertEquals(limited(tastytrade, "/instruments/equities"), [2]);
  assertEquals(limited(tastytrade, "/instruments/equities/AAPL"), [3]);
  const { accounts: other } = tradestation;
  for (const path of [other.listPath, other.balancesPath("1,2"), other.positionsPath("1")]) {
    assertEquals(limited(tradestation, path), [320], path);
  }
  assertEquals(limited(tradestation, "/brokerage/accounts/1/historicalorders/2"), [320]);
  assertEquals(limited(tradestation, "/marketdata/quotes/MSFT,AAPL"), [500]);
});

Deno.test("new Session() refuses what is no limit, and published ones where there are none", async () => {
  const { clientSecret = "", refreshToken = "" } = new ScriptedBroker().options;
  const open = (rateLimit: unknown, broker = tastytrade) =>
    Promise.try(() =>
      new Session({ clientSecret, refreshToken, broker, rateLimit } as SessionOptions)
    );
  for (
    const limit of [
      0,
      null,
      "fast",
      {},
      { requests: 1 },
      { requests: 0, perMs: 1 },
      { requests: 1.5, perMs: 1 },
      { requests: 1, perMs: 0 },
      { requests: 1, perMs: NaN },
      { requests: 1, perMs: 1, path: "/a" },
      [{}],
    ]
  ) {
    await assertRejects(() => open(limit), TypeError, "Cannot use this rateLimit");
  }
  await assertRejects(() => open("published", acme), TypeError, "Acme has published none");
  await open([]);
});

Deno.test("RateLimiter's callers time out as they would without it, if a token is slow", async () => {
  const { clock, broker, session } = await paced({ requests: 1, perMs: 1_000 });
  using _clock = clock;
  broker.onTokenRequest = () => new Promise(() => {});
  clock.advance(1e9);
  const call = assertRejects(() => session.get("/a", { timeoutMs: 5_000 }), NetworkError);
  await pass(clock, 5_000, 1_000);
  assertEquals((await call).sent, "no");
  session[Symbol.dispose]();
});

Deno.test("RateLimiter counts what goes out, although its token or its body came late", async () => {
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

Deno.test("RateLimiter believes no broker that has enough for more than an hour", async () => {
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

Deno.test("RateLimiter returns the answer that there is when the next try would come too late", async () => {
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

Deno.test("RateLimiter does not say that an order was not sent whose first try was", async () => {
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
  assert((await order).message.includes("look before you send it again"));
});

Deno.test("Each published limit of tastytrade is about its own paths, and about no others", () => {
  const rows: readonly [string, readonly number[]][] = [
    ["/market-data/by-type", [2]],
    ["/market-data/by-type/x", []],
    ["/option-chains/AAPL", [2]],
    ["/option-chains/AAPL/nested", [2]],
    ["/futures-option-chains/ES", [2]],
    ["/instruments/equities", [2]],
    ["/instruments/equities/AAPL", [3]],
    ["/instruments/futures", [1]],
    ["/instruments/futures/%2FESZ6", [1]],
    ["/instruments/future-products", [1]],
    ["/instruments/future-products/CME/ES", [1]],
    ["/instruments/equity-options", []],
    ["/instruments/equity-options/SPY", [3]],
    ["/instruments/future-options/x", [3]],
    ["/accounts/5WT/positions", [1]],
    ["/accounts/5WT/balances", [1]],
    ["/accounts/5WT/balances/USD", []],
    ["/accounts/5WT/trading-status", [1]],
    ["/customers/me/accounts", [1]],
    ["/customers/me/accounts/5WT", []],
    ["/customers/me", []],
  ];
  const [whole, ...others] = limitsOf(tastytrade);
  assertEquals([whole?.requests, whole?.perMs, whole?.path], [50, 1_000, undefined]);
  for (const [path, requests] of rows) {
    const found = others.filter((limit) => limit.path?.test(path)).map((limit) => limit.requests);
    assertEquals(found, requests, path);
  }
  assert(others.every(({ perMs }) => perMs === 1_000));
  assertEquals(
    new Set(rows.flatMap(([path]) => others.filter((limit) => limit.path?.test(path)))).size,
    others.length,
  );
});

Deno.test("RateLimiter.release() gives back one departure, once", async () => {
  using clock = new FakeClock({ timers: true });
  const limiter = new RateLimiter([{ requests: 2, perMs: 1_000 }], "https://api.example");
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

Deno.test("RateLimiter remembers no more departures than its limits count", async () => {
  const limiter = new RateLimiter([{ requests: 10, perMs: 0.000001 }], "https://api.example");
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
  await leave(1_000);
  search(); // warm
  const before = search();
  await leave(200_000);
  assertLess(search(), 20 * Math.max(before, 1));
  deadline.dispose();
});

Deno.test("A request whose turn comes goes out with the token held, though another is on its way", async () => {
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
