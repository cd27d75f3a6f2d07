import {
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { type Emulator, startEmulator } from "../../src/emulator/emulator.ts";
import { accessToken, at, call, sending, shapeOf } from "../support/emulator_wire.ts";
import { pkce, tastytradeUrl } from "./tradestation_fixtures.ts";

/** Changes a code of tastytrade's into tokens, as JSON or as a form. */
function exchangeAtTastytrade(
  emulator: Emulator,
  fields: Record<string, string>,
  { isForm = false }: { isForm?: boolean } = {},
) {
  const body = {
    "grant_type": "authorization_code",
    "client_id": emulator.tastytrade.clientId,
    "client_secret": emulator.tastytrade.clientSecret,
    "redirect_uri": "http://localhost:8000/callback",
    ...fields,
  };
  const init = isForm ? { method: "POST", body: new URLSearchParams(body) } : sending("POST", body);
  return call(`${emulator.tastytrade.baseUrl}/oauth/token`, init);
}

async function tastytradeCode(emulator: Emulator, changes: Record<string, string> = {}) {
  const location = await emulator.submitConsent(tastytradeUrl(emulator, changes), "accept");
  return new URL(location).searchParams.get("code") ?? "";
}

Deno.test("emulator signs in to tastytrade with a code, in JSON and as a form", async () => {
  await using emulator = await startEmulator();
  for (const isForm of [false, true]) {
    const code = await tastytradeCode(emulator);
    const { status, json } = await exchangeAtTastytrade(emulator, { code }, { isForm });
    assertEquals([status, shapeOf(json)], [200, {
      access_token: "string",
      expires_in: "number",
      refresh_token: "string",
      scope: "string",
      token_type: "string",
    }]);
    assertEquals(at(json, "scope"), "read trade");
    const refreshToken = `${at(json, "refresh_token")}`;
    assertNotEquals(refreshToken, emulator.tastytrade.refreshToken);
    const authorization = `Bearer ${await accessToken({ ...emulator.tastytrade, refreshToken })}`;
    const me = await call(`${emulator.tastytrade.baseUrl}/customers/me`, {
      headers: { authorization },
    });
    assertEquals(me.status, 200);
    const again = await exchangeAtTastytrade(emulator, { code }, { isForm });
    assertEquals([again.status, at(again.json, "error_code")], [400, "invalid_grant"]);
  }
});

Deno.test("emulator shows tastytrade's consent page, for both environments", async () => {
  await using emulator = await startEmulator();
  const { text } = await call(tastytradeUrl(emulator, { scope: undefined }));
  assertStringIncludes(text, "access to your tastytrade account");
  assertStringIncludes(text, "<code>openid</code>");
  const location = await emulator.submitConsent(tastytradeUrl(emulator), "accept");
  assertMatch(location, /^http:\/\/localhost:8000\/callback\?code=[\w-]+&state=s%201$/);
  assertEquals(
    await emulator.submitConsent(tastytradeUrl(emulator), "decline"),
    "http://localhost:8000/callback?error=access_denied&state=s%201",
  );
  const sandboxUrl = tastytradeUrl(emulator, { client_id: emulator.tastytradeSandbox.clientId })
    .replace(emulator.tastytrade.signInUrl, emulator.tastytradeSandbox.signInUrl);
  assertStringIncludes(await emulator.submitConsent(sandboxUrl, "accept"), "?code=");
});

Deno.test("emulator lets no browser go on at tastytrade's sign-in with a wrong request", async () => {
  await using emulator = await startEmulator();
  const cases: readonly [Record<string, string | undefined>, string][] = [
    [{ client_id: emulator.tastytradeSandbox.clientId }, '400 and said "Unknown client'],
    [{ redirect_uri: "my-redirect.com" }, '400 and said "Unknown redirect URI'],
    [{ redirect_uri: "http://localhost:99999" }, '400 and said "Unknown redirect URI'],
    [{ redirect_uri: "http://localhost.example.com" }, '400 and said "Unknown redirect URI'],
    [{ redirect_uri: undefined }, '400 and said "Unknown redirect URI'],
    [{ response_type: "token" }, '400 and said "Unknown response type'],
    [pkce().query, '405 and said "Method not allowed'],
  ];
  for (const [changes, message] of cases) {
    const url = tastytradeUrl(emulator, changes);
    await assertRejects(() => emulator.submitConsent(url, "accept"), Error, message);
  }
  const undecided = await call(tastytradeUrl(emulator), { method: "POST", body: "" });
  assertEquals(undecided.status, 400);
});

Deno.test("emulator refuses tastytrade's code exchange in the token endpoint's own form", async () => {
  await using emulator = await startEmulator();
  const code = await tastytradeCode(emulator);
  const cases: readonly [Record<string, string>, string][] = [
    [{ code, redirect_uri: "" }, "invalid_request"],
    [{ code, client_id: "another" }, "invalid_client"],
    [{ code, client_secret: "wrong" }, "invalid_client"],
    [{ code, redirect_uri: "http://localhost:8000" }, "invalid_grant"],
    [{ code }, "invalid_grant"],
  ];
  for (const [fields, error] of cases) {
    const { status, json } = await exchangeAtTastytrade(emulator, fields);
    assertEquals([status, at(json, "error_code")], [400, error]);
  }
});
