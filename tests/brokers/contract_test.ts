import {
  assert,
  assertEquals,
  assertFalse,
  assertGreater,
  assertMatch,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { inspect } from "node:util";
import {
  Account,
  ApiError,
  AutoRefreshSession,
  NetworkError,
  SessionClosedError,
  TokenError,
} from "../../mod.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { FIXTURES, sessionOf } from "../support/broker_fixtures.ts";
import { idle, quiet } from "../support/idle.ts";
import { MemoryStore } from "../support/memory_store.ts";

for (const { name, open } of FIXTURES) {
  Deno.test(`${name}: 1,000 first calls make one token request`, async () => {
    await using fixture = await open();
    await using session = sessionOf(fixture);
    await Promise.all(Array.from({ length: 1_000 }, () => session.get(fixture.path)));
    assertEquals(fixture.tokenRequests, 1);
    assertEquals(fixture.count("GET", fixture.path), 1_000);
  });

  Deno.test(`${name}: a session is lazy, and knows whether it is signed in`, async () => {
    await using fixture = await open();
    using clock = new FakeClock();
    await using session = sessionOf(fixture);
    assertEquals([fixture.tokenRequests, session.isLoggedIn], [0, false]);
    await session.get(fixture.path);
    assert(session.isLoggedIn);
    assertGreater(session.expiresAt?.getTime() ?? 0, Date.now());
    clock.advance(86_400_000);
    assertFalse(session.isLoggedIn);
    await session.get(fixture.path);
    assertEquals(fixture.tokenRequests, 2);
  });

  Deno.test(`${name}: a 401 refreshes once and replays once, an order too`, async () => {
    await using fixture = await open();
    await using session = sessionOf(fixture);
    await session.get(fixture.path);
    fixture.revokeAccessTokens();
    await session.fetch(fixture.orders, { method: "POST", body: "{}" })
      .then((response) => response.body?.cancel());
    assertEquals(fixture.count("POST", fixture.orders), 2);
    fixture.revokeAccessTokens();
    await Promise.all(Array.from({ length: 20 }, () => session.get(fixture.path)));
    assertEquals(fixture.tokenRequests, 3);
  });

  Deno.test(`${name}: a permanent refusal is remembered`, async () => {
    await using fixture = await open();
    await using session = sessionOf(fixture);
    fixture.revokeGrant();
    const error = await assertRejects(() => session.get(fixture.path), TokenError);
    assert(error.isPermanent);
    await assertRejects(() => session.get(fixture.path), TokenError);
    assertEquals(fixture.tokenRequests, 1);
    assertFalse(await session.validate());
  });

  Deno.test(`${name}: an outage of the sign-in does not end a session that is signed in`, async () => {
    await using fixture = await open();
    using clock = new FakeClock();
    await using session = sessionOf(fixture);
    await session.get(fixture.path);
    const lifetimeMs = (session.expiresAt?.getTime() ?? 0) - Date.now();
    const restMs = Math.min(60_000, lifetimeMs * 0.14);
    clock.advance(lifetimeMs - restMs); // ageing: the next call refreshes behind, in vain
    fixture.breakSignIn(1);
    for (let i = 0; i < 5; i++) await session.get(fixture.path);
    assert(session.isLoggedIn);
    clock.advance(restMs + 1_000); // gone, and the pause is over
    await session.get(fixture.path);
  });

  Deno.test(`${name}: a session validates`, async () => {
    await using fixture = await open();
    await using session = sessionOf(fixture);
    assert(await session.validate());
  });

  Deno.test(`${name}: a path that is not there is an ApiError`, async () => {
    await using fixture = await open();
    await using session = sessionOf(fixture);
    const error = await assertRejects(() => session.get("/nowhere"), ApiError);
    assert([404, 501].includes(error.status)); // the emulator knows its own paths only
    assertEquals(error.method, "GET");
    assertMatch(error.url, /\/nowhere$/);
  });

  Deno.test(`${name}: accounts, balances and positions take the same five lines`, async () => {
    await using fixture = await open();
    await using session = sessionOf(fixture);
    const numbers: string[] = [];
    for (const account of await Account.get(session)) {
      numbers.push(account.accountNumber);
      assertMatch((await account.balances()).netLiquidatingValue ?? "", /^\d+\.?\d*$/);
      for (const { quantity } of await account.positions()) assertMatch(quantity ?? "", /^\d+/);
    }
    assert(numbers.includes(fixture.accountNumber));
    const one = await Account.get(session, fixture.accountNumber);
    assertEquals(one.accountNumber, fixture.accountNumber);
    await one.sync();
  });

  Deno.test(`${name}: items() yields every item of every page once, and stops with its reader`, async () => {
    await using fixture = await open();
    await using session = sessionOf(fixture);
    const items: string[] = [];
    for await (const item of session.items(fixture.list, { query: fixture.smallPages })) {
      items.push(JSON.stringify(item));
    }
    assertEquals(new Set(items).size, items.length);
    const pages = fixture.count("GET", fixture.list);
    assertGreater(pages, 1);
    for await (const _ of session.items(fixture.list, { query: fixture.smallPages })) break;
    assertEquals(fixture.count("GET", fixture.list), pages + 1);
  });

  Deno.test(`${name}: a caller's abort is the caller's own`, async () => {
    await using fixture = await open();
    await using session = sessionOf(fixture);
    const controller = new AbortController();
    const reason = { mine: true };
    const first = session.get(fixture.path, { signal: controller.signal });
    const second = session.get(fixture.path);
    controller.abort(reason);
    assertStrictEquals(await first.catch((error: unknown) => error), reason);
    await second;
    assertEquals(fixture.tokenRequests, 1);
  });

  Deno.test(`${name}: a call has its time`, async () => {
    await using fixture = await open();
    await using session = sessionOf(fixture, { timeoutMs: 60 });
    await session.refresh({ timeoutMs: 10_000 });
    fixture.hang("POST", fixture.orders);
    const error = await assertRejects(() => session.post(fixture.orders, {}), NetworkError);
    assertEquals([error.kind, error.outcome], ["timeout", "unknown"]);
  });

  Deno.test(`${name}: a closed session refuses`, async () => {
    await using fixture = await open();
    const session = sessionOf(fixture);
    fixture.hang("GET", fixture.path);
    const running = assertRejects(() => session.get(fixture.path), SessionClosedError);
    while (fixture.count("GET", fixture.path) === 0) await idle();
    await session.close();
    await running;
    await assertRejects(() => session.get(fixture.path), SessionClosedError);
  });

  Deno.test(`${name}: a one-time refresh token is used once`, async () => {
    await using fixture = await open();
    await using session = sessionOf(fixture);
    fixture.rotate();
    for (let i = 0; i < 10; i++) await session.refresh({ force: true });
    assertEquals(new Set(fixture.refreshTokens).size, name === "tastytrade" ? 1 : 10); // it never rotates
  });

  Deno.test(`${name}: two processes with one store make one token request`, async () => {
    await using fixture = await open();
    fixture.rotate();
    const store = new MemoryStore();
    await using first = sessionOf(fixture, { store });
    await using second = sessionOf(fixture, { store });
    await Promise.all([first.get(fixture.path), second.get(fixture.path)]);
    assertEquals(fixture.tokenRequests, 1);
  });

  Deno.test(`${name}: an AutoRefreshSession is always signed in`, async () => {
    await using fixture = await open();
    using clock = new FakeClock({ timers: true });
    await using session = await AutoRefreshSession.start(fixture.options);
    for (let s = 0; s < 3_000; s += 2) {
      await quiet(clock);
      assert(session.isLoggedIn);
      clock.advance(2_000);
    }
    assertGreater(fixture.tokenRequests, 1);
    await session.close();
    assertEquals(clock.armed, 0);
  });

  Deno.test(`${name}: nothing prints a secret`, async () => {
    await using fixture = await open();
    await using session = sessionOf(fixture);
    const accessToken = await session.accessToken();
    const error = await assertRejects(() => session.get(`/nowhere/${accessToken.slice(0, 3)}`));
    for (const value of [session, error, await Account.get(session)]) {
      const printed = inspect(value, { depth: Infinity, showHidden: true, getters: true });
      for (const secret of [accessToken, fixture.options.refreshToken ?? accessToken]) {
        assertFalse(printed.includes(secret));
      }
    }
  });
}
