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
import { HOUSES, sessionOf } from "../support/broker_fixtures.ts";
import { idle, quiet } from "../support/idle.ts";
import { MemoryStore } from "../support/memory_store.ts";

for (const { name, open } of HOUSES) {
  Deno.test(`${name}: 1,000 first calls make one token request`, async () => {
    await using house = await open();
    await using session = sessionOf(house);
    await Promise.all(Array.from({ length: 1_000 }, () => session.get(house.path)));
    assertEquals(house.tokenRequests, 1);
    assertEquals(house.count("GET", house.path), 1_000);
  });

  Deno.test(`${name}: a session is lazy, and knows whether it is signed in`, async () => {
    await using house = await open();
    using clock = new FakeClock();
    await using session = sessionOf(house);
    assertEquals([house.tokenRequests, session.isLoggedIn], [0, false]);
    await session.get(house.path);
    assert(session.isLoggedIn);
    assertGreater(session.expiresAt?.getTime() ?? 0, Date.now());
    clock.advance(86_400_000);
    assertFalse(session.isLoggedIn);
    await session.get(house.path);
    assertEquals(house.tokenRequests, 2);
  });

  Deno.test(`${name}: a 401 renews once and replays once, an order too`, async () => {
    await using house = await open();
    await using session = sessionOf(house);
    await session.get(house.path);
    house.revokeAccessTokens();
    await session.fetch(house.orders, { method: "POST", body: "{}" })
      .then((response) => response.body?.cancel());
    assertEquals(house.count("POST", house.orders), 2);
    house.revokeAccessTokens();
    await Promise.all(Array.from({ length: 20 }, () => session.get(house.path)));
    assertEquals(house.tokenRequests, 3);
  });

  Deno.test(`${name}: a refusal for good is remembered`, async () => {
    await using house = await open();
    await using session = sessionOf(house);
    house.revokeGrant();
    const error = await assertRejects(() => session.get(house.path), TokenError);
    assert(error.isPermanent);
    await assertRejects(() => session.get(house.path), TokenError);
    assertEquals(house.tokenRequests, 1);
    assertFalse(await session.validate());
  });

  Deno.test(`${name}: an outage of the sign-in does not end a session that is signed in`, async () => {
    await using house = await open();
    using clock = new FakeClock();
    await using session = sessionOf(house);
    await session.get(house.path);
    const lifetimeMs = (session.expiresAt?.getTime() ?? 0) - Date.now();
    const restMs = Math.min(60_000, lifetimeMs * 0.14);
    clock.advance(lifetimeMs - restMs); // ageing: the next call renews behind, in vain
    house.breakSignIn(1);
    for (let i = 0; i < 5; i++) await session.get(house.path);
    assert(session.isLoggedIn);
    clock.advance(restMs + 1_000); // gone, and the pause is over
    await session.get(house.path);
  });

  Deno.test(`${name}: a session validates`, async () => {
    await using house = await open();
    await using session = sessionOf(house);
    assert(await session.validate());
  });

  Deno.test(`${name}: a path that is not there is an ApiError`, async () => {
    await using house = await open();
    await using session = sessionOf(house);
    const error = await assertRejects(() => session.get("/nowhere"), ApiError);
    assertEquals([error.status, error.method], [404, "GET"]);
    assertMatch(error.url, /\/nowhere$/);
  });

  Deno.test(`${name}: accounts, balances and positions take the same five lines`, async () => {
    await using house = await open();
    await using session = sessionOf(house);
    const numbers: string[] = [];
    for (const account of await Account.get(session)) {
      numbers.push(account.accountNumber);
      assertMatch((await account.balances()).netLiquidatingValue ?? "", /^\d+\.?\d*$/);
      for (const { quantity } of await account.positions()) assertMatch(quantity ?? "", /^\d+/);
    }
    assert(numbers.includes(house.accountNumber));
    const one = await Account.get(session, house.accountNumber);
    assertEquals(one.accountNumber, house.accountNumber);
    await one.sync();
  });

  Deno.test(`${name}: items() yields every item of every page once, and stops with its reader`, async () => {
    await using house = await open();
    await using session = sessionOf(house);
    const items: string[] = [];
    for await (const item of session.items(house.list, { query: house.smallPages })) {
      items.push(JSON.stringify(item));
    }
    assertEquals(new Set(items).size, items.length);
    const pages = house.count("GET", house.list);
    assertGreater(pages, 1);
    for await (const _ of session.items(house.list, { query: house.smallPages })) break;
    assertEquals(house.count("GET", house.list), pages + 1);
  });

  Deno.test(`${name}: a caller's abort is the caller's own`, async () => {
    await using house = await open();
    await using session = sessionOf(house);
    const controller = new AbortController();
    const reason = { mine: true };
    const first = session.get(house.path, { signal: controller.signal });
    const second = session.get(house.path);
    controller.abort(reason);
    assertStrictEquals(await first.catch((error: unknown) => error), reason);
    await second;
    assertEquals(house.tokenRequests, 1);
  });

  Deno.test(`${name}: a call has its time`, async () => {
    await using house = await open();
    await using session = sessionOf(house, { timeoutMs: 60 });
    await session.refresh({ timeoutMs: 10_000 });
    house.hang("POST", house.orders);
    const error = await assertRejects(() => session.post(house.orders, {}), NetworkError);
    assertEquals([error.kind, error.sent], ["timeout", "unknown"]);
  });

  Deno.test(`${name}: a closed session refuses`, async () => {
    await using house = await open();
    const session = sessionOf(house);
    house.hang("GET", house.path);
    const running = assertRejects(() => session.get(house.path), SessionClosedError);
    while (house.count("GET", house.path) === 0) await idle();
    await session.close();
    await running;
    await assertRejects(() => session.get(house.path), SessionClosedError);
  });

  Deno.test(`${name}: a one-time refresh token is used once`, async () => {
    await using house = await open();
    await using session = sessionOf(house);
    house.rotate();
    for (let i = 0; i < 10; i++) await session.refresh({ force: true });
    assertEquals(new Set(house.refreshTokens).size, name === "tastytrade" ? 1 : 10); // it never rotates
  });

  Deno.test(`${name}: two processes with one store make one token request`, async () => {
    await using house = await open();
    house.rotate();
    const store = new MemoryStore();
    await using first = sessionOf(house, { store });
    await using second = sessionOf(house, { store });
    await Promise.all([first.get(house.path), second.get(house.path)]);
    assertEquals(house.tokenRequests, 1);
  });

  Deno.test(`${name}: an AutoRefreshSession is always signed in`, async () => {
    await using house = await open();
    using clock = new FakeClock({ timers: true });
    await using session = await AutoRefreshSession.start(house.options);
    for (let s = 0; s < 3_000; s += 2) {
      await quiet(clock);
      assert(session.isLoggedIn);
      clock.advance(2_000);
    }
    assertGreater(house.tokenRequests, 1);
    await session.close();
    assertEquals(clock.armed, 0);
  });

  Deno.test(`${name}: nothing prints a secret`, async () => {
    await using house = await open();
    await using session = sessionOf(house);
    const accessToken = await session.accessToken();
    const error = await assertRejects(() => session.get(`/nowhere/${accessToken.slice(0, 3)}`));
    for (const value of [session, error, await Account.get(session)]) {
      const printed = inspect(value, { depth: Infinity, showHidden: true, getters: true });
      for (const secret of [accessToken, house.options.refreshToken ?? accessToken]) {
        assertFalse(printed.includes(secret));
      }
    }
  });
}
