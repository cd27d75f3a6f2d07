import {
  assert,
  assertEquals,
  assertExists,
  assertFalse,
  assertInstanceOf,
  assertRejects,
} from "@std/assert";
import { ApiError, NetworkError, Session, TokenError } from "../mod.ts";
import { startEmulator } from "../src/emulator/emulator.ts";
import { MARKET_ORDER } from "./support/orders.ts";
import { ME, open, TOKEN_ROUTE } from "./support/session_fixtures.ts";

Deno.test("Session.fetch() returns the platform's Response, whatever its status", async () => {
  await using opened = await open();
  const response = await opened.session.fetch("/customers/me/accounts/1");
  assertInstanceOf(response, Response);
  assertEquals(response.status, 404);
  assertEquals((await response.json()).error.code, "record_not_found");
});

Deno.test("Session.fetch() returns a response that has no body", async () => {
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

Deno.test("Session.fetch() sends a stream once and returns its 401, but refreshes for the others", async () => {
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

Deno.test("Session reports a bad path without its query", async () => {
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
