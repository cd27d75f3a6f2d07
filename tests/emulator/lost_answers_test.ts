import { assert, assertEquals, assertRejects } from "@std/assert";
import { startEmulator, tastytradeFaults } from "../../src/emulator/emulator.ts";
import { at, call, listAt, sending, signIn } from "../support/emulator_wire.ts";
import { TradestationClient } from "../support/emulator_tradestation.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { LIMIT_ORDER } from "../support/orders.ts";
import { FUNDED } from "./tastytrade_fixtures.ts";
import { LIMIT_ORDER as TRADESTATION_ORDER, MARGIN } from "./tradestation_fixtures.ts";

const ORDERS = `/accounts/${FUNDED}/orders`;

Deno.test("emulator loses the answer to an order that it has placed", async () => {
  await using emulator = await startEmulator({ control: true });
  const get = await signIn(emulator.tastytrade);
  const place = () => get(ORDERS, { ...sending("POST", LIMIT_ORDER), signal });
  let { signal } = new AbortController();
  emulator.injectFault("POST /**", { afterEffect: tastytradeFaults.badGateway });
  assertEquals((await place()).status, 502);
  assertEquals(emulator.orders.length, 1);
  emulator.injectFault("POST /**", { afterEffect: "reset" }, 2);
  await assertRejects(place, TypeError);
  // Deno sends a string again by itself when a reused connection breaks.
  const { length } = emulator.orders;
  assert(length === 2 || length === 3, String(length));
  emulator.clearFaults();
  const faults = `${emulator.url}/control/faults`;
  const fault = { route: "POST /**", fault: { afterEffect: "hang" } };
  assertEquals((await call(faults, sending("POST", fault))).status, 204);
  const controller = new AbortController();
  signal = controller.signal;
  const hanging = assertRejects(place);
  while (emulator.orders.length === length) await new Promise((resolve) => setTimeout(resolve, 1));
  controller.abort();
  await hanging;
  const answered = { route: "POST /**", fault: { afterEffect: { status: 502 } } };
  assertEquals((await call(faults, sending("POST", answered))).status, 204);
  signal = new AbortController().signal;
  assertEquals((await place()).status, 502);
  for (const afterEffect of ["hangMidBody", { afterEffect: "hang" }, "tea", 1]) {
    const wrong = sending("POST", { route: "POST /**", fault: { afterEffect } });
    assertEquals((await call(faults, wrong)).status, 400);
  }
});

Deno.test("emulator shows an order in the lists as late as the test says", async () => {
  using clock = new FakeClock();
  await using emulator = await startEmulator();
  emulator.tokenLifetimeS = 3_600;
  emulator.orderListDelayMs = 2_000;
  const get = await signIn(emulator.tastytrade);
  const placed = await get(ORDERS, sending("POST", LIMIT_ORDER));
  const one = `${ORDERS}/${at(placed.json, "data", "order", "id")}`;
  const shown = async () => {
    const list = await get(`${ORDERS}/live?status[]=Live`);
    return [listAt(list.json, "data", "items").length, (await get(one)).status];
  };
  assertEquals(await shown(), [0, 404]);
  clock.advance(1_999);
  assertEquals(await shown(), [0, 404]);
  assertEquals(emulator.orders.length, 1);
  clock.advance(1);
  assertEquals(await shown(), [1, 200]);
});

Deno.test("emulator shows an order of TradeStation late, and its OrderConfirmID if it is told to", async () => {
  using clock = new FakeClock();
  await using client = await TradestationClient.open();
  const { emulator } = client;
  emulator.orderListDelayMs = 500;
  const get = await client.signIn();
  const order = { ...TRADESTATION_ORDER, "OrderConfirmID": "mine" };
  const placed = await get("/v3/orderexecution/orders", sending("POST", order));
  const id = at(placed.json, "Orders", 0, "OrderID");
  const found = async () => {
    const { json } = await get(`/v3/brokerage/accounts/${MARGIN}/orders`);
    return listAt(json, "Orders").find((one) => at(one, "OrderID") === id);
  };
  assertEquals(await found(), undefined);
  clock.advance(500);
  const shown = await found();
  assertEquals([at(shown, "Status"), at(shown, "OrderConfirmID")], ["ACK", undefined]);
  emulator.tradestation.listsConfirmIds = true;
  assertEquals(at(await found(), "OrderConfirmID"), "mine");
  assertEquals(emulator.tradestationSandbox.listsConfirmIds, emulator.tradestation.listsConfirmIds);
});
