import { assert, assertEquals, assertRejects } from "@std/assert";
import { ApiError, RateLimitError } from "../../mod.ts";
import { backoffMs, RetryBudget } from "../../src/call/retry.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { ScriptedBroker, signedIn } from "../support/scripted_broker.ts";
import { answering, rest } from "./retry_fixtures.ts";

Deno.test("Session waits as long as it is asked to, before it sends again", async () => {
  using clock = new FakeClock({ timers: true });
  const broker = new ScriptedBroker();
  await using session = await signedIn(broker);
  for (const [status, header] of [[429, "7"], [503, "7"]] as const) {
    broker.requests.length = 0;
    broker.onRequest = () =>
      broker.requests.length === 1
        ? answering(status, { "retry-after": header })()
        : new Response("1");
    const call = session.get("/a");
    await rest();
    clock.advance(6_999);
    await rest();
    assertEquals(broker.requests.length, 1);
    clock.advance(1);
    assertEquals(await call, 1);
  }
  broker.requests.length = 0;
  broker.onRequest = () =>
    broker.requests.length === 1
      ? answering(429, { "x-ratelimit-reset": "12" })()
      : new Response("1");
  const call = session.get("/a");
  await rest();
  clock.advance(11_999);
  await rest();
  assertEquals(broker.requests.length, 1);
  clock.advance(1);
  assertEquals(await call, 1);
});

Deno.test("Session fails at once when it would have to wait longer than the call may take", async () => {
  using clock = new FakeClock({ timers: true });
  const broker = new ScriptedBroker();
  await using session = await signedIn(broker);
  broker.onRequest = answering(429, { "retry-after": "30" });
  const limited = await assertRejects(() => session.get("/a"), RateLimitError);
  assertEquals([limited.retryAfterMs, broker.requests.length], [30_000, 1]);
  assert(limited.message.includes("asks to wait 30 s"), limited.message);
  broker.onRequest = answering(503, { "retry-after": "5" });
  const busy = await assertRejects(() => session.get("/a", { timeoutMs: 5_000 }), ApiError);
  assertEquals([busy.status, broker.requests.length], [503, 2]);
  const response = await session.fetch("/a", { timeoutMs: 5_000 });
  assertEquals([response.status, broker.requests.length], [503, 3]);
  assertEquals(clock.holding, 0);
});

Deno.test("Session sends again as often and after pauses as long as it was told", async () => {
  using clock = new FakeClock({ timers: true });
  const broker = new ScriptedBroker();
  broker.onRequest = answering(503, { "retry-after": "2" });
  for (
    const [retry, tries] of [
      [undefined, 4],
      [{}, 4],
      [{ limit: 0 }, 1],
      [{ limit: 1 }, 2],
      [{ limit: 5 }, 6],
      [{ maxDelayMs: 1_999 }, 1],
      [{ maxDelayMs: 2_000 }, 4],
      [false, 1],
    ] as const
  ) {
    await using session = await signedIn(broker, { retry });
    broker.requests.length = 0;
    const call = session.fetch("/a");
    for (let i = 0; i < 10; i++) {
      await rest();
      clock.advance(2_000);
    }
    assertEquals((await call).status, 503);
    assertEquals(broker.requests.length, tries, JSON.stringify(retry));
  }
});

Deno.test("Session ends a pause in the same tick when its caller aborts, and leaves no timer", async () => {
  using clock = new FakeClock({ timers: true });
  const broker = new ScriptedBroker();
  const session = await signedIn(broker);
  broker.onRequest = answering(503);
  const controller = new AbortController();
  let reason: unknown;
  session.get("/a", { signal: controller.signal }).catch((error) => reason = error);
  await rest();
  assertEquals(clock.armed, 2); // the pause and the end of the call
  controller.abort("enough");
  for (let i = 0; i < 10; i++) await Promise.resolve();
  assertEquals([reason, clock.holding, broker.requests.length], ["enough", 0, 1]);

  const closed = assertRejects(() => session.get("/a"));
  await rest();
  await session.close();
  await closed;
  assertEquals(clock.armed, 0);
});

Deno.test("Session answers an outage with a tenth more requests, not with four times as many", async () => {
  const broker = new ScriptedBroker();
  await using session = await signedIn(broker, { retry: { maxDelayMs: 0 } });
  broker.onRequest = answering(503);
  const fetches = (times: number) =>
    Promise.all(Array.from({ length: times }, () => session.fetch("/a")));
  await fetches(1_000);
  assertEquals(broker.requests.length, 1_100);
  // Good answers fill the budget again: five are worth one retry.
  broker.onRequest = answering(204);
  await fetches(50);
  broker.requests.length = 0;
  broker.onRequest = answering(503);
  await fetches(20);
  assertEquals(broker.requests.length, 30);
});

Deno.test("RetryBudget never exceeds its capacity", () => {
  const retries = new RetryBudget({ limit: 3, maxDelayMs: 0 });
  for (let i = 0; i < 10_000; i++) retries.recordSuccess();
  const ask = { isIdempotent: true, retries: 0, retryAfterMs: 0, remainingMs: 1 };
  let taken = 0;
  while (retries.acquire("no response", ask) !== undefined) taken += 1;
  assertEquals(taken, 100);
});

Deno.test("backoffMs() is anything up to a limit that doubles, and half of it on average", () => {
  for (let retries = 0; retries < 40; retries++) {
    const limitMs = 500 * 2 ** Math.min(retries, 20);
    assert(limitMs < 2 ** 31);
    const delays = Array.from({ length: 4_000 }, () => backoffMs(retries) / limitMs);
    assert(delays.every((delay) => delay >= 0 && delay <= 1));
    const mean = delays.reduce((sum, delay) => sum + delay, 0) / delays.length;
    assert(Math.abs(mean - 0.5) < 0.03, `${mean}`); // 6.5 standard deviations
  }
});
