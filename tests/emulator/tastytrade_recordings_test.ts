import { assertEquals, assertObjectMatch, assertStringIncludes } from "@std/assert";
import { startEmulator } from "../../src/emulator/emulator.ts";
import accounts from "../../src/emulator/tastytrade/recordings/accounts.json" with { type: "json" };
import snapshots from "../../src/emulator/tastytrade/recordings/balance_snapshots.json" with {
  type: "json",
};
import balances from "../../src/emulator/tastytrade/recordings/balances.json" with { type: "json" };
import cancelled from "../../src/emulator/tastytrade/recordings/order_cancelled.json" with {
  type: "json",
};
import customer from "../../src/emulator/tastytrade/recordings/customer.json" with { type: "json" };
import equity from "../../src/emulator/tastytrade/recordings/equity.json" with { type: "json" };
import errors from "../../src/emulator/tastytrade/recordings/errors.json" with { type: "json" };
import marketData from "../../src/emulator/tastytrade/recordings/market_data_by_type.json" with {
  type: "json",
};
import marketMetrics from "../../src/emulator/tastytrade/recordings/market_metrics.json" with {
  type: "json",
};
import netLiq from "../../src/emulator/tastytrade/recordings/net_liq_history.json" with {
  type: "json",
};
import order from "../../src/emulator/tastytrade/recordings/order.json" with { type: "json" };
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
import { at, listAt, sending, shapeOf, signIn } from "../support/emulator_wire.ts";
import { LIMIT_ORDER } from "../support/orders.ts";
import { atTime, EMPTY, FUNDED } from "./tastytrade_fixtures.ts";

Deno.test("emulator answers with the recordings where they stand still", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  const cases: readonly [string, unknown][] = [
    ["/customers/me", customer],
    ["/customers/me/accounts", accounts],
    [`/accounts/${FUNDED}/trading-status`, tradingStatus],
    [`/accounts/${FUNDED}/position-limit`, positionLimit],
    [`/accounts/${FUNDED}/balance-snapshots?time-of-day=EOD`, snapshots],
    [`/accounts/${FUNDED}/positions?instrument-type=Equity+Option`, optionPosition],
    [`/accounts/${FUNDED}/positions?instrument-type=Equity`, equityPosition],
    [`/accounts/${FUNDED}/transactions/total-fees`, totalFees],
    [`/accounts/${FUNDED}/orders/68675`, order],
    [`/accounts/${FUNDED}/orders/68677`, cancelled],
    ["/market-data/by-type?equity=AAPL&cryptocurrency=BTC/USD", marketData],
    ["/market-metrics?symbols=AAPL", marketMetrics],
    ["/instruments/equities/AAPL", equity],
  ];
  for (const [path, recording] of cases) {
    const { status, json } = await get(path);
    assertEquals([status, json], [200, recording], path);
  }
  const validated = await get("/sessions/validate", { method: "POST" });
  assertEquals([validated.status, validated.json], [200, sessionValidated]);
});

Deno.test("emulator says the same of an account in the list and alone", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  for (const [i, number] of [FUNDED, EMPTY].entries()) {
    const context = `/customers/me/accounts/${number}`;
    assertEquals((await get(context)).json, { data: accounts.data.items[i]?.account, context });
  }
});

Deno.test("emulator has quote tokens that end in a day, and a stream of its own", async () => {
  using _time = atTime(Date.parse("2026-09-21T14:00:00.000Z"));
  await using emulator = await startEmulator();
  const { json } = await (await signIn(emulator.tastytrade))("/api-quote-tokens");
  assertEquals(json, {
    ...quoteToken,
    data: {
      ...quoteToken.data,
      "token": at(json, "data", "token"),
      "dxlink-url": `${emulator.url.replace("http", "ws")}/tastytrade/realtime`,
      "issued-at": "2026-09-21T14:00:00.000+00:00",
      "expires-at": "2026-09-22T14:00:00.000+00:00",
    },
  });
});

Deno.test("emulator has a net-liq history as long as is asked for, up to today's value", async () => {
  using _time = atTime(Date.parse("2026-09-21T14:00:00.000Z"));
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  const counts: readonly [string, number][] = [
    ["?time-back=1d", 1],
    ["?time-back=1m", 30],
    ["?time-back=all", 365],
    ["?start-time=2026-09-11T14:00:00Z", 10],
    ["?start-time=2027-09-11T14:00:00Z", 0],
  ];
  for (const [query, expected] of counts) {
    const { json } = await get(`/accounts/${FUNDED}/net-liq/history${query}`);
    const items = listAt(json, "data", "items");
    assertEquals(items.length, expected, query);
    if (expected === 0) continue;
    assertEquals(shapeOf(items.at(-1)), shapeOf(netLiq.data.items[0]));
    assertEquals(at(items.at(-1), "time"), "2026-09-21 13:30:00+00");
    assertEquals(at(items.at(-1), "close"), "4544.727");
  }
  const early = atTime(Date.parse("2026-09-21T13:00:00.000Z"));
  const { json } = await get(`/accounts/${FUNDED}/net-liq/history?time-back=1d`);
  assertEquals(at(json, "data", "items", 0, "time"), "2026-09-20 13:30:00+00");
  early[Symbol.dispose]();
});

Deno.test("emulator has the fields of a margin report that the Python packages read", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  const { json } = await get(`/margin/accounts/${FUNDED}/requirements`);
  const report = at(json, "data");
  assertEquals(
    ["account-number", "option-buying-power", "option-buying-power-effect"]
      .map((name) => at(report, name)),
    [FUNDED, "20078.762", "Credit"],
  );
  assertEquals(
    [at(report, "maintenance-requirement"), at(report, "maintenance-requirement-effect")],
    ["432279.047", "Debit"],
  );
});

Deno.test("emulator lets web pages read tastytrade's answers, and refuses orders of cryptocurrency", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  const answers = [await get("/customers/me"), await get("/accounts/5WT99999/balances")];
  for (const { headers } of answers) {
    assertEquals(headers.get("access-control-allow-origin"), "*");
  }
  const leg = { ...LIMIT_ORDER.legs[0], "instrument-type": "Cryptocurrency", "symbol": "BTC/USD" };
  const order = sending("POST", { ...LIMIT_ORDER, "legs": [leg] });
  const { status, json } = await get(`/accounts/${FUNDED}/orders`, order);
  assertEquals(status, 422);
  assertEquals(at(json, "error", "errors", 0, "code"), "cryptocurrency_orders_not_supported");
});

Deno.test("emulator has its own number in what it says of the other account", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
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
  const { json } = await get("/api-quote-tokens");
  assertObjectMatch(Object(json), {
    ...sandboxQuoteToken,
    data: {
      ...sandboxQuoteToken.data,
      "token": at(json, "data", "token"),
      "dxlink-url": `${emulator.url.replace("http", "ws")}/tastytrade-sandbox/delayed`,
    },
  });
  await get(`/accounts/${FUNDED}/orders`, sending("POST", LIMIT_ORDER));
  assertEquals(emulator.orders.map(({ environment }) => environment), ["sandbox"]);
  const production = await signIn(emulator.tastytrade);
  assertEquals((await production(`/accounts/${FUNDED}/orders/270561`)).status, 404);
  assertEquals((await production("/customers/me/accounts")).json, accounts);
});
