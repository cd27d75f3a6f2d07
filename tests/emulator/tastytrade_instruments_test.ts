import { assertEquals } from "@std/assert";
import { startEmulator } from "../../src/emulator/emulator.ts";
import equity from "../../src/emulator/tastytrade/recordings/equity.json" with { type: "json" };
import chain from "../../src/emulator/tastytrade/recordings/option_chain_nested.json" with {
  type: "json",
};
import { at, listAt, sending, shapeOf, signIn } from "../support/emulator_wire.ts";
import { MARKET_ORDER } from "../support/orders.ts";
import { atTime, FUNDED } from "./tastytrade_fixtures.ts";

Deno.test("emulator has equities alone and in a list, SPY among them", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  const { json: spy } = await get("/instruments/equities/SPY");
  assertEquals([at(spy, "data", "is-etf"), shapeOf(spy)], [true, shapeOf(equity)]);
  const { json } = await get("/instruments/equities?symbol[]=SPY&symbol[]=AAPL&per-page=1");
  assertEquals(listAt(json, "data", "items"), [at(spy, "data")]);
  assertEquals(at(json, "pagination", "total-items"), 2);
});

Deno.test("emulator has option chains that expire from today on, whose options can be ordered", async () => {
  using _time = atTime(Date.parse("2026-11-20T14:00:00.000Z")); // a Friday
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  const { json } = await get("/option-chains/SPY/nested");
  const item = at(json, "data", "items", 0);
  const expirations = listAt(item, "expirations");
  const [first] = expirations;
  const strikes = [at(first, "strikes", 0)];
  const short = { ...Object(item), "expirations": [{ ...Object(first), "strikes": strikes }] };
  assertEquals(shapeOf(short), shapeOf(chain.data.items[0]));
  const days = expirations.map((
    one,
  ) => [at(one, "expiration-date"), at(one, "days-to-expiration")]);
  assertEquals(days, [["2026-11-20", 0], ["2026-11-27", 7], ["2026-12-04", 14], [
    "2026-12-11",
    21,
  ]]);
  const strike = at(expirations[1], "strikes", 2);
  assertEquals(strike, {
    "strike-price": "600.0",
    "call": "SPY   261127C00600000",
    "call-streamer-symbol": ".SPY261127C600",
    "put": "SPY   261127P00600000",
    "put-streamer-symbol": ".SPY261127P600",
  });
  const symbol = `${at(strike, "call")}`;
  emulator.setPrice(symbol, "2.50");
  const leg = { ...MARKET_ORDER.legs[0], "instrument-type": "Equity Option", symbol };
  const order = sending("POST", { ...MARKET_ORDER, "legs": [leg] });
  const placed = await get(`/accounts/${FUNDED}/orders`, order);
  assertEquals(at(placed.json, "data", "buying-power-effect", "impact"), "250.001");
  assertEquals(at(placed.json, "data", "order", "underlying-symbol"), "SPY");
});

Deno.test("emulator finds the symbols that it has, by their beginning", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  const { json } = await get("/symbols/search/sp");
  assertEquals(listAt(json, "data", "items").map((item) => at(item, "symbol")), ["SPY"]);
  assertEquals(at(json, "data", "items", 0, "instrument-type"), "Equity");
  const sandbox = await signIn(emulator.tastytradeSandbox);
  assertEquals((await sandbox("/symbols/search/SPY")).status, 502);
  assertEquals(emulator.unserved, []);
});
