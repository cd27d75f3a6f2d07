import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Session, tradestation } from "../../mod.ts";
import { startEmulator } from "../../src/emulator/emulator.ts";
import { openStreamer } from "../support/emulator_streams.ts";
import {
  at,
  breakOff,
  call,
  exchangeBytes,
  listAt,
  type Reading,
  sending,
  signIn,
} from "../support/emulator_wire.ts";
import { LIMIT_ORDER } from "../support/orders.ts";
import { FUNDED } from "./tastytrade_fixtures.ts";

/** A test in another language. */
function controlOf(url: string) {
  return (method: string, path: string, body?: unknown): Promise<Reading> =>
    call(`${url}/control${path}`, body === undefined ? { method } : sending(method, body));
}

Deno.test("The control API tells addresses and credentials, and changes settings", async () => {
  await using emulator = await startEmulator({ control: true });
  const control = controlOf(emulator.url);
  const { status, json } = await control("GET", "");
  assertEquals([status, at(json, "url")], [200, emulator.url]);
  assertEquals(at(json, "tastytrade", "refreshToken"), emulator.tastytrade.refreshToken);
  assertEquals(at(json, "tradestationSandbox", "baseUrl"), emulator.tradestationSandbox.baseUrl);
  const changes = {
    tokenLifetimeS: 5,
    scopes: "read",
    latencyMs: 1,
    orderDelayMs: 2,
    orderListDelayMs: 3,
    rotation: true,
    isStateKeptOnDecline: false,
    listsConfirmIds: true,
    callbackUrls: ["http://localhost:1"],
    endsStreamsWithToken: true,
    acksNameAccounts: true,
    batchesNotifications: true,
    wantsAuthAfterState: true,
  };
  const changed = await control("PATCH", "", changes);
  assertEquals(changed.json, changes);
  assertEquals(emulator.tokenLifetimeS, 5);
  assertEquals(emulator.tradestation.callbackUrls, ["http://localhost:1"]);
  assertEquals((await control("POST", "/reset")).status, 204);
  const { json: after } = await control("GET", "");
  assertEquals(at(after, "settings"), at(json, "settings"));
  const unset = await control("PATCH", "", { scopes: null, tokenLifetimeS: null });
  assertEquals([emulator.scopes, emulator.tokenLifetimeS, unset.status], [
    undefined,
    undefined,
    200,
  ]);
});

Deno.test("The control API sets prices, shows and rejects orders, and ends the day", async () => {
  await using emulator = await startEmulator({ control: true });
  const control = controlOf(emulator.url);
  const get = await signIn(emulator.tastytrade);
  const orders = `/accounts/${FUNDED}/orders`;
  for (let i = 0; i < 3; i++) await get(orders, sending("POST", LIMIT_ORDER));
  const statuses = async () =>
    listAt((await control("GET", "/orders")).json).map((order) => at(order, "status"));
  assertEquals((await control("PUT", "/prices/AAPL", { price: "0.95", size: "1" })).status, 204);
  assertEquals(await statuses(), ["Filled", "Live", "Live"]);
  const { json } = await control("GET", "/orders");
  const reject = await control("POST", `/orders/${at(json, 1, "id")}/reject`, { reason: "Sorry" });
  assertEquals(reject.status, 204);
  const sandbox = await signIn(emulator.tastytradeSandbox);
  for (let i = 0; i < 3; i++) {
    await sandbox(orders, sending("POST", { ...LIMIT_ORDER, "price": "9.00" }));
  }
  const last = `/orders/${at(json, 2, "id")}/reject`;
  const several = await control("POST", last, { reason: "x" });
  assertStringIncludes(`${at(several.json, "error")}`, "tell broker and environment");
  const environment = "sandbox";
  assertEquals((await control("POST", last, { reason: "x", environment })).status, 204);
  assertEquals((await statuses()).slice(3), ["Live", "Live", "Rejected"]);
  await control("POST", "/end-trading-day");
  assertEquals((await statuses()).slice(0, 3), ["Filled", "Rejected", "Expired"]);
  await control("POST", "/reset");
  assertEquals(await statuses(), []);
  assertEquals((await get(`/accounts/${FUNDED}/positions?symbol=AAPL`)).json, {
    data: { items: [] },
    context: `/accounts/${FUNDED}/positions`,
  });
});

Deno.test("The control API injects faults, revokes, and shows what was asked for in vain", async () => {
  await using emulator = await startEmulator({ control: true });
  const control = controlOf(emulator.url);
  const get = await signIn(emulator.tastytrade);
  const route = "GET /customers/me";
  for (
    const fault of ["tastytrade.badGateway", { status: 500, headers: { "x-a": 1 }, body: "no" }]
  ) {
    assertEquals((await control("POST", "/faults", { route, fault })).status, 204);
  }
  await control("POST", "/faults", { route, fault: "tradestation.notFound", times: 5 });
  const found = [
    await get("/customers/me"),
    await get("/customers/me"),
    await get("/customers/me"),
  ];
  assertEquals(found.map(({ status }) => status), [502, 500, 404]);
  assertEquals([found[1]?.headers.get("x-a"), found[1]?.text], ["1", "no"]);
  await control("DELETE", "/faults");
  await control("POST", "/faults", { route, fault: { status: 418 } });
  assertEquals((await get("/customers/me")).status, 418);
  assertEquals((await get("/customers/me")).status, 200);
  await get("/nowhere");
  const { json: unserved } = await control("GET", "/unserved");
  assertEquals(unserved, [{
    method: "GET",
    path: "/nowhere",
    broker: "tastytrade",
    environment: "production",
    what: "GET /nowhere",
  }]);
  const { json: requests } = await control("GET", "/requests");
  assertEquals(listAt(requests).length, emulator.requests.length); // its own are not among them
  await control("DELETE", "/requests");
  assertEquals(emulator.requests, []);
  await control("POST", "/revoke-access-tokens");
  assertEquals((await get("/customers/me")).status, 401);
  await control("POST", "/revoke-grant");
  await using session = new Session({ broker: tradestation, ...emulator.tradestation });
  assert(!await session.validate());
  await control("POST", "/restore-grant");
  assertEquals(
    (await call(`${emulator.url}/control/restore-grant`, { method: "POST" })).status,
    204,
  );
});

Deno.test("The control API plays the user's part in a login", async () => {
  await using emulator = await startEmulator({ control: true });
  const control = controlOf(emulator.url);
  const { clientId, signInUrl } = emulator.tastytrade;
  const query = {
    "client_id": clientId,
    "redirect_uri": "http://localhost:8000",
    "response_type": "code",
  };
  const authorizeUrl = `${signInUrl}/auth.html?${new URLSearchParams(query)}`;
  const accepted = await control("POST", "/consent", { authorizeUrl });
  assertStringIncludes(`${at(accepted.json, "location")}`, "http://localhost:8000?code=");
  const declined = await control("POST", "/consent", { authorizeUrl, decision: "decline" });
  assertStringIncludes(`${at(declined.json, "location")}`, "error=access_denied");
});

Deno.test("The control API disturbs streams", async () => {
  await using emulator = await startEmulator({ control: true });
  const control = controlOf(emulator.url);
  const { frames } = await openStreamer(emulator.tastytrade);
  const disturb = async (fault: unknown, route = "GET /streamer") =>
    (await control("POST", "/streams/disturb", { route, fault })).json;
  assertEquals(await disturb("drop", "GET /nothing"), { streams: 0 });
  assertEquals(await disturb({ send: "text" }), { streams: 1 });
  assertEquals(await frames.nextText(), "text");
  await disturb({ close: 4_001 });
  assertEquals([await frames.nextText(), frames.end], [undefined, { code: 4_001, reason: "" }]);
});

Deno.test("The control API says what is wrong with a request", async () => {
  await using emulator = await startEmulator({ control: true });
  const control = controlOf(emulator.url);
  const cases: readonly [string, string, unknown, number, string][] = [
    ["GET", "/nothing", undefined, 404, "there is no GET /control/nothing"],
    ["PUT", "/orders", {}, 404, "there is no PUT /control/orders"],
    ["PATCH", "", [], 400, "the body is not a JSON object"],
    ["PATCH", "", { latency: 1 }, 400, 'there is no setting "latency"'],
    ["PATCH", "", { latencyMs: "1" }, 400, "latencyMs"],
    ["PATCH", "", { rotation: 1 }, 400, "rotation"],
    ["PATCH", "", { callbackUrls: "x" }, 400, "callbackUrls"],
    ["PATCH", "", { callbackUrls: [1] }, 400, "callbackUrls"],
    ["PUT", "/prices/AAPL", { price: 1 }, 400, "price"],
    ["PUT", "/prices/AAPL", { price: "-1" }, 400, "is not a positive amount"],
    ["POST", "/orders/1/reject", { reason: "x" }, 400, "there is no order 1"],
    ["POST", "/faults", { route: "nonsense", fault: "hang" }, 400, "Cannot read the route"],
    ["POST", "/faults", { route: "GET /a", fault: "tastytrade.nothing" }, 400, "fault"],
    ["POST", "/faults", { route: "GET /a", fault: { body: "x" } }, 400, "fault.status"],
    ["POST", "/faults", { route: "GET /a", fault: "hang", times: 0 }, 400, "above 0"],
    ["POST", "/streams/disturb", { route: "GET /a", fault: "hang" }, 400, "fault"],
    ["POST", "/streams/disturb", { route: "GET /a", fault: { reason: "x" } }, 400, "fault"],
    ["POST", "/consent", { authorizeUrl: "http://example.com" }, 400, "not an address of this"],
    ["POST", "/consent", { authorizeUrl: emulator.url, decision: "think" }, 400, "decision"],
    ["POST", "/clock", {}, 400, "advanceMs"],
    ["POST", "/clock", { advanceMs: 1 }, 400, "shares its clock with a program"],
  ];
  for (const [method, path, body, expected, message] of cases) {
    const { status, json } = await control(method, path, body);
    assertEquals(status, expected, `${method} ${path} ${JSON.stringify(body)}`);
    assertStringIncludes(`${at(json, "error")}`, message);
  }
});

Deno.test("The control API serves no web page, no other host, and nobody who did not ask for it", async () => {
  await using emulator = await startEmulator({ control: true });
  const reset = `${emulator.url}/control/reset`;
  const page = { method: "POST", headers: { origin: "https://evil.example" } };
  assertEquals((await call(reset, page)).status, 403);
  const reading = { headers: { "sec-fetch-site": "cross-site" } };
  assertEquals((await call(`${emulator.url}/control`, reading)).status, 403);
  const rebound = await exchangeBytes(emulator, [
    "GET /control HTTP/1.1",
    "Host: evil.example",
    "Connection: close",
  ]);
  assertStringIncludes(rebound, " 421 ");
  await using plain = await startEmulator();
  assertEquals((await call(`${plain.url}/control`)).status, 404);
  await breakOff(`${emulator.url}/control`); // it lives on
  assertEquals((await call(`${emulator.url}/control`)).status, 200);
});
