import {
  assert,
  assertEquals,
  assertGreater,
  assertMatch,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { startEmulator, tastytradeFaults } from "../../src/emulator/emulator.ts";
import type { Emulator } from "../../src/emulator/emulator.ts";
import errors from "../../src/emulator/tastytrade/recordings/errors.json" with { type: "json" };
import margin from "../../src/emulator/tastytrade/recordings/margin_check_failed.json" with {
  type: "json",
};
import { accessToken, call, sending, signIn, USER_AGENT } from "../support/emulator_wire.ts";
import { LIMIT_ORDER } from "../support/orders.ts";
import { until } from "../support/idle.ts";
import { FUNDED, HTML_401 } from "./tastytrade_fixtures.ts";

Deno.test("emulator gives the ordered answer as often as ordered, then the true one", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  emulator.injectFault("GET /customers/me", tastytradeFaults.tooManyRequests, 2);
  emulator.injectFault("GET /customers/*", { status: 503 });
  const statuses: number[] = [];
  for (let n = 0; n < 4; n++) statuses.push((await get("/customers/me")).status);
  assertEquals(statuses, [429, 429, 503, 200]);
  assertEquals(emulator.requests.slice(1).map(({ status }) => status), statuses);
});

Deno.test("emulator goes on with fault without end until it is told to stop", async () => {
  await using emulator = await startEmulator();
  emulator.injectFault(
    "* /**",
    { status: 418, headers: { "x-pot": "tea" }, body: "short" },
    Infinity,
  );
  for (let n = 0; n < 3; n++) {
    const { status, headers, text } = await call(emulator.tastytrade.baseUrl);
    assertEquals([status, headers.get("x-pot"), text], [418, "tea", "short"]);
  }
  emulator.clearFaults();
  assertEquals((await call(emulator.tastytrade.baseUrl)).status, 501);
  assertThrows(() => emulator.injectFault("GET /x", "hang", 0), RangeError, "0 times");
  assertThrows(() => emulator.injectFault("GET /x", "hang", NaN), RangeError, "NaN times");
});

Deno.test("emulator has the recorded error responses by name", async () => {
  await using emulator = await startEmulator();
  const expected: readonly [keyof typeof tastytradeFaults, number, unknown][] = [
    ["grantRevoked", 400, errors.grant_revoked],
    ["invalidJwt", 400, errors.invalid_jwt],
    ["notACustomer", 400, errors.not_a_customer],
    ["validationError", 400, errors.validation_error],
    ["tokenInvalid", 401, errors.token_invalid],
    ["notPermitted", 403, errors.not_permitted],
    ["unsupportedVersion", 406, errors.unsupported_version],
    ["preflightFailed", 422, errors.preflight_check_failure],
    ["marginCheckFailed", 422, margin],
  ];
  for (const [name, status, json] of expected) {
    emulator.injectFault("GET /x", tastytradeFaults[name]);
    const answer = await call(`${emulator.tastytrade.baseUrl}/x`);
    assertEquals([answer.status, answer.json], [status, json], name);
  }
  const pages: readonly [keyof typeof tastytradeFaults, string][] = [
    ["userAgentRequired", "401 Authorization Required"],
    ["tooManyRequests", "429 Too Many Requests"],
    ["badGateway", "502 Bad Gateway"],
    ["serviceUnavailable", "503 Service Temporarily Unavailable"],
    ["gatewayTimeout", "504 Gateway Time-out"],
  ];
  for (const [name, title] of pages) {
    emulator.injectFault("GET /x", tastytradeFaults[name]);
    const { text, headers, status } = await call(`${emulator.tastytrade.baseUrl}/x`);
    assertEquals(text, HTML_401.replaceAll("401 Authorization Required", title));
    assertEquals(headers.get("content-type"), "text/html");
    assert(title.startsWith(String(status)));
  }
  assertMatch(tastytradeFaults.internalServerError.body ?? "", /support identifier: [0-9a-f]{32}"/);
  assertStringIncludes(tastytradeFaults.clientSecretMismatch.body ?? "", "Client secret mismatch");
  assertEquals(tastytradeFaults.notFound.status, 404);
});

Deno.test("emulator hangs without any effect", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  emulator.injectFault("POST /accounts/*/orders", "hang");
  const controller = new AbortController();
  const init = { ...sending("POST", LIMIT_ORDER), signal: controller.signal };
  const waiting = get(`/accounts/${FUNDED}/orders`, init);
  await until(() => emulator.count("POST /accounts/*/orders") === 1);
  controller.abort();
  await assertRejects(() => waiting, DOMException);
  assertEquals(emulator.orders, []);
  assertEquals(emulator.requests.at(-1)?.status, undefined);
});

Deno.test("emulator hangs in the middle of the body, after the effect", async () => {
  await using emulator = await startEmulator();
  emulator.injectFault("POST /accounts/*/orders", "hangMidBody");
  const token = await accessToken(emulator.tastytrade);
  const controller = new AbortController();
  const response = await fetch(`${emulator.tastytrade.baseUrl}/accounts/${FUNDED}/orders`, {
    method: "POST",
    headers: {
      "user-agent": USER_AGENT,
      "content-type": "application/json",
      "authorization": `Bearer ${token}`,
    },
    body: JSON.stringify(LIMIT_ORDER),
    signal: controller.signal,
  });
  assertEquals(response.status, 201);
  assertEquals(emulator.orders.length, 1);
  assertEquals(emulator.requests.at(-1)?.status, 201);
  const reading = response.text();
  controller.abort();
  await assertRejects(() => reading, DOMException);
});

Deno.test("emulator resets the connection before the response, without any effect", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  // Without end, because fetch itself may send once more where a used connection breaks.
  emulator.injectFault("POST /accounts/*/orders", "reset", Infinity);
  const path = `/accounts/${FUNDED}/orders`;
  await assertRejects(() => get(path, sending("POST", LIMIT_ORDER)), TypeError);
  assertEquals(emulator.orders, []);
  assertEquals(emulator.requests.at(-1)?.status, undefined);
});

Deno.test("emulator resets the connection in the middle of the body, after the effect", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  emulator.injectFault("POST /accounts/*/orders", "resetMidBody");
  const path = `/accounts/${FUNDED}/orders`;
  await assertRejects(() => get(path, sending("POST", LIMIT_ORDER)), TypeError);
  assertEquals(emulator.orders.length, 1);
  assertEquals(emulator.requests.at(-1)?.status, 201);
});

Deno.test("emulator lets answers wait, and closes without waiting", async () => {
  await using emulator = await startEmulator();
  emulator.latencyMs = 20;
  const start = performance.now();
  await call(emulator.tastytrade.baseUrl);
  assertGreater(performance.now() - start, 19);
  emulator.latencyMs = 600_000;
  const waiting = call(emulator.tastytrade.baseUrl);
  await until(() => emulator.requests.length === 2);
  await Promise.all([assertRejects(() => waiting, TypeError), emulator.close()]);
  assertEquals(emulator.requests.at(-1)?.status, undefined);
});

Deno.test("emulator calls back once for each request with its status", async () => {
  const seen: unknown[] = [];
  const onRequest = (request: Emulator["requests"][number]) => seen.push(request.status);
  await using emulator = await startEmulator({ onRequest });
  emulator.injectFault("GET /hang", "hang");
  const get = await signIn(emulator.tastytrade);
  await get("/customers/me");
  const controller = new AbortController();
  const hanging = get("/hang", { signal: controller.signal });
  await until(() => seen.length === 3);
  controller.abort();
  await assertRejects(() => hanging);
  assertEquals(seen, [200, 200, undefined]);
});
