import { assertEquals } from "@std/assert";
import confirmed from "../../src/emulator/tradestation/recordings/order_confirmed.json" with {
  type: "json",
};
import historicalOrder from "../../src/emulator/tradestation/recordings/historical_order.json" with {
  type: "json",
};
import orders from "../../src/emulator/tradestation/recordings/orders.json" with { type: "json" };
import placed from "../../src/emulator/tradestation/recordings/orders_placed.json" with {
  type: "json",
};
import { TradestationClient } from "../support/emulator_tradestation.ts";
import { at, listAt, sending, shapeOf } from "../support/emulator_wire.ts";
import {
  atTime,
  CASH,
  LIMIT_ORDER,
  MARGIN,
  MARKET_ORDER,
  OPTION_ORDER,
  STOP_ORDER,
} from "./tradestation_fixtures.ts";

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
    [OPTION_ORDER, "216.32", "21632", "Buy 1 MSFT 201120P110 @ Market"],
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
    "Sent order: Buy 1 MSFT 201120P110 @ Market",
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
    Underlying: "MSFT",
    OptionType: "PUT",
    StrikePrice: "110",
    ExpirationDate: "2020-11-20T00:00:00Z",
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
