// A user's program, for the TypeScript compiler: without the types of browsers, and with everything
// that the package exports.
import * as module from "@tasty/session";
import {
  Account,
  type Broker,
  type CallOptions,
  type NewOrder,
  type Order,
  type RequestOptions,
  Session,
  type SessionOptions,
  type SessionRequestInit,
  type TokenStore,
} from "@tasty/session";
import { type Emulator, startEmulator } from "@tasty/session/emulator";
import { encryptedStore, redisStore } from "@tasty/session/stores";

const emulator: Emulator = await startEmulator({ port: 0, clientSecret: "secret" });
const store: TokenStore = module.fileStore("tokens");
const redis: TokenStore = redisStore({ sendCommand: (args: string[]) => Promise.resolve(args[0]) });
export const encrypted: TokenStore = encryptedStore(redis, "a key");
const broker: Broker = module.tradestation;
const options: SessionOptions = { broker, ...emulator.tradestation, store };
const session: AsyncDisposable & Disposable = new Session(options);
const init: SessionRequestInit = { method: "POST", body: () => new Blob(["{}"]), timeoutMs: 1 };
const request: RequestOptions = { headers: { accept: "text/csv" }, query: { status: ["Live"] } };
const call: CallOptions = { signal: AbortSignal.timeout(1_000) };

/** Uses what a session returns. */
export async function main(session: Session): Promise<string | undefined> {
  const response: Response = await session.fetch("/accounts", init);
  await session.accessToken(call);
  await session.get<{ items: string[] }>("/accounts", request);
  const accounts: Account[] = await Account.get(session);
  // @ts-expect-error An amount is a string.
  const amount: number | undefined = (await accounts[0]?.balances())?.netLiquidatingValue;
  return response.headers.get("date") ?? String(amount);
}

/** Uses orders. */
export async function trade(account: Account): Promise<Order> {
  const leg = { "instrument-type": "Equity", "symbol": "AAPL", "action": "Buy to Open" } as const;
  const order: NewOrder = {
    "order-type": "Limit",
    "time-in-force": "Day",
    "price": "187.20",
    "price-effect": "Debit",
    "legs": [{ ...leg, "quantity": 1 }],
    "a-field-of-tomorrow": true,
  };
  const placed: Order = await account.placeOrder(order, { onAbort: ({ outcome }) => outcome });
  // @ts-expect-error A price is a decimal string.
  await account.placeOrder({ ...order, "price": 187.2 });
  const market = { OrderType: "Market", TimeInForce: { Duration: "DAY" } } as const;
  await account.placeOrder({ ...market, Symbol: "MSFT", Quantity: "1", TradeAction: "BUY" });
  // @ts-expect-error A price is a decimal string.
  await account.placeOrder({ ...market, OrderType: "Limit", LimitPrice: 132.52 });
  // @ts-expect-error It has no order type.
  await account.placeOrder({ "time-in-force": "Day", "legs": [leg] });
  await account.replaceOrder(placed.id, { "price": "187.30" });
  await account.replaceOrder(placed.id, { LimitPrice: "132.53" });
  // @ts-expect-error A price is a decimal string.
  await account.replaceOrder(placed.id, { "price": 187.3 });
  // @ts-expect-error A price is a decimal string.
  await account.replaceOrder(placed.id, { LimitPrice: 132.53 });
  const state: "filled" | "open" | undefined | string = placed.state;
  const { fees }: { fees?: string | undefined } = await account.dryRun(order);
  await account.placeOrder<{ give: number }>({ give: 1 });
  // @ts-expect-error It is a custom broker's order, and not this one.
  await account.placeOrder<{ give: number }>({ take: 1 });
  const error = new module.NetworkError(`${state} ${fees}`, {
    kind: "timeout",
    outcome: "unknown",
  });
  const outcome: "not_processed" | "refused" | "unknown" = error.outcome;
  return await account.cancelOrder(placed.id).finally(() => outcome);
}

// @ts-expect-error An option that does not exist.
export const wrong: SessionOptions = { sandbx: true };
export default session;
