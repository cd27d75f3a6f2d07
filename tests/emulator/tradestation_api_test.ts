import { assertEquals, assertStringIncludes } from "@std/assert";
import accounts from "../../src/emulator/tradestation/recordings/accounts.json" with {
  type: "json",
};
import balances from "../../src/emulator/tradestation/recordings/balances.json" with {
  type: "json",
};
import bodBalances from "../../src/emulator/tradestation/recordings/bod_balances.json" with {
  type: "json",
};
import errors from "../../src/emulator/tradestation/recordings/errors.json" with { type: "json" };
import orders from "../../src/emulator/tradestation/recordings/orders.json" with { type: "json" };
import positions from "../../src/emulator/tradestation/recordings/positions.json" with {
  type: "json",
};
import quotes from "../../src/emulator/tradestation/recordings/quotes.json" with { type: "json" };
import symbols from "../../src/emulator/tradestation/recordings/symbols.json" with { type: "json" };
import v2Accounts from "../../src/emulator/tradestation/recordings/v2_accounts.json" with {
  type: "json",
};
import { TradestationClient } from "../support/emulator_tradestation.ts";
import { accessToken, at, call, listAt, sending, shapeOf } from "../support/emulator_wire.ts";
import { atTime, CASH, MARGIN, MARKET_ORDER } from "./tradestation_fixtures.ts";

const FUTURES = "123456781";

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

Deno.test("emulator answers a path of which it was recorded that it does not exist", async () => {
  await using client = await TradestationClient.open();
  const sim = await client.signIn(client.emulator.tradestationSandbox.baseUrl);
  const recorded = await sim("/v3/accounts/SIM3113503M/balances");
  assertEquals([recorded.status, recorded.text], [404, JSON.stringify(errors.not_found)]);
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
  const quotes = await get("/v3/marketdata/quotes/VXMQ26,INVALID");
  assertEquals([quotes.status, quotes.json], [200, {
    Errors: [errors.symbol_not_entitled, ...errors.invalid_symbol.Errors],
  }]);
  const symbols = await get("/v3/marketdata/symbols/INVALID");
  assertEquals(listAt(symbols.json, "Symbols"), []);
  assertEquals(at(symbols.json, "Errors", 0, "Symbol"), "INVALID");
});

Deno.test("emulator takes no longer list than is documented, and none that is empty", async () => {
  await using client = await TradestationClient.open();
  const get = await client.signIn();
  const list = (count: number) => Array(count).fill("INVALID").join(",");
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

Deno.test("emulator suggests and finds the recorded symbols of v2", async () => {
  await using client = await TradestationClient.open();
  const get = await client.signIn();
  const names = async (path: string) =>
    listAt((await get(`/v2/data/symbols/${path}`)).json).map((symbol) => at(symbol, "Name"));
  assertEquals(await names("suggest/micro"), ["MSFT"]); // a word of the description
  assertEquals(await names("suggest/c?$top=1"), ["MSFT"]); // "Corp"
  assertEquals(await names("search/N=MS"), ["MSFT"]);
  assertEquals(await names("search/C=FU&N=@"), ["@C", "@FV"]);
  assertEquals(await names("search/C=Stock&N=m"), ["MSFT"]);
  assertEquals(client.emulator.unserved, []);
});
