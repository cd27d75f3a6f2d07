import {
  assert,
  assertEquals,
  assertFalse,
  assertGreater,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { runCommand } from "../../src/emulator/command.ts";
import { startEmulator, tastytradeFaults } from "../../src/emulator/emulator.ts";
import type { Emulator } from "../../src/emulator/emulator.ts";
import account from "../../src/emulator/tastytrade/recordings/account.json" with { type: "json" };
import accounts from "../../src/emulator/tastytrade/recordings/accounts.json" with { type: "json" };
import snapshots from "../../src/emulator/tastytrade/recordings/balance_snapshots.json" with {
  type: "json",
};
import balances from "../../src/emulator/tastytrade/recordings/balances.json" with { type: "json" };
import cancelled from "../../src/emulator/tastytrade/recordings/order_cancelled.json" with {
  type: "json",
};
import customer from "../../src/emulator/tastytrade/recordings/customer.json" with { type: "json" };
import dryRun from "../../src/emulator/tastytrade/recordings/order_dry_run.json" with {
  type: "json",
};
import equity from "../../src/emulator/tastytrade/recordings/equity.json" with { type: "json" };
import errors from "../../src/emulator/tastytrade/recordings/errors.json" with { type: "json" };
import margin from "../../src/emulator/tastytrade/recordings/margin_check_failed.json" with {
  type: "json",
};
import marketData from "../../src/emulator/tastytrade/recordings/market_data_by_type.json" with {
  type: "json",
};
import marketMetrics from "../../src/emulator/tastytrade/recordings/market_metrics.json" with {
  type: "json",
};
import netLiq from "../../src/emulator/tastytrade/recordings/net_liq_history.json" with {
  type: "json",
};
import optionChain from "../../src/emulator/tastytrade/recordings/option_chain_nested.json" with {
  type: "json",
};
import order from "../../src/emulator/tastytrade/recordings/order.json" with { type: "json" };
import orders from "../../src/emulator/tastytrade/recordings/orders.json" with { type: "json" };
import placed from "../../src/emulator/tastytrade/recordings/order_placed.json" with {
  type: "json",
};
import positionLimit from "../../src/emulator/tastytrade/recordings/position_limit.json" with {
  type: "json",
};
import equityPosition from "../../src/emulator/tastytrade/recordings/positions_equity.json" with {
  type: "json",
};
import optionPosition from "../../src/emulator/tastytrade/recordings/positions_option.json" with {
  type: "json",
};
import quoteToken from "../../src/emulator/tastytrade/recordings/quote_token.json" with {
  type: "json",
};
import replaced from "../../src/emulator/tastytrade/recordings/order_replaced.json" with {
  type: "json",
};
import sandboxQuoteToken from "../../src/emulator/tastytrade/recordings/quote_token_sandbox.json" with {
  type: "json",
};
import sessionValidated from "../../src/emulator/tastytrade/recordings/session_validated.json" with {
  type: "json",
};
import totalFees from "../../src/emulator/tastytrade/recordings/total_fees.json" with {
  type: "json",
};
import tradingStatus from "../../src/emulator/tastytrade/recordings/trading_status.json" with {
  type: "json",
};
import transactions from "../../src/emulator/tastytrade/recordings/transactions.json" with {
  type: "json",
};
import {
  accessToken,
  askForToken,
  at,
  breakOff,
  call,
  decodeJwt,
  exchangeBytes,
  listAt,
  sending,
  shapeOf,
  signIn,
  USER_AGENT,
} from "../support/emulator_wire.ts";
import { LIMIT_ORDER, MARKET_ORDER } from "../support/orders.ts";

const FUNDED = "5WT00000";
const EMPTY = "5WT00001";

/** The page of nginx as the documentation prints it. */
const HTML_401 = `<html>
<head><title>401 Authorization Required</title></head>
<body>
<center><h1>401 Authorization Required</h1></center>
<hr><center>nginx</center>
</body>
</html>
`;

/** The request that the recorded dry run answers. */
const RECORDED_DRY_RUN = { ...MARKET_ORDER, "rules": { "conditions": [] } };

/** Lets the wall clock show another time until disposed. */
function atTime(ms: number): Disposable {
  const { now } = Date;
  Date.now = () => ms;
  return { [Symbol.dispose]: () => void (Date.now = now) };
}

function without(name: string, object: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([key]) => key !== name));
}

// Lifetime

Deno.test("emulator listens on a free port of 127.0.0.1 and serves both environments there", async () => {
  await using emulator = await startEmulator();
  assertMatch(emulator.url, /^http:\/\/127\.0\.0\.1:\d+$/);
  assertEquals(emulator.tastytrade.baseUrl, `${emulator.url}/tastytrade`);
  assertEquals(emulator.tastytradeSandbox.baseUrl, `${emulator.url}/tastytrade-sandbox`);
  assertEquals(Object.keys(emulator.tastytrade), ["baseUrl", "clientSecret", "refreshToken"]);
  assert(emulator.tastytradeSandbox.sandbox);
});

Deno.test("emulator listens on the port it is given, and a taken one is an error", async () => {
  await using emulator = await startEmulator();
  const port = Number(new URL(emulator.url).port);
  const error = await assertRejects(() => startEmulator({ port }), Error);
  assertEquals(at(error, "code"), "EADDRINUSE");
  await emulator.close();
  await using second = await startEmulator({ port });
  assertEquals(second.url, emulator.url);
});

Deno.test("emulator closes once, however often it is asked", async () => {
  const emulator = await startEmulator();
  const { baseUrl } = emulator.tastytrade;
  await call(baseUrl);
  await Promise.all([emulator.close(), emulator.close()]);
  await emulator.close();
  await emulator[Symbol.asyncDispose]();
  await assertRejects(() => call(baseUrl), TypeError);
});

Deno.test("emulator makes credentials of its own each time", async () => {
  await using one = await startEmulator();
  await using other = await startEmulator();
  const all = [one.tastytrade, one.tastytradeSandbox, other.tastytrade, other.tastytradeSandbox];
  assertEquals(new Set(all.map(({ clientSecret }) => clientSecret)).size, 4);
  assertEquals(new Set(all.map(({ refreshToken }) => refreshToken)).size, 4);
});

// The token endpoint

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

// What every request must have

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

Deno.test("emulator knows no other path, method, account, symbol or id", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  const cases: readonly [string, string, number][] = [
    ["GET", "/", 404],
    ["GET", "", 404],
    ["GET", "/customers/me/", 404],
    ["GET", "/customers/me/accounts/5WT99999", 404],
    ["GET", "/accounts/5WT99999/balances", 404],
    ["GET", "/accounts/%zz/balances", 404],
    ["GET", `/accounts/${FUNDED}/balances/EUR`, 404],
    ["GET", `/accounts/${FUNDED}/transactions/1`, 404],
    ["GET", `/accounts/${FUNDED}/orders/1`, 404],
    ["GET", `/accounts/${EMPTY}/orders/68675`, 404],
    ["GET", "/instruments/equities/NOPE", 404],
    ["GET", "/option-chains/NOPE/nested", 404],
    ["DELETE", "/customers/me", 405],
    ["OPTIONS", "/customers/me", 405],
  ];
  for (const [method, path, expected] of cases) {
    const { status, json } = await get(path, { method });
    assertEquals(status, expected, `${method} ${path}`);
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

// What was recorded

Deno.test("emulator answers with the recordings where they stand still", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  const cases: readonly [string, unknown][] = [
    ["/customers/me", customer],
    ["/customers/me/accounts", accounts],
    [`/customers/me/accounts/${FUNDED}`, account],
    [`/accounts/${FUNDED}/trading-status`, tradingStatus],
    [`/accounts/${FUNDED}/position-limit`, positionLimit],
    [`/accounts/${FUNDED}/balance-snapshots?time-of-day=EOD`, snapshots],
    [`/accounts/${FUNDED}/positions?instrument-type=Equity+Option`, optionPosition],
    [`/accounts/${FUNDED}/positions?instrument-type=Equity`, equityPosition],
    [`/accounts/${FUNDED}/transactions/total-fees`, totalFees],
    [`/accounts/${FUNDED}/net-liq/history?time-back=1d`, netLiq],
    [`/accounts/${FUNDED}/orders/68675`, order],
    [`/accounts/${FUNDED}/orders/68677`, cancelled],
    ["/api-quote-tokens", quoteToken],
    ["/market-data/by-type?equity=AAPL&cryptocurrency=BTC/USD", marketData],
    ["/market-metrics?symbols=AAPL,TSLA", marketMetrics],
    ["/instruments/equities/AAPL", equity],
    ["/option-chains/AAPL/nested", optionChain],
  ];
  for (const [path, recording] of cases) {
    const { status, json } = await get(path);
    assertEquals([status, json], [200, recording], path);
  }
  const validated = await get("/sessions/validate", { method: "POST" });
  assertEquals([validated.status, validated.json], [200, sessionValidated]);
});

Deno.test("emulator has its own number in what it says of the other account", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  const listed = accounts.data.items[1]?.account;
  assertEquals((await get(`/customers/me/accounts/${EMPTY}`)).json, {
    data: listed,
    context: `/customers/me/accounts/${EMPTY}`,
  });
  assertEquals((await get(`/accounts/${EMPTY}/trading-status`)).json, {
    data: { ...tradingStatus.data, "account-number": EMPTY },
    context: `/accounts/${EMPTY}/trading-status`,
  });
  assertEquals((await get(`/accounts/${EMPTY}/balances`)).json, {
    data: { ...balances.data, "account-number": EMPTY },
    context: `/accounts/${EMPTY}/balances`,
  });
  for (const path of ["positions", "balance-snapshots"]) {
    assertEquals((await get(`/accounts/${EMPTY}/${path}`)).json, {
      data: { items: [] },
      context: `/accounts/${EMPTY}/${path}`,
    });
  }
});

Deno.test("emulator shows the balance as one object, and as a list since version 20240501", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  const path = `/accounts/${FUNDED}/balances`;
  const one = await get(path);
  assertEquals(shapeOf(one.json), shapeOf(balances));
  assertEquals(at(one.json, "data", "net-liquidating-value"), "4544.727");
  assertEquals(at(one.json, "data", "currency"), "USD");
  const list = await get(path, { headers: { "accept-version": "20240501" } });
  assertEquals(list.json, { data: { items: [at(one.json, "data")] }, context: path });
  const versioned = await get(`${path}/USD`, { headers: { "accept-version": "20240501" } });
  assertEquals(versioned.json, { data: at(one.json, "data"), context: `${path}/USD` });
});

Deno.test("emulator chooses snapshots by day and time of day", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  const cases: readonly [string, number][] = [
    ["", 1],
    ["?snapshot-date=2023-06-08", 1],
    ["?snapshot-date=2023-06-09", 0],
    ["?time-of-day=BOD&start-date=2023-06-08&end-date=2023-06-08", 1],
    ["?start-date=2023-06-09", 0],
    ["?end-date=2023-06-07", 0],
  ];
  for (const [query, expected] of cases) {
    const { json } = await get(`/accounts/${FUNDED}/balance-snapshots${query}`);
    assertEquals(listAt(json, "data", "items").length, expected, query);
  }
  const wrong = await get(`/accounts/${FUNDED}/balance-snapshots?time-of-day=Noon`);
  assertEquals([wrong.status, at(wrong.json, "error", "errors", 0, "domain")], [
    400,
    "time-of-day",
  ]);
});

Deno.test("emulator chooses positions by symbol and underlying symbol", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  const cases: readonly [string, number][] = [
    ["", 2],
    ["?symbol=TQQQ", 1],
    ["?underlying-symbol[]=RIVN", 1],
    ["?underlying-symbol[]=RIVN&underlying-symbol[]=TQQQ", 2],
    ["?symbol=AAPL", 0],
  ];
  for (const [query, expected] of cases) {
    const { json } = await get(`/accounts/${FUNDED}/positions${query}`);
    assertEquals(listAt(json, "data", "items").length, expected, query);
  }
});

Deno.test("emulator quotes the symbols it is asked for, a hundred at most", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  const one = await get("/market-data/by-type?equity=AAPL");
  assertEquals(listAt(one.json, "data", "items").map((item) => at(item, "symbol")), ["AAPL"]);
  assertEquals(listAt((await get("/market-data/by-type")).json, "data", "items"), []);
  const many = await get(`/market-data/by-type?equity=${Array(101).fill("A")}`);
  assertEquals(many.status, 400);
});

// Transactions and pages

Deno.test("emulator begins the transactions with the recorded ones", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  const { json } = await get(`/accounts/${FUNDED}/transactions?per-page=3`);
  assertEquals(at(json, "data"), transactions.data);
  assertEquals(at(json, "context"), transactions.context);
  const pagination = { ...transactions.pagination, "total-items": 612, "total-pages": 204 };
  assertEquals(at(json, "pagination"), pagination);
  const other = await get(`/accounts/${EMPTY}/transactions?per-page=3`);
  assertEquals(at(other.json, "pagination"), transactions.pagination);
  assertEquals(at(other.json, "data", "items", 2, "account-number"), EMPTY);
});

Deno.test("emulator turns pages until there are no more, each transaction once and newest first", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  const path = `/accounts/${FUNDED}/transactions`;
  const read: unknown[] = [];
  const sizes: number[] = [];
  for (const page of [0, 1, 2, 3]) {
    const { json } = await get(`${path}?page-offset=${page}`);
    const items = listAt(json, "data", "items");
    read.push(...items);
    sizes.push(items.length);
    assertEquals(at(json, "pagination", "per-page"), 250);
    assertEquals(at(json, "pagination", "page-offset"), page);
    assertEquals(at(json, "pagination", "item-offset"), page * 250);
    assertEquals(at(json, "pagination", "total-pages"), 3);
    assertEquals(at(json, "pagination", "current-item-count"), items.length);
  }
  assertEquals(sizes, [250, 250, 112, 0]);
  assertEquals(new Set(read.map((item) => at(item, "id"))).size, 612);
  const instants = read.map((item) => String(at(item, "executed-at")));
  assertEquals(instants, instants.toSorted().toReversed());
  const ascending = await get(`${path}?sort=Asc&per-page=1`);
  assertEquals(at(ascending.json, "data", "items", 0), read.at(-1));
  const descending = await get(`${path}?sort=Desc&per-page=1`);
  assertEquals(at(descending.json, "data", "items", 0), read[0]);
  const one = await get(`${path}/${at(read[300], "id")}`);
  assertEquals(at(one.json, "data"), read[300]);
});

Deno.test("emulator chooses transactions by kind, symbol and time", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  const cases: readonly [string, number][] = [
    ["type=Trade", 204],
    ["types[]=Trade&types[]=Receive+Deliver", 612],
    ["sub-type[]=Assignment", 204],
    ["symbol=RIVN", 204],
    ["underlying-symbol=RIVN", 612],
    ["underlying-symbol=AAPL", 0],
    ["instrument-type=Equity", 204],
    ["action=Buy+to+Open", 204],
    ["start-date=2023-06-10", 1],
    ["start-date=2023-06-02&end-date=2023-06-09", 5],
    ["start-at=2023-06-12T13:53:08.199Z", 1],
    ["start-at=2023-06-09T21:00:00.000Z&end-at=2023-06-09T21:00:00.000Z", 2],
  ];
  for (const [query, expected] of cases) {
    const { json } = await get(`/accounts/${FUNDED}/transactions?${query}`);
    assertEquals(at(json, "pagination", "total-items"), expected, query);
  }
});

Deno.test("emulator refuses pages out of bounds", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  const cases: readonly [string, string][] = [
    ["transactions?per-page=0", "per-page"],
    ["transactions?per-page=2001", "per-page"],
    ["transactions?per-page=many", "per-page"],
    ["transactions?page-offset=-1", "page-offset"],
    ["transactions?sort=Up", "sort"],
    ["orders?per-page=201", "per-page"],
  ];
  for (const [path, domain] of cases) {
    const { status, json } = await get(`/accounts/${FUNDED}/${path}`);
    assertEquals(status, 400, path);
    const complaint = { domain, reason: "does not have a valid value" };
    assertEquals(json, { error: { ...errors.validation_error.error, errors: [complaint] } });
  }
  const most = await get(`/accounts/${FUNDED}/transactions?per-page=2000`);
  assertEquals(listAt(most.json, "data", "items").length, 612);
});

// Orders

Deno.test("emulator answers the recorded dry run as recorded, but for the account's own money", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  const path = `/accounts/${FUNDED}/orders/dry-run`;
  const { status, json } = await get(path, sending("POST", RECORDED_DRY_RUN));
  assertEquals(status, 201);
  const effect = {
    ...dryRun.data["buying-power-effect"],
    "current-buying-power": "20078.762",
    "new-buying-power": "19895.681",
  };
  assertEquals(json, { ...dryRun, data: { ...dryRun.data, "buying-power-effect": effect } });
  assertEquals(emulator.orders, []);
});

Deno.test("emulator takes an order: routed at once, then live and in the lists", async () => {
  using _time = atTime(Date.parse("2026-09-21T14:00:00.000Z"));
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  const market = { ...without("rules", RECORDED_DRY_RUN), "external-identifier": "mine" };
  const answer = await get(`/accounts/${FUNDED}/orders`, sending("POST", market));
  assertEquals(answer.status, 201);
  assertEquals(at(answer.json, "data", "order", "external-identifier"), "mine");
  const { status: _, ...recorded } = placed.data.order;
  assertEquals(
    shapeOf({
      ...Object(answer.json),
      data: {
        ...Object(at(answer.json, "data")),
        order: without("external-identifier", Object(at(answer.json, "data", "order"))),
      },
    }),
    shapeOf({ ...placed, data: { ...placed.data, order: { ...recorded, status: "" } } }),
  );
  assertEquals(at(answer.json, "data", "order", "id"), placed.data.order.id);
  assertEquals(at(answer.json, "data", "order", "status"), "Routed");
  assertEquals(at(answer.json, "data", "order", "received-at"), "2026-09-21T14:00:00.000+00:00");

  const now = await get(`/accounts/${FUNDED}/orders/270561`);
  assertEquals(at(now.json, "data", "status"), "Live");
  assert(at(now.json, "data", "cancellable"));
  const list = await get(`/accounts/${FUNDED}/orders`);
  const ids = listAt(list.json, "data", "items").map((item) => at(item, "id"));
  assertEquals(ids, [270561, 68680, 68677, 68675]);
  const live = await get(`/accounts/${FUNDED}/orders/live`);
  assertEquals(listAt(live.json, "data", "items"), [at(now.json, "data")]);

  assertEquals(emulator.orders.length, 1);
  const [seen] = emulator.orders;
  assertEquals(
    [seen?.environment, seen?.accountNumber, seen?.id, seen?.status, seen?.replaces],
    ["production", FUNDED, 270561, "Live", undefined],
  );
  assertEquals(seen?.wire, Object(at(now.json, "data")));
});

Deno.test("emulator gives each order an id of its own", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  const init = sending("POST", LIMIT_ORDER);
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => get(`/accounts/${FUNDED}/orders`, init)),
  );
  const ids = answers.map(({ json }) => at(json, "data", "order", "id"));
  assertEquals(new Set(ids).size, 20);
  assertEquals(emulator.orders.length, 20);
  assertEquals(emulator.count("POST /accounts/*/orders"), 20);
});

Deno.test("emulator lists orders as recorded, by pages, status, underlying and date", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  const path = `/accounts/${FUNDED}/orders`;
  const first = await get(`${path}?per-page=1`);
  assertEquals(at(first.json, "data"), orders.data);
  assertEquals(shapeOf(first.json), shapeOf(orders));
  const cases: readonly [string, number[]][] = [
    ["", [68680, 68677, 68675]],
    ["?sort=Asc", [68675, 68677, 68680]],
    ["?status[]=Contingent", [68675]],
    ["?status[]=Contingent&status[]=Cancelled", [68680, 68677, 68675]],
    ["?status[]=Live", []],
    ["?underlying-symbol=AAPL&underlying-instrument-type=Equity", [68680, 68677, 68675]],
    ["?underlying-symbol=TSLA", []],
    ["?start-date=2023-06-14", [68680, 68677]],
    ["?end-at=2023-06-14T01:10:00Z", [68677, 68675]],
  ];
  for (const [query, expected] of cases) {
    const { json } = await get(path + query);
    assertEquals(listAt(json, "data", "items").map((item) => at(item, "id")), expected, query);
  }
});

Deno.test("emulator searches orders since version 20261012 only with a start date", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  const path = `/accounts/${FUNDED}/orders`;
  const headers = { "accept-version": "20261012" };
  const { status, json } = await get(path, { headers });
  assertEquals([status, at(json, "error", "errors")], [
    400,
    [{ domain: "start-date", reason: "is missing" }],
  ]);
  for (const query of ["start-date=2023-06-14", "start-at=2023-06-14T00:00:00Z"]) {
    assertEquals((await get(`${path}?${query}`, { headers })).status, 200);
  }
  assertEquals((await get(path, { headers: { "accept-version": "20261011" } })).status, 200);
});

Deno.test("emulator searches the orders of a customer by account", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  for (const path of ["/customers/me/orders", "/customers/me/orders/live"]) {
    const { status, json } = await get(path);
    assertEquals([status, json], [400, errors.validation_error]);
  }
  const both = `account-numbers[]=${FUNDED}&account-numbers[]=${EMPTY}`;
  const all = await get(`/customers/me/orders?${both}`);
  assertEquals(at(all.json, "pagination", "total-items"), 3);
  const live = await get(`/customers/me/orders/live?${both}`);
  assertEquals(at(live.json, "pagination", "total-items"), 0);
});

Deno.test("emulator cancels an order: first requested, then done, and not a second time", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  const path = `/accounts/${FUNDED}/orders/68675`;
  const requested = await get(path, { method: "DELETE" });
  assertEquals(requested.status, 200);
  assertEquals(at(requested.json, "data", "status"), "Cancel Requested");
  assertEquals(at(requested.json, "context"), path);
  const done = await get(path);
  assertEquals(at(done.json, "data", "status"), "Cancelled");
  assertEquals(
    shapeOf(without("value-effect", Object(at(done.json, "data")))),
    shapeOf(cancelled.data),
  );
  const again = await get(path, { method: "DELETE" });
  assertEquals(again.status, 422);
  assertEquals(at(again.json, "error", "code"), "cannot_update_order");
});

Deno.test("emulator replaces an order by a new one, whose answer names the old one", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  const path = `/accounts/${FUNDED}/orders/68675`;
  const dry = await get(`${path}/dry-run`, sending("POST", { "price": "120.00" }));
  assertEquals([dry.status, at(dry.json, "data", "order", "price")], [201, "120.00"]);
  assertEquals(emulator.orders, []);

  const { legs: _legs, ...changes } = { ...LIMIT_ORDER, "price": "123.00" };
  const put = await get(path, sending("PUT", changes));
  assertEquals(put.status, 200);
  assertEquals(at(put.json, "context"), path);
  const sent = Object(at(put.json, "data"));
  const extra = without("global-request-id", { ...sent, "value-effect": "" });
  assertEquals(shapeOf(extra), shapeOf(replaced.data));
  assertEquals(at(sent, "price"), "123.00");
  assertNotEquals(at(sent, "id"), 68675);
  const old = await get(path);
  assertEquals([at(old.json, "data", "status"), at(old.json, "data", "edited")], [
    "Cancelled",
    true,
  ]);

  const second = `/accounts/${FUNDED}/orders/${at(sent, "id")}`;
  const patch = await get(second, sending("PATCH", { "price": "122.00" }));
  assertEquals(at(patch.json, "data", "price"), "122.00");
  assertEquals(emulator.orders.map(({ replaces }) => replaces), [68675, 270561]);
  assertEquals((await get(second, sending("PATCH", { "price": "1.00" }))).status, 422);
});

Deno.test("emulator lists all that is wrong with an order", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  const leg = LIMIT_ORDER.legs[0];
  const missing = "is missing";
  const invalid = "does not have a valid value";
  const cases: readonly [Record<string, unknown>, Record<string, string>][] = [
    [{}, { "time-in-force": missing, "order-type": missing, "legs": missing }],
    [{ ...LIMIT_ORDER, "legs": [] }, { "legs": missing }],
    [{ ...LIMIT_ORDER, "legs": "AAPL" }, { "legs": missing }],
    [{ ...LIMIT_ORDER, "legs": [{}] }, {
      "legs[0].instrument-type": missing,
      "legs[0].symbol": missing,
      "legs[0].action": missing,
      "legs[0].quantity": missing,
    }],
    [{ ...LIMIT_ORDER, "legs": [leg, { ...leg, "quantity": 0, "action": "Hold" }] }, {
      "legs[1].action": invalid,
      "legs[1].quantity": invalid,
    }],
    [{ ...LIMIT_ORDER, "legs": [{ ...leg, "quantity": true, "symbol": 5 }] }, {
      "legs[0].symbol": invalid,
      "legs[0].quantity": invalid,
    }],
    [{ ...LIMIT_ORDER, "price": "1,00" }, { "price": invalid }],
    [{ ...LIMIT_ORDER, "price": "-1.00" }, { "price": invalid }],
    [without("price", without("price-effect", LIMIT_ORDER)), {
      "price": missing,
      "price-effect": missing,
    }],
    [{ ...LIMIT_ORDER, "price-effect": "None" }, { "price-effect": invalid }],
    [{ ...LIMIT_ORDER, "order-type": "Stop" }, { "stop-trigger": missing }],
    [{ ...LIMIT_ORDER, "order-type": "Notional Market" }, {
      "value": missing,
      "value-effect": missing,
    }],
    [{ ...LIMIT_ORDER, "time-in-force": "GTD" }, { "gtc-date": missing }],
    [{ ...LIMIT_ORDER, "time-in-force": "Forever" }, { "time-in-force": invalid }],
  ];
  for (const [body, expected] of cases) {
    const path = `/accounts/${FUNDED}/orders`;
    const { status, json } = await get(path, sending("POST", body));
    const complaints = Object.entries(expected).map(([domain, reason]) => ({ domain, reason }));
    assertEquals(json, { error: { ...errors.validation_error.error, errors: complaints } });
    assertEquals(status, 400);
  }
  assertEquals(emulator.orders, []);
});

Deno.test("emulator refuses an order that is no JSON", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  const path = `/accounts/${FUNDED}/orders`;
  const headers = { "content-type": "application/json" };
  assertEquals((await get(path, { method: "POST", headers, body: "{" })).status, 400);
  assertEquals((await get(path, { method: "POST", headers, body: "[]" })).status, 400);
  assertEquals((await get(path, { method: "POST", body: "{}" })).status, 415);
  assertEquals((await get(path, { method: "POST" })).status, 415);
});

Deno.test("emulator refuses market orders that are good till cancelled, as recorded", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  const body = { ...RECORDED_DRY_RUN, "time-in-force": "GTC" };
  for (const path of ["orders", "orders/dry-run"]) {
    const { status, json } = await get(`/accounts/${FUNDED}/${path}`, sending("POST", body));
    assertEquals([status, json], [422, errors.preflight_check_failure]);
  }
});

Deno.test("emulator refuses an order that the account cannot pay, with both data and error", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  const body = { ...LIMIT_ORDER, "price": "20078.77" };
  const { status, json } = await get(`/accounts/${FUNDED}/orders`, sending("POST", body));
  assertEquals(status, 422);
  assertEquals(shapeOf(json), shapeOf(margin));
  assertEquals(at(json, "error"), margin.error);
  assertEquals(at(json, "data", "buying-power-effect", "new-buying-power"), "0.009");
  assertEquals(at(json, "data", "buying-power-effect", "new-buying-power-effect"), "Debit");
  const poor = await get(`/accounts/${EMPTY}/orders`, sending("POST", LIMIT_ORDER));
  assertEquals(at(poor.json, "data", "buying-power-effect", "current-buying-power-effect"), "None");
  assertEquals(emulator.orders, []);
});

Deno.test("emulator reckons orders of all kinds without rounding", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  const leg = LIMIT_ORDER.legs[0];
  const option = {
    ...leg,
    "instrument-type": "Equity Option",
    "symbol": "RIVN  230609P00014000",
    "quantity": "3",
  };
  const cases: readonly [Record<string, unknown>, string, string, string][] = [
    [LIMIT_ORDER, "1.001", "Debit", "AAPL"],
    [{ ...LIMIT_ORDER, "price": 0.1 }, "0.101", "Debit", "AAPL"],
    [{ ...LIMIT_ORDER, "price": "0.79", "legs": [option] }, "237.001", "Debit", "RIVN"],
    [{ ...LIMIT_ORDER, "price-effect": "Credit" }, "0.999", "Credit", "AAPL"],
    [
      { ...without("rules", RECORDED_DRY_RUN), "legs": [{ ...leg, "action": "Sell to Close" }] },
      "183.079",
      "Credit",
      "AAPL",
    ],
    [
      { ...LIMIT_ORDER, "order-type": "Stop", "price": undefined, "stop-trigger": "2.5" },
      "2.501",
      "Debit",
      "AAPL",
    ],
    [
      {
        ...RECORDED_DRY_RUN,
        "order-type": "Notional Market",
        "value": "50.25",
        "value-effect": "Debit",
        "legs": [without("quantity", { ...leg })],
      },
      "50.251",
      "Debit",
      "AAPL",
    ],
  ];
  for (const [body, impact, effect, underlying] of cases) {
    const path = `/accounts/${FUNDED}/orders/dry-run`;
    const { status, json } = await get(path, sending("POST", body));
    assertEquals(status, 201, JSON.stringify(json));
    assertEquals(at(json, "data", "buying-power-effect", "impact"), impact);
    assertEquals(at(json, "data", "buying-power-effect", "effect"), effect);
    assertEquals(at(json, "data", "order", "underlying-symbol"), underlying);
    assertEquals(at(json, "data", "order", "underlying-instrument-type"), "Equity");
  }
});

Deno.test("emulator keeps a contingent order waiting", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  const path = `/accounts/${FUNDED}/orders`;
  const { json } = await get(path, sending("POST", { ...LIMIT_ORDER, "rules": order.data.rules }));
  assertEquals(at(json, "data", "order", "status"), "Contingent");
  assertEquals(at(json, "data", "order", "contingent-status"), "Pending Condition");
  assertEquals(emulator.orders[0]?.status, "Contingent");
});

// The sandbox

Deno.test("emulator has no market data in the sandbox, and nginx says so", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytradeSandbox);
  const paths = [
    "/market-data/by-type?equity=AAPL",
    "/market-metrics?symbols=AAPL",
    "/symbols/search/AAPL",
    "/quote-alerts",
    "/watchlists",
    "/watchlists/mine",
    "/pairs-watchlists",
    `/accounts/${FUNDED}/net-liq/history`,
  ];
  for (const path of paths) {
    const { status, headers, text } = await get(path);
    assertEquals([status, headers.get("content-type")], [502, "text/html"], path);
    assertStringIncludes(text, "<center><h1>502 Bad Gateway</h1></center>");
  }
  const refused = await get("/instruments/equity-options?symbol[]=X");
  assertEquals([refused.status, refused.json], [403, errors.not_permitted]);
});

Deno.test("emulator keeps the sandbox apart: its own quote token and its own orders", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytradeSandbox);
  assertEquals((await get("/api-quote-tokens")).json, sandboxQuoteToken);
  await get(`/accounts/${FUNDED}/orders`, sending("POST", LIMIT_ORDER));
  assertEquals(emulator.orders.map(({ environment }) => environment), ["sandbox"]);
  const production = await signIn(emulator.tastytrade);
  assertEquals((await production(`/accounts/${FUNDED}/orders/270561`)).status, 404);
  assertEquals((await production("/customers/me/accounts")).json, accounts);
});

// What arrived

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

// Fault

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

Deno.test("emulator goes on with trouble without end until it is told to stop", async () => {
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
  assertEquals((await call(emulator.tastytrade.baseUrl)).status, 401);
  assertThrows(() => emulator.injectFault("GET /x", "hang", 0), RangeError, "0 times");
  assertThrows(() => emulator.injectFault("GET /x", "hang", NaN), RangeError, "NaN times");
});

Deno.test("emulator has the recorded bad answers by name", async () => {
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

Deno.test("emulator resets the connection before the answer, without any effect", async () => {
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

// The command

/** A terminal that keeps what is written, and a way to end the command. */
function openTerminal() {
  const { promise: interrupted, resolve: interrupt } = Promise.withResolvers<void>();
  const lines: string[] = [];
  const errors: string[] = [];
  return {
    lines,
    errors,
    interrupt,
    terminal: {
      print: (line: string) => void lines.push(line),
      printError: (line: string) => void errors.push(line),
      interrupted,
    },
  };
}

Deno.test("emulator command prints what opens a session, and a line without secrets for each request", async () => {
  const { terminal, lines, errors, interrupt } = openTerminal();
  const running = runCommand(["--port=0"], terminal);
  await until(() => lines.length === 19);
  const text = lines.join("\n");
  const baseUrl = /--base-url=(\S+)/.exec(text)?.[1] ?? "";
  const clientSecret = /export TASTY_CLIENT_SECRET=(\S+)/.exec(text)?.[1] ?? "";
  const refreshToken = /export TASTY_REFRESH_TOKEN=(\S+)/.exec(text)?.[1] ?? "";
  assertMatch(baseUrl, /^http:\/\/127\.0\.0\.1:\d+\/tastytrade$/);
  assertStringIncludes(text, `new Session({ baseUrl: "${baseUrl}" })`);
  for (const name of ["CLIENT_ID", "CLIENT_SECRET", "REFRESH_TOKEN"]) {
    assertMatch(text, new RegExp(`^export TRADESTATION_${name}=[\\w-]{32,}$`, "m"));
  }
  assertMatch(text, /^ {2}baseUrl: "http:\/\/127\.0\.0\.1:\d+\/tradestation",$/m);
  assertMatch(text, /^ {2}signInUrl: "http:\/\/127\.0\.0\.1:\d+\/tradestation-signin",$/m);

  const printed = lines.length;
  const { status } = await askForToken({ baseUrl, clientSecret, refreshToken });
  assertEquals(status, 200);
  await call(`${baseUrl}/customers/me?access_token=${clientSecret}`);
  await call(new URL("/elsewhere", baseUrl).href);
  await breakOff(baseUrl);
  await until(() => lines.length === printed + 4);
  const logged = lines.slice(printed);
  assertEquals(logged, [
    "tastytrade production POST /oauth/token 200",
    "tastytrade production GET /customers/me 401",
    "nowhere GET /elsewhere 404",
    "tastytrade production POST /oauth/token no response",
  ]);
  interrupt();
  assertEquals(await running, 0);
  assertEquals(errors, []);
});

Deno.test("emulator command says in one line that the port is taken", async () => {
  await using emulator = await startEmulator();
  const { terminal, lines, errors } = openTerminal();
  const { port } = new URL(emulator.url);
  assertEquals(await runCommand([`--port=${port}`], terminal), 1);
  assertEquals(lines, []);
  assertEquals(errors.length, 1);
  assertStringIncludes(`${errors[0]}`, `Cannot start the emulator on port ${port}: `);
  assertFalse(errors[0]?.includes("\n"));
});

Deno.test("emulator command explains itself when it does not understand", async () => {
  for (const args of [["--port=many"], ["--port=70000"], ["--colour"], ["now"]]) {
    const { terminal, errors } = openTerminal();
    assertEquals(await runCommand(args, terminal), 2);
    assertStringIncludes(`${errors[0]}`, "--port=N");
  }
});

Deno.test("emulator command runs as a process until it is interrupted", async () => {
  const main = new URL("../../src/emulator/main.ts", import.meta.url);
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-net=127.0.0.1", "--no-lock", main.href, "--port=0"],
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const errors = new Response(child.stderr).text();
  let text = "";
  for await (const part of child.stdout.pipeThrough(new TextDecoderStream())) {
    const wasReady = text.includes("new Session");
    text += part;
    if (!wasReady && text.includes("new Session")) child.kill("SIGINT");
  }
  const { code } = await child.status;
  assertEquals([code, await errors], [0, ""]);
  assert(text.startsWith("The emulator listens on http://127.0.0.1:"));
});

Deno.test("emulator command fails as a process where it cannot start", async () => {
  const main = new URL("../../src/emulator/main.ts", import.meta.url);
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-lock", main.href, "--port=none"],
  }).output();
  assertEquals(code, 2);
  assertStringIncludes(new TextDecoder().decode(stderr), "--port=N");
});

/** Lets the event loop turn until something is so; the test runner's own timeout is the limit. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise<void>((resolve) => setTimeout(resolve, 1));
}
