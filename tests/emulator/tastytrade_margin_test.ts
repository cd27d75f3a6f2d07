import { assert, assertEquals } from "@std/assert";
import { startEmulator } from "../../src/emulator/emulator.ts";
import { at, call, listAt, sending, signIn } from "../support/emulator_wire.ts";
import { LIMIT_ORDER } from "../support/orders.ts";
import { FUNDED } from "./tastytrade_fixtures.ts";

Deno.test("emulator tells what a symbol requires, and what an order would", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  const { json } = await get(`/accounts/${FUNDED}/margin-requirements/SPY/effective`);
  assertEquals(at(json, "data", "underlying-symbol"), "SPY");
  assertEquals(at(json, "data", "long-equity-initial"), "0.5");
  const path = "/margin-requirements-public-configuration"; // needs no token
  const configuration = await call(emulator.tastytrade.baseUrl + path);
  assertEquals(at(configuration.json, "data", "risk-free-rate"), "0.0525");

  const dryRun = async (changes: Record<string, unknown>) => {
    const order = {
      ...LIMIT_ORDER,
      "account-number": FUNDED,
      "underlying-symbol": "AAPL",
      "legs": [{ ...LIMIT_ORDER.legs[0], "quantity": "10", "remaining-quantity": "10" }],
      ...changes,
    };
    return await get(`/margin/accounts/${FUNDED}/dry-run`, sending("POST", order));
  };
  const fine = await dryRun({});
  assertEquals(fine.status, 200);
  assertEquals(at(fine.json, "data", "change-in-margin-requirement"), "10.0");
  assert(at(fine.json, "data", "sufficient"));
  const tooMuch = await dryRun({ "price": "9999999.00" });
  assertEquals([tooMuch.status, at(tooMuch.json, "data", "sufficient")], [200, false]);
  assertEquals((await dryRun({ "legs": [] })).status, 400);
  assertEquals([emulator.orders, emulator.unserved], [[], []]);
});

Deno.test("emulator ends a net-liq history when it is asked to", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  const path = `/accounts/${FUNDED}/net-liq/history`;
  const window = "start-time=2026-03-01T00:00:00Z&end-time=2026-03-04T00:00:00Z";
  const { json } = await get(`${path}?interval=1d&${window}`);
  assertEquals(listAt(json, "data", "items").map((item) => at(item, "time")), [
    "2026-03-01 13:30:00+00",
    "2026-03-02 13:30:00+00",
    "2026-03-03 13:30:00+00",
  ]);
});
