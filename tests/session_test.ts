import {
  assert,
  assertEquals,
  assertExists,
  assertFalse,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
} from "@std/assert";
import {
  ApiError,
  NetworkError,
  RateLimitError,
  Session,
  SessionClosedError,
  type SessionOptions,
  TokenError,
} from "../mod.ts";
import { type Emulator, startEmulator, tastytradeFaults } from "../src/emulator/emulator.ts";
import { FakeClock } from "./support/fake_clock.ts";
import { serve } from "./support/loopback.ts";
import { run } from "./support/runtimes.ts";
import { MARKET_ORDER } from "./support/orders.ts";

const TOKEN_ROUTE = "POST /oauth/token";
const ME = "/customers/me";

/** A session with the emulator; `using` closes both. */
async function open(
  options: SessionOptions = {},
): Promise<AsyncDisposable & { emulator: Emulator; session: Session }> {
  const emulator = await startEmulator();
  const session = new Session({ ...emulator.tastytrade, retry: false, ...options });
  return {
    emulator,
    session,
    async [Symbol.asyncDispose]() {
      await session.close();
      await emulator.close();
    },
  };
}

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

Deno.test("Session counts the life of a token from the sending of its request", async () => {
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

Deno.test("Session renews the token and replays the request once after a 401", async () => {
  await using opened = await open();
  const { emulator, session } = opened;
  await session.get(ME);
  emulator.revokeAccessTokens();
  const { id } = await session.get<{ id: string }>(ME);
  assertEquals(id, "me");
  assertEquals(emulator.count(TOKEN_ROUTE), 2);
  assertEquals(emulator.count(`GET ${ME}`), 3);
});

Deno.test("Session makes one renewal of twenty 401s, of which half come after it", async () => {
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
  await Promise.any(calls); // so the renewal is over
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

Deno.test("Session makes one renewal when the broker refuses every token of 1,000 requests", async () => {
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

Deno.test("Session replays nothing and renews nothing after a 403", async () => {
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

Deno.test("Session.fetch() returns the platform's Response, whatever its status", async () => {
  await using opened = await open();
  const response = await opened.session.fetch("/nowhere");
  assertInstanceOf(response, Response);
  assertEquals(response.status, 404);
  assertEquals((await response.json()).error.code, "record_not_found");
});

Deno.test("Session.fetch() returns an answer that has no body", async () => {
  await using opened = await open();
  opened.emulator.injectFault(`GET ${ME}`, { status: 204 });
  const response = await opened.session.fetch(ME);
  assertEquals([response.status, response.body], [204, null]);
});

Deno.test("Session.fetch() takes a URL and a Request to the broker", async () => {
  await using opened = await open();
  const { emulator, session } = opened;
  const url = `${session.baseUrl}/accounts/5WT00000/orders/dry-run`;
  const order = JSON.stringify(MARKET_ORDER);
  const headers = { "content-type": "application/json", "x-mine": "1" };
  for (
    const [input, init] of [
      [new URL(url), { method: "POST", body: order, headers }],
      [new Request(url, { method: "POST", body: order, headers }), undefined],
    ] as const
  ) {
    const response = await session.fetch(input, init);
    await response.body?.cancel();
    assertEquals(response.status, 201);
    const arrived = emulator.requests.at(-1);
    assertEquals(arrived?.body, order);
    assertEquals(arrived?.headers["x-mine"], "1");
    assertEquals(arrived?.headers["content-type"], "application/json");
    assertEquals(arrived?.headers["content-length"], String(order.length));
  }
});

Deno.test("Session.fetch() sends a stream once and returns its 401, but renews for the others", async () => {
  await using opened = await open();
  const { emulator, session } = opened;
  await session.refresh();
  emulator.revokeAccessTokens();
  const response = await session.fetch("/accounts/5WT00000/orders/dry-run", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: new Blob([JSON.stringify(MARKET_ORDER)]).stream(),
  });
  assertEquals(response.status, 401);
  assertEquals((await response.json()).error.code, "token_invalid");
  assertEquals(emulator.count("POST /accounts/*/orders/dry-run"), 1);
  await session.get(ME);
  assertEquals(emulator.count(TOKEN_ROUTE), 2);
  assertEquals(emulator.count(`GET ${ME}`), 1); // with the new token, so without a 401
});

Deno.test("Session.fetch() keeps the token at home", async () => {
  await using opened = await open();
  const { emulator, session } = opened;
  const { port } = new URL(emulator.url);
  for (
    const elsewhere of [
      "https://api.tastyworks.com.evil.example/customers/me",
      `http://localhost:${port}/tastytrade/customers/me`,
      `https://127.0.0.1:${port}/tastytrade/customers/me`,
      `http://user@127.0.0.1:${port}/tastytrade/customers/me`,
      "//evil.example/customers/me",
      "\\\\evil.example/customers/me",
      "customers/me",
    ]
  ) {
    await assertRejects(() => session.fetch(elsewhere), TypeError, "Cannot send a request to");
  }
  assertEquals(emulator.requests.length, 0);
});

Deno.test("Session.fetch() returns a redirect instead of following it", async () => {
  await using opened = await open();
  const { emulator, session } = opened;
  emulator.injectFault("GET /moved", { status: 302, headers: { location: "http://127.0.0.1:9/" } });
  const response = await session.fetch("/moved");
  await response.body?.cancel();
  assertEquals(response.status, 302);
  emulator.injectFault("GET /moved", { status: 302, headers: { location: "http://127.0.0.1:9/" } });
  const error = await assertRejects(() => session.get("/moved"), ApiError);
  assertEquals(error.status, 302);
});

Deno.test("Session.fetch() takes an undefined redirect for none, and one beside a Request for one", async () => {
  await using opened = await open();
  const { emulator, session } = opened;
  const location = `${session.baseUrl}${ME}`;
  emulator.injectFault("GET /moved", { status: 302, headers: { location } }, Infinity);
  const stay: RequestInit = JSON.parse("{}");
  Reflect.set(stay, "redirect", undefined);
  const stayed = await session.fetch("/moved", stay);
  await stayed.body?.cancel();
  assertEquals(stayed.status, 302);
  const request = new Request(`${session.baseUrl}/moved`);
  const followed = await session.fetch(request, { redirect: "follow" });
  await followed.body?.cancel();
  assert(followed.redirected);
  assertEquals(followed.status, 200);
});

Deno.test("Session ends a call in time although its fetch knows nothing of signals", async () => {
  await using emulator = await startEmulator();
  for (const deaf of ["/customers/me", "/oauth/token"]) {
    const session = new Session({
      ...emulator.tastytrade,
      timeoutMs: 50,
      fetch: (input, init) =>
        String(input).endsWith(deaf) ? new Promise(() => {}) : fetch(input, init),
    });
    const error = await assertRejects(() => session.get(ME), NetworkError);
    assertEquals(error.kind, "timeout");
    session[Symbol.dispose]();
  }
});

Deno.test("Session tells a bad path without its query", async () => {
  await using opened = await open();
  const error = await assertRejects(
    () => opened.session.get("accounts", { query: { pin: "1234" } }),
    TypeError,
  );
  assertFalse(error.message.includes("1234"));
});

Deno.test("Session refuses a body that has no JSON", async () => {
  await using opened = await open();
  await assertRejects(() => opened.session.post(ME, Symbol("no JSON")), TypeError, "has no JSON");
  assertEquals(opened.emulator.requests.length, 0);
});

Deno.test("Session refuses an Authorization header of the caller's", async () => {
  await using opened = await open();
  const { emulator, session } = opened;
  await assertRejects(
    () => session.get(ME, { headers: { Authorization: "Bearer mine" } }),
    TypeError,
    "the session sets it",
  );
  assertEquals(emulator.requests.length, 0);
});

Deno.test("Session sends its User-Agent with every request", async () => {
  await using opened = await open({ userAgent: "my-bot/2.1" });
  await opened.session.get(ME);
  for (const { headers } of opened.emulator.requests) {
    assertEquals(headers["user-agent"], "my-bot/2.1");
  }
});

Deno.test("Session sends the token request without an Authorization header, and a client id if given", async () => {
  const clientId = "emulated";
  await using opened = await open({ clientId });
  const { emulator, session } = opened;
  await assertRejects(() => session.refresh(), TokenError); // it is not the grant's
  const [request] = emulator.requests;
  assertExists(request);
  assertEquals(request.headers["authorization"], undefined);
  assertEquals(request.headers["content-type"], "application/json");
  assertEquals(JSON.parse(request.body), {
    grant_type: "refresh_token",
    refresh_token: emulator.tastytrade.refreshToken,
    client_secret: emulator.tastytrade.clientSecret,
    client_id: clientId,
  });
});

Deno.test("Session.put(), patch() and delete() send their method and their value", async () => {
  await using opened = await open();
  const { emulator, session } = opened;
  const orders = "/accounts/5WT00000/orders";
  const limit = {
    ...MARKET_ORDER,
    "order-type": "Limit",
    "price": "1.00",
    "price-effect": "Debit",
  };
  const { order } = await session.post<{ order: { id: number } }>(orders, limit);
  const replaced = await session.put<{ id: number }>(`${orders}/${order.id}`, {
    ...limit,
    "price": "1.01",
  });
  const edited = await session.patch<{ id: number; price: string }>(`${orders}/${replaced.id}`, {
    "order-type": "Limit",
    "time-in-force": "Day",
    "price": "1.02",
    "price-effect": "Debit",
  });
  assertEquals(edited.price, "1.02");
  const cancelled = await session.delete<{ status: string }>(`${orders}/${edited.id}`);
  assertEquals(cancelled.status, "Cancel Requested");
  assertEquals(emulator.requests.slice(1).map(({ method }) => method), [
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
  ]);
});

Deno.test("Session.get() writes a query the broker's way", async () => {
  await using opened = await open();
  const { emulator, session } = opened;
  await session.get("/accounts/5WT00000/orders", {
    query: {
      status: ["Live", "Filled"],
      "per-page": 5,
      symbol: "RIVN  230609P00014000",
      x: undefined,
    },
  });
  assertStringIncludes(
    emulator.requests.at(-1)?.path ?? "",
    "?status%5B%5D=Live&status%5B%5D=Filled&per-page=5&symbol=RIVN%20%20230609P00014000",
  );
});

Deno.test("Session.get() returns undefined for an empty answer", async () => {
  await using opened = await open();
  opened.emulator.injectFault(`GET ${ME}`, { status: 204 });
  assertEquals(await opened.session.get(ME), undefined);
});

Deno.test("Session.get() refuses a good status with a body that is not JSON", async () => {
  await using opened = await open();
  const { emulator, session } = opened;
  for (const body of ["<html><body>Sign in to this wi-fi</body></html>", '{"data": {'] as const) {
    emulator.injectFault(`GET ${ME}`, { status: 200, body });
    const error = await assertRejects(() => session.get(ME), ApiError);
    assertEquals([error.code, error.status], ["invalid_response", 200]);
  }
});

Deno.test("Session.items() gets a page only when its first item is asked for", async () => {
  await using opened = await open();
  const { emulator, session } = opened;
  const path = "/accounts/5WT00000/transactions";
  const items = session.items<{ id: number }>(path, { query: { "per-page": 10 } });
  assertEquals(emulator.count(`GET ${path}`), 0);
  let seen = 0;
  for await (const _ of items) if (++seen === 10) break;
  assertEquals(emulator.count(`GET ${path}`), 1);
});

Deno.test("Session.items() yields every item of every page once", async () => {
  await using opened = await open();
  const { emulator, session } = opened;
  const path = "/accounts/5WT00000/transactions";
  const { pagination } = await (await session.fetch(`${path}?per-page=50`)).json();
  const ids: number[] = [];
  for await (const { id } of session.items<{ id: number }>(path, { query: { "per-page": 50 } })) {
    ids.push(id);
  }
  assertEquals(ids.length, pagination["total-items"]);
  assertEquals(new Set(ids).size, ids.length);
  assertEquals(emulator.count(`GET ${path}`), 1 + pagination["total-pages"]);
});

Deno.test("Session.items() goes on after a token renewal in the middle", async () => {
  await using opened = await open();
  const { emulator, session } = opened;
  const path = "/accounts/5WT00000/transactions";
  const ids = new Set<number>();
  for await (const { id } of session.items<{ id: number }>(path, { query: { "per-page": 100 } })) {
    if (ids.size % 100 === 50) emulator.revokeAccessTokens();
    ids.add(id);
  }
  assert(ids.size > 300);
  assert(emulator.count(TOKEN_ROUTE) > 3);
});

Deno.test("Session.items() goes on after failures in the middle, and yields nothing twice", async () => {
  await using opened = await open({ retry: { maxDelayMs: 0 } });
  const { emulator, session } = opened;
  const path = "/accounts/5WT00000/transactions";
  const [all, ids]: [number[], number[]] = [[], []];
  for await (const { id } of session.items<{ id: number }>(path)) all.push(id);
  const inTheMiddle = [
    tastytradeFaults.badGateway,
    "resetMidBody",
    tastytradeFaults.tooManyRequests,
  ] as const;
  for await (const { id } of session.items<{ id: number }>(path, { query: { "per-page": 50 } })) {
    const trouble = inTheMiddle[ids.length / 50 % 3];
    if (trouble !== undefined) emulator.injectFault(`GET ${path}`, trouble);
    ids.push(id);
  }
  assertEquals(ids, all);
});

Deno.test("Session.items() leaves out what a page brings again because the list has grown", async () => {
  const pages = [[5, 4, 3], [4, 3, 2], [1, 1]]; // an item came while the first page was read
  const server = await serve((response, { url }) => {
    const offset = Number(new URL(url, "http://a").searchParams.get("page-offset"));
    const items = pages[offset]?.map((id) => ({ id })).concat([{}, {}] as { id: number }[]);
    const pagination = { "page-offset": offset, "total-pages": pages.length };
    const token = { "access_token": "a", "token_type": "Bearer" };
    response.writeHead(200, { "content-type": "application/json" })
      .end(JSON.stringify(url === "/oauth/token" ? token : { data: { items }, pagination }));
  });
  await using _server = server;
  await using session = new Session({ baseUrl: server.url, clientSecret: "s", refreshToken: "r" });
  const ids: unknown[] = [];
  for await (const { id } of session.items<{ id?: number }>("/list")) ids.push(id);
  const none = [undefined, undefined]; // what has no id is never left out
  assertEquals(ids, [5, 4, 3, ...none, 2, ...none, 1, ...none]);
});

Deno.test("Session.items() yields the items of a list that has no pages", async () => {
  await using opened = await open();
  const symbols: string[] = [];
  for await (
    const { symbol } of opened.session.items<{ symbol: string }>("/accounts/5WT00000/positions")
  ) {
    symbols.push(symbol);
  }
  assertEquals(symbols, ["RIVN  230609P00014000", "TQQQ"]);
});

Deno.test("Session.refresh() renews a token only when it is due, or by force", async () => {
  await using opened = await open();
  const { emulator, session } = opened;
  await session.refresh();
  await session.refresh();
  assertEquals(emulator.count(TOKEN_ROUTE), 1);
  const before = await session.accessToken();
  await Promise.all(Array.from({ length: 50 }, () => session.refresh({ force: true })));
  assertEquals(emulator.count(TOKEN_ROUTE), 2);
  assert(before !== await session.accessToken());
});

Deno.test("Session makes one token request, whatever is called at once", async () => {
  await using opened = await open();
  const { emulator, session } = opened;
  await Promise.all([
    session.accessToken(),
    session.refresh(),
    session.refresh({ force: true }),
    session.get(ME),
    session.validate(),
    session.fetch(ME).then((response) => response.body?.cancel()),
  ]);
  assertEquals(emulator.count(TOKEN_ROUTE), 1);
});

Deno.test("Session.validate() is true when the broker accepts the session", async () => {
  await using opened = await open();
  assert(await opened.session.validate());
  assertEquals(opened.emulator.count(`GET ${ME}`), 1);
});

Deno.test("Session.validate() is false when the broker refuses the session", async () => {
  await using opened = await open();
  const { emulator, session } = opened;
  emulator.injectFault(`GET ${ME}`, tastytradeFaults.tokenInvalid, 2);
  assertFalse(await session.validate());
  emulator.revokeGrant();
  emulator.revokeAccessTokens();
  assertFalse(await session.validate());
});

Deno.test("Session.validate() throws when nothing is known", async () => {
  await using opened = await open();
  const { emulator, session } = opened;
  emulator.injectFault(`GET ${ME}`, tastytradeFaults.badGateway);
  await assertRejects(() => session.validate(), ApiError);
  emulator.injectFault(`GET ${ME}`, "reset", Infinity);
  await assertRejects(() => session.validate(), NetworkError);
});

Deno.test("Session reports 429 with the wait that the broker asks for", async () => {
  await using opened = await open();
  const { emulator, session } = opened;
  emulator.injectFault(`GET ${ME}`, {
    ...tastytradeFaults.tooManyRequests,
    headers: { "retry-after": "7" },
  });
  const error = await assertRejects(() => session.get(ME), RateLimitError);
  assertEquals(error.retryAfterMs, 7_000);
  emulator.injectFault(`GET ${ME}`, tastytradeFaults.tooManyRequests);
  assertEquals(
    (await assertRejects(() => session.get(ME), RateLimitError)).retryAfterMs,
    undefined,
  );
});

Deno.test("Session rejects with the caller's own reason, and lets the renewal finish for the others", async () => {
  await using opened = await open();
  const { emulator, session } = opened;
  emulator.latencyMs = 30;
  const controller = new AbortController();
  const reason = { mine: true };
  const first = session.get(ME, { signal: controller.signal }); // it starts the renewal
  const others = Array.from({ length: 5 }, () => session.get<{ id: string }>(ME));
  controller.abort(reason);
  const rejected = await first.then(() => undefined, (error: unknown) => error);
  assertStrictEquals(rejected, reason);
  for (const { id } of await Promise.all(others)) assertEquals(id, "me");
  assertEquals(emulator.count(TOKEN_ROUTE), 1);
});

Deno.test("Session sends nothing for a signal that is aborted already", async () => {
  await using opened = await open();
  const { emulator, session } = opened;
  const signal = AbortSignal.abort("too late");
  for (
    const call of [
      () => session.get(ME, { signal }),
      () => session.fetch(ME, { signal }),
      () => session.accessToken({ signal }),
      () => session.refresh({ signal }),
      () => session.items(ME, { signal }).next(),
      () => session.validate({ signal }),
    ]
  ) {
    assertEquals(await call().then(() => "went on", (error: unknown) => error), "too late");
  }
  assertEquals(emulator.requests.length, 0);
});

Deno.test("Session ends a request that is under way when its signal aborts", async () => {
  await using opened = await open();
  const { emulator, session } = opened;
  const controller = new AbortController();
  emulator.injectFault(`GET ${ME}`, "hang");
  const call = session.get(ME, { signal: controller.signal }).catch((error: unknown) => error);
  while (emulator.count(`GET ${ME}`) === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  controller.abort("enough");
  assertEquals(await call, "enough");
});

Deno.test("Session ends the reading of a body when its signal aborts", async () => {
  await using opened = await open();
  const { emulator, session } = opened;
  const controller = new AbortController();
  emulator.injectFault(`GET ${ME}`, "hangMidBody");
  const response = await session.fetch(ME, { signal: controller.signal });
  const reading = response.text().catch((error: unknown) => error);
  controller.abort("enough");
  assertEquals(await reading, "enough");
});

Deno.test("Session gives a call no more than its time, body included", async () => {
  await using opened = await open({ timeoutMs: 60 });
  const { emulator, session } = opened;
  await session.refresh();
  for (const trouble of ["hang", "hangMidBody"] as const) {
    emulator.injectFault(`GET ${ME}`, trouble);
    const error = await assertRejects(() => session.get(ME), NetworkError);
    assertEquals([error.kind, error.sent], ["timeout", "unknown"]);
  }
  assertEquals((await session.get<{ id: string }>(ME, { timeoutMs: 20_000 })).id, "me");
});

Deno.test("Session says that nothing was sent when the wait for a token took all the time", async () => {
  await using opened = await open({ timeoutMs: 40 });
  const { emulator, session } = opened;
  emulator.injectFault(TOKEN_ROUTE, "hang");
  for (const call of [() => session.post(ME, {}), () => session.accessToken()]) {
    const error = await assertRejects(call, NetworkError);
    assertEquals([error.kind, error.sent], ["timeout", "no"]);
  }
  assertEquals(emulator.count(`POST ${ME}`), 0);
  session[Symbol.dispose](); // a renewal that hangs would be given 5 s
});

Deno.test("Session tells an order that may have been placed from one that was not", async () => {
  await using opened = await open();
  const { emulator, session } = opened;
  const orders = "/accounts/5WT00000/orders";
  await session.refresh();
  emulator.injectFault(`POST ${orders}`, "reset", Infinity);
  const lost = await assertRejects(() => session.post(orders, MARKET_ORDER), NetworkError);
  assertEquals([lost.kind, lost.sent], ["reset", "unknown"]);
  assertStringIncludes(lost.message, "look before you send it again");
  assertEquals(emulator.count(`POST ${orders}`), 1);

  await using closed = await startEmulator();
  const away = new Session({ ...closed.tastytrade, retry: false });
  await away.refresh();
  await closed.close();
  const refused = await assertRejects(() => away.post(orders, MARKET_ORDER), NetworkError);
  assertEquals([refused.kind, refused.sent], ["refused", "no"]);
  await away.close();
});

Deno.test("Session.fetch() does not limit the time of a body", async () => {
  await using opened = await open({ timeoutMs: 50 });
  const { emulator, session } = opened;
  await session.refresh();
  emulator.injectFault(`GET ${ME}`, "hangMidBody");
  const response = await session.fetch(ME);
  const reader = response.body?.getReader();
  assertExists(reader);
  const { value } = await reader.read();
  assert(value !== undefined && value.length > 0);
  const rest = reader.read().then(() => "ended", () => "ended");
  const later = new Promise((resolve) => setTimeout(resolve, 100, "open"));
  assertEquals(await Promise.race([rest, later]), "open");
  await reader.cancel();
});

Deno.test("Session.close() ends what runs, refuses what comes, and may be called twice", async () => {
  await using opened = await open();
  const { emulator, session } = opened;
  await session.refresh();
  emulator.injectFault(`GET ${ME}`, "hang", 2);
  const running = [session.get(ME), session.fetch(ME)].map((call) =>
    assertRejects(() => call, SessionClosedError)
  );
  const closing = session.close();
  await Promise.all(running);
  await closing;
  await session.close();
  assertFalse(session.isLoggedIn);
  for (
    const call of [
      () => session.get(ME),
      () => session.fetch(ME),
      () => session.accessToken(),
      () => session.refresh(),
      () => session.items(ME).next(),
    ]
  ) {
    await assertRejects(call, SessionClosedError, "the session is closed");
  }
});

Deno.test("Session.close() ends the reading of a body", async () => {
  await using opened = await open();
  opened.emulator.injectFault(`GET ${ME}`, "hangMidBody");
  const response = await opened.session.fetch(ME);
  const reading = assertRejects(() => response.text(), SessionClosedError);
  await opened.session.close();
  await reading;
});

Deno.test("Session.fetch() lets go of the caller's signal when an answer is forgotten unread", async () => {
  await using emulator = await startEmulator();
  const runtime = {
    name: "Deno",
    command: [Deno.execPath(), "run", "--allow-all", "--v8-flags=--expose-gc"],
  } as const;
  const { stdout, stderr } = await run(runtime, [
    "tests/support/unread_bodies.ts",
    JSON.stringify(emulator.tastytrade),
  ]);
  const { most, left } = JSON.parse(stdout || stderr);
  assert(most > 100, stdout);
  assertEquals(left, 0);
});

Deno.test("await using lets a renewal that runs finish", async () => {
  await using emulator = await startEmulator();
  emulator.latencyMs = 20;
  {
    await using session = new Session(emulator.tastytrade);
    session.refresh().catch(() => {}); // its caller is told that the session was closed
  }
  assertEquals(emulator.requests[0]?.status, 200);
});

Deno.test("using cancels a renewal that runs", async () => {
  await using emulator = await startEmulator();
  emulator.injectFault(TOKEN_ROUTE, "hang");
  let refreshing: Promise<unknown>;
  {
    using session = new Session(emulator.tastytrade);
    refreshing = assertRejects(() => session.refresh(), SessionClosedError);
  }
  await refreshing;
});

Deno.test("Session adopts a refresh token that comes with an access token", async () => {
  await using opened = await open();
  const { emulator, session } = opened;
  const { refreshToken } = emulator.tastytrade;
  const answer = { "access_token": "first", "token_type": "Bearer", "expires_in": 900 };
  const rotated = (token: unknown) => ({
    status: 200,
    body: JSON.stringify({ ...answer, "refresh_token": token }),
  });
  for (const token of ["rotated", "", null]) emulator.injectFault(TOKEN_ROUTE, rotated(token));
  for (let i = 0; i < 4; i++) await session.refresh({ force: true }).catch(() => {});
  const sent = emulator.requests.map(({ body }) => JSON.parse(body).refresh_token);
  assertEquals(sent, [refreshToken, "rotated", "rotated", "rotated"]);
});

Deno.test("Session asks for the API version that it was given", async () => {
  await using opened = await open({ apiVersion: "20251101" });
  await opened.session.get(ME);
  const [tokenRequest, request] = opened.emulator.requests;
  assertEquals(tokenRequest?.headers["accept-version"], undefined);
  assertEquals(request?.headers["accept-version"], "20251101");
});
