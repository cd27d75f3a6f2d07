import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { ApiError, NetworkError, RateLimitError, Session } from "../../mod.ts";
import { backoffMs, RetryBudget } from "../../src/call/retry.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { idle, settle } from "../support/idle.ts";
import { hang, ScriptedBroker, signedIn } from "../support/scripted_broker.ts";

/** Lets everything run that waits for no timer. */
async function rest(): Promise<void> {
  await settle();
  await idle();
  await settle();
}

/** What `fetch` rejects with on Node, where each failure has a code. */
function failing(code: string): () => Promise<Response> {
  return () => {
    const cause = Object.assign(new Error(code), { code });
    return Promise.reject(new TypeError("fetch failed", { cause }));
  };
}

function answering(status: number, headers: Record<string, string> = {}): () => Response {
  return () => new Response(null, { status, headers });
}

// Each cell: whether a request of this method is sent again after this ending.
const METHODS = ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "POST", "PATCH"];
const MATRIX: readonly [name: string, end: () => Response | Promise<Response>, cells: string][] = [
  ["refused", failing("ECONNREFUSED"), "again again again again again again again"],
  ["dns", failing("ENOTFOUND"), "again again again again again again again"],
  ["no connection in time", failing("UND_ERR_CONNECT_TIMEOUT"), "again ".repeat(7).trim()],
  ["reset", failing("ECONNRESET"), "again again again once once once once"],
  [
    "no headers in time",
    failing("UND_ERR_HEADERS_TIMEOUT"),
    "again again again once once once once",
  ],
  ["no HTTP", failing("HPE_INVALID_CONSTANT"), "again again again once once once once"],
  ["a bad certificate", failing("CERT_HAS_EXPIRED"), "once once once once once once once"],
  ["400", answering(400), "once once once once once once once"],
  ["401 again and again", answering(401), "replayed ".repeat(7).trim()],
  ["403", answering(403), "once once once once once once once"],
  ["404", answering(404), "once once once once once once once"],
  ["408", answering(408), "again again again once once once once"],
  ["425", answering(425), "once once once once once once once"],
  ["429", answering(429), "again again again once once once once"],
  ["500", answering(500), "again again again once once once once"],
  ["501", answering(501), "once once once once once once once"],
  ["502", answering(502), "again again again once once once once"],
  ["503", answering(503), "again again again once once once once"],
  ["504", answering(504), "again again again once once once once"],
];

for (const [name, end, cells] of MATRIX) {
  Deno.test(`Session sends again after "${name}" what the table says`, async () => {
    const words = { again: 4, once: 1, replayed: 2 } as Record<string, number>;
    const counts: [string, number][] = [];
    for (const method of METHODS) {
      const broker = new ScriptedBroker();
      await using session = await signedIn(broker, { retry: { maxDelayMs: 0 } });
      broker.onRequest = end;
      await session.fetch("/a", { method }).catch((error) => assertInstanceOf(error, NetworkError));
      counts.push([method, broker.requests.length]);
    }
    const expected = cells.split(" ").map((word) => words[word] ?? 0);
    assertEquals(counts, METHODS.map((method, i) => [method, expected[i] ?? 0]));
  });
}

Deno.test("Session sends anything again, byte for byte, that says it may arrive twice", async () => {
  for (const end of [answering(503), failing("ECONNRESET")]) {
    const broker = new ScriptedBroker();
    await using session = await signedIn(broker, { retry: { maxDelayMs: 0 } });
    const bodies: Promise<string>[] = [];
    broker.onRequest = ({ init }) => {
      bodies.push(new Response(init.body ?? null).text());
      return bodies.length < 3 ? end() : new Response('{"ok":true}');
    };
    const order = { a: "é" };
    assertEquals(await session.post("/a", order, { idempotent: true }), { ok: true });
    assertEquals(await Promise.all(bodies), Array(3).fill('{"a":"é"}'));
    const request = new Request(`${session.baseUrl}/a`, { method: "PUT", body: "1" });
    bodies.length = 0;
    assertEquals((await session.fetch(request, { idempotent: true })).status, 200);
    assertEquals(await Promise.all(bodies), ["1", "1", "1"]);
  }
});

Deno.test("Session sends no stream again, although the method may arrive twice", async () => {
  const broker = new ScriptedBroker();
  await using session = await signedIn(broker, { retry: { maxDelayMs: 0 } });
  broker.onRequest = answering(503);
  const body = new Blob(["a"]).stream();
  const response = await session.fetch("/a", { method: "PUT", body, idempotent: true });
  assertEquals([response.status, broker.requests.length], [503, 1]);
});

Deno.test("Session makes a body anew for each sending if it is a function", async () => {
  const broker = new ScriptedBroker();
  await using session = await signedIn(broker, { retry: { maxDelayMs: 0 } });
  const bodies: string[] = [];
  broker.onRequest = async ({ init }) => {
    bodies.push(await new Response(init.body ?? null).text());
    return new Response("{}", { status: bodies.length % 2 === 1 ? 401 : 200 });
  };
  let made = 0;
  const streamed = () => new Blob([`stream ${++made}`]).stream();
  const method = "POST";
  assertEquals((await session.fetch("/a", { method, body: streamed })).status, 200);
  await session.post("/a", () => ({ made: ++made }));
  await session.put("/a", () => Promise.resolve(`{"made":${++made}}`));
  const request = new Request(`${session.baseUrl}/a`, { method });
  assertEquals((await session.fetch(request, { body: streamed })).status, 200);
  const expected = ["stream 1", "stream 2", '{"made":3}', '{"made":4}', '{"made":5}', '{"made":6}'];
  assertEquals(bodies, [...expected, "stream 7", "stream 8"]);
});

Deno.test("Session passes on what a body's function throws, and sends nothing", async () => {
  const broker = new ScriptedBroker();
  await using session = await signedIn(broker);
  const mistake = new Error("no order today");
  const make = () => {
    throw mistake;
  };
  for (const call of [session.post("/a", make), session.put("/a", () => Promise.reject(mistake))]) {
    assertEquals(await assertRejects(() => call), mistake);
  }
  await assertRejects(() => session.post("/a", () => undefined), TypeError, "has no JSON");
  assertEquals(broker.requests.length, 0);
});

Deno.test("Session takes what a body's function throws for no failure of its own", async () => {
  const broker = new ScriptedBroker();
  await using session = await signedIn(broker, { retry: { maxDelayMs: 0 } });
  let calls = 0;
  const make = () => {
    calls += 1;
    return failing("ECONNREFUSED")();
  };
  await assertRejects(() => session.post("/a", make), TypeError, "fetch failed");
  assertEquals([calls, broker.requests.length], [1, 0]);
});

Deno.test("Session does not wait for a body's function beyond the end of the call", async () => {
  const broker = new ScriptedBroker();
  await using session = await signedIn(broker);
  const never = () => new Promise<string>(() => {});
  const late = await assertRejects(
    () => session.post("/a", never, { timeoutMs: 20 }),
    NetworkError,
  );
  assertEquals([late.kind, late.sent], ["timeout", "no"]);
  const controller = new AbortController();
  const call = session.fetch("/a", { method: "POST", body: never, signal: controller.signal });
  controller.abort("enough");
  assertEquals(await call.catch((reason) => reason), "enough");
});

Deno.test("Session sends a form as it was when it was given", async () => {
  const broker = new ScriptedBroker();
  await using session = new Session(broker.options);
  const sent: FormData[] = [];
  broker.onRequest = ({ init }) => {
    if (init.body instanceof FormData) sent.push(init.body);
    return new Response("{}", { status: sent.length === 1 ? 401 : 200 });
  };
  const form = new FormData();
  form.set("quantity", "1");
  form.set("file", new File(["a"], "a.txt"));
  const call = session.post("/order", form);
  form.set("quantity", "100");
  await call;
  assertEquals(sent.map((one) => one.get("quantity")), ["1", "1"]);
  const file = sent[0]?.get("file");
  assertEquals(file instanceof File ? file.name : file, "a.txt");
});

Deno.test("Session takes a function's body in place of a Request's own, even of one that was used", async () => {
  const broker = new ScriptedBroker();
  await using session = await signedIn(broker);
  const bodies: string[] = [];
  broker.onRequest = async ({ init }) => {
    bodies.push(await new Response(init.body ?? null).text());
    return new Response("{}");
  };
  const used = new Request(`${session.baseUrl}/a`, { method: "POST", body: "old" });
  await used.text();
  await session.fetch(used, { body: () => "new" });
  assertEquals(bodies, ["new"]);
});

Deno.test("Session counts the reading of a Request's body in the time of the call", async () => {
  using clock = new FakeClock({ timers: true });
  const broker = new ScriptedBroker();
  await using session = await signedIn(broker);
  broker.onRequest = ({ init }) => hang(init);
  const { readable, writable } = new TransformStream();
  const request = new Request(`${session.baseUrl}/a`, {
    method: "POST",
    body: readable,
    duplex: "half",
  } as RequestInit);
  const call = assertRejects(() => session.fetch(request), NetworkError);
  await rest();
  clock.advance(20_000);
  await writable.close();
  while (broker.requests.length === 0) await idle();
  clock.advance(9_999);
  assertEquals(clock.armed, 1);
  clock.advance(1);
  assertEquals((await call).kind, "timeout");
});

Deno.test("Session takes no failure behind a redirect for an order that was not sent", async () => {
  const broker = new ScriptedBroker();
  await using session = await signedIn(broker, { retry: { maxDelayMs: 0 } });
  broker.onRequest = failing("ECONNREFUSED"); // of the server to which it was redirected
  const init = { method: "POST", redirect: "follow" } as const;
  const error = await assertRejects(() => session.fetch("/order", init), NetworkError);
  assertEquals([error.sent, broker.requests.length], ["unknown", 1]);
});

Deno.test("Session blames a 401 on the token that went out, also after a wait", async () => {
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

Deno.test("Session does not lose its faith in tokens because a straggler met two that were revoked", async () => {
  const broker = new ScriptedBroker();
  await using session = await signedIn(broker);
  const late = Promise.withResolvers<Response>();
  let revoked = 1;
  broker.onRequest = ({ path, token }) =>
    path.endsWith("/late") && token === "access-1"
      ? late.promise
      : new Response("{}", { status: Number(token.split("-")[1]) <= revoked ? 401 : 200 });
  const straggler = session.fetch("/late");
  await session.get("/a"); // renews
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
  assertEquals((await call).sent, "no");
  session[Symbol.dispose]();
});

Deno.test("Session says that an order may have been sent when only its next try got no token", async () => {
  const broker = new ScriptedBroker();
  await using session = await signedIn(broker, { retry: { limit: 1, maxDelayMs: 0 } });
  broker.onRequest = () => {
    broker.onTokenRequest = failing("ECONNREFUSED");
    return new Response(null, { status: broker.requests.length === 1 ? 503 : 401 });
  };
  const call = () => session.post("/order", {}, { idempotent: true });
  const error = await assertRejects(call, NetworkError);
  assertEquals(error.sent, "unknown");
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
  assertEquals([error.sent, broker.requests.length], ["unknown", 1]);
});

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

Deno.test("Session says of a request that it may have been carried out, if one of its tries may have", async () => {
  const broker = new ScriptedBroker();
  await using session = await signedIn(broker, { retry: { maxDelayMs: 0 } });
  const script = async (...ends: (() => Response | Promise<Response>)[]) => {
    broker.onRequest = () => (ends.length > 1 ? ends.shift() : ends[0])?.() ?? new Response();
    const call = () => session.post("/a", {}, { idempotent: true });
    return (await assertRejects(call, NetworkError)).sent;
  };
  const [refused, reset] = [failing("ECONNREFUSED"), failing("ECONNRESET")];
  assertEquals(await script(refused), "no");
  assertEquals(await script(reset, refused), "unknown");
  assertEquals(await script(answering(503), refused), "unknown");
  assertEquals(await script(answering(429), refused), "no");
  assertEquals(await script(answering(401), refused), "no");
  assertEquals(await script(refused, reset, answering(401), refused), "unknown");
});

Deno.test("Session says of an order that a gateway lost that it may have been carried out", async () => {
  const broker = new ScriptedBroker();
  await using session = await signedIn(broker, { retry: false });
  for (const status of [400, 408, 429, 500, 502, 504]) {
    broker.onRequest = answering(status);
    const isKnown = status === 400 || status === 429;
    const { message } = await assertRejects(() => session.post("/a", {}), ApiError);
    assertEquals(message.includes("look before you send it again"), !isKnown, message);
    const read = await assertRejects(() => session.get("/a"), ApiError);
    assert(!read.message.includes("look before"), read.message);
  }
});

Deno.test("Session tells in how many tries nobody answered", async () => {
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

Deno.test("Session ends in its time although every try hangs", async () => {
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
  const { kind, sent } = await call;
  assertEquals([kind, sent, clock.armed], ["timeout", "unknown", 0]);
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

Deno.test("Session makes no body for a call that its caller has left", async () => {
  const broker = new ScriptedBroker();
  await using session = await signedIn(broker);
  const controller = new AbortController();
  broker.onRequest = () => {
    controller.abort("enough"); // and then the answer is there, which asks for another token
    return new Response("", { status: 401 });
  };
  let made = 0;
  const body = () => {
    made += 1;
    return "{}";
  };
  const call = session.post("/order", body, { signal: controller.signal });
  assertEquals(await call.catch((reason: unknown) => reason), "enough");
  await settle();
  assertEquals([made, broker.requests.length], [1, 1]);
});
