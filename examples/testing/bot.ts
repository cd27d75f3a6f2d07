// A program to be tested: it buys a share, and knows afterwards whether it has. It gets its session from outside, so
// that its tests can give it one of the emulator's.
import { Account, type NewOrder, type Session, SessionError } from "../../mod.ts"; // "@tasty/session"

/** Buys a share at this price or a better one. Returns the order's status, or why there is none. */
export async function buy(session: Session, symbol: string, price: string): Promise<string> {
  const account = (await Account.get(session)).find(({ isClosed }) => !isClosed);
  if (account === undefined) return "no account";
  const order: NewOrder = {
    "order-type": "Limit",
    "time-in-force": "Day",
    price,
    "price-effect": "Debit",
    "legs": [{ "instrument-type": "Equity", symbol, quantity: "1", action: "Buy to Open" }],
  };
  try {
    const { id } = await account.placeOrder(order);
    return (await account.orders()).find((one) => one.id === id)?.status ?? "not listed yet";
  } catch (error) {
    if (!(error instanceof SessionError)) throw error;
    return error.outcome; // "unknown" is not "refused": it must not buy again
  }
}
