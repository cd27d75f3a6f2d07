import {
  assert,
  assertEquals,
  assertFalse,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { createHash } from "node:crypto";
import { startEmulator } from "../../src/emulator/emulator.ts";
import { CALLBACK, TradestationClient } from "../support/emulator_tradestation.ts";
import { call } from "../support/emulator_wire.ts";
import { pkce, tastytradeUrl } from "./tradestation_fixtures.ts";

Deno.test("emulator serves TradeStation's LIVE, SIM and their one sign-in below one address", async () => {
  await using emulator = await startEmulator();
  const { tradestation, tradestationSandbox, url } = emulator;
  assertEquals(tradestation.baseUrl, `${url}/tradestation`);
  assertEquals(tradestation.signInUrl, `${url}/tradestation-signin`);
  assertEquals(Object.keys(tradestation), [
    "clientId",
    "clientSecret",
    "refreshToken",
    "baseUrl",
    "signInUrl",
  ]);
  assertEquals({ ...tradestationSandbox }, {
    ...tradestation,
    baseUrl: `${url}/tradestation-sim`,
    sandbox: true,
  });
  // The settings are TradeStation's, and no part of a spread.
  const { rotation, isStateKeptOnDecline, callbackUrls } = tradestationSandbox;
  assertEquals([rotation, isStateKeptOnDecline, callbackUrls.length], [false, true, 6]);
  tradestation.rotation = true;
  assert(emulator.tradestationSandbox.rotation);
  // As keys of the Auth0 kind are.
  assertMatch(tradestation.clientId, /^[A-Za-z0-9]{32}$/);
  await using other = await startEmulator();
  assertNotEquals(other.tradestation.clientId, tradestation.clientId);
  assertNotEquals(other.tradestation.refreshToken, tradestation.refreshToken);
});

Deno.test("emulator shows a consent page without scripts that names the client and what it asks for", async () => {
  await using client = await TradestationClient.open();
  const { status, headers, text } = await call(client.authorizeUrl());
  assertEquals(status, 200);
  assertEquals(headers.get("content-type"), "text/html; charset=utf-8");
  assertEquals(headers.get("cache-control"), "no-store");
  assertEquals(headers.get("referrer-policy"), "no-referrer");
  const policy = headers.get("content-security-policy") ?? "";
  assertMatch(policy, /^default-src 'none'; .*style-src 'sha256-[^']+'$/);
  const style = /<style>(.*?)<\/style>/s.exec(text)?.[1] ?? "";
  assertStringIncludes(policy, createHash("sha256").update(style).digest("base64"));
  assertStringIncludes(text, client.emulator.tradestation.clientId);
  assertStringIncludes(text, CALLBACK);
  assertStringIncludes(text, "Emulator: no real account is behind it");
  assertStringIncludes(text, "<code>ReadAccount</code>");
  assertFalse(text.includes("OptionSpreads"), "what the key lacks is left out");
  assertFalse(/<script|<img|<link|https?:\/\/(?!localhost)/.test(text));
});

Deno.test("emulator sends the browser to the callback with code and state, without a slash", async () => {
  await using client = await TradestationClient.open();
  const location = await client.emulator.submitConsent(
    client.authorizeUrl({ state: "a b&c=/é" }),
    "accept",
  );
  assertMatch(location, /^http:\/\/localhost:31022\?code=[\w-]+&state=a%20b%26c%3D%2F%C3%A9$/);
  const stateless = await client.emulator.submitConsent(
    client.authorizeUrl({ state: undefined }),
    "accept",
  );
  assertMatch(stateless, /^http:\/\/localhost:31022\?code=[\w-]+$/);
});

Deno.test("emulator sends the browser to the callback with the documented error when the user declines", async () => {
  await using client = await TradestationClient.open();
  const { emulator } = client;
  const declined =
    `${CALLBACK}?error=access_denied&error_description=User%20did%20not%20authorize%20the%20request`;
  assertEquals(
    await emulator.submitConsent(client.authorizeUrl(), "decline"),
    `${declined}&state=xyzABC123`,
  );
  emulator.tradestation.isStateKeptOnDecline = false;
  assertEquals(await emulator.submitConsent(client.authorizeUrl(), "decline"), declined);
});

Deno.test("emulator takes each registered callback URL, and those that are added", async () => {
  await using client = await TradestationClient.open();
  assertEquals(client.emulator.tradestation.callbackUrls.length, 6);
  for (const redirectUri of client.emulator.tradestation.callbackUrls) {
    const url = client.authorizeUrl({ redirect_uri: redirectUri });
    assert((await client.emulator.submitConsent(url, "accept")).startsWith(`${redirectUri}?code=`));
  }
  client.emulator.tradestation.callbackUrls = ["https://example.com/callback?a=1"];
  const url = client.authorizeUrl({ redirect_uri: "https://example.com/callback?a=1" });
  const location = await client.emulator.submitConsent(url, "accept");
  assertStringIncludes(location, "https://example.com/callback?a=1&code=");
});

Deno.test("emulator shows an error page and sends the browser nowhere for what it cannot trust", async () => {
  await using client = await TradestationClient.open();
  const mismatch = "Callback URL mismatch";
  const cases: readonly [Record<string, string | undefined>, string][] = [
    [{ redirect_uri: `${CALLBACK}/` }, mismatch],
    [{ redirect_uri: `${CALLBACK}/callback` }, mismatch],
    [{ redirect_uri: "http://127.0.0.1:31022" }, mismatch],
    [{ redirect_uri: "https://localhost:31022" }, mismatch],
    [{ redirect_uri: "http://localhost:31023" }, mismatch],
    [{ redirect_uri: "HTTP://localhost:31022" }, mismatch],
    [{ redirect_uri: undefined }, mismatch],
    [{ client_id: "<b>nobody</b>" }, "Unknown client: <b>nobody</b>"],
    [{ client_id: undefined }, "Unknown client"],
    [
      { audience: "https://api.tradestation.com/v3" },
      "Service not found: https://api.tradestation.com/v3",
    ],
    [{ audience: undefined }, "Service not found"],
  ];
  for (const [changes, message] of cases) {
    const url = client.authorizeUrl(changes);
    const { status, headers, text } = await call(url, { redirect: "manual" });
    assertEquals([status, headers.get("location")], [403, null], message);
    assertEquals(headers.get("content-type"), "text/html; charset=utf-8");
    assertFalse(text.includes("<b>"));
    const error = await assertRejects(() => client.emulator.submitConsent(url, "accept"), Error);
    assertStringIncludes(error.message, "Cannot accept: the sign-in answered 403 and said");
    assertStringIncludes(error.message, message);
  }
});

Deno.test("emulator sends the browser back with an error for what the client can mend", async () => {
  await using client = await TradestationClient.open();
  const { query } = pkce();
  const cases: readonly [Record<string, string | undefined>, string][] = [
    [{ response_type: undefined }, "invalid_request"],
    [{ response_type: "token" }, "unsupported_response_type"],
    [{ scope: undefined }, "invalid_request"],
    [{ prompt: "none" }, "login_required"],
    [{ ...query, code_challenge_method: "plain" }, "invalid_request"],
    [{ ...query, code_challenge_method: undefined }, "invalid_request"],
    [{ ...query, code_challenge: "short" }, "invalid_request"],
    [{ ...query, code_challenge: undefined }, "invalid_request"],
  ];
  for (const [changes, error] of cases) {
    const location = await client.emulator.submitConsent(client.authorizeUrl(changes), "accept");
    const { searchParams } = new URL(location);
    assertEquals([searchParams.get("error"), searchParams.get("state")], [error, "xyzABC123"]);
    assertFalse(searchParams.has("code"));
  }
  const location = await client.emulator.submitConsent(
    client.authorizeUrl({ prompt: "login" }),
    "accept",
  );
  assertStringIncludes(location, "?code=");
});

Deno.test("emulator asks for a scope that it has no words for by its name", async () => {
  await using client = await TradestationClient.open();
  client.emulator.scopes = "openid Crypto";
  const { text } = await call(client.authorizeUrl({ scope: "Crypto" }));
  assertStringIncludes(text, "<li><span>Crypto</span><code>Crypto</code></li>");
  const tastytrade = await call(tastytradeUrl(client.emulator, { scope: "Crypto" }));
  assertStringIncludes(tastytrade.text, "<li><span>Crypto</span><code>Crypto</code></li>");
});

Deno.test("emulator wants a decision of its form", async () => {
  await using client = await TradestationClient.open();
  const url = client.authorizeUrl();
  for (const body of [new URLSearchParams({ decision: "perhaps" }), "accept"]) {
    const { status, text } = await call(url, { method: "POST", body, redirect: "manual" });
    assertEquals(status, 400);
    assertStringIncludes(text, "Neither accepted nor declined");
  }
});

Deno.test("Emulator.decide() goes nowhere but to its own emulator, and tells what it was shown", async () => {
  await using client = await TradestationClient.open();
  const { emulator } = client;
  const foreign = ["https://signin.tradestation.com/authorize", `${emulator.url}0/authorize`];
  for (const url of foreign) {
    await assertRejects(
      () => emulator.submitConsent(url, "accept"),
      TypeError,
      "not an address of this",
    );
  }
  const missing = client.authorizeUrl({ client_id: "another" });
  await assertRejects(
    () => emulator.submitConsent(missing, "decline"),
    Error,
    'Cannot decline: the sign-in answered 403 and said "Unknown client: another"',
  );
  emulator.injectFault("GET /authorize", { status: 503, body: "Busy" });
  await assertRejects(
    () => emulator.submitConsent(client.authorizeUrl(), "accept"),
    Error,
    '503 and said "Busy"',
  );
  emulator.injectFault("POST /authorize", { status: 500, body: "Oops" });
  await assertRejects(
    () => emulator.submitConsent(client.authorizeUrl(), "accept"),
    Error,
    '500 and said "Oops"',
  );
});
