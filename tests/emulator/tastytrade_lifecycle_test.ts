import { assert, assertEquals, assertThrows } from "@std/assert";
import { startEmulator } from "../../src/emulator/emulator.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { at, listAt, type Reading, sending, signIn } from "../support/emulator_wire.ts";
import { LIMIT_ORDER, MARKET_ORDER } from "../support/orders.ts";
import { EMPTY, FUNDED } from "./tastytrade_fixtures.ts";

const ORDERS = `/accounts/${FUNDED}/orders`;

function orderIn({ json }: Reading): unknown {
  return at(json, "data", "order") ?? at(json, "data");
}

Deno.test("emulator fills an order of tastytrade in parts, and positions, balance and transactions follow", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  const ten = {
    ...LIMIT_ORDER,
    "price": "187.50",
    "legs": [{ ...LIMIT_ORDER.legs[0], "quantity": 10 }],
  };
  const placed = await get(ORDERS, sending("POST", ten));
  const path = `${ORDERS}/${at(orderIn(placed), "id")}`;
  const before = await get(`/accounts/${FUNDED}/balances`);
  emulator.setPrice("AAPL", "187.20", "4");
  const partly = orderIn(await get(path));
  assertEquals(at(partly, "status"), "Live");
  assertEquals([at(partly, "legs", 0, "quantity"), at(partly, "legs", 0, "remaining-quantity")], [
    10,
    6,
  ]);
  assertEquals(at(partly, "legs", 0, "fills", 0, "fill-price"), "187.2");
  emulator.setPrice("AAPL", "187.00");
  const filled = orderIn(await get(path));
  assertEquals([at(filled, "status"), at(filled, "cancellable")], ["Filled", false]);
  assertEquals(listAt(filled, "legs", 0, "fills").map((fill) => at(fill, "quantity")), [4, 6]);
  assertEquals((await get(path, { method: "DELETE" })).status, 422);

  const { json: positions } = await get(
    `/accounts/${FUNDED}/positions?symbol=AAPL&include-marks=true`,
  );
  const position = at(positions, "data", "items", 0);
  assertEquals(
    ["quantity", "quantity-direction", "average-open-price", "mark-price"].map((name) =>
      at(position, name)
    ),
    [10, "Long", "187.08", "187.0"],
  );
  const after = await get(`/accounts/${FUNDED}/balances`);
  const change = (name: string) =>
    (Number(at(after.json, "data", name)) - Number(at(before.json, "data", name))).toFixed(3);
  assertEquals(change("cash-balance"), "-1870.801"); // 4 × 187.20 + 6 × 187.00, and the fee
  assertEquals(change("long-equity-value"), "1870.000");
  assertEquals(change("net-liquidating-value"), "-0.801");
  const { json: transactions } = await get(`/accounts/${FUNDED}/transactions?symbol=AAPL`);
  const values = listAt(transactions, "data", "items").map((one) => at(one, "net-value"));
  assertEquals(values, ["1122.0", "748.801"]);
  assertEquals(emulator.orders[0]?.status, "Filled");
});

Deno.test("emulator closes a position, and shows it only to those who ask for closed ones", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  emulator.setPrice("TQQQ", "50");
  const sell = {
    ...MARKET_ORDER,
    "legs": [{
      "instrument-type": "Equity",
      "symbol": "TQQQ",
      "quantity": 742,
      "action": "Sell to Close",
    }],
  };
  await get(ORDERS, sending("POST", sell));
  const open = await get(`/accounts/${FUNDED}/positions?symbol=TQQQ`);
  assertEquals(listAt(open.json, "data", "items"), []);
  const all = await get(`/accounts/${FUNDED}/positions?symbol=TQQQ&include-closed-positions=true`);
  assertEquals(at(all.json, "data", "items", 0, "quantity-direction"), "Zero");
  assertEquals(at(all.json, "data", "items", 0, "quantity"), 0);
});

Deno.test("emulator leads an order of tastytrade through every status, as long as the test says", async () => {
  using clock = new FakeClock();
  await using emulator = await startEmulator();
  emulator.orderDelayMs = 100;
  emulator.tokenLifetimeS = 3_600;
  const get = await signIn(emulator.tastytrade);
  const placed = orderIn(await get(ORDERS, sending("POST", LIMIT_ORDER)));
  const path = `${ORDERS}/${at(placed, "id")}`;
  const statuses = [at(placed, "status")];
  for (let i = 0; i < 3; i++) {
    clock.advance(100);
    statuses.push(at(orderIn(await get(path)), "status"));
  }
  assertEquals(statuses, ["Received", "Routed", "In Flight", "Live"]);

  const next = orderIn(await get(path, sending("PUT", { ...LIMIT_ORDER, "price": "2.00" })));
  const status = async (id: unknown) => at(orderIn(await get(`${ORDERS}/${id}`)), "status");
  assertEquals(await status(at(placed, "id")), "Replace Requested");
  assertEquals(await status(at(next, "id")), "Contingent");
  clock.advance(300);
  assertEquals(await status(at(placed, "id")), "Cancelled");
  assertEquals(await status(at(next, "id")), "Live");
  const cancelled = await get(`${ORDERS}/${at(next, "id")}`, { method: "DELETE" });
  assertEquals(at(orderIn(cancelled), "status"), "Cancel Requested");
  emulator.setPrice("AAPL", "1.50"); // the fill is faster
  clock.advance(100);
  assertEquals(await status(at(next, "id")), "Filled");
});

Deno.test("emulator expires orders at the end of the day, and rejects what a test says", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  const today = new Date().toISOString().slice(0, 10);
  const lives: readonly Record<string, string>[] = [
    { "time-in-force": "Day" },
    { "time-in-force": "GTC" },
    { "time-in-force": "GTD", "gtc-date": today },
    { "time-in-force": "GTD", "gtc-date": "2999-01-01" },
  ];
  for (const life of lives) await get(ORDERS, sending("POST", { ...LIMIT_ORDER, ...life }));
  emulator.endTradingDay();
  const statuses = () => emulator.orders.map(({ status }) => status);
  assertEquals(statuses(), ["Expired", "Live", "Expired", "Live"]);
  const [expired, live] = emulator.orders;
  assert(expired !== undefined && live !== undefined);
  // The sandbox has the same ids.
  const sandbox = await signIn(emulator.tastytradeSandbox);
  for (let i = 0; i < 2; i++) {
    await sandbox(ORDERS, sending("POST", { ...LIMIT_ORDER, "price": "9" }));
  }
  assertEquals(emulator.orders[5]?.id, live.id);
  emulator.rejectOrder(live, "Session offline");
  assertEquals([statuses()[1], statuses()[5]], ["Rejected", "Live"]);
  assertEquals(at(emulator.orders[1]?.wire, "reject-reason"), "Session offline");
  for (const order of [expired, live, { ...live, id: 1 }, { ...live, id: "x" }]) {
    assertThrows(() => emulator.rejectOrder(order, "no"), TypeError, "there is none that works");
  }
});

Deno.test("emulator fills in tastytrade's sandbox what the sandbox fills, and nothing in production", async () => {
  await using emulator = await startEmulator();
  const four = { ...LIMIT_ORDER, "price": "3.01" };
  const three = { ...LIMIT_ORDER, "price": "3.00" };
  const stop = { ...MARKET_ORDER, "order-type": "Stop", "stop-trigger": "2.00" };
  for (const environment of [emulator.tastytrade, emulator.tastytradeSandbox]) {
    const get = await signIn(environment);
    for (const order of [MARKET_ORDER, three, four, stop]) {
      await get(ORDERS, sending("POST", order));
    }
  }
  assertEquals(emulator.orders.map(({ status }) => status), [
    ...["Live", "Live", "Live", "Live"],
    ...["Filled", "Filled", "Live", "Live"],
  ]);
  const prices = emulator.orders.map(({ wire }) => at(wire, "legs", 0, "fills", 0, "fill-price"));
  assertEquals(prices.slice(4), ["1.0", "3.0", undefined, undefined]);
});

Deno.test("emulator tells the fees of a day", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  emulator.setPrice("AAPL", "1");
  for (const order of [LIMIT_ORDER, MARKET_ORDER]) await get(ORDERS, sending("POST", order));
  const fees = async (query: string) =>
    at((await get(`/accounts/${FUNDED}/transactions/total-fees${query}`)).json, "data");
  const debit = { "total-fees": "0.002", "total-fees-effect": "Debit" };
  assertEquals([await fees(""), await fees(`?date=${today()}`)], [debit, debit]);
  assertEquals(await fees("?date=2020-01-01"), {
    "total-fees": "0.0",
    "total-fees-effect": "None",
  });
});

Deno.test("emulator buys for an amount of money what it is worth at the price", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  const { quantity: _, ...leg } = { quantity: 0, ...MARKET_ORDER.legs[0] };
  const notional = {
    "time-in-force": "Day",
    "order-type": "Notional Market",
    "value": "100.00",
    "value-effect": "Debit",
    "legs": [leg],
  };
  await get(ORDERS, sending("POST", notional));
  assertEquals(emulator.orders[0]?.status, "Live");
  emulator.setPrice("AAPL", "200");
  assertEquals(at(emulator.orders[0]?.wire, "legs", 0, "fills", 0, "quantity"), 0.5);
});

Deno.test("setPrice() takes amounts only", async () => {
  await using emulator = await startEmulator();
  for (const [price, size] of [["0"], ["-1"], ["1e3"], ["1", "0"], ["1", "many"]] as const) {
    assertThrows(
      () => emulator.setPrice("AAPL", price, size),
      TypeError,
      "is not a positive amount",
    );
  }
  const get = await signIn(emulator.tastytrade);
  await get(`/accounts/${EMPTY}/orders`, sending("POST", LIMIT_ORDER)); // no money
  assertEquals(emulator.orders, []);
});

function today(): string {
  return new Date().toISOString().slice(0, 10);
}
