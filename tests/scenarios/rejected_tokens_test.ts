import { assertEquals, assertLessOrEqual, assertRejects } from "@std/assert";
import { ApiError, Session } from "../../mod.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { settle } from "../support/idle.ts";
import { ScriptedBroker, signedIn } from "../support/scripted_broker.ts";
import { HeldAnswers } from "./fixtures.ts";

Deno.test("A 401 that comes after the refresh that another 401 began is replayed without a further one", async () => {
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

Deno.test("Twenty 401s that come 15 ms after one another make one refresh and twenty good responses", async () => {
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

Deno.test("Session.fetch() returns the second 401 as it is, after one refresh", async () => {
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

Deno.test("A broker that refuses every token costs one refresh in 30 seconds, however many requests there are", async () => {
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

Deno.test("No status but 401 refreshes or replays", async () => {
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

Deno.test("A 401 refreshes once and replays once, whatever its challenge says or whether there is one", async () => {
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

Deno.test("One path that always answers 401 does not cost a refresh for each of its calls", async () => {
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
