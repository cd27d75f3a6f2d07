/**
 * What a session tells over `node:diagnostics_channel`: what it did, why, in whose course, and no more.
 *
 * @module
 */

import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { channel, subscribe, unsubscribe } from "node:diagnostics_channel";
import test from "node:test";
import {
  Account,
  AutoRefreshSession,
  NetworkError,
  type RequestEvent,
  Session,
  type TastytradeOrder,
  TokenError,
  tradestation,
} from "../../mod.ts";
import { type Emulator, startEmulator, tastytradeFaults } from "../../src/emulator/emulator.ts";
import { ACTOR } from "../support/actor.ts";
import { closedPort, divert } from "../support/loopback.ts";
import { EventRecorder, isAnybodyListening } from "../support/events.ts";
import { MemoryStore } from "../support/memory_store.ts";
import { tracers } from "../../src/tracing/tracers.ts";

const BALANCES = "/accounts/5WT00000/balances";
const ORDER: TastytradeOrder = {
  "time-in-force": "Day",
  "order-type": "Limit",
  "price": "1.00",
  "price-effect": "Debit",
  "legs": [
    { "instrument-type": "Equity", "symbol": "AAPL", "quantity": 1, "action": "Buy to Open" },
  ],
};
const UNAVAILABLE = { status: 503, body: "" };

/** Tells what a task makes the sessions say. */
async function record(
  task: (emulator: Emulator, recorder: EventRecorder) => Promise<void>,
): Promise<EventRecorder> {
  const emulator = await startEmulator();
  const recorder = new EventRecorder();
  try {
    await task(emulator, recorder);
  } finally {
    recorder[Symbol.dispose]();
    await emulator.close();
  }
  assert.deepEqual(recorder.strangers, []);
  return recorder;
}

/** The same with a session at tastytrade that retries without pauses worth naming. */
function recordSession(
  task: (session: Session, emulator: Emulator, recorder: EventRecorder) => Promise<unknown>,
): Promise<EventRecorder> {
  return record(async (emulator, recorder) => {
    const session = new Session({ ...emulator.tastytrade, retry: { maxDelayMs: 1 } });
    await task(session, emulator, recorder);
    await session.close();
  });
}

function attemptsOf(recorder: EventRecorder): unknown[] {
  return recorder.of("attempt").map((
    { number, after, status, failure },
  ) => [number, after, status, failure]);
}

// The first, because later the channels are held in any case.
test("who listens is heard although garbage was collected before", async () => {
  const paths: string[] = [];
  const name = "tracing:tasty-session:request:asyncEnd";
  const listener = (message: unknown) => void paths.push((message as RequestEvent).path);
  subscribe(name, listener);
  const { Bun, gc } = globalThis as { Bun?: { gc(isSync: boolean): void }; gc?: () => void };
  const isSync = true;
  Bun?.gc(isSync); // which forgets channels that nobody holds
  gc?.();
  await new Promise((resolve) => setTimeout(resolve));
  Bun?.gc(isSync);
  const emulator = await startEmulator();
  const session = new Session({ ...emulator.tastytrade });
  await session.get("/customers/me");
  await session.close();
  await emulator.close();
  unsubscribe(name, listener);
  assert.deepEqual(paths, ["/customers/me"]);
});

test("a first call tells of its wait, its token and its attempt", async () => {
  const recorder = await recordSession((session) =>
    session.get("/accounts/5WT00000/transactions", { query: { "per-page": 1 } })
  );
  assert.deepEqual(recorder.tree(), [["request", ["wait", ["token"]], ["attempt"]]]);
  const [request] = recorder.of("request");
  const { id, durationMs = NaN, ...rest } = request ?? {};
  assert.deepEqual(rest, {
    kind: "request",
    parentId: undefined,
    broker: "tastytrade",
    sandbox: false,
    method: "GET",
    path: "/accounts/5WT00000/transactions",
    attempts: 1,
    status: 200,
  });
  assert.ok(Number.isInteger(id) && durationMs > 0);
  const [token] = recorder.of("token");
  assert.deepEqual([token?.reason, token?.failures, token?.from], ["first", 0, "endpoint"]);
  assert.equal(token?.lifetimeMs, 900_000);
  const [wait] = recorder.of("wait");
  assert.deepEqual([wait?.reason, wait?.forMs], ["token", undefined]);
});

test("each event begins, goes on and ends as one of a TracingChannel does", async () => {
  const recorder = await recordSession(async (session, emulator) => {
    await session.accessToken();
    emulator.injectFault("GET /customers/me", { status: 404, body: "{}" });
    await assert.rejects(session.get("/customers/me"));
  });
  const names = recorder.messages.map(({ name }) => name).filter((name) => /^req|^att/.test(name));
  assert.deepEqual(names, [
    "request:start",
    "attempt:start",
    "attempt:end",
    "request:end",
    "attempt:asyncStart",
    "attempt:asyncEnd",
    "request:error",
    "request:asyncStart",
    "request:asyncEnd",
  ]);
  const failed = recorder.messages.find(({ name }) => name === "request:error")?.event;
  assert.deepEqual([failed?.error?.name, failed?.error?.code], ["ApiError", "http_404"]);
  assert.match(failed?.error?.message ?? "", /^Cannot GET .*404/);
});

test("a retry tells what it is for", async () => {
  const recorder = await recordSession(async (session, emulator) => {
    await session.accessToken();
    emulator.injectFault(`GET ${BALANCES}`, UNAVAILABLE);
    emulator.injectFault(`GET ${BALANCES}`, { status: 500, body: "" });
    await session.get(BALANCES);
  });
  assert.deepEqual(attemptsOf(recorder), [
    [1, undefined, 503, undefined],
    [2, 503, 500, undefined],
    [3, 500, 200, undefined],
  ]);
  const waits = recorder.of("wait").filter(({ reason }) => reason === "retry");
  assert.deepEqual(waits.map(({ after }) => after), [503, 500]);
  assert.ok(waits.every(({ forMs = NaN }) => forMs >= 0 && forMs <= 1));
  assert.equal(recorder.of("request")[0]?.attempts, 3);
});

test("a request that cannot be sent tells how the network failed", async () => {
  const server = `http://127.0.0.1:${await closedPort()}`;
  const recorder = await record(async (emulator) => {
    const { baseUrl } = emulator.tastytrade;
    const session = new Session({
      ...emulator.tastytrade,
      retry: { limit: 1, maxDelayMs: 1 },
      fetch: divert(baseUrl, server),
    });
    await assert.rejects(session.post(BALANCES, {}), NetworkError);
    await session.close();
  });
  assert.deepEqual(attemptsOf(recorder), [
    [1, undefined, undefined, "refused"],
    [2, "refused", undefined, "refused"],
  ]);
  const [request] = recorder.of("request");
  assert.deepEqual([request?.status, request?.outcome], [undefined, "not_processed"]);
  const { name, code, kind } = request?.error ?? {};
  assert.deepEqual([name, code, kind], ["NetworkError", "network_error", "refused"]);
});

test("a 401 tells why the token is refreshed, and what is sent again", async () => {
  const recorder = await recordSession(async (session, emulator) => {
    await session.accessToken();
    emulator.injectFault(`GET ${BALANCES}`, tastytradeFaults.tokenInvalid);
    await session.get(BALANCES);
    await session.refresh({ force: true });
  });
  assert.deepEqual(recorder.of("token").map(({ reason }) => reason), [
    "first",
    "rejected",
    "forced",
  ]);
  assert.deepEqual(recorder.of("attempt").map(({ after }) => after), [undefined, 401]);
});

test("a session in the background tells its failures, and once that its grant is lost", async () => {
  const recorder = await record(async (emulator, recorder) => {
    emulator.tokenLifetimeS = 1;
    const session = await AutoRefreshSession.start({ ...emulator.tastytrade });
    emulator.injectFault("POST /oauth/token", UNAVAILABLE);
    emulator.injectFault("POST /oauth/token", tastytradeFaults.grantRevoked, Infinity);
    await recorder.next("token:error");
    assert.ok(!session.isGrantLost);
    await recorder.next("token:error");
    assert.ok(session.isGrantLost);
    await assert.rejects(session.refresh({ force: true }), TokenError);
    await assert.rejects(session.refresh({ force: true }), TokenError);
    await session.close();
  });
  const [first, temporary, lost, ...more] = recorder.of("token");
  assert.deepEqual([first?.reason, temporary?.reason], ["first", "due"]);
  assert.deepEqual([temporary?.isPermanent, temporary?.error?.code], [false, "http_503"]);
  assert.ok((temporary?.nextTryInMs ?? NaN) > 0);
  assert.deepEqual([lost?.failures, lost?.isPermanent, lost?.nextTryInMs], [1, true, undefined]);
  assert.deepEqual([lost?.error?.name, lost?.error?.code], ["TokenError", "invalid_grant"]);
  assert.deepEqual(more, []);
});

test("a call tells how long it waits for another attempt at the token", async () => {
  const recorder = await recordSession(async (session, emulator) => {
    emulator.injectFault("POST /oauth/token", UNAVAILABLE);
    await session.get("/customers/me").catch(() => {});
  });
  const [, retry] = recorder.of("wait");
  // The pause is longer than the session's own limit, so that the call does not wait.
  assert.equal(retry, undefined);
  const patient = await record(async (emulator) => {
    const session = new Session({ ...emulator.tastytrade });
    emulator.injectFault("POST /oauth/token", UNAVAILABLE);
    await session.get("/customers/me");
    await session.close();
  });
  assert.deepEqual(patient.of("token").map(({ failures }) => failures), [0, 1]);
  const [, wait] = patient.of("wait");
  assert.equal(wait?.reason, "token_retry");
  assert.deepEqual(patient.tree(), [
    ["request", ["wait", ["token"], ["wait"], ["token"]], ["attempt"]],
  ]);
});

test("a rate limit tells who waits, and for how long", async () => {
  const recorder = await record(async (emulator) => {
    const session = new Session({
      ...emulator.tastytrade,
      rateLimit: [{ requests: 2, perMs: 50 }],
    });
    await session.accessToken();
    await Promise.all(Array.from({ length: 5 }, () => session.get("/customers/me")));
    await session.close();
  });
  const waits = recorder.of("wait").filter(({ reason }) => reason === "rate_limit");
  assert.equal(waits.length, 3);
  for (const { forMs = NaN, durationMs = NaN, parentId } of waits) {
    assert.ok(forMs > 0 && durationMs >= forMs * 0.5);
    assert.equal(recorder.events.find(({ id }) => id === parentId)?.kind, "request");
  }
});

test("an order tells its requests, and whether it had to be looked for", async () => {
  const recorder = await recordSession(async (session, emulator) => {
    const account = await Account.get(session, "5WT00000");
    const order = await account.placeOrder(ORDER);
    emulator.injectFault("POST /accounts/5WT00000/orders", { afterEffect: "reset" });
    await account.placeOrder(ORDER);
    await account.cancelOrder(order.id);
    await assert.rejects(account.cancelOrder("1"));
  });
  const orders = recorder.of("order");
  assert.deepEqual(orders.map(({ action, isFound, state }) => [action, isFound, state]), [
    ["place", false, "pending"],
    ["place", true, "open"],
    ["cancel", false, orders[2]?.state],
    ["cancel", undefined, undefined],
  ]);
  assert.ok(orders[0]?.orderId !== undefined && orders[0]?.identifier !== undefined);
  assert.equal(orders[2]?.orderId, orders[0]?.orderId);
  assert.deepEqual([orders[3]?.outcome, orders[3]?.error?.name], ["refused", "ApiError"]);
  const lookedFor = recorder.tree(orders[1]?.id).map(([kind]) => kind);
  assert.deepEqual(lookedFor, ["request", "request"]);
});

test("a store tells what is read and written, and another process's refresh is waited for", async () => {
  const recorder = await record(async (emulator) => {
    const store = new MemoryStore();
    const first = new Session({ ...emulator.tastytrade, store });
    await first.accessToken();
    const { id, generation, refreshToken } = store.record;
    await first.close();
    const intent = { holder: "another", since: new Date().toISOString() };
    store.edit({ id: `${id}2`, intent, token: undefined });
    const second = new Session({ ...emulator.tastytrade, store });
    const asked = second.accessToken();
    while (!store.log.slice(-3).every((action) => action === "get")) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const obtainedAt = new Date().toISOString();
    const expiresAt = new Date(Date.now() + 900_000).toISOString();
    const token = { accessToken: "another-token", obtainedAt, expiresAt };
    store.edit({ id: `${id}3`, generation, refreshToken, intent: undefined, token });
    assert.equal(await asked, "another-token");
    await second.close();
  });
  const [first, second] = recorder.of("token");
  assert.deepEqual([first?.from, second?.from], ["endpoint", "store"]);
  const stores = recorder.of("store");
  assert.deepEqual(
    stores.slice(0, 3).map(({ action, isWritten, parentId }) => [
      action,
      isWritten,
      parentId === first?.id,
    ]),
    [["read", undefined, true], ["write", true, true], ["write", true, true]],
  );
  const waits = recorder.of("wait").filter(({ reason }) => reason === "other_process");
  assert.ok(waits.length >= 2 && waits.every(({ parentId }) => parentId === second?.id));
});

test("a session tells that it waits for another one with the same refresh token", async () => {
  const recorder = await record(async (emulator) => {
    const options = { broker: tradestation, ...emulator.tradestation };
    const [first, second] = [new Session(options), new Session(options)];
    await Promise.all([first.accessToken(), second.accessToken()]);
    await first.revoke();
    await first.close();
    await second.close();
  });
  const [wait, ...others] = recorder.of("wait").filter(({ reason }) => reason === "other_session");
  assert.equal(wait?.parentId, recorder.of("token")[1]?.id);
  assert.deepEqual(others, []);
  const [revocation] = recorder.of("request");
  assert.deepEqual([revocation?.method, revocation?.path], [
    "POST",
    "/tradestation-signin/oauth/revoke",
  ]);
});

test("a stream tells of each connection, and of the waits between them", async () => {
  const path = "/marketdata/stream/quotes/MSFT";
  const recorder = await record(async (emulator) => {
    const session = new Session({ broker: tradestation, ...emulator.tradestation });
    let isBroken = false;
    for await (const event of session.stream(path)) {
      if (event.kind === "data" && isBroken) break;
      if (event.kind !== "data") continue;
      isBroken = true;
      emulator.disturbStreams(`GET /v3${path}`, "reset");
    }
    await session.close();
  });
  const streams = recorder.of("stream").map(({ name, reason, error }) => [
    name,
    reason,
    error?.name,
  ]);
  assert.deepEqual(streams, [
    [path, "disconnected", undefined],
    [path, undefined, "Error"], // ended by the program
  ]);
  const reconnect = recorder.of("wait").find(({ reason }) => reason === "reconnect");
  assert.equal(reconnect?.after, "disconnected");
});

test("an abort is told without its reason", async () => {
  const recorder = await recordSession(async (session) => {
    await session.accessToken();
    const controller = new AbortController();
    const call = session.post(BALANCES, {}, { signal: controller.signal });
    controller.abort(new Error("the password is swordfish"));
    await assert.rejects(call);
  });
  const errors = recorder.of("request").map(({ error, outcome }) => [error?.name, outcome]);
  assert.deepEqual(errors.at(-1), ["Error", "unknown"]);
  assert.ok(!JSON.stringify(recorder.messages).includes("swordfish"));
});

test("a tracer's own stores reach what happens inside", async () => {
  const storage = new AsyncLocalStorage<string>();
  const start = channel("tracing:tasty-session:request:start");
  const seen: unknown[] = [];
  const attempt = () => void seen.push(storage.getStore());
  (start as unknown as {
    bindStore(storage: AsyncLocalStorage<string>, make: (event: { path: string }) => string): void;
  }).bindStore(storage, ({ path }) => `span of ${path}`);
  subscribe("tracing:tasty-session:attempt:start", attempt);
  const emulator = await startEmulator();
  const session = new Session({ ...emulator.tastytrade });
  await session.get("/customers/me");
  (start as unknown as { unbindStore(storage: unknown): void }).unbindStore(storage);
  unsubscribe("tracing:tasty-session:attempt:start", attempt);
  await session.close();
  await emulator.close();
  assert.deepEqual(seen, ["span of /customers/me"]);
});

test("nothing is made for events to which nobody listens", async () => {
  assert.ok(!isAnybodyListening());
  const make = () => assert.fail("made");
  const result = await tracers.request.trace(ACTOR, make, (event) => Promise.resolve([event]));
  assert.deepEqual(result, [undefined]);
});
