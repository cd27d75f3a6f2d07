import { assertEquals } from "@std/assert";
import { at, listAt, sending } from "../support/emulator_wire.ts";
import { TradestationClient } from "../support/emulator_tradestation.ts";
import { MARGIN } from "./tradestation_fixtures.ts";
// The request bodies of the OpenAPI of TradeStation's API v3, in TradeStation's own words.
import samples from "./tradestation_order_samples.json" with { type: "json" };

const ORDERS = "/v3/orderexecution/orders";

/** How many orders a sample makes, and their statuses; or what of it is refused. */
const EXPECTED: Readonly<Record<string, readonly string[] | string>> = {
  "Market Order": ["ACK"],
  "Limit Order": ["ACK"],
  "Stop Market Order": ["ACK"],
  "Stop Limit Order": ["ACK"],
  "Single Option Order": ["ACK"],
  "Covered/Married Stock": ["ACK"],
  "Vertical Option Spread": ["ACK"],
  "Iron Condor (Sell Entry)": ["ACK"],
  "Order Sends Order": ["ACK", "OSO", "OSO"],
  "Limit Entry with Amount Trail Stop": ["ACK", "OSO"],
  "Long Entry with Exit Bracket - 1 Limit & 1 Stop": ["OUT", "OUT", "OUT"], // immediate, without a price
  "Buy Limit Entry with Multiple Brackets": ["ACK", "OSO", "OSO", "OSO", "OSO"],
  "Sell Short Stocks with Bracket - 1 Limit & 1 Stop": ["ACK", "OSO", "OSO"],
  "Reverse Long Position (Stocks)": ["ACK", "OSO"],
  "Market Activation Rules": 'the field "AdvancedOptions.MarketActivationRules" here',
  "Sell Limit Order - Time Activation": 'the field "AdvancedOptions.TimeActivationRules" here',
  "OCO Breakout Entry (Stocks)": ["ACK", "ACK"],
  "Exit Bracket - 1 Limit & 1 Stop": ["ACK", "ACK"],
  "Grouped Normal Order (NORMAL)": ["ACK", "ACK", "ACK", "ACK", "ACK", "ACK"],
};

for (
  const [path, bodies] of Object.entries({
    orders: samples.orders,
    ordergroups: samples.ordergroups,
  })
) {
  for (const [name, body] of Object.entries(bodies)) {
    Deno.test(`emulator takes the published sample of ${path} "${name}", or refuses it by name`, async () => {
      await using client = await TradestationClient.open();
      const get = await client.signIn();
      const expected = EXPECTED[name] ?? [];
      const { status, json } = await get(`/v3/orderexecution/${path}`, sending("POST", body));
      if (typeof expected === "string") {
        assertEquals([status, at(json, "unserved")], [501, expected]);
        assertEquals(client.emulator.orders, []);
        return;
      }
      assertEquals(status, 200);
      const ids = listAt(json, "Orders").map((order) => at(order, "OrderID"));
      assertEquals(client.emulator.orders.map(({ id }) => id), ids);
      assertEquals(client.emulator.orders.map((order) => order.status), expected);
      const listed = await get(`/v3/brokerage/accounts/${MARGIN}/orders/${ids.join(",")}`);
      assertEquals(listAt(listed.json, "Orders"), client.emulator.orders.map(({ wire }) => wire));
      const confirm = path === "orders" ? "orderconfirm" : "ordergroupconfirm";
      const asked = await get(`/v3/orderexecution/${confirm}`, sending("POST", body));
      assertEquals(listAt(asked.json, "Confirmations").length, expected.length);
    });
  }
}

for (const [name, body] of Object.entries(samples.replacements)) {
  Deno.test(`emulator takes the published sample of a replacement "${name}"`, async () => {
    await using client = await TradestationClient.open();
    const get = await client.signIn();
    const stop = name.includes("Stop");
    const order = stop ? samples.orders["Stop Limit Order"] : samples.orders["Limit Order"];
    const placed = await get(ORDERS, sending("POST", order));
    const path = `${ORDERS}/${at(placed.json, "Orders", 0, "OrderID")}`;
    const { status, json } = await get(path, sending("PUT", body));
    assertEquals([status, at(json, "Message")], [200, "Cancel/Replace order sent."]);
    const [seen] = client.emulator.orders;
    const { Quantity, AdvancedOptions, ...terms } = {
      Quantity: "10",
      AdvancedOptions: {},
      ...body,
    };
    assertEquals(at(seen?.wire, "Legs", 0, "QuantityOrdered"), Quantity);
    for (const [term, value] of Object.entries({ ...terms, ...AdvancedOptions })) {
      assertEquals(at(seen?.wire, term), value, term);
    }
  });
}

Deno.test("emulator protects a filled entry with its bracket, of which one order ends the other", async () => {
  await using client = await TradestationClient.open();
  const { emulator } = client;
  const get = await client.signIn();
  const statuses = () => emulator.orders.map((order) => order.status);
  const bracket = samples.orders["Buy Limit Entry with Multiple Brackets"];
  const { json } = await get(ORDERS, sending("POST", bracket));
  const ids = listAt(json, "Orders").map((order) => at(order, "OrderID"));
  const wires = () => emulator.orders.map(({ wire }) => wire);
  const [first, second] = wires();
  assertEquals(
    at(first, "ConditionalOrders"),
    ids.slice(1).map((OrderID) => ({ Relationship: "OSO", OrderID })),
  );
  assertEquals(at(second, "ConditionalOrders"), [
    { Relationship: "OSP", OrderID: ids[0] },
    { Relationship: "BRK", OrderID: ids[2] },
  ]);
  emulator.setPrice("MSFT", "329.5");
  assertEquals(statuses(), ["FLL", "ACK", "ACK", "ACK", "ACK"]);
  assertEquals(at(wires()[0], "FilledPrice"), "329.5");
  emulator.setPrice("MSFT", "336"); // the first target
  assertEquals(statuses(), ["FLL", "OUT", "FLL", "ACK", "ACK"]);
  emulator.setPrice("MSFT", "324"); // the second stop
  assertEquals(statuses(), ["FLL", "OUT", "FLL", "FLL", "OUT"]);
  const positions = await get(`/v3/brokerage/accounts/${MARGIN}/positions`);
  assertEquals(at(positions.json, "Positions", 0, "Quantity"), "10"); // as before the ten were bought and sold
});

Deno.test("emulator shows a short sale, a cover and a trailing stop in TradeStation's words", async () => {
  await using client = await TradestationClient.open();
  const get = await client.signIn();
  await get(
    ORDERS,
    sending("POST", samples.orders["Sell Short Stocks with Bracket - 1 Limit & 1 Stop"]),
  );
  await get(ORDERS, sending("POST", samples.orders["Limit Entry with Amount Trail Stop"]));
  const { orders } = client.emulator;
  const sides = orders.map(({ wire }) => at(wire, "Legs", 0, "BuyOrSell"));
  assertEquals(sides, ["SellShort", "BuyToCover", "BuyToCover", "Buy", "Sell"]);
  const [, , , , trailing] = orders;
  assertEquals(at(trailing?.wire, "TrailingStop"), { Amount: "10" });
  assertEquals(at(trailing?.wire, "AdvancedOptions"), "STPTRG=STT;TRL=10;");
});

Deno.test("emulator relates an order to those that it sends itself, and not to theirs", async () => {
  await using client = await TradestationClient.open();
  const get = await client.signIn();
  const order = samples.orders["Limit Order"];
  const child = { ...order, OSOs: [{ Type: "NORMAL", Orders: [order] }] };
  const parent = { ...order, OSOs: [{ Type: "NORMAL", Orders: [child] }] };
  const { json } = await get(ORDERS, sending("POST", parent));
  const [first, second, third] = listAt(json, "Orders").map((one) => at(one, "OrderID"));
  const related = client.emulator.orders.map(({ wire }) => at(wire, "ConditionalOrders"));
  assertEquals(related, [
    [{ Relationship: "OSO", OrderID: second }],
    [{ Relationship: "OSP", OrderID: first }, { Relationship: "OSO", OrderID: third }],
    [{ Relationship: "OSP", OrderID: second }],
  ]);
  client.emulator.setPrice("MSFT", "130");
  assertEquals(client.emulator.orders.map(({ status }) => status), ["FLL", "FLL", "FLL"]);
});
