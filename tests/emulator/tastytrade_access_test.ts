import { assert, assertEquals, assertMatch } from "@std/assert";
import { startEmulator } from "../../src/emulator/emulator.ts";
import errors from "../../src/emulator/tastytrade/recordings/errors.json" with { type: "json" };
import {
  accessToken,
  call,
  exchangeBytes,
  sending,
  shapeOf,
  signIn,
} from "../support/emulator_wire.ts";
import { LIMIT_ORDER } from "../support/orders.ts";
import { atTime, EMPTY, FUNDED, HTML_401 } from "./tastytrade_fixtures.ts";

Deno.test("emulator wants a User-Agent of product/version, or that of an official SDK", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  const cases: readonly [string, boolean][] = [
    ["tasty-session/0.1.0", true],
    ["Mozilla/5.0 (X11; Linux)", true],
    ["tastytrade-sdk-js", true],
    ["tastytrade-sdk-python", true],
    ["node", false],
    ["tastytrade-sdk-ruby", false],
    ["/1.0", false],
    ["product/", false],
    ["my product/1.0", false],
  ];
  for (const [userAgent, isAccepted] of cases) {
    const headers = { "user-agent": userAgent };
    const { status, text } = await get("/customers/me", { headers });
    assertEquals(status, isAccepted ? 200 : 401, userAgent);
    if (!isAccepted) assertEquals(text, HTML_401);
  }
});

Deno.test("emulator answers without a User-Agent as nginx does, at the token endpoint too", async () => {
  await using emulator = await startEmulator();
  for (const line of ["GET /tastytrade/customers/me", "POST /tastytrade/oauth/token"]) {
    const answer = await exchangeBytes(emulator, [
      `${line} HTTP/1.1`,
      "Host: localhost",
      "Content-Length: 0",
      "Connection: close",
    ]);
    assertMatch(answer, /^HTTP\/1\.1 401 /);
    assertMatch(answer, /content-type: text\/html/i);
    assert(answer.endsWith(HTML_401), answer);
  }
});

Deno.test("emulator wants a bearer token that it has issued for this environment", async () => {
  await using emulator = await startEmulator();
  const url = `${emulator.tastytrade.baseUrl}/customers/me`;
  const token = await accessToken(emulator.tastytrade);
  const sandboxToken = await accessToken(emulator.tastytradeSandbox);
  const cases: readonly [Record<string, string>, number][] = [
    [{}, 401],
    [{ authorization: token }, 401],
    [{ authorization: "Bearer" }, 401],
    [{ authorization: "Bearer nonsense" }, 401],
    [{ authorization: `Bearer ${sandboxToken}` }, 401],
    [{ authorization: `Bearer ${emulator.tastytrade.refreshToken}` }, 401],
    [{ authorization: `Bearer ${token}` }, 200],
  ];
  for (const [headers, expected] of cases) {
    const { status, json } = await call(url, { headers });
    assertEquals(status, expected);
    if (expected === 401) assertEquals(json, errors.token_invalid);
  }
});

Deno.test("emulator lets a token die at the end of the lifetime it was issued with", async () => {
  await using emulator = await startEmulator();
  const start = Date.now();
  using _time = atTime(start);
  const get = await signIn(emulator.tastytrade);
  emulator.tokenLifetimeS = 1;
  const getShort = await signIn(emulator.tastytrade);
  emulator.tokenLifetimeS = 10_000;
  {
    using _later = atTime(start + 999);
    assertEquals((await getShort("/customers/me")).status, 200);
  }
  {
    using _later = atTime(start + 1_000);
    assertEquals((await getShort("/customers/me")).json, errors.token_invalid);
  }
  {
    using _later = atTime(start + 899_999);
    assertEquals((await get("/customers/me")).status, 200);
  }
  {
    using _later = atTime(start + 900_000);
    assertEquals((await get("/customers/me")).status, 401);
  }
});

Deno.test("emulator keeps older tokens good when it issues another, until all are revoked", async () => {
  await using emulator = await startEmulator();
  const older = await signIn(emulator.tastytrade);
  const newer = await signIn(emulator.tastytrade);
  assertEquals((await older("/customers/me")).status, 200);
  assertEquals((await newer("/customers/me")).status, 200);
  emulator.revokeAccessTokens();
  assertEquals((await older("/customers/me")).status, 401);
  assertEquals((await newer("/customers/me")).status, 401);
  assertEquals((await (await signIn(emulator.tastytrade))("/customers/me")).status, 200);
});

Deno.test("emulator refuses versions that are no date or too old, each service by its own age", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  const cases: readonly [string, string, number][] = [
    ["/customers/me", "2024-05-01", 406],
    ["/customers/me", "v2", 406],
    ["/customers/me", "20240430", 406],
    ["/customers/me", "20240501", 200],
    ["/customers/me", "20991231", 200],
    [`/accounts/${FUNDED}/orders`, "20250812", 406],
    [`/accounts/${FUNDED}/orders`, "20250813", 200],
  ];
  for (const [path, version, expected] of cases) {
    const { status, json } = await get(path, { headers: { "accept-version": version } });
    assertEquals(status, expected, `${path} ${version}`);
    if (expected === 406) assertEquals(json, errors.unsupported_version);
  }
});

Deno.test("emulator refuses what the grant does not permit", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  emulator.scopes = "read";
  const placing = await get(`/accounts/${FUNDED}/orders`, sending("POST", LIMIT_ORDER));
  assertEquals([placing.status, placing.json], [403, errors.not_permitted]);
  assertEquals((await get("/customers/me")).status, 200);
  emulator.scopes = "openid";
  assertEquals((await get("/customers/me")).json, errors.not_permitted);
});

Deno.test("emulator knows no other account or id", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  const cases = [
    "/customers/me/accounts/5WT99999",
    "/accounts/5WT99999/balances",
    "/accounts/%zz/balances",
    `/accounts/${FUNDED}/balances/EUR`,
    `/accounts/${FUNDED}/transactions/1`,
    `/accounts/${FUNDED}/orders/1`,
    `/accounts/${EMPTY}/orders/68675`,
  ];
  for (const path of cases) {
    const { status, json } = await get(path);
    assertEquals(status, 404, path);
    assertEquals(shapeOf(json), { error: { code: "string", message: "string" } });
  }
});

Deno.test("emulator answers outside its prefixes that nobody lives there", async () => {
  await using emulator = await startEmulator();
  for (const path of ["/", "/tastytrades/customers/me", "/oauth/token"]) {
    assertEquals((await call(emulator.url + path)).status, 404);
  }
  assertEquals(emulator.requests.map(({ environment }) => environment), Array(3).fill(undefined));
  assertEquals(emulator.requests[1]?.path, "/tastytrades/customers/me");
});

Deno.test("emulator answers what a browser asks before a request from another origin", async () => {
  await using emulator = await startEmulator();
  const { status, headers } = await call(`${emulator.tastytrade.baseUrl}/accounts/1/orders`, {
    method: "OPTIONS",
    headers: {
      "origin": "http://localhost:5173",
      "access-control-request-method": "POST",
      "access-control-request-headers": "authorization,content-type",
    },
  });
  assertEquals([status, headers.get("access-control-allow-origin")], [204, "*"]);
  const names = headers.get("access-control-allow-headers")?.toLowerCase().split(",") ?? [];
  assert(["authorization", "content-type"].every((name) => names.includes(name)));
});
