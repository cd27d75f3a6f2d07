import { assert, assertEquals, assertRejects } from "@std/assert";
import { RateLimitError } from "../../mod.ts";
import { idle } from "../support/idle.ts";
import { mostIn, paced, pass } from "./rate_limiter_fixtures.ts";

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

Deno.test("RateLimiter delays only the paths that a limit is about", async () => {
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
    "Cannot POST https://api.example/v3/order: the session's rate limit delays it by 20 s, " +
      "beyond the end of this call. The request was not sent",
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

Deno.test("RateLimiter delays everyone after a 429, and goes on in order", async () => {
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
