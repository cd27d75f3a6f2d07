import { assertEquals } from "@std/assert";
import { startEmulator } from "../../src/emulator/emulator.ts";
import { at, sending, signIn } from "../support/emulator_wire.ts";
import { LIMIT_ORDER } from "../support/orders.ts";
import { FUNDED } from "./tastytrade_fixtures.ts";

Deno.test("emulator sends the orders of an OTOCO of tastytrade, of which one ends the other", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  const leg = { ...LIMIT_ORDER.legs[0], "action": "Sell to Close" };
  const exit = { "time-in-force": "GTC", "legs": [leg] };
  const otoco = {
    "type": "OTOCO",
    "trigger-order": { ...LIMIT_ORDER, "price": "157.97" },
    "orders": [
      { ...exit, "order-type": "Limit", "price": "198.66", "price-effect": "Credit" },
      { ...exit, "order-type": "Stop", "stop-trigger": "143.02" },
    ],
  };
  const path = `/accounts/${FUNDED}/complex-orders`;
  const statuses = () => emulator.orders.map(({ status }) => status);
  const dry = await get(`${path}/dry-run`, sending("POST", otoco));
  assertEquals([dry.status, emulator.orders.length], [201, 0]);
  const placed = await get(path, sending("POST", otoco));
  const complex = at(placed.json, "data", "complex-order");
  assertEquals([placed.status, at(complex, "type")], [201, "OTOCO"]);
  assertEquals(statuses(), ["Live", "Contingent", "Contingent"]);
  emulator.setPrice("AAPL", "150");
  assertEquals(statuses(), ["Filled", "Live", "Live"]);
  emulator.setPrice("AAPL", "143");
  assertEquals(statuses(), ["Filled", "Cancelled", "Filled"]);
  for (const list of [path, `${path}/live`]) {
    const found = await get(list);
    assertEquals(at(found.json, "data", "items", 0, "orders", 1, "status"), "Filled");
    assertEquals(typeof at(found.json, "data", "items", 0, "terminal-at"), "string");
  }
  const one = `${path}/${at(complex, "id")}`;
  assertEquals(
    at((await get(one)).json, "data", "trigger-order", "complex-order-id"),
    at(complex, "id"),
  );
  assertEquals((await get(one, { method: "DELETE" })).status, 422);
  assertEquals((await get(`${path}/1`)).status, 404);
});

Deno.test("emulator cancels all orders of a complex order, and checks what it is made of", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  const path = `/accounts/${FUNDED}/complex-orders`;
  const statuses = () => emulator.orders.map(({ status }) => status);
  const oto = { "type": "OTO", "trigger-order": LIMIT_ORDER, "orders": [LIMIT_ORDER] };
  const first = await get(path, sending("POST", oto));
  const id = at(first.json, "data", "complex-order", "id");
  const cancelled = await get(`${path}/${id}`, { method: "DELETE" });
  assertEquals(cancelled.status, 200);
  assertEquals(statuses(), ["Cancelled", "Cancelled"]);
  await get(path, sending("POST", { "type": "OCO", "orders": [LIMIT_ORDER, LIMIT_ORDER] }));
  emulator.setPrice("AAPL", "0.99");
  assertEquals(statuses().slice(2), ["Filled", "Cancelled"]);
  const wrong: readonly Record<string, unknown>[] = [
    { "type": "ALL", "orders": [LIMIT_ORDER, LIMIT_ORDER] },
    { "type": "OCO", "orders": [LIMIT_ORDER] },
    { "type": "OCO", "orders": [LIMIT_ORDER, LIMIT_ORDER], "trigger-order": LIMIT_ORDER },
    { "type": "OTO", "orders": [LIMIT_ORDER] },
    { "type": "OTOCO", "trigger-order": LIMIT_ORDER },
    { "type": "OTO", "orders": [{ ...LIMIT_ORDER, "price": "x" }], "trigger-order": LIMIT_ORDER },
  ];
  for (const form of wrong) {
    const { status, json } = await get(path, sending("POST", form));
    assertEquals(
      [status, at(json, "error", "code")],
      [400, "validation_error"],
      JSON.stringify(form),
    );
  }
});
