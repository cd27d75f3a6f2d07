// Asks what an order to buy shares would cost, and never places it: at your account if the environment
// has credentials, else at the emulator's. Runs with `deno run -A`, `bun run` and `node`.
// Usage: dry_run_order.ts [symbol] [quantity] [limit price] [--broker=tradestation] [--sandbox]
import process from "node:process";
import { parseArgs } from "node:util";
import { Account, type NewOrder, Session, tradestation } from "../mod.ts"; // "@tasty/session"
import { findPlace, PLACE_OPTIONS } from "./shared/place.ts";

/** An order to buy, as TradeStation takes it. */
function tradestationOrder(symbol: string, quantity: string, price: string): NewOrder {
  return {
    "OrderType": "Limit",
    "TimeInForce": { "Duration": "DAY" },
    "LimitPrice": price,
    "Symbol": symbol,
    "Quantity": quantity,
    "TradeAction": "BUY",
  };
}

/** The same, as tastytrade takes it. */
function tastytradeOrder(symbol: string, quantity: string, price: string): NewOrder {
  return {
    "order-type": "Limit",
    "time-in-force": "Day",
    price,
    "price-effect": "Debit",
    "legs": [{ "instrument-type": "Equity", symbol, quantity, "action": "Buy to Open" }],
  };
}

async function dryRun(): Promise<void> {
  const { values, positionals } = parseArgs({ options: PLACE_OPTIONS, allowPositionals: true });
  const [symbol = "AAPL", quantity = "1", price = "180.00"] = positionals;
  await using place = await findPlace(values);
  await using session = new Session(place.options);

  const accounts = await Account.get(session);
  const account = accounts.find(({ isClosed }) => !isClosed);
  if (account === undefined) throw new Error("There is no account that is open");
  const makeOrder = place.options.broker === tradestation ? tradestationOrder : tastytradeOrder;
  const cost = await account.dryRun(makeOrder(symbol, quantity, price)); // placeOrder() trades
  console.log(`${quantity} ${symbol} at ${price} in ${account.accountNumber}, not placed`);
  print("costs", cost.estimatedCost);
  print("changes the buying power by", cost.changeInBuyingPower);
  print("of which are fees", cost.fees);
  for (const { message } of cost.warnings) print("warning:", message);
}

/** Prints a line, unless the broker does not tell it. */
function print(what: string, value: string | undefined): void {
  if (value !== undefined) console.log(`  ${what} ${value}`);
}

await dryRun().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
