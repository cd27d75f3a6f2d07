import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { tradestationFaults } from "../../src/emulator/emulator.ts";
import errors from "../../src/emulator/tradestation/recordings/errors.json" with { type: "json" };
import { FakeClock } from "../support/fake_clock.ts";
import { TradestationClient } from "../support/emulator_tradestation.ts";
import { accessToken, call, exchangeBytes } from "../support/emulator_wire.ts";
import { MARGIN } from "./tradestation_fixtures.ts";

Deno.test("emulator has TradeStation's error responses by name", async () => {
  await using client = await TradestationClient.open();
  const { baseUrl } = client.emulator.tradestation;
  const expected: readonly [keyof typeof tradestationFaults, number, unknown][] = [
    ["unknownRefreshToken", 403, errors.unknown_refresh_token],
    ["invalidCode", 403, errors.invalid_code],
    ["clientSecretMismatch", 401, errors.wrong_secret],
    ["notFound", 404, errors.not_found],
    ["tooManyRequests", 429, errors.rate_quota_exceeded],
    ["notEntitled", 200, errors.not_entitled],
    ["forbidden", 403, { Error: "Forbidden", Message: "Forbidden" }],
    ["invalidAccount", 403, { Error: "Forbidden", Message: "Invalid Account ID." }],
  ];
  for (const [name, status, json] of expected) {
    client.emulator.injectFault("tradestation production GET /x", tradestationFaults[name]);
    const answer = await call(`${baseUrl}/x`);
    assertEquals([answer.status, answer.json], [status, json], name);
    if (name === "tooManyRequests") assertEquals(answer.headers.get("x-ratelimit-reset"), "60");
  }
  const titles = {
    badRequest: "BadRequest",
    unauthorized: "Unauthorized",
    internalServerError: "InternalServerError",
    serviceUnavailable: "ServiceUnavailable",
    gatewayTimeout: "GatewayTimeout",
  };
  for (const [name, title] of Object.entries(titles)) {
    const { body = "" } = Object.entries(tradestationFaults).find(([key]) => key === name)?.[1] ??
      {};
    assertStringIncludes(body, `{"Error":"${title}","Message":`);
  }
  assertEquals(tradestationFaults.tooManyLogins.status, 429);
  assertEquals(tradestationFaults.legacyUnauthorized.status, 401);
});

Deno.test("emulator says that v2's quota is exceeded in the status line and in HTML", async () => {
  await using client = await TradestationClient.open();
  client.emulator.injectFault("GET /v2/**", tradestationFaults.legacyQuotaExceeded);
  const answer = await exchangeBytes(client.emulator, [
    "GET /tradestation/v2/users/me/accounts HTTP/1.1",
    "Host: localhost",
    "Connection: close",
  ]);
  assert(answer.startsWith("HTTP/1.1 403 Quota Exceeded\r\n"), answer);
  assert(answer.endsWith("\r\n\r\n<html><body>Quota Exceeded</body></html>"), answer);
});

Deno.test("emulator counts by path, and by broker and environment where they are named", async () => {
  await using client = await TradestationClient.open();
  const { emulator } = client;
  await accessToken(emulator.tastytrade);
  await accessToken(emulator.tastytradeSandbox);
  const get = await client.signIn(emulator.tradestationSandbox.baseUrl);
  await get("/v3/brokerage/accounts");
  const cases: readonly [string, number][] = [
    ["POST /oauth/token", 3],
    ["tastytrade POST /oauth/token", 2],
    ["tastytrade sandbox POST /oauth/token", 1],
    ["sandbox POST /oauth/token", 1],
    ["tradestation POST /oauth/token", 1],
    ["production * /**", 1],
    ["tradestation sandbox GET /v3/**", 1],
    ["tradestation production GET /v3/**", 0],
    ["* /authorize", 2],
  ];
  for (const [route, expected] of cases) assertEquals(emulator.count(route), expected, route);
  const places = emulator.requests.map(({ broker, environment }) => [broker, environment]);
  assertEquals(places.slice(1, 3), [["tastytrade", "sandbox"], ["tradestation", undefined]]);
  assertEquals(places.at(-1), ["tradestation", "sandbox"]);
});

Deno.test("emulator counts requests against TradeStation's quotas, and refuses none", async () => {
  using clock = new FakeClock();
  await using client = await TradestationClient.open();
  const get = await client.signIn();
  const remaining = async (path: string) => (await get(path)).headers.get("x-ratelimit-remaining");
  const accounts = "/v3/brokerage/accounts";
  assertEquals([await remaining(accounts), await remaining(accounts)], ["319", "318"]);
  assertEquals(await remaining(`${accounts}/${MARGIN}/balances`), "319");
  assertEquals(await remaining("/v3/marketdata/quotes/MSFT"), "499");
  assertEquals(await remaining("/v3/marketdata/symbols/MSFT"), null);
  const { headers } = await get(accounts);
  assertEquals([headers.get("x-ratelimit-limit"), headers.get("x-ratelimit-resource")], [
    "320",
    "accounts",
  ]);
  for (let i = 0; i < 330; i++) await get(accounts);
  assertEquals([await remaining(accounts), (await get(accounts)).status], ["0", 200]);
  clock.advance(300_000);
  assertEquals(await remaining(accounts), "319");
});
