// Lists the customer and the accounts, what they are worth and what they hold: yours if the
// environment has credentials, else the emulator's. Runs with `deno run -A`, `bun run` and `node`.
// Options: --sandbox; --base-url=… for an emulator that runs already (`deno task emulator`).
import process from "node:process";
import { parseArgs } from "node:util";
import { Account, Customer, Session } from "../mod.ts"; // in your program: "@tasty/session"
import { startEmulator } from "../src/emulator/emulator.ts"; // "@tasty/session/emulator"

async function listAccounts(): Promise<void> {
  const options = { "sandbox": { type: "boolean" }, "base-url": { type: "string" } } as const;
  const { sandbox = false, "base-url": baseUrl } = parseArgs({ options }).values;
  const isOwn = process.env.TASTY_CLIENT_SECRET || process.env.TASTY_REFRESH_TOKEN || baseUrl;
  await using emulator = isOwn ? undefined : await startEmulator();
  if (emulator) console.log("No TASTY_CLIENT_SECRET, no TASTY_REFRESH_TOKEN: emulated accounts\n");
  const emulated = sandbox ? emulator?.tastytradeSandbox : emulator?.tastytrade;
  await using session = new Session({ sandbox, ...(baseUrl && { baseUrl }), ...emulated });

  const { firstName, lastName, email } = await Customer.get(session);
  console.log(`${firstName} ${lastName} <${email}>`);
  for (const account of await Account.get(session)) {
    console.log(`\n${account.accountNumber}  ${account.nickname} (${account.marginOrCash})`);
    const { currency, ...balances } = await account.balances();
    const positions = await account.positions();
    printTable([
      ["Net liquidating value", balances.netLiquidatingValue, currency],
      ["Cash", balances.cashBalance, currency],
      ["Stock buying power", balances.equityBuyingPower, currency],
      ...positions.map(({ symbol, quantity, quantityDirection, averageOpenPrice }) => {
        return [
          symbol,
          (quantityDirection === "Short" ? "-" : "") + quantity,
          `@ ${averageOpenPrice}`,
        ];
      }),
    ]);
  }
}

/** Words to the left, numbers to the right. */
function printTable(rows: (string | undefined)[][]): void {
  const width = (column: number) => Math.max(...rows.map((row) => row[column]?.length ?? 0));
  for (const [name = "", number = "", unit = ""] of rows) {
    console.log(`  ${name.padEnd(width(0))}  ${number.padStart(width(1))} ${unit}`);
  }
}

await listAccounts().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
