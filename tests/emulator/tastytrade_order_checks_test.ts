import { assertEquals } from "@std/assert";
import { startEmulator } from "../../src/emulator/emulator.ts";
import errors from "../../src/emulator/tastytrade/recordings/errors.json" with { type: "json" };
import margin from "../../src/emulator/tastytrade/recordings/margin_check_failed.json" with {
  type: "json",
};
import order from "../../src/emulator/tastytrade/recordings/order.json" with { type: "json" };
import { at, sending, shapeOf, signIn } from "../support/emulator_wire.ts";
import { LIMIT_ORDER } from "../support/orders.ts";
import { EMPTY, FUNDED, RECORDED_DRY_RUN, without } from "./tastytrade_fixtures.ts";

Deno.test("emulator lists all that is wrong with an order", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  const leg = LIMIT_ORDER.legs[0];
  const missing = "is missing";
  const invalid = "does not have a valid value";
  const cases: readonly [Record<string, unknown>, Record<string, string>][] = [
    [{}, { "time-in-force": missing, "order-type": missing, "legs": missing }],
    [{ ...LIMIT_ORDER, "legs": [] }, { "legs": missing }],
    [{ ...LIMIT_ORDER, "legs": "AAPL" }, { "legs": missing }],
    [{ ...LIMIT_ORDER, "legs": [{}] }, {
      "legs[0].instrument-type": missing,
      "legs[0].symbol": missing,
      "legs[0].action": missing,
      "legs[0].quantity": missing,
    }],
    [{ ...LIMIT_ORDER, "legs": [leg, { ...leg, "quantity": 0, "action": "Hold" }] }, {
      "legs[1].action": invalid,
      "legs[1].quantity": invalid,
    }],
    [{ ...LIMIT_ORDER, "legs": [{ ...leg, "quantity": true, "symbol": 5 }] }, {
      "legs[0].symbol": invalid,
      "legs[0].quantity": invalid,
    }],
    [{ ...LIMIT_ORDER, "price": "1,00" }, { "price": invalid }],
    [{ ...LIMIT_ORDER, "price": "-1.00" }, { "price": invalid }],
    [without("price", without("price-effect", LIMIT_ORDER)), {
      "price": missing,
      "price-effect": missing,
    }],
    [{ ...LIMIT_ORDER, "price-effect": "None" }, { "price-effect": invalid }],
    [{ ...LIMIT_ORDER, "order-type": "Stop" }, { "stop-trigger": missing }],
    [{ ...LIMIT_ORDER, "order-type": "Notional Market" }, {
      "value": missing,
      "value-effect": missing,
    }],
    [{ ...LIMIT_ORDER, "time-in-force": "GTD" }, { "gtc-date": missing }],
    [{ ...LIMIT_ORDER, "time-in-force": "Forever" }, { "time-in-force": invalid }],
  ];
  for (const [body, expected] of cases) {
    const path = `/accounts/${FUNDED}/orders`;
    const { status, json } = await get(path, sending("POST", body));
    const complaints = Object.entries(expected).map(([domain, reason]) => ({ domain, reason }));
    assertEquals(json, { error: { ...errors.validation_error.error, errors: complaints } });
    assertEquals(status, 400);
  }
  assertEquals(emulator.orders, []);
});

Deno.test("emulator refuses an order that is no JSON", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  const path = `/accounts/${FUNDED}/orders`;
  const headers = { "content-type": "application/json" };
  assertEquals((await get(path, { method: "POST", headers, body: "{" })).status, 400);
  assertEquals((await get(path, { method: "POST", headers, body: "[]" })).status, 400);
  assertEquals((await get(path, { method: "POST", body: "{}" })).status, 415);
  assertEquals((await get(path, { method: "POST" })).status, 415);
});

Deno.test("emulator refuses market orders that are good till cancelled, as recorded", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  const body = { ...RECORDED_DRY_RUN, "time-in-force": "GTC" };
  for (const path of ["orders", "orders/dry-run"]) {
    const { status, json } = await get(`/accounts/${FUNDED}/${path}`, sending("POST", body));
    assertEquals([status, json], [422, errors.preflight_check_failure]);
  }
});

Deno.test("emulator refuses an order that the account cannot pay, with both data and error", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  const body = { ...LIMIT_ORDER, "price": "20078.77" };
  const { status, json } = await get(`/accounts/${FUNDED}/orders`, sending("POST", body));
  assertEquals(status, 422);
  assertEquals(shapeOf(json), shapeOf(margin));
  assertEquals(at(json, "error"), margin.error);
  assertEquals(at(json, "data", "buying-power-effect", "new-buying-power"), "0.009");
  assertEquals(at(json, "data", "buying-power-effect", "new-buying-power-effect"), "Debit");
  const poor = await get(`/accounts/${EMPTY}/orders`, sending("POST", LIMIT_ORDER));
  assertEquals(at(poor.json, "data", "buying-power-effect", "current-buying-power-effect"), "None");
  assertEquals(emulator.orders, []);
});

Deno.test("emulator reckons orders of all kinds without rounding", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  const leg = LIMIT_ORDER.legs[0];
  const option = {
    ...leg,
    "instrument-type": "Equity Option",
    "symbol": "RIVN  230609P00014000",
    "quantity": "3",
  };
  const cases: readonly [Record<string, unknown>, string, string, string][] = [
    [LIMIT_ORDER, "1.001", "Debit", "AAPL"],
    [{ ...LIMIT_ORDER, "price": 0.1 }, "0.101", "Debit", "AAPL"],
    [{ ...LIMIT_ORDER, "price": "0.79", "legs": [option] }, "237.001", "Debit", "RIVN"],
    [{ ...LIMIT_ORDER, "price-effect": "Credit" }, "0.999", "Credit", "AAPL"],
    [
      { ...without("rules", RECORDED_DRY_RUN), "legs": [{ ...leg, "action": "Sell to Close" }] },
      "183.079",
      "Credit",
      "AAPL",
    ],
    [
      { ...LIMIT_ORDER, "order-type": "Stop", "price": undefined, "stop-trigger": "2.5" },
      "2.501",
      "Debit",
      "AAPL",
    ],
    [
      {
        ...RECORDED_DRY_RUN,
        "order-type": "Notional Market",
        "value": "50.25",
        "value-effect": "Debit",
        "legs": [without("quantity", { ...leg })],
      },
      "50.251",
      "Debit",
      "AAPL",
    ],
  ];
  for (const [body, impact, effect, underlying] of cases) {
    const path = `/accounts/${FUNDED}/orders/dry-run`;
    const { status, json } = await get(path, sending("POST", body));
    assertEquals(status, 201, JSON.stringify(json));
    assertEquals(at(json, "data", "buying-power-effect", "impact"), impact);
    assertEquals(at(json, "data", "buying-power-effect", "effect"), effect);
    assertEquals(at(json, "data", "order", "underlying-symbol"), underlying);
    assertEquals(at(json, "data", "order", "underlying-instrument-type"), "Equity");
  }
});

Deno.test("emulator keeps a contingent order waiting until its conditions are true", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  const path = `/accounts/${FUNDED}/orders`;
  const { json } = await get(path, sending("POST", { ...LIMIT_ORDER, "rules": order.data.rules }));
  assertEquals(at(json, "data", "order", "status"), "Contingent");
  assertEquals(at(json, "data", "order", "contingent-status"), "Pending Condition");
  const statuses = () => emulator.orders.map(({ status }) => status);
  assertEquals(statuses(), ["Contingent"]);
  emulator.setPrice("AAPL", "0.02"); // the recorded condition is a last price of 0.01 or less
  assertEquals(statuses(), ["Contingent"]);
  emulator.setPrice("AAPL", "0.01");
  assertEquals(statuses(), ["Filled"]);

  const [condition] = order.data.rules.conditions;
  const both = [
    { ...condition, "comparator": "gte", "threshold": "2.00" },
    { ...condition, "symbol": "SPY", "threshold": "600.00" },
  ];
  await get(path, sending("POST", { ...LIMIT_ORDER, "rules": { "conditions": both } }));
  emulator.setPrice("AAPL", "2.00");
  assertEquals(statuses(), ["Filled", "Contingent"]);
  emulator.setPrice("SPY", "599.99");
  assertEquals(statuses(), ["Filled", "Live"]); // it works from then on, whatever the prices are
  emulator.setPrice("SPY", "700.00");
  emulator.setPrice("AAPL", "1.00");
  assertEquals(statuses(), ["Filled", "Filled"]);
});
