// Orders for the emulated brokers, and a connection to them on which everything goes wrong that can.
import { setTimeout as pause } from "node:timers/promises";
import { type NewOrder, type SessionOptions, tastytrade, tradestation } from "../../mod.ts";
import {
  type Emulator,
  type StreamFault,
  tastytradeFaults,
  tradestationFaults,
} from "../../src/emulator/emulator.ts";

type Fault = Parameters<Emulator["injectFault"]>[1];

/** What differs between the brokers, and between their emulators. */
export interface Wire {
  /** What a session needs. */
  options(emulator: Emulator): SessionOptions;
  /** An account that can buy. */
  readonly accountNumber: string;
  /** The routes, as `emulator.injectFault()` takes them. */
  readonly token: string;
  readonly orders: string;
  readonly balances: string;
  readonly updates: string;
  /** What the broker answers if it refuses an access token, and if it refuses the grant for good. */
  readonly unauthorized: Fault;
  readonly grantLost: Fault;
  /** An order to buy. */
  order(symbol: string, quantity: string, price: string): NewOrder;
}

/** Them, as --broker= names them. */
export const WIRES: Readonly<Record<string, Wire>> = {
  tastytrade: {
    options: (emulator) => ({ broker: tastytrade, ...emulator.tastytrade }),
    accountNumber: "5WT00000",
    token: "POST /oauth/token",
    orders: "POST /accounts/*/orders",
    balances: "GET /accounts/*/balances",
    updates: "tastytrade GET /streamer",
    unauthorized: tastytradeFaults.tokenInvalid,
    grantLost: tastytradeFaults.grantRevoked,
    order: (symbol, quantity, price) => ({
      "time-in-force": "Day",
      "order-type": "Limit",
      price,
      "price-effect": "Debit",
      "legs": [{ "instrument-type": "Equity", symbol, quantity, "action": "Buy to Open" }],
    }),
  },
  tradestation: {
    options: (emulator) => ({ broker: tradestation, ...emulator.tradestation }),
    accountNumber: "123456782",
    token: "POST /oauth/token",
    orders: "POST /v3/orderexecution/orders",
    balances: "GET /v3/brokerage/accounts/*/balances",
    updates: "tradestation GET /v3/brokerage/stream/accounts/*/orders",
    unauthorized: tradestationFaults.unauthorized,
    grantLost: tradestationFaults.unknownRefreshToken,
    order: (Symbol, Quantity, LimitPrice) => ({
      Symbol,
      Quantity,
      LimitPrice,
      "OrderType": "Limit",
      "TradeAction": "BUY",
      "TimeInForce": { "Duration": "DAY" },
      "Route": "Intelligent",
    }),
  },
};

/** The wire of the broker that --broker=… names. */
export function wireOf(broker: string): Wire {
  const wire = WIRES[broker];
  if (wire !== undefined) return wire;
  throw new Error(`--broker is one of ${Object.keys(WIRES).join(", ")}`);
}

const UNAVAILABLE: Fault = { status: 503, body: "" };
const SLOW_DOWN: Fault = { status: 429, headers: { "retry-after": "1" }, body: "" };

/** Lets one thing after the other go wrong, until the time is up. Then the user takes the grant back. */
export async function spoilConnection(
  emulator: Emulator,
  wire: Wire,
  seconds: number,
): Promise<void> {
  const faults: readonly (readonly [route: string, fault: Fault])[] = [
    [wire.balances, UNAVAILABLE],
    [wire.orders, { afterEffect: "reset" }], // the order is placed, and its answer lost
    [wire.token, UNAVAILABLE],
    [wire.balances, wire.unauthorized],
    [wire.orders, UNAVAILABLE],
    [wire.balances, SLOW_DOWN],
    [wire.orders, { afterEffect: "hang" }],
    [wire.balances, "hang"],
  ];
  const everyMs = Math.min(2_000, seconds * 1_000 / faults.length);
  for (let count = 0; count * everyMs < seconds * 1_000; count += 1) {
    await pause(everyMs);
    const fault = faults[count % faults.length];
    if (fault !== undefined) emulator.injectFault(...fault);
    if (count % 5 === 3) emulator.disturbStreams(wire.updates, STREAM_FAULTS[count % 2] ?? "end");
  }
  emulator.injectFault(wire.token, wire.grantLost, Infinity);
}

const STREAM_FAULTS: readonly StreamFault[] = ["reset", "end"];
