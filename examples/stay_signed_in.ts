// Stays signed in, and prints what the first account is worth until Ctrl+C: yours if the environment
// has credentials, else the emulator's. Runs with `deno run -A`, `bun run` and `node`.
// Options: --every=5 (seconds), --times=3 to end by itself, --sandbox; --base-url=… for an emulator.
import process from "node:process";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Account, AutoRefreshSession, NetworkError } from "../mod.ts"; // "@tasty/session"
import { startEmulator } from "../src/emulator/emulator.ts"; // "@tasty/session/emulator"

const [text, flag] = [{ type: "string" }, { type: "boolean" }] as const;
const stop = new AbortController();
process.once("SIGINT", () => stop.abort()); // a second Ctrl+C ends the program at once

async function watch({ signal }: AbortController): Promise<void> {
  const options = { "every": text, "times": text, "base-url": text, "sandbox": flag };
  const { every = 5, times = Infinity, sandbox, "base-url": baseUrl } =
    parseArgs({ options }).values;
  const isOwn = process.env.TASTY_CLIENT_SECRET || process.env.TASTY_REFRESH_TOKEN || baseUrl;
  await using emulator = isOwn ? undefined : await startEmulator();
  const emulated = sandbox ? emulator?.tastytradeSandbox : emulator?.tastytrade;
  await using session = await AutoRefreshSession.start({ sandbox, baseUrl, ...emulated });

  const [account] = await Account.get(session, { signal });
  for (let count = 1; account !== undefined && count <= Number(times); count += 1) {
    if (count > 1) await pause(Number(every) * 1_000, undefined, { signal });
    try {
      const { netLiquidatingValue, currency } = await account.balances({ signal });
      console.log(new Date().toISOString(), account.accountNumber, netLiquidatingValue, currency);
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
