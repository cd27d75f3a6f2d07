// Shows prices as they move, of either broker: yours if the environment has credentials, else the
// emulator's. Runs with `deno run -A`; for Bun and Node 24, `npm install @dxfeed/dxlink-api` first.
// Options: --broker=tradestation; --symbols=AAPL,MSFT; --times=N to end after N prices.
import process from "node:process";
import { parseArgs } from "node:util";
import { Session } from "../mod.ts"; // in your program: "@tasty/session"
import { findPlace, PLACE_OPTIONS } from "./shared/place.ts";
import { movePrices, watchPrices } from "./shared/prices.ts";

async function showQuotes(): Promise<void> {
  const text = { type: "string" } as const;
  const { symbols: list = "AAPL,MSFT", times, ...values } = parseArgs({
    options: { ...PLACE_OPTIONS, symbols: text, times: text },
  }).values;
  const symbols = list.split(",");
  await using place = await findPlace(values);
  using _moving = movePrices(place.emulator, symbols);
  await using session = new Session(place.options);

  const stop = new AbortController();
  process.once("SIGINT", () => stop.abort());
  let left = Number(times ?? Infinity);
  await watchPrices(session, symbols, stop.signal, (symbol, price) => {
    if (left-- > 0) console.log(`${symbol.padEnd(8)}${price}`);
    if (left <= 0) stop.abort();
  });
}

await showQuotes().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
