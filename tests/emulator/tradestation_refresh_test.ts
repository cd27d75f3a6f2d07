import { assertEquals, assertFalse } from "@std/assert";
import errors from "../../src/emulator/tradestation/recordings/errors.json" with { type: "json" };
import refreshed from "../../src/emulator/tradestation/recordings/token_refreshed.json" with {
  type: "json",
};
import { TradestationClient } from "../support/emulator_tradestation.ts";
import { at, call, sending, shapeOf } from "../support/emulator_wire.ts";
import { oauthError } from "./tradestation_fixtures.ts";

Deno.test("emulator answers a refresh as documented: no refresh token, and a scope without the API's", async () => {
  await using client = await TradestationClient.open();
  for (let n = 0; n < 2; n++) {
    const { status, json } = await client.refresh();
    assertEquals(status, 200);
    assertEquals(Object.keys(Object(json)), Object.keys(refreshed));
    assertEquals(shapeOf(json), shapeOf(refreshed));
    for (const name of ["token_type", "scope", "expires_in"] as const) {
      assertEquals(at(json, name), refreshed[name]);
    }
  }
});

Deno.test("emulator rotates refresh tokens when it is told to", async () => {
  await using client = await TradestationClient.open();
  const { emulator } = client;
  emulator.tradestation.rotation = true;
  const seen = [emulator.tradestation.refreshToken];
  for (let n = 0; n < 4; n++) {
    const { status, json } = await client.refresh(seen.at(-1));
    assertEquals(status, 200);
    seen.push(`${at(json, "refresh_token")}`);
  }
  assertEquals(new Set(seen).size, 5);
  assertEquals(emulator.tradestation.reusedRefreshTokens, 0);
  emulator.tradestation.rotation = false;
  const { json } = await client.refresh(seen.at(-1));
  assertFalse("refresh_token" in Object(json));
});

Deno.test("emulator revokes the whole family when a used refresh token comes again, and no other", async () => {
  await using client = await TradestationClient.open();
  const { emulator } = client;
  const { json: other } = await client.exchange(await client.code());
  emulator.tradestation.rotation = true;
  const { json } = await client.refresh();
  const current = `${at(json, "refresh_token")}`;
  const get = (token: string) =>
    call(`${emulator.tradestation.baseUrl}/v3/brokerage/accounts`, {
      headers: { authorization: `Bearer ${token}` },
    });
  const dead = [emulator.tradestation.refreshToken, current, emulator.tradestation.refreshToken];
  for (const token of dead) {
    const { status, json } = await client.refresh(token);
    assertEquals([status, json], [403, errors.unknown_refresh_token]);
  }
  assertEquals(emulator.tradestation.reusedRefreshTokens, 2);
  emulator.restoreGrant();
  assertEquals((await client.refresh(current)).status, 403);
  assertEquals((await get(`${at(json, "access_token")}`)).status, 200);
  assertEquals((await client.refresh(`${at(other, "refresh_token")}`)).status, 200);
});

Deno.test("emulator refuses token requests as Auth0 does", async () => {
  await using client = await TradestationClient.open();
  const missing = (name: string) =>
    oauthError("invalid_request", `Missing required parameter: ${name}`);
  const cases: readonly [Record<string, string | undefined>, number, unknown][] = [
    [{ grant_type: undefined }, 400, missing("grant_type")],
    [{ client_id: "" }, 400, missing("client_id")],
    [{ refresh_token: undefined }, 400, missing("refresh_token")],
    [{ grant_type: "authorization_code" }, 400, missing("code")],
    [{ grant_type: "authorization_code", code: "x" }, 400, missing("redirect_uri")],
    [{ client_id: "another" }, 401, errors.wrong_secret],
    [{ client_secret: "wrong" }, 401, errors.wrong_secret],
    [{ refresh_token: "unknown" }, 403, errors.unknown_refresh_token],
    [
      { grant_type: "password" },
      403,
      oauthError("unauthorized_client", "Grant type 'password' not allowed for the client."),
    ],
  ];
  for (const [changes, status, json] of cases) {
    const answer = await client.refresh(undefined, changes);
    assertEquals([answer.status, answer.json], [status, json], JSON.stringify(changes));
  }
  const { signInUrl } = client.emulator.tradestation;
  for (const path of ["/oauth/token", "/oauth/revoke"]) {
    const answer = await call(signInUrl + path, { method: "POST", body: "{" });
    assertEquals([answer.status, at(answer.json, "error")], [400, "invalid_request"]);
  }
});

Deno.test("emulator revokes and restores the grants of TradeStation too, but not those to come", async () => {
  await using client = await TradestationClient.open();
  const get = await client.signIn();
  client.emulator.revokeGrant();
  const { status, json } = await client.refresh();
  assertEquals([status, json], [403, errors.unknown_refresh_token]);
  assertEquals((await get("/v3/brokerage/accounts")).status, 200);
  const { json: anew } = await client.exchange(await client.code());
  assertEquals((await client.refresh(`${at(anew, "refresh_token")}`)).status, 200);
  client.emulator.restoreGrant();
  assertEquals((await client.refresh()).status, 200);
  client.emulator.revokeAccessTokens();
  assertEquals((await get("/v3/brokerage/accounts")).status, 401);
});

Deno.test("emulator ends every grant of the key when one token is revoked, in each spelling", async () => {
  for (const name of ["token", "refresh_token"]) {
    await using client = await TradestationClient.open();
    const get = await client.signIn();
    const { json } = await client.exchange(await client.code());
    const other = `${at(json, "refresh_token")}`;
    const { status, text } = await client.ask({ [name]: other }, "/oauth/revoke");
    assertEquals([status, text], [200, ""]);
    for (const dead of [other, client.emulator.tradestation.refreshToken]) {
      assertEquals((await client.refresh(dead)).json, errors.unknown_refresh_token);
    }
    assertEquals((await get("/v3/brokerage/accounts")).status, 200);
    const { json: anew } = await client.exchange(await client.code());
    assertEquals((await client.refresh(`${at(anew, "refresh_token")}`)).status, 200);
  }
});

Deno.test("emulator takes the documented example of a revocation, which is JSON", async () => {
  await using client = await TradestationClient.open();
  const { clientId, clientSecret, refreshToken, signInUrl } = client.emulator.tradestation;
  const body = { "client_id": clientId, "client_secret": clientSecret, "token": refreshToken };
  assertEquals((await call(`${signInUrl}/oauth/revoke`, sending("POST", body))).status, 200);
  assertEquals((await client.refresh()).status, 403);
});

Deno.test("emulator revokes for the client only, and nothing for a token that it does not know", async () => {
  await using client = await TradestationClient.open();
  const { refreshToken } = client.emulator.tradestation;
  const cases: readonly [Record<string, string | undefined>, number][] = [
    [{ token: "unknown" }, 200],
    [{}, 400],
    [{ token: refreshToken, client_id: undefined }, 400],
    [{ token: refreshToken, client_id: "another" }, 401],
    [{ token: refreshToken, client_secret: "wrong" }, 401],
    [{ token: refreshToken, client_secret: undefined }, 401],
  ];
  for (const [fields, expected] of cases) {
    assertEquals((await client.ask(fields, "/oauth/revoke")).status, expected);
  }
  assertEquals((await client.refresh()).status, 200);
});

Deno.test("emulator logs the browser out and leaves the tokens alone", async () => {
  await using client = await TradestationClient.open();
  const { signInUrl } = client.emulator.tradestation;
  const cases: readonly [string, number, string | null][] = [
    ["", 302, "https://www.tradestation.com/"],
    ["?returnTo=http://localhost:31022/logout&client_id=x", 302, "http://localhost:31022/logout"],
    ["?returnTo=https://tradestation.com", 302, "https://tradestation.com"],
    ["?returnTo=http://localhost:31022", 400, null],
  ];
  for (const [query, expected, location] of cases) {
    const { status, headers } = await call(`${signInUrl}/v2/logout${query}`, {
      redirect: "manual",
    });
    assertEquals([status, headers.get("location")], [expected, location]);
  }
  assertEquals((await client.refresh()).status, 200);
});
