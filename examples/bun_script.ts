// Prints what your accounts hold as one table, or what the emulator's hold if there are no credentials.
// Bun reads .env by itself, so that nothing else is needed: `bun run examples/bun_script.ts`. It runs
// with `deno run -A --env-file` and `node --env-file=.env` too.
// Options: --broker=tradestation; --sandbox; --base-url=… for an emulator that runs already.
import process from "node:process";
import { parseArgs } from "node:util";
import { Account, Session } from "../mod.ts"; // in your program: "@tasty/session"
import { findPlace, PLACE_OPTIONS } from "./shared/place.ts";

async function printPositions(): Promise<void> {
  await using place = await findPlace(parseArgs({ options: PLACE_OPTIONS }).values);
  await using session = new Session(place.options);

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
      value: position.marketValue ?? "–",
    })),
  );
}

await printPositions().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
