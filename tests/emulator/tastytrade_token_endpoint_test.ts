import { assertEquals, assertFalse, assertGreater, assertStringIncludes } from "@std/assert";
import { startEmulator } from "../../src/emulator/emulator.ts";
import errors from "../../src/emulator/tastytrade/recordings/errors.json" with { type: "json" };
import {
  accessToken,
  askForToken,
  at,
  call,
  decodeJwt,
  exchangeBytes,
  sending,
  shapeOf,
  signIn,
  USER_AGENT,
} from "../support/emulator_wire.ts";
import { atTime } from "./tastytrade_fixtures.ts";

Deno.test("emulator answers a refresh with a token and no envelope, refresh token or other extra", async () => {
  await using emulator = await startEmulator();
  const { status, headers, json } = await askForToken(emulator.tastytrade);
  assertEquals(status, 200);
  assertEquals(headers.get("content-type"), "application/json");
  assertEquals(shapeOf(json), {
    access_token: "string",
    expires_in: "number",
    id_token: "string",
    scope: "string",
    token_type: "string",
  });
  assertEquals(at(json, "token_type"), "Bearer");
  assertEquals(at(json, "expires_in"), 900);
  assertEquals(at(json, "scope"), "read trade openid");
});

Deno.test("emulator takes the refresh as a form, with the client id and any scope", async () => {
  await using emulator = await startEmulator();
  const { baseUrl, clientSecret, refreshToken } = emulator.tastytrade;
  const { status } = await call(`${baseUrl}/oauth/token`, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "refresh_token",
      client_secret: clientSecret,
      refresh_token: refreshToken,
      client_id: String(at(decodeJwt(refreshToken, 1), "aud")),
      scope: "read",
    }),
  });
  assertEquals(status, 200);
});

Deno.test("emulator makes tokens in the form of JWTs that all bear the moment of the grant", async () => {
  using _time = atTime(1_790_000_000_000);
  await using emulator = await startEmulator();
  const { refreshToken } = emulator.tastytrade;
  assertGreater(refreshToken.length, 300);
  assertEquals(at(decodeJwt(refreshToken, 0), "typ"), "rt+jwt");
  assertEquals(at(decodeJwt(refreshToken, 1), "iss"), "https://api.tastyworks.com");
  assertEquals(at(decodeJwt(refreshToken, 1), "iat"), 1_790_000_000);
  assertEquals(at(decodeJwt(refreshToken, 1), "exp"), undefined);
  const sandboxToken = emulator.tastytradeSandbox.refreshToken;
  assertEquals(at(decodeJwt(sandboxToken, 1), "iss"), "https://api.cert.tastyworks.com");

  using _later = atTime(1_790_000_600_000);
  const token = await accessToken(emulator.tastytrade);
  assertGreater(token.length, 300);
  assertEquals(at(decodeJwt(token, 0), "typ"), "at+jwt");
  assertEquals(at(decodeJwt(token, 1), "iat"), 1_790_000_000);
  assertEquals(at(decodeJwt(token, 1), "exp"), 1_790_000_600 + 900);
});

Deno.test("emulator adds an id token only where the grant permits openid", async () => {
  await using emulator = await startEmulator();
  emulator.scopes = "read trade";
  const { json } = await askForToken(emulator.tastytrade);
  assertEquals(at(json, "scope"), "read trade");
  assertFalse("id_token" in Object(json));
});

Deno.test("emulator refuses token requests in the token endpoint's own form", async () => {
  await using emulator = await startEmulator();
  const { tastytrade, tastytradeSandbox } = emulator;
  const missing = {
    "error_code": "invalid_request",
    "error_description": "Missing required parameter",
  };
  const mismatch = {
    "error_code": "invalid_client",
    "error_description": "Client secret mismatch",
  };
  const cases: readonly [Record<string, unknown>, unknown][] = [
    [{ grant_type: undefined }, missing],
    [{ client_secret: undefined }, missing],
    [{ client_secret: 5 }, missing],
    [{ refresh_token: "" }, missing],
    [{ grant_type: "password" }, {
      error_code: "unsupported_grant_type",
      error_description: "Unsupported grant type",
    }],
    [{ refresh_token: "no-jwt" }, errors.invalid_jwt],
    [{ refresh_token: tastytradeSandbox.refreshToken }, errors.invalid_jwt],
    [{ refresh_token: await accessToken(tastytrade) }, errors.invalid_jwt],
    [{ client_secret: "wrong" }, mismatch],
    [{ client_secret: tastytradeSandbox.clientSecret }, mismatch],
    [{ client_id: "another" }, {
      error_code: "invalid_client",
      error_description: "Client id mismatch",
    }],
  ];
  for (const [changes, expected] of cases) {
    const { status, json } = await askForToken(tastytrade, changes);
    assertEquals([status, json], [400, expected], JSON.stringify(changes));
  }
});

Deno.test("emulator refuses token requests whose body it cannot read", async () => {
  await using emulator = await startEmulator();
  const url = `${emulator.tastytrade.baseUrl}/oauth/token`;
  const cases: readonly [string, string][] = [
    ["application/json", "{"],
    ["application/json", "[]"],
    ["application/json", ""],
    ["text/plain", "{}"],
  ];
  for (const [type, body] of cases) {
    const headers = { "content-type": type };
    const { status, json } = await call(url, { method: "POST", headers, body });
    assertEquals([status, at(json, "error_code")], [400, "invalid_request"], body);
  }
  const bare = await exchangeBytes(emulator, [
    "POST /tastytrade/oauth/token HTTP/1.1",
    "Host: localhost",
    `User-Agent: ${USER_AGENT}`,
    "Content-Length: 0",
    "Connection: close",
  ]);
  assertStringIncludes(bare, "400 Bad Request");
});

Deno.test("emulator refuses a token request that carries an Authorization header", async () => {
  await using emulator = await startEmulator();
  const { baseUrl, clientSecret, refreshToken } = emulator.tastytrade;
  const body = {
    "grant_type": "refresh_token",
    "client_secret": clientSecret,
    "refresh_token": refreshToken,
  };
  const { headers, ...init } = sending("POST", body);
  const { status, json } = await call(`${baseUrl}/oauth/token`, {
    ...init,
    headers: { ...Object.fromEntries(new Headers(headers)), authorization: "Bearer stale" },
  });
  assertEquals([status, at(json, "error_code")], [400, "invalid_request"]);
});

Deno.test("emulator takes tokens by POST only", async () => {
  await using emulator = await startEmulator();
  const { status } = await call(`${emulator.tastytrade.baseUrl}/oauth/token`);
  assertEquals(status, 405);
});

Deno.test("emulator revokes the grant of both environments and restores it", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  emulator.revokeGrant();
  for (const credentials of [emulator.tastytrade, emulator.tastytradeSandbox]) {
    const { status, json } = await askForToken(credentials);
    assertEquals([status, json], [400, errors.grant_revoked]);
  }
  assertEquals((await get("/customers/me")).status, 200);
  emulator.restoreGrant();
  assertEquals((await askForToken(emulator.tastytrade)).status, 200);
});
