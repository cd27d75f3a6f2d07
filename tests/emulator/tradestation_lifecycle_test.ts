import { assert, assertEquals } from "@std/assert";
import { FakeClock } from "../support/fake_clock.ts";
import { at, listAt, sending } from "../support/emulator_wire.ts";
import { TradestationClient } from "../support/emulator_tradestation.ts";
import { CASH, LIMIT_ORDER, MARGIN, MARKET_ORDER } from "./tradestation_fixtures.ts";

Deno.test("emulator fills an order of TradeStation in parts, and positions and balances follow", async () => {
  await using client = await TradestationClient.open();
  const { emulator } = client;
  const get = await client.signIn();
  const orders = "/v3/orderexecution/orders";
  await get(orders, sending("POST", { ...LIMIT_ORDER, AccountID: CASH }));
  const wire = () => emulator.orders[0]?.wire;
  assertEquals([at(wire(), "Status"), at(wire(), "GoodTillDate")], ["ACK", ninetyDaysFromNow()]);
  emulator.setPrice("MSFT", "132.00", "4");
  assertEquals([at(wire(), "Status"), at(wire(), "Legs", 0, "ExecQuantity")], ["FPR", "4"]);
  const path = `${orders}/${emulator.orders[0]?.id}`;
  await get(path, sending("PUT", { "OrderType": "Market" }));
  emulator.setPrice("MSFT", "133.00", "1");
  assertEquals(at(wire(), "Legs", 0, "ExecQuantity"), "5");
  const cancelled = await get(path, { method: "DELETE" });
  assertEquals(cancelled.status, 200);
  assertEquals([at(wire(), "Status"), at(wire(), "FilledPrice")], ["FLP", "132.2"]);

  const { json } = await get(`/v3/brokerage/accounts/${CASH}/positions`);
  const position = at(json, "Positions", 0);
  assertEquals(
    ["Quantity", "LongShort", "AveragePrice", "MarketValue", "UnrealizedProfitLoss"]
      .map((name) => at(position, name)),
    ["5", "Long", "132.2", "665", "4"],
  );
  const { json: balances } = await get(`/v3/brokerage/accounts/${CASH}/balances`);
  assertEquals(at(balances, "Balances", 0, "CashBalance"), "987654319126"); // 661 less
  assertEquals(at(balances, "Balances", 0, "Equity"), "987654321543.0976"); // and 4 more
  const history = await get(`/v3/brokerage/accounts/${CASH}/historicalorders?since=${today()}`);
  assertEquals(listAt(history.json, "Orders").map((order) => at(order, "Status")), ["FLP"]);
  const unknown = await get(`${orders}/1`, { method: "DELETE" });
  assertEquals([unknown.status, at(unknown.json, "Message")], [404, "Invalid order ID."]);
});

Deno.test("emulator changes and cancels the recorded orders of TradeStation too", async () => {
  await using client = await TradestationClient.open();
  const get = await client.signIn();
  const path = "/v3/orderexecution/orders/286179863";
  const wire = async () => {
    const { json } = await get(`/v3/brokerage/accounts/${MARGIN}/orders/286179863`);
    return at(json, "Orders", 0);
  };
  await get(path, sending("PUT", { LimitPrice: "231" }));
  assertEquals([at(await wire(), "LimitPrice"), at(await wire(), "Legs", 0, "QuantityOrdered")], [
    "231",
    "10",
  ]);
  await get(path, sending("PUT", { Quantity: "7" }));
  assertEquals(at(await wire(), "Legs", 0, "QuantityRemaining"), "7");
  await get(path, { method: "DELETE" });
  assertEquals(at(await wire(), "Status"), "OUT");
  const empty = await get(
    "/v3/orderexecution/ordergroups",
    sending("POST", { Type: "OCO", Orders: [] }),
  );
  assertEquals([empty.status, at(empty.json, "Message")], [400, "Orders is required"]);
});

Deno.test("emulator fills market orders in SIM at once, sends late where it is told, and rejects", async () => {
  using clock = new FakeClock();
  await using client = await TradestationClient.open();
  const { emulator } = client;
  const get = await client.signIn(emulator.tradestationSandbox.baseUrl);
  const order = { ...MARKET_ORDER, AccountID: "SIM3113503M" };
  const orders = "/v3/orderexecution/orders";
  const statuses = () => emulator.orders.map(({ status }) => status);
  await get(orders, sending("POST", order));
  assertEquals([statuses(), at(emulator.orders[0]?.wire, "FilledPrice")], [["FLL"], "216.32"]);
  emulator.setPrice("MSFT", "200");
  emulator.orderDelayMs = 50;
  await get(orders, sending("POST", order));
  assertEquals(statuses()[1], "OPN");
  clock.advance(50);
  assertEquals([statuses()[1], at(emulator.orders[1]?.wire, "FilledPrice")], ["FLL", "200"]);
  const limit = { ...LIMIT_ORDER, AccountID: "SIM3113503M", LimitPrice: "100" };
  await get(orders, sending("POST", limit));
  clock.advance(50);
  await get(`${orders}/${emulator.orders[2]?.id}`, { method: "DELETE" });
  assertEquals(statuses()[2], "UCN");
  const [, , third] = emulator.orders;
  assert(third !== undefined);
  emulator.rejectOrder(third, "Not now");
  assertEquals([statuses()[2], at(emulator.orders[2]?.wire, "RejectReason")], ["REJ", "Not now"]);
  emulator.orderDelayMs = 0;
  await get(orders, sending("POST", { ...limit, TimeInForce: { Duration: "DAY" } }));
  await get(orders, sending("POST", limit));
  emulator.endTradingDay();
  assertEquals(statuses().slice(3), ["EXP", "ACK"]);
});

function today(): string {
  return new Date().toISOString().slice(0, 10);
}

function ninetyDaysFromNow(): string {
  return `${new Date(Date.now() + 90 * 86_400_000).toISOString().slice(0, 10)}T00:00:00Z`;
}
