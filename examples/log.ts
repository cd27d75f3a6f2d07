// A minute of trading over a bad connection, told by the session, one line for each thing that is worth knowing:
// which orders, what was tried again and why, who waited for what, when the token was renewed, and how the grant is
// lost in the end. With the emulator only. Runs with `deno run -A`, `bun run` and `node`.
// Options: --broker=tradestation; --seconds=60.
import process from "node:process";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Account, AutoRefreshSession } from "../mod.ts"; // in your program: "@tasty/session"
import { startEmulator } from "../src/emulator/emulator.ts"; // "@tasty/session/emulator"
import { spoilConnection, wireOf } from "./shared/bad_connection.ts";
import { LEGEND, logEvents } from "./shared/event_log.ts";

async function trade(broker: string, seconds: number): Promise<void> {
  const wire = wireOf(broker);
  await using emulator = await startEmulator();
  emulator.tokenLifetimeS = 12; // so that it is renewed a few times in a minute
  await using session = await AutoRefreshSession.start({
    ...wire.options(emulator),
    rateLimit: { requests: 5, perMs: 1_000 },
    timeoutMs: 3_000,
  });
  const accounts = await Account.get(session);
  const account = accounts.find(({ accountNumber }) => accountNumber === wire.accountNumber);
  if (account === undefined) throw new Error("The emulator has lost an account");

  /** Does it again and again, whatever becomes of it: the log tells. */
  const repeat = async (everyMs: number, task: () => Promise<void>) => {
    while (!session.isGrantLost) await Promise.all([pause(everyMs), task().catch(() => {})]);
  };
  await Promise.all([
    spoilConnection(emulator, wire, seconds),
    repeat(1_500, async () => void await account.balances()),
    repeat(1_100, async () => {
      const price = (180 + Math.random()).toFixed(2);
      const { id } = await account.placeOrder(wire.order("AAPL", "1", price));
      if (Math.random() < 0.5) await account.cancelOrder(id);
    }),
    repeat(1_000, async () => {
      for await (const _ of account.updates()) if (session.isGrantLost) break;
    }),
  ]);
}

const text = { type: "string" } as const;
const { broker = "tastytrade", seconds = "60" } = parseArgs({
  options: { broker: text, seconds: text },
}).values;
const isColored = process.stdout.isTTY && process.env.NO_COLOR === undefined;
console.log(LEGEND);
logEvents(console.log, { isColored });
await trade(broker, Number(seconds)).then(() => {
  console.log("The program has ended, because its grant is lost");
}, (error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
