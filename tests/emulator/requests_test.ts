import { assert, assertEquals, assertThrows } from "@std/assert";
import { startEmulator } from "../../src/emulator/emulator.ts";
import { at, breakOff, call, signIn, USER_AGENT } from "../support/emulator_wire.ts";
import { EMPTY, FUNDED } from "./tastytrade_fixtures.ts";

Deno.test("emulator remembers what arrived and how it was answered", async () => {
  await using emulator = await startEmulator();
  const { baseUrl } = emulator.tastytradeSandbox;
  const before = Date.now();
  await call(`${baseUrl}/oauth/token?x=1`, { method: "POST", body: "grüße" });
  const [request] = emulator.requests;
  assertEquals(request?.method, "POST");
  assertEquals(request?.path, "/oauth/token?x=1");
  assertEquals(request?.environment, "sandbox");
  assertEquals(request?.headers["user-agent"], USER_AGENT);
  assertEquals(request?.body, "grüße");
  assertEquals(request?.status, 400);
  assert(request !== undefined && request.receivedAtMs >= before);
});

Deno.test("emulator counts requests by route, and forgets them when told", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  await get("/customers/me");
  await get(`/accounts/${FUNDED}/positions?symbol=A`);
  await get(`/accounts/${EMPTY}/positions`);
  await (await signIn(emulator.tastytradeSandbox))("/customers/me");
  const cases: readonly [string, number][] = [
    ["POST /oauth/token", 2],
    ["GET /customers/me", 2],
    ["GET /customers/me/accounts", 0],
    ["GET /accounts/*/positions", 2],
    [`GET /accounts/${EMPTY}/positions`, 1],
    ["POST /accounts/*/positions", 0],
    ["* /customers/me", 2],
    ["GET /**", 4],
    ["* /accounts/**", 2],
  ];
  for (const [route, expected] of cases) assertEquals(emulator.count(route), expected, route);
  emulator.forgetRequests();
  assertEquals([emulator.requests.length, emulator.count("* /**")], [0, 0]);
});

Deno.test("emulator refuses a route that it cannot read", async () => {
  await using emulator = await startEmulator();
  for (const route of ["/customers/me", "get /x", "GET customers", "GET /a b", ""]) {
    assertThrows(() => emulator.count(route), TypeError, `"${route}"`);
    assertThrows(() => emulator.injectFault(route, "hang"), TypeError, `"${route}"`);
  }
});

Deno.test("emulator counts a request that breaks off, and calls back for it", async () => {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  await using emulator = await startEmulator({ onRequest: resolve });
  await breakOff(emulator.url);
  assertEquals(at(await promise, "status"), undefined);
  assertEquals(emulator.count("POST /oauth/token"), 1);
});
