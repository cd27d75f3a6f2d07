import {
  assert,
  assertEquals,
  assertFalse,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { createHash, randomBytes } from "node:crypto";
import { type Emulator, startEmulator, tradestationFaults } from "../../src/emulator/emulator.ts";
import accounts from "../../src/emulator/tradestation/recordings/accounts.json" with {
  type: "json",
};
import balances from "../../src/emulator/tradestation/recordings/balances.json" with {
  type: "json",
};
import bars from "../../src/emulator/tradestation/recordings/bars.json" with { type: "json" };
import bodBalances from "../../src/emulator/tradestation/recordings/bod_balances.json" with {
  type: "json",
};
import confirmed from "../../src/emulator/tradestation/recordings/order_confirmed.json" with {
  type: "json",
};
import errors from "../../src/emulator/tradestation/recordings/errors.json" with { type: "json" };
import historicalOrder from "../../src/emulator/tradestation/recordings/historical_order.json" with {
  type: "json",
};
import orderRequests from "../../src/emulator/tradestation/recordings/order_requests.json" with {
  type: "json",
};
import orders from "../../src/emulator/tradestation/recordings/orders.json" with { type: "json" };
import placed from "../../src/emulator/tradestation/recordings/orders_placed.json" with {
  type: "json",
};
import positions from "../../src/emulator/tradestation/recordings/positions.json" with {
  type: "json",
};
import quotes from "../../src/emulator/tradestation/recordings/quotes.json" with { type: "json" };
import refreshed from "../../src/emulator/tradestation/recordings/token_refreshed.json" with {
  type: "json",
};
import symbols from "../../src/emulator/tradestation/recordings/symbols.json" with { type: "json" };
import token from "../../src/emulator/tradestation/recordings/token.json" with { type: "json" };
import v2Accounts from "../../src/emulator/tradestation/recordings/v2_accounts.json" with {
  type: "json",
};
import v2Balances from "../../src/emulator/tradestation/recordings/v2_balances.json" with {
  type: "json",
};
import { CALLBACK, TradestationClient } from "../support/emulator_tradestation.ts";
import {
  accessToken,
  at,
  call,
  decodeJwt,
  exchangeBytes,
  listAt,
  sending,
  shapeOf,
} from "../support/emulator_wire.ts";

const CASH = "123456789";
const MARGIN = "123456782";
const FUTURES = "123456781";
const DAY_MS = 24 * 60 * 60 * 1000;

const [MARKET_ORDER, LIMIT_ORDER, STOP_ORDER, OPTION_ORDER] = orderRequests;

/** Lets the wall clock show another time until disposed. */
function atTime(ms: number): Disposable {
  const { now } = Date;
  Date.now = () => ms;
  return { [Symbol.dispose]: () => void (Date.now = now) };
}

/** A PKCE verifier, and what a client sends of it at first. */
function pkce() {
  const verifier = randomBytes(32).toString("base64url");
  const challenge = createHash("sha256").update(verifier).digest("base64url");
  return { verifier, query: { "code_challenge": challenge, "code_challenge_method": "S256" } };
}

function oauthError(error: string, description: string) {
  return { "error": error, "error_description": description };
}

// Addresses and credentials

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
  // As keys of the Auth0 kind are.
  assertMatch(tradestation.clientId, /^[A-Za-z0-9]{32}$/);
  await using other = await startEmulator();
  assertNotEquals(other.tradestation.clientId, tradestation.clientId);
  assertNotEquals(other.tradestation.refreshToken, tradestation.refreshToken);
});

// The authorize page

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
  const missing = `${emulator.tradestation.signInUrl}/authorise`;
  await assertRejects(
    () => emulator.submitConsent(missing, "decline"),
    Error,
    'Cannot decline: the sign-in answered 404 and said "Not found"',
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

// Codes

Deno.test("emulator changes a code into the documented answer", async () => {
  await using client = await TradestationClient.open();
  const { status, headers, json } = await client.exchange(await client.code());
  assertEquals(status, 200);
  assertEquals(headers.get("cache-control"), "no-store");
  assertEquals(Object.keys(Object(json)), Object.keys(token));
  assertEquals(shapeOf(json), shapeOf(token));
  for (const name of ["token_type", "scope", "expires_in"] as const) {
    assertEquals(at(json, name), token[name]);
  }
  assertFalse(`${at(json, "access_token")}`.includes("."), "opaque, not a JWT");
});

Deno.test("emulator takes token requests in JSON as well", async () => {
  await using client = await TradestationClient.open();
  const { clientId, clientSecret, refreshToken, signInUrl } = client.emulator.tradestation;
  const { status } = await call(
    `${signInUrl}/oauth/token`,
    sending("POST", {
      grant_type: "refresh_token",
      client_id: clientId,
      client_secret: clientSecret,
      refresh_token: refreshToken,
    }),
  );
  assertEquals(status, 200);
});

Deno.test("emulator takes a code once, for ten minutes and for the same redirect URI", async () => {
  await using client = await TradestationClient.open();
  const code = await client.code();
  assertEquals((await client.exchange(code)).status, 200);
  for (const used of [code, "unknown"]) {
    const { status, json } = await client.exchange(used);
    assertEquals([status, json], [403, errors.invalid_code]);
  }

  const elsewhere = await client.code();
  const wrong = await client.exchange(elsewhere, { redirect_uri: "http://localhost:3000" });
  assertEquals([wrong.status, wrong.json], [
    403,
    oauthError(
      "unauthorized_client",
      `The redirect URI is wrong. You sent http://localhost:3000, and we expected ${CALLBACK}`,
    ),
  ]);
  assertEquals((await client.exchange(elsewhere)).json, errors.invalid_code);

  const start = Date.now();
  using _now = atTime(start);
  const [early, late] = [await client.code(), await client.code()];
  {
    using _later = atTime(start + 599_999);
    assertEquals((await client.exchange(early)).status, 200);
  }
  {
    using _later = atTime(start + 600_000);
    assertEquals((await client.exchange(late)).json, errors.invalid_code);
  }
});

Deno.test("emulator verifies the PKCE verifier wherever there was a challenge", async () => {
  await using client = await TradestationClient.open();
  const { verifier, query } = pkce();
  const refusal = oauthError("invalid_grant", "Failed to verify code verifier");
  for (const wrong of [undefined, "", verifier.slice(1), pkce().verifier, `${verifier}!`]) {
    const { status, json } = await client.exchange(await client.code(query), {
      code_verifier: wrong,
    });
    assertEquals([status, json], [403, refusal]);
  }
  const right = { "code_verifier": verifier };
  assertEquals((await client.exchange(await client.code(query), right)).status, 200);
  assertEquals((await client.exchange(await client.code(), right)).status, 200);
});

Deno.test("emulator needs no secret of who has used PKCE, then or later", async () => {
  await using client = await TradestationClient.open();
  const { verifier, query } = pkce();
  const secretless = { "client_secret": undefined };
  const { status, json } = await client.exchange(await client.code(query), {
    ...secretless,
    code_verifier: verifier,
  });
  assertEquals(status, 200);
  const refreshToken = `${at(json, "refresh_token")}`;
  assertEquals((await client.refresh(refreshToken, secretless)).status, 200);
  assertEquals((await client.refresh(refreshToken)).status, 200);

  const refused = [
    await client.exchange(await client.code(), secretless),
    await client.refresh(undefined, secretless),
    await client.refresh("unknown", secretless),
    await client.exchange(await client.code(query), {
      client_secret: "wrong",
      code_verifier: verifier,
    }),
  ];
  for (const { status, json } of refused) {
    assertEquals([status, json], [401, errors.wrong_secret]);
  }
  const { json: confidential } = await client.exchange(await client.code(query), {
    code_verifier: verifier,
  });
  const withSecret = `${at(confidential, "refresh_token")}`;
  assertEquals((await client.refresh(withSecret, secretless)).status, 401);
});

Deno.test("emulator gives a refresh token only for offline_access, an id token only for openid", async () => {
  await using client = await TradestationClient.open();
  const bare = await client.exchange(await client.code({ scope: "ReadAccount nonsense" }));
  assertEquals(Object.keys(Object(bare.json)), [
    "access_token",
    "token_type",
    "scope",
    "expires_in",
  ]);
  assertEquals(at(bare.json, "scope"), "ReadAccount");

  const short = await client.exchange(await client.code({ scope: "openid offline_access" }));
  const claims = decodeJwt(`${at(short.json, "id_token")}`, 1);
  assertEquals(Object.keys(Object(claims)).toSorted(), [
    "at_hash",
    "aud",
    "exp",
    "iat",
    "iss",
    "sub",
  ]);
  assertEquals(at(claims, "aud"), client.emulator.tradestation.clientId);
  assertEquals(Number(at(claims, "exp")) - Number(at(claims, "iat")), 1200);

  const long = await client.exchange(await client.code({ scope: "openid profile email" }));
  const more = decodeJwt(`${at(long.json, "id_token")}`, 1);
  assertEquals([at(more, "name"), at(more, "email_verified")], ["Test User", true]);

  const { json } = await client.exchange(await client.code({ scope: "offline_access" }));
  const { json: renewed } = await client.refresh(`${at(json, "refresh_token")}`);
  assertEquals(at(renewed, "scope"), "offline_access");
  assertFalse("id_token" in Object(renewed));
});

// Refresh

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

Deno.test("emulator revokes the whole family when a spent refresh token comes again, and no other", async () => {
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
    assertEquals((await call(signInUrl + path)).status, 404);
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

// Revoke and logout

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

// The API

Deno.test("emulator wants a good bearer token at LIVE and SIM, in the words of each version", async () => {
  await using client = await TradestationClient.open();
  const { emulator } = client;
  const { json } = await client.refresh();
  const token = `${at(json, "access_token")}`;
  for (const { baseUrl } of [emulator.tradestation, emulator.tradestationSandbox]) {
    const cases: readonly [Record<string, string>, number][] = [
      [{}, 401],
      [{ authorization: token }, 401],
      [{ authorization: "Bearer nonsense" }, 401],
      [{ authorization: `Bearer ${emulator.tradestation.refreshToken}` }, 401],
      [{ authorization: `Bearer ${await accessToken(emulator.tastytrade)}` }, 401],
      [{ authorization: `bearer ${token}` }, 200],
    ];
    for (const [headers, expected] of cases) {
      const { status, json } = await call(`${baseUrl}/v3/brokerage/accounts`, { headers });
      assertEquals(status, expected);
      if (expected === 401) assertEquals(json, { Error: "Unauthorized", Message: "Unauthorized" });
    }
    const { status, json } = await call(`${baseUrl}/v2/users/testUser/accounts`);
    assertEquals([status, shapeOf(json)], [
      401,
      { TraceId: "string", StatusCode: "number", Message: "string" },
    ]);
  }
});

Deno.test("emulator lets TradeStation's tokens live for 1200 seconds, or as long as it is told", async () => {
  await using client = await TradestationClient.open();
  const start = Date.now();
  using _now = atTime(start);
  const get = await client.signIn();
  client.emulator.tokenLifetimeS = 1;
  const getShort = await client.signIn();
  {
    using _later = atTime(start + 999);
    assertEquals((await getShort("/v3/brokerage/accounts")).status, 200);
  }
  {
    using _later = atTime(start + 1_000);
    assertEquals((await getShort("/v3/brokerage/accounts")).status, 401);
  }
  {
    using _later = atTime(start + 1_199_999);
    assertEquals((await get("/v3/brokerage/accounts")).status, 200);
  }
  {
    using _later = atTime(start + 1_200_000);
    assertEquals((await get("/v3/brokerage/accounts")).status, 401);
  }
});

Deno.test("emulator refuses what the token or the key does not permit", async () => {
  await using client = await TradestationClient.open();
  const reader = await client.signIn(undefined, { scope: "openid ReadAccount" });
  const forbidden = { Error: "Forbidden", Message: "Forbidden" };
  const cases: readonly [string, RequestInit, number][] = [
    ["/v3/brokerage/accounts", {}, 200],
    ["/v3/marketdata/quotes/MSFT", {}, 403],
    ["/v3/orderexecution/orders", sending("POST", MARKET_ORDER), 403],
  ];
  for (const [path, init, expected] of cases) {
    const { status, json } = await reader(path, init);
    assertEquals(status, expected, path);
    if (expected === 403) assertEquals(json, forbidden);
  }
  client.emulator.scopes = "MarketData";
  assertEquals((await reader("/v3/brokerage/accounts")).json, forbidden);
  const legacy = await reader("/v2/users/me/accounts");
  assertEquals([legacy.status, at(legacy.json, "StatusCode")], [403, 403]);
});

Deno.test("emulator knows no other path or method, and says the path in lower case", async () => {
  await using client = await TradestationClient.open();
  const live = await client.signIn();
  const sim = await client.signIn(client.emulator.tradestationSandbox.baseUrl);
  const recorded = await sim("/v3/accounts/SIM3113503M/balances");
  assertEquals([recorded.status, recorded.text], [404, JSON.stringify(errors.not_found)]);
  for (const path of ["/v3", "/v3/Brokerage", "/v4/brokerage/accounts", "/", ""]) {
    const { status, json } = await live(path);
    assertEquals([status, at(json, "Error")], [404, "NotFound"], path);
  }
  const legacy = await live("/v2/nothing");
  assertEquals([legacy.status, at(legacy.json, "StatusCode")], [404, 404]);
  const method = await live("/v3/brokerage/accounts", { method: "DELETE" });
  assertEquals([method.status, at(method.json, "Error")], [405, "MethodNotAllowed"]);
});

Deno.test("emulator answers with TradeStation's recordings where they stand still", async () => {
  await using client = await TradestationClient.open();
  const get = await client.signIn();
  const all = `${CASH},${MARGIN},${FUTURES}`;
  const { NextToken: _, ...onePage } = orders;
  const cases: readonly [string, unknown][] = [
    ["/v3/brokerage/accounts", accounts],
    [`/v3/brokerage/accounts/${all},${CASH}C/balances`, balances],
    [`/v3/brokerage/accounts/${all},${CASH}C/bodbalances`, bodBalances],
    [`/v3/brokerage/accounts/${MARGIN},${MARGIN}C/positions`, positions],
    [`/v3/brokerage/accounts/${MARGIN}/orders`, onePage],
    ["/v3/marketdata/quotes/MSFT,INVALID", quotes],
    ["/v3/marketdata/quotes/INVALID", errors.invalid_symbol],
    ["/v3/marketdata/barcharts/MSFT?interval=1&unit=Daily&barsback=7", bars],
    ["/v3/marketdata/barcharts/VXMQ26", errors.not_entitled],
    ["/v3/marketdata/symbols/MSFT,@C,@FV", symbols],
    ["/v2/users/testUser/accounts", v2Accounts],
  ];
  for (const [path, recording] of cases) {
    const { status, json } = await get(path);
    assertEquals([status, json], [200, recording], path);
  }
});

Deno.test("emulator has the ids of SIM in SIM, and those of LIVE nowhere else", async () => {
  await using client = await TradestationClient.open();
  const get = await client.signIn(client.emulator.tradestationSandbox.baseUrl);
  const { json } = await get("/v3/brokerage/accounts");
  const ids = listAt(json, "Accounts").map((account) => at(account, "AccountID"));
  assertEquals(ids, ["SIM3113502M", "SIM3113503M", "SIM3113504F"]);
  for (const path of ["balances", "bodbalances", "positions", "orders"]) {
    const { status, json, text } = await get(
      `/v3/brokerage/accounts/SIM3113503M,${MARGIN}/${path}`,
    );
    assertEquals(status, 200);
    assertStringIncludes(text, '"AccountID":"SIM3113503M"');
    assertEquals(listAt(json, "Errors"), [{
      AccountID: MARGIN,
      Error: "Forbidden",
      Message: "Invalid Account ID.",
    }]);
  }
});

Deno.test("emulator answers for unknown accounts and symbols with success and errors", async () => {
  await using client = await TradestationClient.open();
  const get = await client.signIn();
  const balances = await get("/v3/brokerage/accounts/1/balances");
  assertEquals([balances.status, balances.json], [200, {
    Balances: [],
    Errors: [{ Error: "Forbidden", Message: "Invalid Account ID.", AccountID: "1" }],
  }]);
  const quotes = await get("/v3/marketdata/quotes/VXMQ26,NOPE");
  assertEquals([quotes.status, quotes.json], [200, {
    Errors: [errors.symbol_not_entitled, { Symbol: "NOPE", Error: "FAILED, INVALID SYMBOL" }],
  }]);
  const symbols = await get("/v3/marketdata/symbols/NOPE");
  assertEquals(listAt(symbols.json, "Symbols"), []);
  assertEquals(at(symbols.json, "Errors", 0, "Symbol"), "NOPE");
});

Deno.test("emulator takes no longer list than is documented, and none that is empty", async () => {
  await using client = await TradestationClient.open();
  const get = await client.signIn();
  const list = (count: number) => Array(count).fill("X").join(",");
  const cases: readonly [string, number][] = [
    [`/v3/brokerage/accounts/${list(25)}/balances`, 200],
    [`/v3/brokerage/accounts/${list(26)}/balances`, 400],
    ["/v3/brokerage/accounts//balances", 400],
    [`/v3/marketdata/quotes/${list(100)}`, 200],
    [`/v3/marketdata/quotes/${list(101)}`, 400],
    [`/v3/marketdata/symbols/${list(50)}`, 200],
    [`/v3/marketdata/symbols/${list(51)}`, 400],
  ];
  for (const [path, expected] of cases) {
    const { status, json } = await get(path);
    assertEquals(status, expected, path);
    if (expected === 400) assertEquals(at(json, "Error"), "BadRequest");
  }
});

Deno.test("emulator chooses positions by symbol", async () => {
  await using client = await TradestationClient.open();
  const get = await client.signIn();
  for (const [symbol, expected] of [["MSFT", 1], ["AAPL,MSFT", 1], ["AAPL", 0]] as const) {
    const { json } = await get(`/v3/brokerage/accounts/${MARGIN}/positions?symbol=${symbol}`);
    assertEquals(listAt(json, "Positions").length, expected, symbol);
  }
});

Deno.test("emulator cuts the bars that are asked for and refuses what makes no sense", async () => {
  await using client = await TradestationClient.open();
  const get = await client.signIn();
  const counts: readonly [string, number][] = [
    ["", 1],
    ["?barsback=1", 1],
    ["?interval=5&unit=Minute&barsback=57600", 2],
    ["?firstdate=2020-11-01", 2],
    ["?firstdate=2020-11-12T00:00:00Z", 1],
  ];
  for (const [query, expected] of counts) {
    const { json } = await get(`/v3/marketdata/barcharts/MSFT${query}`);
    assertEquals(listAt(json, "Bars").length, expected, query);
  }
  const refused = [
    "MSFT?unit=Yearly",
    "MSFT?interval=5",
    "MSFT?interval=1441&unit=Minute",
    "MSFT?barsback=0",
    "MSFT?barsback=many",
    "MSFT?barsback=1&firstdate=2020-11-12",
    "MSFT?firstdate=soon",
  ];
  for (const path of refused) {
    assertEquals((await get(`/v3/marketdata/barcharts/${path}`)).status, 400, path);
  }
  assertEquals((await get("/v3/marketdata/barcharts/NOPE")).status, 404);
});

// Orders

Deno.test("emulator turns pages of orders by a token that lives for an hour", async () => {
  await using client = await TradestationClient.open();
  const start = Date.now();
  using _now = atTime(start);
  client.emulator.tokenLifetimeS = 10_000;
  const get = await client.signIn();
  const path = `/v3/brokerage/accounts/${MARGIN}/orders`;
  const seen: unknown[] = [];
  let query = "?pageSize=3";
  for (;;) {
    const { json } = await get(path + query);
    seen.push(...listAt(json, "Orders"));
    const next = at(json, "NextToken");
    if (next === undefined) break;
    query = `?pageSize=3&nextToken=${encodeURIComponent(`${next}`)}`;
  }
  assertEquals(seen, orders.Orders);
  {
    using _later = atTime(start + 60 * 60 * 1000);
    assertEquals((await get(path + query)).status, 400);
  }
  for (const wrong of ["pageSize=0", "pageSize=601", "pageSize=x", "nextToken=x"]) {
    assertEquals((await get(`${path}?${wrong}`)).status, 400, wrong);
  }
});

Deno.test("emulator finds orders by id, each unknown one an error", async () => {
  await using client = await TradestationClient.open();
  const get = await client.signIn();
  const [first, second] = orders.Orders;
  const path = `/v3/brokerage/accounts/${MARGIN},1/orders/${second?.OrderID},${first?.OrderID},7`;
  const { status, json } = await get(path);
  assertEquals(status, 200);
  assertEquals(listAt(json, "Orders"), [second, first]);
  assertEquals(listAt(json, "Errors").map((error) => at(error, "OrderID")), [undefined, "7"]);
});

Deno.test("emulator has two years of closed orders, since a day in any of four spellings", async () => {
  await using client = await TradestationClient.open();
  using _now = atTime(Date.parse("2026-03-18T12:00:00Z"));
  const get = await client.signIn();
  const path = `/v3/brokerage/accounts/${MARGIN}/historicalorders`;
  const full = await get(`${path}?since=2024-03-20`);
  assertEquals(listAt(full.json, "Orders").length, 104);
  assertEquals(shapeOf(at(full.json, "Orders", 0)), shapeOf(historicalOrder));
  assertEquals(at(full.json, "Orders", 0, "ClosedDateTime"), "2026-03-17T12:00:00Z");
  for (const since of ["2026-03-10", "03-10-2026", "2026/03/10", "03/10/2026"]) {
    const { json } = await get(`${path}?since=${since}`);
    assertEquals(listAt(json, "Orders").length, 2, since);
  }
  for (const query of ["", "?since=soon", "?since=2026-13-01", "?since=2024-03-10"]) {
    assertEquals((await get(path + query)).status, 400, query);
  }
  const other = await get(`/v3/brokerage/accounts/${CASH}/historicalorders?since=2026-03-10`);
  assertEquals(other.json, { Orders: [], Errors: [] });
});

Deno.test("emulator confirms orders and reckons what they cost without placing them", async () => {
  await using client = await TradestationClient.open();
  const get = await client.signIn();
  const cases: readonly [unknown, string, string, string][] = [
    [MARKET_ORDER, "216.32", "2163.2", "Buy 10 MSFT @ Market"],
    [LIMIT_ORDER, "132.52", "1325.2", "Buy 10 MSFT @ 132.52 Limit"],
    [STOP_ORDER, "200.00", "2000", "Sell 10 MSFT @ 215.00 Stop 200.00 Limit"],
    [OPTION_ORDER, "216.32", "21632", "Buy 1 MSFT @ Market"],
  ];
  for (const [order, price, cost, summary] of cases) {
    const { status, json } = await get("/v3/orderexecution/orderconfirm", sending("POST", order));
    assertEquals([status, shapeOf(json)], [200, shapeOf(confirmed)]);
    const confirmation = at(json, "Confirmations", 0);
    assertEquals(at(confirmation, "EstimatedPrice"), price);
    assertEquals(at(confirmation, "EstimatedCost"), cost);
    assertEquals(at(confirmation, "SummaryMessage"), summary);
    assertEquals(`${at(confirmation, "OrderConfirmID")}`.length, 22);
    assertEquals(at(confirmation, "AccountID"), MARGIN);
  }
  assertEquals(client.emulator.orders, []);
});

Deno.test("emulator places orders, and shows them in the list and to the test", async () => {
  await using client = await TradestationClient.open();
  const get = await client.signIn();
  const stop = {
    ...MARKET_ORDER,
    TradeAction: "sell",
    OrderType: "StopMarket",
    StopPrice: "232.86",
  };
  const messages: unknown[] = [];
  for (const order of [MARKET_ORDER, stop, { ...OPTION_ORDER, AccountID: CASH }]) {
    const { status, json } = await get("/v3/orderexecution/orders", sending("POST", order));
    assertEquals([status, shapeOf(json)], [
      200,
      { Orders: [{ Message: "string", OrderID: "string" }] },
    ]);
    messages.push(at(json, "Orders", 0, "Message"));
  }
  assertEquals(messages, [
    "Sent order: Buy 10 MSFT @ Market",
    "Sent order: Sell 10 MSFT @ 232.86 Stop Market",
    "Sent order: Buy 1 MSFT @ Market",
  ]);
  const [first, second, third] = client.emulator.orders;
  assertEquals(
    [first?.broker, first?.environment, first?.accountNumber, first?.status, first?.replaces],
    ["tradestation", "production", MARGIN, "ACK", undefined],
  );
  const { json } = await get(`/v3/brokerage/accounts/${MARGIN}/orders`);
  assertEquals(at(json, "Orders", 0, "OrderID"), second?.id);
  assertEquals(at(json, "Orders", 1, "OrderID"), first?.id);
  assertEquals(at(json, "Orders", 0, "Legs", 0, "BuyOrSell"), "Sell");
  assertEquals(at(json, "Orders", 0, "Legs", 0, "OpenOrClose"), "Close");
  assertEquals(at(third?.wire, "Legs"), [{
    OpenOrClose: "Open",
    QuantityOrdered: "1",
    ExecQuantity: "0",
    QuantityRemaining: "1",
    BuyOrSell: "Buy",
    Symbol: "MSFT 201120P110",
    AssetType: "STOCKOPTION",
  }]);
});

Deno.test("emulator refuses orders that are incomplete or made of other words", async () => {
  await using client = await TradestationClient.open();
  const get = await client.signIn();
  const cases: readonly [Record<string, unknown>, number, string][] = [
    [{ AccountID: undefined }, 400, "AccountID is required"],
    [{ AccountID: "1" }, 403, "Invalid Account ID."],
    [{ Symbol: "" }, 400, "Symbol is required"],
    [{ Quantity: 10 }, 400, "Quantity is invalid"],
    [{ Quantity: "0" }, 400, "Quantity is invalid"],
    [{ Quantity: "ten" }, 400, "Quantity is invalid"],
    [{ OrderType: "Hope" }, 400, "OrderType is invalid"],
    [{ OrderType: "Limit" }, 400, "LimitPrice is required"],
    [{ OrderType: "StopLimit", LimitPrice: "1" }, 400, "StopPrice is required"],
    [{ TradeAction: null }, 400, "TradeAction is required"],
    [{ TimeInForce: "DAY" }, 400, "Duration is required"],
    [{ OrderConfirmID: "x".repeat(23) }, 400, "OrderConfirmID is invalid"],
    [{ Route: 5 }, 400, "Route is invalid"],
  ];
  for (const [changes, expected, message] of cases) {
    const order = { ...MARKET_ORDER, ...changes };
    for (const path of ["orders", "orderconfirm"]) {
      const { status, json } = await get(`/v3/orderexecution/${path}`, sending("POST", order));
      assertEquals([status, at(json, "Message")], [expected, message]);
    }
  }
  for (const [type, body] of [["text/plain", "{}"], ["application/json", "["]] as const) {
    const init = { method: "POST", headers: { "content-type": type }, body };
    assertEquals((await get("/v3/orderexecution/orders", init)).status, 400);
  }
  const untyped = { method: "POST", body: new TextEncoder().encode(JSON.stringify(MARKET_ORDER)) };
  assertEquals((await get("/v3/orderexecution/orders", untyped)).status, 400);
  assertEquals(client.emulator.orders, []);
});

Deno.test("emulator fails orders with a success that has errors only", async () => {
  await using client = await TradestationClient.open();
  const get = await client.signIn();
  const dear = { ...LIMIT_ORDER, LimitPrice: "1000000.01" };
  const refused = await get("/v3/orderexecution/orders", sending("POST", dear));
  assertEquals(refused.status, 200);
  assertEquals(Object.keys(Object(refused.json)), ["Errors"]);
  assertEquals(shapeOf(at(refused.json, "Errors")), shapeOf(placed.Errors));
  assertEquals(at(refused.json, "Errors", 0, "Message"), placed.Errors[0]?.Message);

  const once = {
    ...MARKET_ORDER,
    OrderConfirmID: confirmed.Confirmations[0]?.OrderConfirmID,
    TimeInForce: { Duration: "GTD", Expiration: "2030-01-01T00:00:00Z" },
  };
  const first = await get("/v3/orderexecution/orders", sending("POST", once));
  assertEquals(listAt(first.json, "Orders").length, 1);
  const second = await get("/v3/orderexecution/orders", sending("POST", once));
  assertEquals([second.status, listAt(second.json, "Errors").length], [200, 1]);
  assertEquals(client.emulator.orders.length, 1);
  assertEquals(at(client.emulator.orders[0]?.wire, "GoodTillDate"), "2030-01-01T00:00:00Z");
});

Deno.test("emulator replaces the terms of an order, which stays the same one", async () => {
  await using client = await TradestationClient.open();
  const get = await client.signIn(client.emulator.tradestationSandbox.baseUrl);
  const order = { ...LIMIT_ORDER, AccountID: "SIM3113503M" };
  await get("/v3/orderexecution/orders", sending("POST", order));
  const id = client.emulator.orders[0]?.id;
  const path = `/v3/orderexecution/orders/${id}`;
  const { status, json } = await get(path, sending("PUT", { Quantity: "20", LimitPrice: "131" }));
  assertEquals([status, json], [200, { Message: "Cancel/Replace order sent.", OrderID: id }]);
  const [now] = client.emulator.orders;
  assertEquals([now?.environment, now?.id, at(now?.wire, "LimitPrice")], ["sandbox", id, "131"]);
  assertEquals(at(now?.wire, "Legs", 0, "QuantityOrdered"), "20");
  await get(path, sending("PUT", { LimitPrice: "130" }));
  assertEquals(at(client.emulator.orders[0]?.wire, "Legs", 0, "QuantityOrdered"), "20");
  assertEquals((await get(path, sending("PUT", { LimitPrice: "none" }))).status, 400);
  assertEquals(client.emulator.orders.length, 1);
});

Deno.test("emulator cancels an order once, and it is history then", async () => {
  await using client = await TradestationClient.open();
  const get = await client.signIn();
  await get("/v3/orderexecution/orders", sending("POST", { ...MARKET_ORDER, AccountID: CASH }));
  const id = client.emulator.orders[0]?.id;
  const path = `/v3/orderexecution/orders/${id}`;
  const { status, json } = await get(path, { method: "DELETE" });
  assertEquals([status, json], [200, { Message: "Cancel request sent", OrderID: id }]);
  assertEquals(client.emulator.orders[0]?.status, "OUT");
  assertEquals((await get(path, { method: "DELETE" })).status, 400);
  assertEquals((await get(path, sending("PUT", { Quantity: "1" }))).status, 400);
  assertEquals((await get("/v3/orderexecution/orders/1", { method: "DELETE" })).status, 404);
  const since = new Date(Date.now() - DAY_MS).toISOString().slice(0, 10);
  const history = await get(`/v3/brokerage/accounts/${CASH}/historicalorders?since=${since}`);
  assertEquals(listAt(history.json, "Orders").map((order) => at(order, "OrderID")), [id]);
});

// v2

Deno.test("emulator has v2's money as the JSON numbers that were recorded, digit by digit", async () => {
  await using client = await TradestationClient.open();
  for (const { baseUrl } of [client.emulator.tradestation, client.emulator.tradestationSandbox]) {
    const get = await client.signIn(baseUrl);
    const { status, headers, text, json } = await get("/v2/accounts/987654,876543/balances");
    assertEquals([status, headers.get("content-type")], [200, "application/json"]);
    assertStringIncludes(text, '"RealTimeUnrealizedProfitLoss":19638.14545186560000000000');
    assertEquals(listAt(json).map((balance) => [at(balance, "Key"), at(balance, "Type")]), [
      [987654, "C"],
      [876543, "M"],
    ]);
    const own = v2Balances.text
      .replace('"Key":111111', '"Key":987654')
      .replace('"111111QA"', '"9876543 MyName"');
    assert(text.startsWith(`[${own},`));
    const unknown = await get("/v2/accounts/987654,1/balances");
    assertEquals([unknown.status, at(unknown.json, "StatusCode")], [401, 401]);
  }
});

// Fault and counting

Deno.test("emulator has TradeStation's bad answers by name", async () => {
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

// tastytrade's way of signing in

function tastytradeUrl(emulator: Emulator, changes: Record<string, string | undefined> = {}) {
  const query = Object.entries({
    "client_id": emulator.tastytrade.clientId,
    "redirect_uri": "http://localhost:8000/callback",
    "response_type": "code",
    "scope": "read trade",
    "state": "s 1",
    ...changes,
  }).flatMap(([name, value]) => value === undefined ? [] : [[name, value]]);
  return `${emulator.tastytrade.signInUrl}/auth.html?${new URLSearchParams(query)}`;
}

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
  const elsewhere = await call(`${emulator.tastytrade.signInUrl}/login.html`);
  assertEquals(elsewhere.status, 404);
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
