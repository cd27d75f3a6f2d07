import { assert, assertEquals, assertRejects } from "@std/assert";
import { ApiError, NetworkError, Session } from "../../mod.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { hang, ScriptedBroker, signedIn } from "../support/scripted_broker.ts";
import { answering, failing, rest } from "./retry_fixtures.ts";

Deno.test("Session takes no failure behind a redirect for an order that was not sent", async () => {
  const broker = new ScriptedBroker();
  await using session = await signedIn(broker, { retry: { maxDelayMs: 0 } });
  broker.onRequest = failing("ECONNREFUSED"); // of the server to which it was redirected
  const init = { method: "POST", redirect: "follow" } as const;
  const error = await assertRejects(() => session.fetch("/order", init), NetworkError);
  assertEquals([error.outcome, broker.requests.length], ["unknown", 1]);
});

Deno.test("Session blames a 401 on the token that was sent, also after a wait", async () => {
  using clock = new FakeClock({ timers: true });
  const broker = new ScriptedBroker();
  broker.lifetimeS = 10_000;
  const rateLimit = { requests: 1, perMs: 1_000 };
  await using session = await signedIn(broker, { rateLimit });
  await session.get("/first");
  broker.onRequest = ({ token }) =>
    new Response("{}", { status: token === "access-3" ? 200 : 401 });
  const call = session.get("/second"); // waits for its turn with access-1
  await session.refresh({ force: true });
  for (let i = 0; i < 4; i++) {
    await rest();
    clock.advance(1_000);
  }
  await call;
  assertEquals(broker.tokens.slice(1), ["access-2", "access-3"]);
});

Deno.test("Session does not suspend invalidation because a late 401 met two revoked tokens", async () => {
  const broker = new ScriptedBroker();
  await using session = await signedIn(broker);
  const late = Promise.withResolvers<Response>();
  let revoked = 1;
  broker.onRequest = ({ path, token }) =>
    path.endsWith("/late") && token === "access-1"
      ? late.promise
      : new Response("{}", { status: Number(token.split("-")[1]) <= revoked ? 401 : 200 });
  const straggler = session.fetch("/late");
  await session.get("/a"); // refreshes
  revoked = 2;
  late.resolve(new Response(null, { status: 401 }));
  assertEquals((await straggler).status, 401); // one replay a call, with the token that was held
  revoked = 3;
  await session.get("/a");
  assertEquals(broker.tokens, [
    "access-1",
    "access-1",
    "access-2",
    "access-2",
    "access-3",
    "access-4",
  ]);
});

Deno.test("Session says that nothing was sent when no token came after a 401", async () => {
  using clock = new FakeClock({ timers: true });
  const broker = new ScriptedBroker();
  await using session = await signedIn(broker);
  broker.onRequest = answering(401);
  broker.onTokenRequest = () => new Promise(() => {});
  const call = assertRejects(() => session.post("/order", {}, { timeoutMs: 5_000 }), NetworkError);
  await rest();
  clock.advance(5_000);
  assertEquals((await call).outcome, "not_processed");
  session[Symbol.dispose]();
});

Deno.test("Session says that an order may have been sent when only its next attempt got no token", async () => {
  const broker = new ScriptedBroker();
  await using session = await signedIn(broker, { retry: { limit: 1, maxDelayMs: 0 } });
  broker.onRequest = () => {
    broker.onTokenRequest = failing("ECONNREFUSED");
    return new Response(null, { status: broker.requests.length === 1 ? 503 : 401 });
  };
  const call = () => session.post("/order", {}, { idempotent: true });
  const error = await assertRejects(call, NetworkError);
  assertEquals(error.outcome, "unknown");
});

Deno.test("Session gets a body again that broke off, by the JSON methods", async () => {
  const broker = new ScriptedBroker();
  await using session = await signedIn(broker, { retry: { maxDelayMs: 0 } });
  const breaking = () => {
    const error = Object.assign(new TypeError("terminated"), { code: "ECONNRESET" });
    return new Response(new ReadableStream({ pull: () => Promise.reject(error) }));
  };
  broker.onRequest = () => broker.requests.length < 3 ? breaking() : new Response("[1]");
  assertEquals(await session.get("/a"), [1]);
  assertEquals(broker.requests.length, 3);
  broker.requests.length = 0;
  const error = await assertRejects(() => session.post("/a", {}), NetworkError);
  assertEquals([error.outcome, broker.requests.length], ["unknown", 1]);
});

Deno.test("Session says of a request that it may have been carried out, if one of its attempts may have", async () => {
  const broker = new ScriptedBroker();
  await using session = await signedIn(broker, { retry: { maxDelayMs: 0 } });
  const script = async (...ends: (() => Response | Promise<Response>)[]) => {
    broker.onRequest = () => (ends.length > 1 ? ends.shift() : ends[0])?.() ?? new Response();
    const call = () => session.post("/a", {}, { idempotent: true });
    return (await assertRejects(call, NetworkError)).outcome;
  };
  const [refused, reset] = [failing("ECONNREFUSED"), failing("ECONNRESET")];
  assertEquals(await script(refused), "not_processed");
  assertEquals(await script(reset, refused), "unknown");
  assertEquals(await script(answering(503), refused), "unknown");
  assertEquals(await script(answering(429), refused), "not_processed");
  assertEquals(await script(answering(401), refused), "not_processed");
  assertEquals(await script(refused, reset, answering(401), refused), "unknown");
});

Deno.test("Session says of an order that a gateway lost that it may have been carried out", async () => {
  const broker = new ScriptedBroker();
  await using session = await signedIn(broker, { retry: false });
  for (const status of [400, 408, 429, 500, 502, 504]) {
    broker.onRequest = answering(status);
    const isKnown = status === 400 || status === 429;
    const { message } = await assertRejects(() => session.post("/a", {}), ApiError);
    assertEquals(message.includes("check that before you send it again"), !isKnown, message);
    const read = await assertRejects(() => session.get("/a"), ApiError);
    assert(!read.message.includes("check that before"), read.message);
  }
});

Deno.test("Session reports in how many attempts nobody answered", async () => {
  const broker = new ScriptedBroker();
  await using session = await signedIn(broker, { retry: { limit: 2, maxDelayMs: 0 } });
  broker.onRequest = failing("ECONNRESET");
  const { message } = await assertRejects(() => session.get("/a"), NetworkError);
  assertEquals(message, "Cannot GET https://api.example/v3/a: no response in 3 attempts (reset)");
});

Deno.test("Session replays a call once after a 401, also when it is sent again", async () => {
  const broker = new ScriptedBroker();
  await using session = await signedIn(broker, { retry: { maxDelayMs: 0 } });
  const statuses = [401, 503, 401, 200];
  broker.onRequest = () => new Response("{}", { status: statuses.shift() ?? 200 });
  assertEquals((await session.fetch("/a")).status, 401);
  assertEquals(statuses, [200]);
});

Deno.test("Session sends again after a 401 on a token that expired before it arrived", async () => {
  using clock = new FakeClock();
  const broker = new ScriptedBroker();
  broker.lifetimeS = 3;
  await using session = await signedIn(broker);
  broker.onTokenRequest = () => {
    broker.onTokenRequest = () => broker.issue();
    const issued = broker.issue();
    clock.advance(4_000);
    return issued;
  };
  broker.onRequest = ({ token }) =>
    new Response("{}", { status: token === "access-3" ? 200 : 401 });
  assertEquals((await session.fetch("/a")).status, 200);
  assertEquals(broker.tokens, ["access-1", "access-2", "access-3"]);
});

Deno.test("Session ends in its time although every attempt hangs", async () => {
  using clock = new FakeClock({ timers: true });
  const broker = new ScriptedBroker();
  await using session = await signedIn(broker);
  broker.onRequest = ({ init }) => broker.requests.length < 3 ? answering(503)() : hang(init);
  const call = assertRejects(() => session.get("/a"), NetworkError);
  for (let i = 0; i < 4; i++) {
    await rest();
    clock.advance(1_000);
  }
  await rest();
  assertEquals(broker.requests.length, 3);
  clock.advance(30_000);
  const { kind, outcome } = await call;
  assertEquals([kind, outcome, clock.armed], ["timeout", "unknown", 0]);
});

Deno.test("Session waits for a token that did not come at first, and sends an order then", async () => {
  for (const end of [failing("ECONNRESET"), answering(503)]) {
    using clock = new FakeClock({ timers: true });
    const broker = new ScriptedBroker();
    await using session = new Session(broker.options);
    broker.onTokenRequest = () => broker.tokenRequests <= 2 ? end() : broker.issue();
    const calls = Array.from({ length: 1_000 }, () => session.post("/order", {}));
    for (let i = 0; i < 4; i++) {
      await rest();
      clock.advance(1_000);
    }
    await Promise.all(calls);
    assertEquals([broker.tokenRequests, broker.requests.length, clock.holding], [3, 1_000, 0]);
  }
});

Deno.test("Session fails at once in a longer outage of the sign-in, and for good reasons", async () => {
  for (
    const [end, options] of [
      [answering(503, { "retry-after": "3" }), {}],
      [answering(503), { retry: false }],
      [answering(503), { retry: { limit: 0 } }],
      [answering(503), { retry: { maxDelayMs: 0 } }],
      [answering(503), { timeoutMs: 0.001 }], // the pause is longer
      [failing("CERT_HAS_EXPIRED"), {}],
      [() => Response.json({ error: "invalid_grant" }, { status: 400 }), {}],
    ] as const
  ) {
    using clock = new FakeClock({ timers: true });
    const broker = new ScriptedBroker();
    await using session = new Session({ ...broker.options, ...options });
    broker.onTokenRequest = end;
    const error = await assertRejects(() => session.get("/a"));
    assert(!(error instanceof NetworkError && error.kind === "timeout"));
    assertEquals([broker.tokenRequests, clock.holding], [1, 0]);
  }
});

Deno.test("Session sends no order again whose response breaks off, however it does", async () => {
  for (const code of ["ECONNREFUSED", "ENOTFOUND", "UND_ERR_CONNECT_TIMEOUT"]) {
    const broker = new ScriptedBroker();
    await using session = await signedIn(broker, { retry: { maxDelayMs: 0 } });
    const cause = Object.assign(new Error(code), { code }); // as if nobody had been reached
    const pull = (controller: ReadableStreamDefaultController) =>
      controller.error(new TypeError("fetch failed", { cause }));
    broker.onRequest = () => new Response(new ReadableStream({ pull }));
    const error = await assertRejects(() => session.post("/order", {}), NetworkError);
    assertEquals([error.outcome, broker.requests.length], ["unknown", 1], code);
  }
});

Deno.test("Session knows that a rejected order was not carried out, though its refusal breaks off", async () => {
  const broker = new ScriptedBroker();
  await using session = await signedIn(broker, { retry: { maxDelayMs: 0 } });
  const body = () => new ReadableStream({ pull: async () => void await failing("ECONNRESET")() });
  broker.onRequest = () => new Response(body(), { status: 401 });
  const error = await assertRejects(() => session.post("/order", {}), NetworkError);
  assertEquals(error.outcome, "not_processed");
});
