// Stays signed in, and prints what the first account is worth until Ctrl+C: yours if the environment
// has credentials, else the emulator's. Runs with `deno run -A`, `bun run` and `node`.
// Options: --every=5 (seconds); --times=3 to end by itself; --broker=tradestation; --sandbox; --base-url=…
import process from "node:process";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Account, AutoRefreshSession, NetworkError } from "../mod.ts"; // "@tasty/session"
import { findPlace, PLACE_OPTIONS } from "./shared/place.ts";

const text = { type: "string" } as const;
const stop = new AbortController();
process.once("SIGINT", () => stop.abort()); // a second Ctrl+C ends the program at once

async function watch({ signal }: AbortController): Promise<void> {
  const options = { ...PLACE_OPTIONS, "every": text, "times": text };
  const { every = 5, times = Infinity, ...values } = parseArgs({ options }).values;
  await using place = await findPlace(values);
  await using session = await AutoRefreshSession.start(place.options);

  const [account] = await Account.get(session, { signal });
  for (let count = 1; account !== undefined && count <= Number(times); count += 1) {
    if (count > 1) await pause(Number(every) * 1_000, undefined, { signal });
    try {
      const { netLiquidatingValue, currency } = await account.balances({ signal });
      const worth = netLiquidatingValue ?? "worth something that the broker does not tell";
      console.log(new Date().toISOString(), account.accountNumber, worth, currency);
    } catch (error) {
      if (!(error instanceof NetworkError)) throw error;
      console.log(new Date().toISOString(), error.message); // and the next time it may be there again
    }
  }
}

await watch(stop).catch((error: Error) => {
  if (stop.signal.aborted) return console.log("Signed out");
  console.error(error.message);
  process.exitCode = 1;
});
