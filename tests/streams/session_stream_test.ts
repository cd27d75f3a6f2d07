import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import {
  ApiError,
  type GapReason,
  NetworkError,
  Session,
  SessionClosedError,
  SessionError,
  TokenError,
} from "../../mod.ts";
import "../../src/streams/chunked_stream.ts"; // loaded before the clock stands still
import "../../src/streams/connection_loop.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { ScriptedBroker, signedIn, WrittenResponse } from "../support/scripted_broker.ts";
import { answering, failing, rest } from "../call/retry_fixtures.ts";

const QUOTES = "/marketdata/stream/quotes/MSFT";

/** A stream whose connections the test writes. */
async function open(
  options: Parameters<Session["stream"]>[1] = {},
  retry: false | undefined = false,
) {
  const broker = new ScriptedBroker();
  broker.lifetimeS = 100_000;
  const session = await signedIn(broker, { retry });
  const connections: WrittenResponse[] = [];
  broker.onRequest = ({ init }) => {
    const connection = new WrittenResponse(init);
    connections.push(connection);
    return connection.response;
  };
  const stream = session.stream<Record<string, unknown>>(QUOTES, options);
  const events: unknown[] = [];
  let end: unknown;
  const running = (async () => {
    for await (const event of stream) events.push(event);
    end = "done";
  })().catch((error) => end = error);
  await rest();
  return {
    broker,
    session,
    connections,
    stream,
    events,
    running,
    end: () => end,
    /** Waits a random pause at most. */
    async reconnect(clock: FakeClock) {
      const before = connections.length;
      for (let i = 0; i < 40 && connections.length === before; i++) {
        clock.advance(1_000);
        await rest();
      }
    },
  };
}

const data = <T>(data: T) => ({ kind: "data", data }) as const;
const gap = (reason: GapReason) => ({ kind: "gap", reason }) as const;

Deno.test("session.stream() hands on values and the end of the snapshot, and no heartbeat", async () => {
  using _clock = new FakeClock({ timers: true });
  const { connections: [first], events, stream, running, end, session } = await open();
  first?.write({ Symbol: "MSFT", Last: "1" }, { Heartbeat: 1 }, { StreamStatus: "EndSnapshot" });
  first?.write('{"Symbol":"MS', 'FT","Last":"2"}\n{"Symbol":"X","Error":"FAILED, NOT ENTITLED"}\n');
  await rest();
  assertEquals(events, [
    data({ Symbol: "MSFT", Last: "1" }),
    { kind: "snapshot_end" },
    data({ Symbol: "MSFT", Last: "2" }),
    { kind: "symbol_error", symbol: "X", code: "FAILED, NOT ENTITLED", message: undefined },
  ]);
  await stream.close();
  await running;
  assertEquals([end(), first?.isOver], ["done", true]);
  await session.close();
});

for (
  const [name, reason, breakIt] of [
    ["the broker ends it", "disconnected", (one: WrittenResponse) => one.end()],
    [
      "it breaks",
      "disconnected",
      (one: WrittenResponse) =>
        one.fail(Object.assign(new TypeError("terminated"), { code: "ECONNRESET" })),
    ],
    [
      "orders go away",
      "server_shutdown",
      (one: WrittenResponse) => one.write({ StreamStatus: "GoAway" }),
    ],
    [
      "quotes go away",
      "server_shutdown",
      (one: WrittenResponse) =>
        one.write({ Error: "GoAway", Message: "The server is about to shut down." }),
    ],
    [
      "the broker fails",
      "server_error",
      (one: WrittenResponse) => one.write({ Error: "InternalServerError" }),
    ],
    [
      "v2 times out",
      "server_error",
      (one: WrittenResponse) => one.write("ERROR - A Timeout Occurred after waiting 15000ms\n"),
    ],
    ["v2 has finished", "disconnected", (one: WrittenResponse) => one.write("END\n")],
    [
      "a value is too long",
      "server_error",
      (one: WrittenResponse) => one.write(`{"a":"${"x".repeat(5e6)}`),
    ],
    ["something is no JSON", "server_error", (one: WrittenResponse) => one.write("{a}\n")],
  ] as const
) {
  Deno.test(`session.stream() tells of a gap and opens another connection when ${name}`, async () => {
    using clock = new FakeClock({ timers: true });
    const { connections, events, stream, running, reconnect, broker, session } = await open();
    connections[0]?.write({ n: 1 });
    await rest();
    const [first] = connections;
    assert(first !== undefined);
    breakIt(first);
    await rest();
    assertEquals(events, [data({ n: 1 }), gap(reason)]);
    await reconnect(clock);
    connections[1]?.write({ n: 2 });
    await rest();
    assertEquals(events, [data({ n: 1 }), gap(reason), data({ n: 2 })]);
    assertEquals(broker.requests.map(({ path }) => path), Array(2).fill(`/v3${QUOTES}`));
    await stream.close();
    await running;
    await session.close();
    assertEquals(clock.holding, 0);
  });
}

Deno.test("session.stream() notices silence even if the abort does not end the body", async () => {
  using clock = new FakeClock({ timers: true });
  const { broker, connections, events, stream, reconnect, session } = await open();
  connections[0]?.end();
  // As Deno's fetch does at times, and a custom one may do.
  broker.onRequest = () => new Response(new ReadableStream());
  await rest();
  clock.advance(1_000);
  await rest();
  broker.onRequest = ({ init }) => {
    const connection = new WrittenResponse(init);
    connections.push(connection);
    return connection.response;
  };
  clock.advance(31_000);
  await rest();
  await reconnect(clock);
  connections[1]?.write({ n: 1 });
  await rest();
  assertEquals(events, [gap("disconnected"), gap("silence"), data({ n: 1 })]);
  await stream.close();
  await session.close();
});

Deno.test("session.stream() opens anew after a 401, but not for ever", async () => {
  using clock = new FakeClock({ timers: true });
  const { broker, connections, events, running, reconnect, end, session } = await open();
  const { onRequest } = broker;
  let refused = 0;
  broker.onRequest = (request) => {
    if (refused >= 3) return onRequest(request);
    refused += 1;
    return new Response("", { status: 401 });
  };
  connections[0]?.end();
  await reconnect(clock);
  connections[1]?.write({ n: 1 });
  await rest();
  assertEquals(events, [gap("disconnected"), data({ n: 1 })]);
  broker.onRequest = () => new Response("", { status: 401 });
  connections[1]?.end();
  for (let i = 0; i < 120 && end() === undefined; i++) {
    clock.advance(1_000);
    await rest();
  }
  await running;
  const error = end();
  assert(error instanceof ApiError);
  assertEquals(error.status, 401);
  await session.close();
});

Deno.test("session.stream() notices silence, and a heartbeat is none", async () => {
  using clock = new FakeClock({ timers: true });
  const { connections, events, stream, reconnect, session } = await open();
  for (let i = 0; i < 10; i++) {
    clock.advance(5_000);
    connections[0]?.write({ Heartbeat: 1 });
    await rest();
  }
  assertEquals([events, connections.length], [[], 1]);
  clock.advance(29_999);
  await rest();
  assertEquals(events, []);
  clock.advance(1);
  await rest();
  assertEquals(events, [gap("silence")]);
  await reconnect(clock);
  assertEquals(connections.length, 2);
  await stream.close();
  await session.close();
});

Deno.test("session.stream() waits ever longer after bad connections, and takes a fresh token each time", async () => {
  using clock = new FakeClock({ timers: true });
  const { broker, connections, events, stream, session } = await open();
  connections[0]?.write({ n: 1 });
  await rest();
  connections[0]?.end();
  broker.onRequest = failing("ECONNRESET");
  await session.refresh({ force: true });
  const times: number[] = [];
  const from = performance.now();
  let seen = broker.requests.length;
  while (times.length < 30) {
    clock.advance(250);
    await rest();
    if (broker.requests.length > seen) times.push(performance.now() - from);
    seen = broker.requests.length;
  }
  assertEquals(events, [data({ n: 1 }), gap("disconnected")]); // one outage, one gap
  const pauses = times.map((time, i) => time - (times[i - 1] ?? 0));
  pauses.forEach((ms, i) => assert(ms <= Math.min(30_000, 1_000 * 2 ** i) + 250, String(pauses)));
  assert(Math.max(...pauses) > 8_000, String(pauses));
  assertEquals(broker.tokens.at(-1), "access-2");
  await stream.close();
  await session.close();
});

Deno.test("session.stream() obeys Retry-After, and what a broker refuses for good ends it", async () => {
  using clock = new FakeClock({ timers: true });
  const { broker, events, connections, running, end, session } = await open();
  connections[0]?.end();
  broker.requests.length = 0;
  broker.onRequest = answering(429, { "retry-after": "20" });
  for (let ms = 0; ms < 10_000; ms += 250) {
    clock.advance(250);
    await rest();
  }
  assertEquals(broker.requests.length, 1);
  broker.onRequest = () =>
    Response.json({ Error: "Forbidden", Message: "No market data" }, { status: 403 });
  clock.advance(30_000);
  await rest();
  await running;
  const error = end();
  assert(error instanceof ApiError);
  assertEquals([error.status, error.code], [403, "Forbidden"]);
  assertEquals(events, [gap("disconnected")]);
  await session.close();
});

for (const code of ["DualLogon", "Forbidden", "BadRequest"]) {
  Deno.test(`session.stream() ends with ${code}, which another connection would not mend`, async () => {
    using _clock = new FakeClock({ timers: true });
    const { connections, running, end, session } = await open();
    connections[0]?.write({ Symbol: code === "DualLogon" ? "MSFT" : undefined, Error: code });
    await running;
    const error = end();
    assert(error instanceof ApiError);
    assertEquals([error.code, error.status, connections.length], [code, 200, 1]);
    assertMatch(
      error.message,
      new RegExp(`^Cannot go on with the stream https://api.example/v3${QUOTES}: ${code}`),
    );
    await session.close();
  });
}

Deno.test("session.stream() ends when the grant is lost or the session closes", async () => {
  using clock = new FakeClock({ timers: true });
  {
    const { broker, connections, running, end, reconnect, session } = await open();
    broker.onTokenRequest = () => Response.json({ error: "invalid_grant" }, { status: 403 });
    broker.onRequest = answering(401);
    connections[0]?.end();
    await reconnect(clock);
    await running;
    const error = end();
    assert(error instanceof TokenError && error.isPermanent, String(error));
    await session.close();
  }
  const { running, end, session } = await open();
  await session.close();
  await running;
  assert(end() instanceof SessionClosedError, String(end()));
  assertThrows(() => session.stream(QUOTES, { timeoutMs: 1 } as never), TypeError);
});

Deno.test("session.stream() ends with the signal's reason, with break, with close() and with await using", async () => {
  using clock = new FakeClock({ timers: true });
  const controller = new AbortController();
  const first = await open({ signal: controller.signal });
  first.connections[0]?.write({ n: 1 });
  await rest();
  const reason = new Error("enough");
  controller.abort(reason);
  await first.running;
  assert(first.end() === reason);
  assert(first.connections[0]?.isOver);

  const { broker, session } = first;
  const connections: WrittenResponse[] = [];
  broker.onRequest = ({ init }) => {
    const connection = new WrittenResponse(init);
    connections.push(connection);
    connection.write({ n: 1 }, { n: 2 });
    return connection.response;
  };
  for await (const _ of session.stream(QUOTES)) break;
  {
    await using stream = session.stream(QUOTES);
    const iterator = stream[Symbol.asyncIterator]();
    assertEquals((await iterator.next()).value, data({ n: 1 }));
    assertThrows(() => stream[Symbol.asyncIterator](), TypeError, "iterated over once");
    await stream.close();
    assertEquals(await iterator.next(), { done: true, value: undefined });
  }
  const aborted = session.stream(QUOTES, { signal: controller.signal });
  assert(await assertRejects(() => aborted[Symbol.asyncIterator]().next()) === reason);
  assertEquals(connections.map(({ isOver }) => isOver), [true, true]);
  await session.close();
  assertEquals(clock.holding, 0);
});

Deno.test("session.stream() drops what a slow program leaves, and says so", async () => {
  using clock = new FakeClock({ timers: true });
  const broker = new ScriptedBroker();
  const session = await signedIn(broker);
  const connections: WrittenResponse[] = [];
  broker.onRequest = ({ init }) => {
    const connection = new WrittenResponse(init);
    connections.push(connection);
    return connection.response;
  };
  const iterator = session.stream<{ n: number }>(QUOTES)[Symbol.asyncIterator]();
  const first = iterator.next();
  await rest();
  for (let n = 0; n < 12_000; n++) connections[0]?.write({ n });
  assertEquals((await first).value, data({ n: 0 }));
  await rest();
  assertEquals((await iterator.next()).value, gap("slow_consumer"));
  for (let i = 0; i < 40 && connections.length === 1; i++) {
    clock.advance(1_000);
    await rest();
  }
  connections[1]?.write({ n: 7 });
  assertEquals((await iterator.next()).value, data({ n: 7 }));
  await iterator.return?.();
  await session.close();
});

Deno.test("session.stream() is for brokers that have it, and checks its options", async () => {
  using session = new Session({
    clientSecret: "s",
    refreshToken: "a.b.c",
    baseUrl: "http://127.0.0.1:1",
  });
  assertEquals(
    assertThrows(() => session.stream("/quotes"), SessionError).code,
    "unsupported",
  );
  const broker = new ScriptedBroker();
  await using other = await signedIn(broker);
  assertThrows(() => other.stream("https://elsewhere.example/x"), TypeError, "goes to");
  assertThrows(() => other.stream(QUOTES, { idleTimeoutMs: 0 }), RangeError);
  assertThrows(() => other.stream(QUOTES, { query: "a=b" } as never), TypeError);
  broker.onRequest = failing("CERT_HAS_EXPIRED");
  const iterator = other.stream(QUOTES)[Symbol.asyncIterator]();
  assertEquals((await assertRejects(() => iterator.next(), NetworkError)).kind, "tls");
});
