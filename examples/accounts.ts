// Lists the customer and the accounts, what they are worth and what they hold: yours if the
// environment has credentials, else the emulator's. Runs with `deno run -A`, `bun run` and `node`.
// Options: --sandbox; --base-url=… for an emulator that runs already (`deno task emulator`).
import process from "node:process";
import { parseArgs } from "node:util";
import { Account, Customer, Session } from "../mod.ts"; // in your program: "@tasty/session"
import { startEmulator } from "../src/emulator/emulator.ts"; // "@tasty/session/emulator"

async function listAccounts(): Promise<void> {
  const options = { "sandbox": { type: "boolean" }, "base-url": { type: "string" } } as const;
  const { sandbox, "base-url": baseUrl } = parseArgs({ options }).values;
  const isOwn = process.env.TASTY_CLIENT_SECRET || process.env.TASTY_REFRESH_TOKEN || baseUrl;
  await using emulator = isOwn ? undefined : await startEmulator();
  if (emulator) console.log("No TASTY_CLIENT_SECRET, no TASTY_REFRESH_TOKEN: emulated accounts\n");
  const emulated = sandbox ? emulator?.tastytradeSandbox : emulator?.tastytrade;
  await using session = new Session({ sandbox, baseUrl, ...emulated });

  const { firstName, lastName, email } = await Customer.get(session);
  console.log(`${firstName} ${lastName} <${email}>`);
  for (const account of await Account.get(session)) {
    console.log(`\n${account.accountNumber}  ${account.nickname} (${account.marginOrCash})`);
    const { currency = "", ...balances } = await account.balances();
    print("Net liquidating value", balances.netLiquidatingValue, currency);
    print("Cash", balances.cashBalance, currency);
    print("Stock buying power", balances.equityBuyingPower, currency);
    for (const position of await account.positions()) {
      const sign = position.quantityDirection === "Short" ? "-" : "";
      print(position.symbol, sign + position.quantity, `@ ${position.averageOpenPrice}`);
    }
  }
}

function print(name: string, number: string | undefined, unit: string): void {
  console.log(`  ${name.padEnd(22)}${(number ?? "").padStart(14)} ${unit}`);
}

await listAccounts().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
