import { assert, assertEquals, assertExists, assertFalse, assertRejects } from "@std/assert";
import { ApiError, Session } from "../mod.ts";
import { tastytradeFaults } from "../src/emulator/emulator.ts";
import { FakeClock } from "./support/fake_clock.ts";
import { MARKET_ORDER } from "./support/orders.ts";
import { ME, open, TOKEN_ROUTE } from "./support/session_fixtures.ts";

Deno.test("new Session() sends nothing", async () => {
  await using opened = await open();
  const { emulator, session } = opened;
  assertFalse(session.isLoggedIn);
  assertEquals(session.expiresAt, undefined);
  assertEquals(emulator.requests.length, 0);
});

Deno.test("Session tells what it was built with", async () => {
  await using opened = await open();
  assertEquals(opened.session.broker.name, "tastytrade");
  assertFalse(opened.session.sandbox);
  assertEquals(opened.session.baseUrl, opened.emulator.tastytrade.baseUrl);
});

Deno.test("Session makes one token request for 1,000 concurrent first calls", async () => {
  await using opened = await open();
  const calls = Array.from({ length: 1000 }, () => opened.session.get<{ id: string }>(ME));
  const customers = await Promise.all(calls);
  assertEquals(opened.emulator.count(TOKEN_ROUTE), 1);
  assertEquals(opened.emulator.count(`GET ${ME}`), 1000);
  assert(customers.every(({ id }) => id === "me"));
});

Deno.test("Session uses one access token until it runs out", async () => {
  await using opened = await open();
  using clock = new FakeClock();
  const { emulator, session } = opened;
  await session.get(ME);
  assert(session.isLoggedIn);
  assertEquals(session.expiresAt?.getTime(), Date.now() + 900_000);
  clock.advance(700_000);
  await session.get(ME);
  assertEquals(emulator.count(TOKEN_ROUTE), 1);
  clock.advance(200_000);
  assertFalse(session.isLoggedIn);
  assertEquals(session.expiresAt, undefined);
  await session.get(ME);
  assertEquals(emulator.count(TOKEN_ROUTE), 2);
});

Deno.test("Session sends a request in the tick of its call when the token is fresh", async () => {
  let isSent = false;
  await using opened = await open({
    fetch: (input, init) => {
      isSent = true;
      return fetch(input, init);
    },
  });
  const { session } = opened;
  await session.refresh();
  for (
    const call of [
      () => session.get(ME),
      () => session.post("/accounts/5WT00000/orders/dry-run", MARKET_ORDER),
      () => session.fetch(ME).then((response) => response.body?.cancel()),
    ]
  ) {
    isSent = false;
    const answer = call();
    assert(isSent);
    await answer;
  }
});

Deno.test("Session counts the lifetime of a token from the sending of its request", async () => {
  await using opened = await open();
  using clock = new FakeClock();
  const { emulator } = opened;
  const session = new Session({
    ...emulator.tastytrade,
    async fetch(input, init) {
      const response = await fetch(input, init);
      clock.advance(5_000);
      return response;
    },
  });
  await session.refresh();
  assertEquals(session.expiresAt?.getTime(), Date.now() + 895_000);
  await session.close();
});

Deno.test("Session refreshes the token and replays the request once after a 401", async () => {
  await using opened = await open();
  const { emulator, session } = opened;
  await session.get(ME);
  emulator.revokeAccessTokens();
  const { id } = await session.get<{ id: string }>(ME);
  assertEquals(id, "me");
  assertEquals(emulator.count(TOKEN_ROUTE), 2);
  assertEquals(emulator.count(`GET ${ME}`), 3);
});

Deno.test("Session makes one refresh of twenty 401s, of which half come after it", async () => {
  const late = Promise.withResolvers<void>();
  let answers = 0;
  await using opened = await open({
    async fetch(input, init) {
      const response = await fetch(input, init);
      if (response.status === 401 && ++answers > 10) await late.promise;
      return response;
    },
  });
  const { emulator, session } = opened;
  await session.refresh();
  emulator.revokeAccessTokens();
  const calls = Array.from({ length: 20 }, () => session.get<{ id: string }>(ME));
  await Promise.any(calls); // so the refresh is over
  late.resolve();
  for (const { id } of await Promise.all(calls)) assertEquals(id, "me");
  assertEquals(emulator.count(TOKEN_ROUTE), 2);
  assertEquals(emulator.count(`GET ${ME}`), 40);
});

Deno.test("Session gives up after the second 401", async () => {
  await using opened = await open();
  const { emulator, session } = opened;
  emulator.injectFault(`GET ${ME}`, tastytradeFaults.tokenInvalid, 2);
  const error = await assertRejects(() => session.get(ME), ApiError);
  assertEquals(error.status, 401);
  assertEquals(error.code, "token_invalid");
  assertEquals(emulator.count(TOKEN_ROUTE), 2);
  assertEquals(emulator.count(`GET ${ME}`), 2);
});

Deno.test("Session makes one refresh when the broker refuses every token of 1,000 requests", async () => {
  await using opened = await open();
  const { emulator, session } = opened;
  emulator.injectFault(`GET ${ME}`, tastytradeFaults.tokenInvalid, Infinity);
  const calls = Array.from(
    { length: 1000 },
    () => session.get(ME).catch((error: unknown) => error),
  );
  for (const error of await Promise.all(calls)) assert(error instanceof ApiError);
  for (let i = 0; i < 10; i++) await assertRejects(() => session.get(ME), ApiError);
  assertEquals(emulator.count(TOKEN_ROUTE), 2);
});

Deno.test("Session.post() replays an order that was answered 401, byte for byte", async () => {
  await using opened = await open();
  const { emulator, session } = opened;
  await session.refresh();
  emulator.revokeAccessTokens();
  await session.post("/accounts/5WT00000/orders", MARKET_ORDER);
  assertEquals(emulator.orders.length, 1);
  const [refused, placed] = emulator.requests.filter(({ path }) => path.endsWith("/orders"));
  assertExists(placed);
  assertEquals([refused?.status, placed.status], [401, 201]);
  assertEquals(refused?.body, placed.body);
  assertEquals(JSON.parse(placed.body), MARKET_ORDER);
  assertEquals(placed.headers["content-type"], "application/json");
  assertEquals(placed.headers["content-length"], String(placed.body.length));
});

Deno.test("Session replays nothing and refreshes nothing after a 403", async () => {
  await using opened = await open();
  const { emulator, session } = opened;
  emulator.scopes = "read";
  const error = await assertRejects(
    () => session.post("/accounts/5WT00000/orders", MARKET_ORDER),
    ApiError,
  );
  assertEquals(error.status, 403);
  assertEquals(emulator.count(TOKEN_ROUTE), 1);
  assertEquals(emulator.count("POST /accounts/*/orders"), 1);
});
