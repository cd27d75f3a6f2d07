/** tastytrade's account streamer as a test writes it: a `WebSocket` without a network, and a fake clock. */

import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { Account, ApiError, NetworkError, Session, SessionError, TokenError } from "../../mod.ts";
import type { UpdateOptions } from "../../mod.ts";
import "../../src/streams/connection_loop.ts"; // loaded before the clock stands still
import "../../src/updates/socket_updates.ts";
import { TextSocket } from "../../src/streams/text_socket.ts";
import { rest } from "../call/retry_fixtures.ts";
import { Consumer } from "../support/account_consumer.ts";
import { FakeClock } from "../support/fake_clock.ts";

const URL_OF_STREAMER = "wss://streamer.example/";

/** A connection that the test answers. */
class FakeSocket {
  static readonly OPEN = 1;
  static readonly made: FakeSocket[] = [];
  static connects: "at once" | "never" | "fails" = "at once";
  readyState = 0;
  readonly sent: Record<string, unknown>[] = [];
  onopen: (() => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  onerror: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;

  readonly url: string;

  constructor(url: string) {
    this.url = url;
    FakeSocket.made.push(this);
    queueMicrotask(() => {
      if (FakeSocket.connects === "never") return;
      if (FakeSocket.connects === "fails") return this.onerror?.();
      this.readyState = 1;
      this.onopen?.();
    });
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }

  /** The broker sends these. */
  receive(...messages: unknown[]): void {
    for (const message of messages) {
      this.onmessage?.({ data: typeof message === "string" ? message : JSON.stringify(message) });
    }
  }

  close(): void {
    this.readyState = 3;
    this.onclose?.({ code: 1_000 });
  }
}

const CONNECTED = { "status": "ok", "action": "connect" };
const ORDER = { "id": 7, "account-number": "A1", "status": "Live", "legs": [] };
const order = (status: string) => ({ type: "Order", data: { ...ORDER, "status": status } });

/** An account whose streamer and lists the test answers. */
async function opened(options: UpdateOptions = {}) {
  const clock = new FakeClock({ timers: true });
  const platform = globalThis.WebSocket;
  Object.assign(globalThis, { WebSocket: FakeSocket });
  FakeSocket.made.length = 0;
  FakeSocket.connects = "at once";
  const broker = {
    lists: (path: string): Response | Promise<Response> => {
      const items = path.includes("orders") ? [ORDER] : [];
      return Response.json({
        data: path.includes("balances") ? { "cash-balance": "1.0" } : { items },
      });
    },
    token: () => Response.json({ access_token: `access-${++issued}`, expires_in: 900 }),
  };
  let issued = 0;
  const session = new Session({
    clientSecret: "secret",
    refreshToken: "refresh",
    baseUrl: "https://api.example",
    streamerUrl: URL_OF_STREAMER,
    retry: false,
    fetch: (input) => {
      const { pathname } = new URL(String(input));
      if (pathname === "/oauth/token") return Promise.resolve(broker.token());
      if (pathname.startsWith("/customers")) {
        return Promise.resolve(Response.json({ data: { "account-number": "A1" } }));
      }
      return Promise.try(() => broker.lists(pathname));
    },
  });
  const account = await Account.get(session, "A1");
  const consumer = new Consumer(account.updates(options));
  await rest();
  const sockets = FakeSocket.made;
  return {
    clock,
    broker,
    session,
    account,
    consumer,
    sockets,
    kinds: () => consumer.events.map((event) => event.kind === "gap" ? event.reason : event.kind),
    /** Waits a random pause at most. */
    async reconnect() {
      const before = sockets.length;
      for (let i = 0; i < 40 && sockets.length === before; i++) {
        clock.advance(1_000);
        await rest();
      }
    },
    async [Symbol.asyncDispose]() {
      await session.close();
      await consumer.running;
      assertEquals(clock.holding, 0);
      clock[Symbol.dispose]();
      Object.assign(globalThis, { WebSocket: platform });
    },
  };
}

Deno.test("account.updates() connects first, reads then, and tells what came meanwhile last", async () => {
  await using test = await opened();
  const { sockets: [socket], consumer, broker } = test;
  assertEquals(socket?.url, URL_OF_STREAMER.slice(0, -1));
  assertEquals(socket?.sent, [
    { "action": "connect", "value": ["A1"], "auth-token": "Bearer access-1" },
  ]);
  let answer: (() => void) | undefined;
  const { lists } = broker;
  broker.lists = async (path) => {
    if (path.includes("orders")) await new Promise<void>((resolve) => answer = resolve);
    return lists(path);
  };
  socket?.receive({ "status": "ok", "action": "heartbeat" }, CONNECTED);
  await rest();
  socket?.receive({ results: [order("Filled"), { type: "QuoteAlert", data: {} }] });
  await rest();
  assertEquals(consumer.events, []);
  answer?.();
  await rest();
  assertEquals(test.kinds(), ["snapshot", "snapshot", "snapshot", "update"]);
  assertEquals(consumer.books.orders, ["7 Filled "]);
  socket?.receive({
    type: "CurrentPosition",
    data: { "symbol": "AAPL", "quantity": "12345678901234567.25", "quantity-direction": "Long" },
  });
  socket?.receive('{"type":"AccountBalance","data":{"cash-balance":12345678901234567.25}}');
  await rest();
  const [position, balance] = consumer.events.slice(-2);
  assert(position?.kind === "update" && position.type === "position");
  assert(balance?.kind === "update" && balance.type === "balance");
  assertEquals(balance.balances.cashBalance, "12345678901234567.25");
});

Deno.test("account.updates() sends a heartbeat every 20 s with a token that lives, and no gap", async () => {
  await using test = await opened();
  const { clock, sockets: [socket], broker } = test;
  socket?.receive(CONNECTED);
  await rest();
  for (let s = 0; s < 3_600; s += 10) {
    clock.advance(10_000);
    await rest();
    socket?.receive({ "status": "ok", "action": "heartbeat" });
    await rest();
  }
  assertEquals(socket?.sent.length, 181);
  const tokens = new Set(socket?.sent.map((message) => message["auth-token"]));
  assert(tokens.size >= 4 && tokens.size <= 6, `${tokens.size} tokens`);
  // An outage of the token endpoint costs heartbeats, as long as the broker is patient.
  broker.token = () => new Response("", { status: 503 });
  test.session.refresh({ force: true }).catch(() => {});
  await rest();
  assertEquals([test.kinds(), test.sockets.length], [Array(3).fill("snapshot"), 1]);
});

Deno.test("account.updates() goes on without a heartbeat while there is no token", async () => {
  await using test = await opened();
  const { clock, sockets: [socket], broker, session } = test;
  socket?.receive(CONNECTED);
  await rest();
  const { token } = broker;
  broker.token = () => new Response("", { status: 503 });
  clock.advance(19_000);
  socket?.receive({ type: "other" });
  await rest();
  // The token ends, and no other one is to be had for a while.
  clock.sleep(900_000);
  for (let i = 0; i < 4; i++) {
    clock.advance(10_000);
    socket?.receive({ type: "other" });
    await rest();
  }
  assert(!session.isLoggedIn);
  const before = socket?.sent.length;
  broker.token = token;
  for (let i = 0; i < 8; i++) {
    clock.advance(10_000);
    socket?.receive({ type: "other" });
    await rest();
  }
  assert(Number(socket?.sent.length) > Number(before));
  assertEquals(test.kinds(), Array(3).fill("snapshot"));
});

for (
  const [name, reason, breakIt] of [
    ["is silent for 45 s", "silence", (_: FakeSocket, clock: FakeClock) => clock.advance(46_000)],
    ["closes", "disconnected", (socket: FakeSocket) => socket.close()],
    ["sends no JSON", "server_error", (socket: FakeSocket) => socket.receive("{")],
    [
      "refuses a heartbeat",
      "server_error",
      (socket: FakeSocket) =>
        socket.receive({ "status": "error", "action": "heartbeat", "message": "failed" }),
    ],
  ] as const
) {
  Deno.test(`account.updates() tells of a gap and begins anew when the streamer ${name}`, async () => {
    await using test = await opened();
    const { sockets, clock } = test;
    sockets[0]?.receive(CONNECTED);
    await rest();
    if (sockets[0] !== undefined) breakIt(sockets[0], clock);
    await rest();
    assertEquals(test.kinds(), [...Array(3).fill("snapshot"), reason]);
    await test.reconnect();
    sockets[1]?.receive(CONNECTED);
    await rest();
    assertEquals(test.kinds().slice(4), Array(3).fill("snapshot"));
    // A token that was refused is not sent again.
    const token = reason === "server_error" && name.includes("heartbeat") ? 2 : 1;
    assertEquals(sockets[1]?.sent[0]?.["auth-token"], `Bearer access-${token}`);
  });
}

Deno.test("account.updates() tries again when the connection or the lists fail", async () => {
  await using test = await opened();
  const { sockets, broker, clock } = test;
  const { lists } = broker;
  broker.lists = () => new Response("", { status: 503 });
  sockets[0]?.receive(CONNECTED);
  await rest();
  FakeSocket.connects = "fails";
  await test.reconnect();
  FakeSocket.connects = "never";
  await test.reconnect();
  clock.advance(46_000); // nothing answers
  await rest();
  FakeSocket.connects = "at once";
  broker.lists = lists;
  await test.reconnect();
  sockets.at(-1)?.close(); // before the acknowledgement
  await rest();
  await test.reconnect();
  sockets.at(-1)?.receive(CONNECTED);
  await rest();
  assertEquals(test.kinds(), Array(3).fill("snapshot"));
});

Deno.test("account.updates() is bounded while the lists are read", async () => {
  await using test = await opened();
  const { sockets: [socket], broker } = test;
  broker.lists = () => new Promise(() => {});
  socket?.receive(CONNECTED);
  await rest();
  for (let i = 0; i < 11; i++) {
    for (let j = 0; j < 1_000; j++) socket?.receive(order("Live"));
    await rest();
  }
  assertEquals([socket?.readyState, test.kinds()], [3, []]);
});

Deno.test("a TextSocket is closed when nobody reads it", async () => {
  await using test = await opened();
  const socket = await TextSocket.open("wss://streamer.example", new AbortController().signal);
  const fake = test.sockets.at(-1);
  for (let i = 0; i < 10_001; i++) fake?.receive("text");
  assertEquals([fake?.readyState, await socket.next()], [3, undefined]);
  socket.send("nobody hears it");
  assertEquals(fake?.sent, []);
  const reason = new Error("enough");
  await assertRejects(
    () => TextSocket.open("wss://streamer.example", AbortSignal.abort(reason)),
    Error,
    "enough",
  );
  FakeSocket.connects = "fails";
  await assertRejects(
    () => TextSocket.open("wss://streamer.example", new AbortController().signal),
    NetworkError,
  );
});

Deno.test("account.updates() ends with what no other connection mends", async () => {
  await using test = await opened();
  const { sockets: [socket], consumer } = test;
  socket?.receive({ "status": "error", "action": "connect", "message": "Unknown domain" });
  await consumer.running;
  assertInstanceOf(consumer.end, ApiError);
  assert(consumer.end.message.includes("Unknown domain"));
});

Deno.test("account.updates() ends when a heartbeat finds that the grant is lost", async () => {
  await using test = await opened();
  const { sockets: [socket], consumer, clock, broker, session } = test;
  socket?.receive(CONNECTED);
  await rest();
  broker.token = () =>
    Response.json({ error_code: "invalid_grant", error_description: "Grant revoked" }, {
      status: 400,
    });
  await assertRejects(() => session.refresh({ force: true }), TokenError);
  clock.sleep(900_000);
  clock.advance(20_001);
  await consumer.running;
  assertInstanceOf(consumer.end, TokenError);
});

Deno.test("account.updates() compares with the lists, and tells what two reads miss", async () => {
  await using test = await opened({ reconcileMs: 10_000 });
  const { sockets: [socket], clock, broker } = test;
  const { lists } = broker;
  socket?.receive(CONNECTED);
  await rest();
  const pass = async () => {
    clock.advance(10_000);
    await rest();
    socket?.receive({ "status": "ok", "action": "heartbeat" });
  };
  await pass();
  broker.lists = (path) =>
    path.includes("orders")
      ? Response.json({ data: { items: [{ ...ORDER, "status": "Filled" }] } })
      : path.includes("positions")
      ? Response.json({
        data: {
          items: [{
            "symbol": "AAPL",
            "quantity": 1,
            "quantity-direction": "Long",
            "average-open-price": "1.50",
          }],
        },
      })
      : lists(path);
  await pass();
  assertEquals(test.kinds(), Array(3).fill("snapshot")); // a list may be late
  socket?.receive({
    type: "CurrentPosition",
    data: {
      "symbol": "AAPL",
      "quantity": "1.0",
      "quantity-direction": "Long",
      "average-open-price": "1.5",
    },
  });
  await pass();
  assertEquals(test.kinds().slice(3), ["update", "dropped", "snapshot"]);
  assertEquals(test.consumer.books, {
    orders: ["7 Filled "],
    positions: ["AAPL Long 1"],
    cash: "1",
  });
  broker.lists = () => new Response("", { status: 503 });
  await pass(); // a list that cannot be read proves nothing
  // What is open and in no list has ended.
  broker.lists = lists;
  await pass();
  let during = () => {};
  broker.lists = (path) => {
    if (path.includes("positions")) during();
    return lists(path);
  };
  during = () =>
    socket?.receive({
      type: "CurrentPosition",
      data: { "symbol": "MSFT", "quantity": "3", "quantity-direction": "Short" },
    });
  await pass();
  assertEquals(test.consumer.books.positions, ["MSFT Short 3"]);
});

Deno.test("account.updates() needs a WebSocket and an address", async () => {
  await using test = await opened();
  Object.assign(globalThis, { WebSocket: undefined });
  const consumer = new Consumer(test.account.updates());
  await consumer.running;
  assertInstanceOf(consumer.end, SessionError);
  assertEquals(consumer.end.code, "unsupported");
  assert(consumer.end.message.includes("Node has it from version 22"));
  const moved = new Session({
    baseUrl: "https://api.example",
    clientSecret: "s",
    refreshToken: "r",
  });
  assertEquals(moved.streamerUrl, undefined);
  const own = new Session({ clientSecret: "s", refreshToken: "r" });
  assertEquals(own.streamerUrl, "wss://streamer.tastyworks.com");
  assertThrows(
    () =>
      new Session({ streamerUrl: "ws://streamer.example", clientSecret: "s", refreshToken: "r" }),
    TypeError,
    "wss",
  );
});
