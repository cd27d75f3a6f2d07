// Prints what your accounts hold as one table, or what the emulator's hold if there are no credentials.
// Bun reads .env by itself, so that nothing else is needed: `bun run examples/bun_script.ts`. It runs
// with `deno run -A --env-file` and `node --env-file=.env` too. Option: --base-url=… for an emulator.
import process from "node:process";
import { parseArgs } from "node:util";
import { Account, Session } from "../mod.ts"; // in your program: "@tasty/session"
import { startEmulator } from "../src/emulator/emulator.ts"; // "@tasty/session/emulator"

async function printPositions(): Promise<void> {
  const options = { "base-url": { type: "string" } } as const;
  const { "base-url": baseUrl } = parseArgs({ options }).values;
  const isOwn = process.env.TASTY_CLIENT_SECRET || process.env.TASTY_REFRESH_TOKEN || baseUrl;
  await using emulator = isOwn ? undefined : await startEmulator();
  await using session = new Session({ baseUrl, ...emulator?.tastytrade });

  const accounts = await Account.get(session);
  const lists = await Promise.all(accounts.map((account) => account.positions()));
  console.table(
    lists.flat().map((position) => ({
      account: position.accountNumber,
      symbol: position.symbol,
      type: position.instrumentType,
      side: position.quantityDirection,
      quantity: position.quantity,
      opened: position.averageOpenPrice,
      close: position.closePrice,
    })),
  );
}

await printPositions().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
