// Lists the customer and the accounts, what they are worth and what they hold, at either broker: yours if the
// environment has credentials, else the emulator's. Runs with `deno run -A`, `bun run` and `node`.
// Options: --broker=tradestation; --sandbox; --base-url=… for an emulator that runs already.
import process from "node:process";
import { parseArgs } from "node:util";
import { Account, Customer, Session } from "../mod.ts"; // in your program: "@tasty/session"
import { findPlace, PLACE_OPTIONS } from "./shared/place.ts";

async function listAccounts(): Promise<void> {
  await using place = await findPlace(parseArgs({ options: PLACE_OPTIONS }).values);
  if (place.emulator) console.log(`${place.missing}: emulated accounts`);
  await using session = new Session(place.options);

  if (session.broker.customers !== undefined) { // TradeStation tells nothing of its customers
    const { firstName, lastName, email } = await Customer.get(session);
    console.log(`${firstName} ${lastName} <${email}>`);
  }
  for (const account of await Account.get(session)) {
    const { accountNumber, nickname, accountType, marginOrCash } = account;
    const kinds = [nickname ?? accountType, marginOrCash && `(${marginOrCash})`];
    console.log(
      `\n${[accountNumber, "", ...kinds].filter((word) => word !== undefined).join(" ")}`,
    );
    const { currency = "", ...balances } = await account.balances();
    print("Net liquidating value", balances.netLiquidatingValue, currency);
    print("Cash", balances.cashBalance, currency);
    print("Stock buying power", balances.equityBuyingPower, currency);
    for (const position of await account.positions()) {
      const sign = position.quantityDirection === "Short" ? "-" : "";
      const price = position.averageOpenPrice;
      print(position.symbol, sign + position.quantity, price && `@ ${price}`);
    }
  }
}

/** Prints a line, unless the broker does not tell the number. */
function print(name: string, number: string | undefined, unit = ""): void {
  if (number !== undefined) {
    console.log(`  ${name.padEnd(22)}${number.padStart(14)} ${unit}`.trimEnd());
  }
}

await listAccounts().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
