import { Account, type NewOrder, Session, type SessionOptions, tradestation } from "../../mod.ts";
import { type Emulator, startEmulator } from "../../src/emulator/emulator.ts";

/** A limit order of tastytrade, which works until a price is set. */
const TASTYTRADE_ORDER = {
  "order-type": "Limit",
  "time-in-force": "Day",
  "price": "1.00",
  "price-effect": "Debit",
  "legs": [
    { "instrument-type": "Equity", "symbol": "AAPL", "quantity": "2", "action": "Buy to Open" },
  ],
} as const satisfies NewOrder;

/** The same at TradeStation. */
const TRADESTATION_ORDER = {
  OrderType: "Limit",
  TimeInForce: { Duration: "DAY" },
  LimitPrice: "1.00",
  Symbol: "AAPL",
  Quantity: "2",
  TradeAction: "BUY",
} as const satisfies NewOrder;

/** An account at an emulated broker, with the routes of its orders. */
export interface OpenAccount extends AsyncDisposable {
  readonly emulator: Emulator;
  readonly session: Session;
  readonly account: Account;
}

/** A broker whose orders are tested. */
export interface OrderFixture {
  readonly name: string;
  readonly order: NewOrder;
  /** What changes the order's limit to 0.50. */
  readonly cheaper: object;
  readonly postRoute: string;
  readonly putRoute: string;
  readonly deleteRoute: string;
  readonly listRoute: string;
  readonly idRoute: string;
  /** Opens an account. Orders can be recognised in lists, at TradeStation too. */
  open(options?: SessionOptions): Promise<OpenAccount>;
}

async function opened(
  emulator: Emulator,
  options: SessionOptions,
  accountNumber: string,
): Promise<OpenAccount> {
  const session = new Session({ timeoutMs: 10_000, ...options });
  const account = await Account.get(session, accountNumber);
  emulator.forgetRequests();
  return {
    emulator,
    session,
    account,
    async [Symbol.asyncDispose]() {
      await session.close();
      await emulator.close();
    },
  };
}

/** Both brokers. */
export const ORDER_FIXTURES: readonly OrderFixture[] = [
  {
    name: "tastytrade",
    order: TASTYTRADE_ORDER,
    cheaper: { ...TASTYTRADE_ORDER, "price": "0.50" },
    postRoute: "POST /accounts/*/orders",
    putRoute: "PUT /accounts/*/orders/*",
    deleteRoute: "DELETE /accounts/*/orders/*",
    listRoute: "GET /accounts/*/orders",
    idRoute: "GET /accounts/*/orders/*",
    open: async (options) => {
      const emulator = await startEmulator();
      return await opened(emulator, { ...emulator.tastytrade, ...options }, "5WT00000");
    },
  },
  {
    name: "TradeStation",
    order: TRADESTATION_ORDER,
    cheaper: { LimitPrice: "0.50" },
    postRoute: "POST /v3/orderexecution/orders",
    putRoute: "PUT /v3/orderexecution/orders/*",
    deleteRoute: "DELETE /v3/orderexecution/orders/*",
    listRoute: "GET /v3/brokerage/accounts/*/orders",
    idRoute: "GET /v3/brokerage/accounts/*/orders/*",
    open: async (options) => {
      const emulator = await startEmulator();
      emulator.tradestation.listsConfirmIds = true;
      const access = { broker: tradestation, ...emulator.tradestation };
      return await opened(emulator, { ...access, ...options }, "123456782");
    },
  },
];

/** A test that runs at each broker. */
export function forEachBroker(name: string, test: (fixture: OrderFixture) => Promise<void>): void {
  for (const fixture of ORDER_FIXTURES) {
    Deno.test(`${name}, at ${fixture.name}`, () => test(fixture));
  }
}
