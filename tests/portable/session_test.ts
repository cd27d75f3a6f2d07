/**
 * What a session promises, with nothing but `node:test`, so that every runtime can run it unbuilt.
 *
 * @module
 */

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import {
  Account,
  ApiError,
  AutoRefreshSession,
  Customer,
  fileStore,
  RateLimitError,
  Session,
  SessionClosedError,
  TokenError,
  tradestation,
} from "../../mod.ts";
import { startEmulator, tastytradeFaults } from "../../src/emulator/emulator.ts";
import { LIMIT_ORDER } from "../support/orders.ts";

const ME = "/customers/me";
const TOKEN = "POST /oauth/token";
const QUICKLY = { maxDelayMs: 0 };

// Node 22 has no `await using`, so everything is closed by hand here.

test("1,000 calls at once make one token request", async () => {
  const emulator = await startEmulator();
  const session = new Session(emulator.tastytrade);
  assert.ok(!session.isLoggedIn);
  await Promise.all(Array.from({ length: 1_000 }, () => session.accessToken()));
  await Promise.all(Array.from({ length: 50 }, () => session.get(ME)));
  assert.equal(emulator.count(TOKEN), 1);
  assert.ok(session.isLoggedIn);
  await session.close();
  await emulator.close();
});

test("accounts, balances, positions and the customer are read", async () => {
  const emulator = await startEmulator();
  for (
    const session of [
      new Session(emulator.tastytrade),
      new Session({ broker: tradestation, ...emulator.tradestation }),
    ]
  ) {
    const [account] = await Account.get(session);
    assert.ok(account);
    const { netLiquidatingValue } = await account.balances();
    assert.match(netLiquidatingValue ?? "", /^-?\d+(\.\d+)?$/);
    assert.ok(Array.isArray(await account.positions()));
    await session.close();
  }
  const session = new Session(emulator.tastytrade);
  assert.ok((await Customer.get(session)).firstName);
  await session.close();
  await emulator.close();
});

test("a token that is revoked is refreshed once, and every call is replayed", async () => {
  const emulator = await startEmulator();
  const session = new Session(emulator.tastytrade);
  await session.get(ME);
  emulator.revokeAccessTokens();
  const answers = await Promise.all(Array.from({ length: 20 }, () => session.fetch(ME)));
  for (const answer of answers) {
    assert.equal(answer.status, 200);
    await answer.text();
  }
  assert.equal(emulator.count(TOKEN), 2);
  await session.close();
  await emulator.close();
});

test("a token that runs out is refreshed", async () => {
  const emulator = await startEmulator();
  emulator.tokenLifetimeS = 1;
  const session = new Session(emulator.tastytrade);
  await session.get(ME);
  while (session.isLoggedIn) await new Promise((resolve) => setTimeout(resolve, 20));
  await session.get(ME);
  assert.equal(emulator.count(TOKEN), 2);
  await session.close();
  await emulator.close();
});

test("reads come back after failures, and orders are not sent again", async () => {
  const emulator = await startEmulator();
  const session = new Session({ ...emulator.tastytrade, retry: QUICKLY });
  for (
    const fault of [
      tastytradeFaults.badGateway,
      tastytradeFaults.tooManyRequests,
      "resetMidBody",
    ] as const
  ) {
    emulator.injectFault(`GET ${ME}`, fault, 2);
    assert.ok(await session.get(ME));
  }
  const orders = "/accounts/5WT00000/orders";
  emulator.injectFault(`POST ${orders}`, tastytradeFaults.badGateway);
  await assert.rejects(session.post(orders, LIMIT_ORDER), ApiError);
  emulator.injectFault(`POST ${orders}`, { status: 429, headers: { "retry-after": "9" } });
  await assert.rejects(session.post(orders, LIMIT_ORDER), (error) => {
    assert.ok(error instanceof RateLimitError);
    assert.equal(error.retryAfterMs, 9_000);
    return true;
  });
  assert.equal(emulator.count(`POST ${orders}`), 2);
  assert.equal(emulator.orders.length, 0);
  await session.close();
  await emulator.close();
});

test("an order is tried, placed, listed and cancelled", async () => {
  const emulator = await startEmulator();
  const session = new Session(emulator.tastytrade);
  const orders = "/accounts/5WT00000/orders";
  await session.post(`${orders}/dry-run`, LIMIT_ORDER);
  assert.equal(emulator.orders.length, 0);
  const placed = await session.post<{ order: { id: number } }>(orders, LIMIT_ORDER);
  const ids: number[] = [];
  for await (const { id } of session.items<{ id: number }>(orders)) ids.push(id);
  assert.ok(ids.includes(placed.order.id));
  await session.delete(`${orders}/${placed.order.id}`);
  assert.equal(emulator.count(`DELETE ${orders}/${placed.order.id}`), 1);
  await session.close();
  await emulator.close();
});

test("a rotated refresh token survives the session in a file", async () => {
  const folder = await mkdtemp(join(tmpdir(), "tasty-session-"));
  const store = fileStore(join(folder, "tokens"));
  const emulator = await startEmulator();
  emulator.tradestation.rotation = true;
  const options = { broker: tradestation, ...emulator.tradestation, store };
  for (let i = 0; i < 3; i++) {
    const session = new Session(options);
    await session.get("/brokerage/accounts");
    await session.close();
    emulator.revokeAccessTokens(); // so that the next one needs the refresh token that was stored
  }
  assert.equal(emulator.count(TOKEN), 3);
  await emulator.close();
  await rm(folder, { recursive: true });
});

test("an AutoRefreshSession is signed in, and closes", async () => {
  const emulator = await startEmulator();
  const session = await AutoRefreshSession.start(emulator.tastytrade);
  assert.ok(session.isLoggedIn);
  await session[Symbol.asyncDispose]();
  await assert.rejects(session.get(ME), SessionClosedError);
  await emulator.close();
});

test("a grant that is revoked is told for good", async () => {
  const emulator = await startEmulator();
  emulator.revokeGrant();
  const session = new Session(emulator.tastytrade);
  for (let i = 0; i < 3; i++) {
    await assert.rejects(
      session.get(ME),
      (error) => error instanceof TokenError && error.isPermanent,
    );
  }
  assert.equal(emulator.count(TOKEN), 1);
  await session.close();
  await emulator.close();
});

test("a caller's abort and the end of the time are told apart", async () => {
  const emulator = await startEmulator();
  const session = new Session(emulator.tastytrade);
  await session.refresh();
  emulator.injectFault(`GET ${ME}`, "hang", Infinity);
  const controller = new AbortController();
  const reason = new Error("enough");
  const call = session.get(ME, { signal: controller.signal });
  controller.abort(reason);
  await assert.rejects(call, (error) => error === reason);
  await assert.rejects(session.get(ME, { timeoutMs: 50 }), { kind: "timeout", outcome: "unknown" });
  await session.close();
  await emulator.close();
});

test("a redirect that is followed leaves the token at home, and so does a foreign URL", async () => {
  const emulator = await startEmulator();
  const elsewhere = await startEmulator();
  const session = new Session(emulator.tastytrade);
  const location = `${elsewhere.url}/tastytrade/customers/me`;
  emulator.injectFault("GET /moved", { status: 307, headers: { location } }, 2);
  const stayed = await session.fetch("/moved");
  assert.equal(stayed.status, 307);
  await (await session.fetch("/moved", { redirect: "follow" })).text();
  await assert.rejects(session.fetch(location), TypeError);
  await assert.rejects(session.fetch(ME, { headers: { host: "elsewhere" } }), TypeError);
  assert.equal(elsewhere.requests.length, 1);
  assert.equal(elsewhere.requests[0]?.headers.authorization, undefined);
  await session.close();
  await emulator.close();
  await elsewhere.close();
});
