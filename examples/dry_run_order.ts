// Asks what an order to buy shares would cost, and never places it: at your account if the environment
// has credentials, else at the emulator's. Runs with `deno run -A`, `bun run` and `node`.
// Usage: dry_run_order.ts [symbol] [quantity] [limit price] [--sandbox]
import process from "node:process";
import { parseArgs } from "node:util";
import { Account, Session } from "../mod.ts"; // in your program: "@tasty/session"
import { startEmulator } from "../src/emulator/emulator.ts"; // "@tasty/session/emulator"

async function dryRun(): Promise<void> {
  const options = { "sandbox": { type: "boolean" } } as const;
  const { values: { sandbox }, positionals } = parseArgs({ options, allowPositionals: true });
  const [symbol = "AAPL", quantity = "1", price = "180.00"] = positionals;
  const isOwn = process.env.TASTY_CLIENT_SECRET || process.env.TASTY_REFRESH_TOKEN;
  await using emulator = isOwn ? undefined : await startEmulator();
  const emulated = sandbox ? emulator?.tastytradeSandbox : emulator?.tastytrade;
  await using session = new Session({ sandbox, ...emulated });

  const account = (await Account.get(session)).find(({ isClosed }) => !isClosed);
  const cost = await account?.dryRun({ // placeOrder() trades
    "time-in-force": "Day",
    "order-type": "Limit",
    price,
    "price-effect": "Debit",
    "legs": [{ "instrument-type": "Equity", symbol, quantity, "action": "Buy to Open" }],
  });
  console.log(`${quantity} ${symbol} at ${price} in ${account?.accountNumber}, not placed`);
  console.log(`  changes the buying power by ${cost?.changeInBuyingPower}`);
  console.log(`  of which ${cost?.fees} are fees`);
}

await dryRun().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
