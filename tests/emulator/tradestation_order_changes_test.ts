import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import v2Balances from "../../src/emulator/tradestation/recordings/v2_balances.json" with {
  type: "json",
};
import { TradestationClient } from "../support/emulator_tradestation.ts";
import { at, listAt, sending } from "../support/emulator_wire.ts";
import { CASH, LIMIT_ORDER, MARKET_ORDER } from "./tradestation_fixtures.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

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
