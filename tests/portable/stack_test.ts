/**
 * An error leads to the line of the program that made the call, whatever the call failed of.
 *
 * @module
 */

import assert from "node:assert/strict";
import test from "node:test";
import {
  Account,
  AutoRefreshSession,
  Session,
  type SessionOptions,
  tradestation,
} from "../../mod.ts";
import { type Emulator, startEmulator, tastytradeFaults } from "../../src/emulator/emulator.ts";

/** Makes a call in a function of this name, and returns what it rejects with. */
async function stackOf(
  call: (session: Session) => Promise<unknown>,
  prepare: (emulator: Emulator, session: Session) => void | Promise<void>,
  options: SessionOptions = {},
): Promise<string> {
  const emulator = await startEmulator();
  const session = new Session({ ...emulator.tastytrade, retry: false, ...options });
  await prepare(emulator, session);
  async function functionOfTheProgram(): Promise<void> {
    await call(session);
  }
  try {
    await functionOfTheProgram();
    return "nothing failed";
  } catch (error) {
    assert.ok(error instanceof Error);
    return `${error.stack}`;
  } finally {
    await session.close();
    await emulator.close();
  }
}

const get = (session: Session) => session.get("/customers/me");
const signIn = async (session: Session) => await session.refresh();

const ROWS: readonly [
  string,
  (session: Session) => Promise<unknown>,
  (emulator: Emulator, session: Session) => void | Promise<void>,
  SessionOptions?,
][] = [
  [
    "ApiError",
    get,
    (emulator) => emulator.injectFault("GET /customers/me", tastytradeFaults.badGateway),
  ],
  ["ApiError", (session) => Account.get(session, "5WT99999"), () => {}],
  ["ApiError", (session) => session.post("/accounts/5WT00000/orders", {}), () => {}],
  ["RateLimitError", get, (emulator) => {
    emulator.injectFault("GET /customers/me", tastytradeFaults.tooManyRequests);
  }],
  [
    "TokenError",
    get,
    (emulator) => emulator.injectFault("POST /oauth/token", tastytradeFaults.grantRevoked),
  ],
  ["TokenError", (session) => session.accessToken(), (emulator) => {
    emulator.injectFault("POST /oauth/token", tastytradeFaults.grantRevoked);
  }],
  ["TokenError", (session) => session.refresh({ force: true }), (emulator) => {
    emulator.injectFault("POST /oauth/token", tastytradeFaults.grantRevoked);
  }],
  ["NetworkError", get, (emulator) => emulator.injectFault("GET /customers/me", "reset", Infinity)],
  ["NetworkError", (session) => session.fetch("/customers/me"), (emulator) => {
    emulator.injectFault("GET /customers/me", "reset", Infinity);
  }],
  ["NetworkError", (session) => session.get("/customers/me", { timeoutMs: 20 }), (emulator) => {
    emulator.injectFault("GET /customers/me", "hang", Infinity);
  }],
  ["SessionClosedError", get, async (emulator, session) => {
    await signIn(session);
    emulator.injectFault("GET /customers/me", "hang", Infinity);
    setTimeout(() => void session.close(), 20);
  }],
  ["RateLimitError", get, async (_, session) => void await session.get("/customers/me"), {
    rateLimit: { requests: 1, perMs: 3_600_000 },
  }],
];

for (const [index, [name, call, prepare, options]] of ROWS.entries()) {
  test(`${name} ${index} leads to the function that made the call`, async () => {
    const stack = await stackOf(call, prepare, options);
    assert.match(
      stack.split("\n", 1)[0] ?? "",
      new RegExp(`^${name}: Cannot |^${name}: The session`),
    );
    assert.match(stack, /functionOfTheProgram/);
  });
}

test("AutoRefreshSession.start() leads to the function that called it", async () => {
  const emulator = await startEmulator();
  emulator.revokeGrant();
  async function functionOfTheProgram(): Promise<void> {
    await AutoRefreshSession.start({ ...emulator.tastytrade, retry: false });
  }
  await assert.rejects(
    functionOfTheProgram,
    ({ stack }) => /functionOfTheProgram/.test(`${stack}`),
  );
  await emulator.close();
});

test("what the caller aborts with keeps its stack, even if it is one of our errors", async () => {
  const emulator = await startEmulator();
  const session = new Session({ ...emulator.tradestation, broker: tradestation });
  const reason = await session.get("/none").catch((error: unknown) => error);
  assert.ok(reason instanceof Error);
  const { stack } = reason;
  // No request of the call is out yet: Node's own fetch changes the stack of what it is aborted with.
  emulator.revokeAccessTokens();
  emulator.injectFault("POST /oauth/token", "hang", Infinity);
  const controller = new AbortController();
  const call = session.refresh({ force: true, signal: controller.signal });
  controller.abort(reason);
  await assert.rejects(call, (error) => error === reason);
  assert.equal(reason.stack, stack);
  session[Symbol.dispose]();
  await emulator.close();
});
