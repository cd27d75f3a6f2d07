import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { ApiError, Session, tastytrade, tradestation } from "../../mod.ts";
import { type Emulator, startEmulator } from "../../src/emulator/emulator.ts";
import { at, call, type Reading, sending, signIn } from "../support/emulator_wire.ts";
import { LIMIT_ORDER, MARKET_ORDER } from "../support/orders.ts";
import recordedOrder from "../../src/emulator/tastytrade/recordings/order.json" with {
  type: "json",
};
import { FUNDED } from "./tastytrade_fixtures.ts";
import { LIMIT_ORDER as TRADESTATION_ORDER, MARGIN } from "./tradestation_fixtures.ts";
import { TradestationClient } from "../support/emulator_tradestation.ts";

/** Checks that a response is the refusal, and that the emulator has noted it. */
function assertUnserved(emulator: Emulator, { status, headers, json }: Reading, what: string) {
  const message = `The emulator does not serve ${what}. This says nothing about the real service`;
  assertEquals(status, 501, what);
  assertEquals(headers.get("x-emulator-unserved"), what);
  assertEquals(at(json, "unserved"), what);
  assertEquals([at(json, "error", "message"), at(json, "Message")], [message, message]);
  assertEquals(emulator.unserved.at(-1)?.what, what);
}

Deno.test("emulator refuses what it does not model of tastytrade by name, and notes it", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  const order = (changes: Record<string, unknown>) =>
    sending("POST", { ...LIMIT_ORDER, ...changes });
  const leg = { ...LIMIT_ORDER.legs[0], "quantity-direction": "Long" };
  const [condition] = recordedOrder.data.rules.conditions;
  const conditional = (changes: Record<string, unknown>) =>
    order({ "rules": { "conditions": [{ ...condition, ...changes }] } });
  const orders = `/accounts/${FUNDED}/orders`;
  const cases: readonly [string, RequestInit, string][] = [
    ["/", {}, "GET /"],
    ["/customers/me/", {}, "GET /customers/me/"],
    ["/customers/me", { method: "DELETE" }, "DELETE /customers/me"],
    ["/watchlists?x=1", {}, "GET /watchlists"],
    [
      `/accounts/${FUNDED}/complex-orders`,
      sending("POST", { "type": "BLAST", "orders": [] }),
      "the complex order type BLAST",
    ],
    ["/instruments/equities/active", {}, "GET /instruments/equities/active"],
    ["/instruments/equities/F", {}, "the symbol F"],
    ["/option-chains/F/nested", {}, "the symbol F"],
    ["/instruments/equities", {}, "equities without symbol[]"],
    ["/market-metrics?symbols=AAPL,SPY", {}, "the symbol SPY"],
    ["/market-data/by-type?equity=SPY", {}, "the symbol SPY, whose price is not set"],
    [
      orders,
      sending("POST", { ...MARKET_ORDER, "legs": [{ ...MARKET_ORDER.legs[0], "symbol": "SPY" }] }),
      "a market order for SPY, whose price is not set",
    ],
    [`/accounts/${FUNDED}/net-liq/history?time-back=1w`, {}, "a net-liq history of 1w"],
    [`/accounts/${FUNDED}/balance-snapshots?currency=EUR`, {}, "balances in EUR"],
    [
      `/accounts/${FUNDED}/positions?partition-keys[]=1`,
      {},
      'the query parameter "partition-keys[]" here',
    ],
    [`${orders}?futures-symbol=/ES`, {}, 'the query parameter "futures-symbol" here'],
    [`${orders}?sort=Asc&sort=Desc`, {}, 'the query parameter "sort" more than once'],
    [
      orders,
      order({ "advanced-instructions": { "strict": true } }),
      'the field "advanced-instructions" here',
    ],
    [
      orders,
      order({ "legs": [{ ...LIMIT_ORDER.legs[0], "instrument-type": "Future" }] }),
      "orders for the instrument type Future",
    ],
    [
      orders,
      order({ "rules": { "route-after": "2026-11-30T15:00:00Z" } }),
      'the field "rules.route-after" here',
    ],
    [orders, conditional({ "action": "cancel" }), 'conditions with the action "cancel"'],
    [orders, conditional({ "indicator": "nat" }), 'conditions with the indicator "nat"'],
    [orders, conditional({ "threshold": "?" }), "conditions without threshold"],
    [orders, conditional({ "delay": 1 }), 'the field "rules.conditions[].delay" here'],
    ["/symbols/search/ZZ", {}, "a search for ZZ"],
    [
      `/accounts/${FUNDED}/net-liq/history?interval=5m`,
      {},
      "a net-liq history by 5m",
    ],
    [`/accounts/${FUNDED}/margin-requirements/F/effective`, {}, "the symbol F"],
    [
      `/margin/accounts/${FUNDED}/dry-run`,
      order({ "replaces-order-id": "1" }),
      'the field "replaces-order-id" here',
    ],
    [orders, order({ "legs": [leg] }), 'the field "legs[0].quantity-direction" here'],
    [`${orders}/dry-run`, order({ "stop-tigger": "1" }), 'the field "stop-tigger" here'],
  ];
  for (const [path, init, what] of cases) assertUnserved(emulator, await get(path, init), what);
  assertEquals(emulator.orders, []);
  assertEquals(emulator.unserved.length, cases.length);
  assertEquals(emulator.unserved[1]?.request.path, "/customers/me/");
  emulator.forgetRequests();
  assertEquals(emulator.unserved, []);
});

Deno.test("emulator refuses what it does not model of TradeStation by name, and notes it", async () => {
  await using client = await TradestationClient.open();
  const { emulator } = client;
  const get = await client.signIn();
  const order = (changes: Record<string, unknown>) =>
    sending("POST", { ...TRADESTATION_ORDER, ...changes });
  const orders = "/v3/orderexecution/orders";
  const cases: readonly [string, RequestInit, string][] = [
    ["/v3/brokerage/accounts", { method: "PATCH" }, "PATCH /v3/brokerage/accounts"],
    ["/v3/orderexecution/routes", {}, "GET /v3/orderexecution/routes"],
    ["/v2/nothing", {}, "GET /v2/nothing"],
    ["/v2/data/symbols/suggest/ZZ", {}, "a search for ZZ"],
    ["/v2/data/symbols/suggest/M?$top=few", {}, '"$top" of few'],
    ["/v2/data/symbols/search/N=ZZ", {}, "a search for N=ZZ"],
    ["/v2/data/symbols/search/C=Index", {}, 'the category "Index"'],
    ["/v2/data/symbols/search/R=ES&C=FU", {}, 'the search criterion "R"'],
    ["/v3/marketdata/quotes/SPY", {}, "the symbol SPY, whose price is not set"],
    ["/v3/marketdata/symbols/SPY", {}, "the symbol SPY"],
    ["/v3/marketdata/barcharts/SPY", {}, "the symbol SPY"],
    ["/v3/marketdata/stream/barcharts/MSFT", {}, "GET /v3/marketdata/stream/barcharts/MSFT"],
    [
      "/v3/marketdata/barcharts/MSFT?sessiontemplate=USEQPre",
      {},
      "bars of the session USEQPre",
    ],
    [`/v3/brokerage/accounts/${MARGIN}/orders?since=1`, {}, 'the query parameter "since" here'],
    [orders, order({ "BuyingPowerWarning": "Enforce" }), 'the field "BuyingPowerWarning" here'],
    [
      orders,
      order({ "AdvancedOptions": { "TrailingStop": { "Ticks": "1" } } }),
      'the field "AdvancedOptions.TrailingStop.Ticks" here',
    ],
    [
      orders,
      order({ "OSOs": [{ "Type": "NORMAL", "Orders": [], "Delay": "1" }] }),
      'the field "OSOs[].Delay" here',
    ],
    [orders, order({ "Symbol": "EDZ22" }), "orders for the future EDZ22"],
  ];
  for (const [path, init, what] of cases) assertUnserved(emulator, await get(path, init), what);
  assertEquals(emulator.orders, []);

  const placed = await get(orders, order({ "OSOs": [], "AdvancedOptions": {}, "GroupName": null }));
  assertEquals(placed.status, 200); // what is empty asks for nothing
  const one = `${orders}/${at(placed.json, "Orders", 0, "OrderID")}`;
  const replace = (body: unknown) => get(one, sending("PUT", body));
  assertUnserved(emulator, await replace({}), "a replacement without any change");
  const spread = [
    { "Symbol": "SPY 251219C320", "Quantity": "1", "TradeAction": "SELLTOOPEN" },
    { "Symbol": "SPY 251219C300", "Quantity": "1", "TradeAction": "BUYTOOPEN" },
  ];
  const { json } = await get(orders, order({ "Legs": spread }));
  const changed = await get(
    `${orders}/${at(json, "Orders", 0, "OrderID")}`,
    sending("PUT", { "Quantity": "2" }),
  );
  assertUnserved(emulator, changed, "another quantity of an order with several legs");
  const stop = await replace({ "OrderType": "StopMarket" });
  assertUnserved(emulator, stop, "a replacement with the order type StopMarket");
});

Deno.test("emulator refuses pages of the sign-in that it does not have", async () => {
  await using emulator = await startEmulator();
  const { tastytrade, tradestation } = emulator;
  const elsewhere = await call(`${tastytrade.signInUrl}/login.html?a=b`);
  assertUnserved(emulator, elsewhere, "GET /login.html of the sign-in");
  const user = await call(`${tradestation.signInUrl}/userinfo`);
  assertUnserved(emulator, user, "GET /userinfo of the sign-in");
});

Deno.test("emulator says of what it does not have nothing about the token", async () => {
  await using emulator = await startEmulator();
  const { tastytrade, tradestation } = emulator;
  const path = "/nothing";
  for (const { baseUrl } of [tastytrade, tradestation]) {
    assertUnserved(emulator, await call(baseUrl + path), `GET ${path}`);
  }
});

Deno.test("emulator quotes every symbol of TradeStation whose price a test has set", async () => {
  await using client = await TradestationClient.open();
  client.emulator.setPrice("SPY", "600.25");
  client.emulator.setPrice("MSFT", "400");
  const get = await client.signIn();
  const { json } = await get("/v3/marketdata/quotes/SPY,MSFT");
  const fields = ["Symbol", "Last", "Bid", "Exchange", "Volume"];
  const found = [0, 1].map((i) => fields.map((name) => at(json, "Quotes", i, name)));
  assertEquals(found, [
    ["SPY", "600.25", "600.25", undefined, undefined],
    ["MSFT", "400", "400", undefined, "5852511"],
  ]);
});

Deno.test("emulator quotes every symbol whose price a test has set", async () => {
  await using emulator = await startEmulator();
  emulator.setPrice("SPY", "600.25");
  emulator.setPrice("AAPL", "200");
  const get = await signIn(emulator.tastytrade);
  const { json } = await get("/market-data/by-type?equity=SPY,AAPL&equity-option=SPY");
  const items = ["instrument-type", "mark", "bid", "beta"];
  const found = [0, 1, 2].map((i) => items.map((name) => at(json, "data", "items", i, name)));
  assertEquals(found, [
    ["Equity", "600.25", "600.25", undefined],
    ["Equity", "200.0", "200.0", "1.260672228"],
    ["Equity Option", "600.25", "600.25", undefined],
  ]);
  const order = { ...MARKET_ORDER, "legs": [{ ...MARKET_ORDER.legs[0], "symbol": "SPY" }] };
  const placed = await get(`/accounts/${FUNDED}/orders`, sending("POST", order));
  const effect = at(placed.json, "data", "buying-power-effect", "change-in-buying-power");
  assertEquals([placed.status, effect], [201, "600.251"]);
});

Deno.test("A session says that it was the emulator, and does not ask again", async () => {
  await using emulator = await startEmulator();
  const brokers = [
    { broker: tastytrade, ...emulator.tastytrade },
    { broker: tradestation, ...emulator.tradestation },
  ];
  for (const options of brokers) {
    await using session = new Session(options);
    const error = await assertRejects(() => session.get("/nowhere"), ApiError);
    assertStringIncludes(error.message, "The emulator does not serve GET ");
    assertMatch(error.message, /This says nothing about the real service$/); // and no other advice
  }
  assertEquals(emulator.unserved.map(({ request }) => request.broker), [
    "tastytrade",
    "tradestation",
  ]);
});

Deno.test("emulator reads every one of repeated symbols, and keeps the filters of today's orders", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  const symbols = ({ json }: Reading) => {
    const items = at(json, "data", "items");
    return Array.isArray(items) ? items.map((item) => at(item, "symbol")) : [];
  };
  const both = ["BTC/USD", "AAPL"];
  for (const query of ["equity=AAPL&cryptocurrency=BTC/USD", "equity=AAPL&equity=BTC/USD"]) {
    const found = symbols(await get(`/market-data/by-type?${query}`));
    assertEquals(found.toSorted(), both.toSorted(), query);
  }
  const path = `/accounts/${FUNDED}/orders`;
  const first = await get(path, sending("POST", LIMIT_ORDER));
  const tesla = { ...LIMIT_ORDER, "legs": [{ ...LIMIT_ORDER.legs[0], "symbol": "TSLA" }] };
  const second = await get(path, sending("POST", tesla));
  assert(first.status === 201 && second.status === 201);
  await get(`${path}/${at(second.json, "data", "order", "id")}`, { method: "DELETE" });
  const counts: readonly [string, number][] = [
    ["", 2],
    ["?underlying-symbol=TSLA", 1],
    ["?status[]=Live", 1],
    ["?status[]=Live&status[]=Cancelled", 2],
  ];
  for (const [query, expected] of counts) {
    const { text, json } = await get(`${path}/live${query}`);
    assertEquals(at(json, "pagination", "total-items"), expected, text);
  }
  assertEquals(emulator.unserved, []);
});
