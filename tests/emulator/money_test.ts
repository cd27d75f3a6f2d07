import { assertEquals, assertGreater } from "@std/assert";
import { Decimal } from "../../src/emulator/decimal.ts";
import { type Emulator, startEmulator } from "../../src/emulator/emulator.ts";
import { TradestationClient } from "../support/emulator_tradestation.ts";
import { at, listAt, sending, signIn } from "../support/emulator_wire.ts";
import { Random } from "../support/random.ts";
import { FUNDED } from "./tastytrade_fixtures.ts";
import { MARGIN } from "./tradestation_fixtures.ts";

const SEEDS = [1, 2, 3, 4, 5, 6];
const STEPS = 60;

/** What a broker says of an account: money, and quantity and value of a unit by symbol. */
interface Books {
  readonly equity: Decimal;
  readonly quantities: ReadonlyMap<string, Decimal>;
}

interface Desk {
  readonly symbols: readonly string[];
  /** How much one of them is about. */
  multiplierOf(symbol: string): Decimal;
  read(): Promise<Books>;
  /** The fees so far. */
  fees(): Decimal;
  place(random: Random, symbol: string): Promise<unknown>;
  change(random: Random): Promise<unknown>;
}

type Get = Awaited<ReturnType<typeof signIn>>;

function amount(random: Random): string {
  return `${random.between(80, 120)}.${random.between(10, 99)}`;
}

function tastytradeDesk(emulator: Emulator, get: Get): Desk {
  const orders = `/accounts/${FUNDED}/orders`;
  const types = { "AAPL": "Equity", "TQQQ": "Equity", "AAPL  991217C00100000": "Equity Option" };
  return {
    symbols: Object.keys(types),
    multiplierOf: (symbol) => Decimal.from(symbol.includes(" ") ? "100" : "1"),
    async read() {
      const { json: balance } = await get(`/accounts/${FUNDED}/balances`);
      const { json: positions } = await get(`/accounts/${FUNDED}/positions`);
      const quantities = listAt(positions, "data", "items").map((position) => {
        const quantity = Decimal.from(at(position, "quantity"));
        const isShort = at(position, "quantity-direction") === "Short";
        return [`${at(position, "symbol")}`, isShort ? quantity.negated() : quantity] as const;
      });
      return {
        equity: Decimal.from(at(balance, "data", "net-liquidating-value")),
        quantities: new Map(quantities),
      };
    },
    fees: () => {
      const traded = emulator.orders.filter(({ wire }) =>
        listAt(wire, "legs", 0, "fills").length > 0
      );
      return Decimal.from("0.001").times(Decimal.from(traded.length));
    },
    place: (random, symbol) => {
      const isBuy = random.chance(0.5);
      const type = random.pick(["Market", "Limit", "Stop", "Stop Limit"]);
      const effect = isBuy ? "Debit" : "Credit";
      const form = {
        "time-in-force": random.pick(["GTC", "IOC"]),
        "order-type": type,
        ...(type.endsWith("Limit") ? { "price": amount(random), "price-effect": effect } : {}),
        ...(type.startsWith("Stop") ? { "stop-trigger": amount(random) } : {}),
        "legs": [{
          "instrument-type": types[symbol as keyof typeof types],
          symbol,
          "quantity": random.between(1, 9),
          "action": isBuy ? "Buy to Open" : "Sell to Open",
        }],
      };
      return get(
        orders,
        sending(
          "POST",
          form["order-type"] === "Market" ? { ...form, "time-in-force": "Day" } : form,
        ),
      );
    },
    change: (random) => {
      const { id = 0 } = emulator.orders[random.below(emulator.orders.length)] ?? {};
      return random.chance(0.5)
        ? get(`${orders}/${id}`, { method: "DELETE" })
        : get(`${orders}/${id}`, sending("PATCH", { "price": amount(random) }));
    },
  };
}

function tradestationDesk(emulator: Emulator, get: Get): Desk {
  const orders = "/v3/orderexecution/orders";
  return {
    symbols: ["MSFT", "AAPL", "MSFT 991217C100", "@C"],
    multiplierOf: (symbol) =>
      Decimal.from(symbol === "@C" ? "50" : symbol.includes(" ") ? "100" : "1"),
    async read() {
      const { json: balance } = await get(`/v3/brokerage/accounts/${MARGIN}/balances`);
      const { json: positions } = await get(`/v3/brokerage/accounts/${MARGIN}/positions`);
      const quantities = listAt(positions, "Positions").map((position) =>
        [`${at(position, "Symbol")}`, Decimal.from(at(position, "Quantity"))] as const
      );
      return {
        equity: Decimal.from(at(balance, "Balances", 0, "Equity")),
        quantities: new Map(quantities),
      };
    },
    fees: () => Decimal.ZERO,
    place: (random, symbol) => {
      const order = (depth: number): Record<string, unknown> => {
        const type = random.pick(["Market", "Limit", "StopMarket", "StopLimit"]);
        const group = random.pick(["NORMAL", "OCO", "BRK"]);
        return {
          AccountID: MARGIN,
          Symbol: symbol,
          Quantity: `${random.between(1, 9)}`,
          OrderType: type,
          TradeAction: random.pick(["BUY", "SELL"]),
          ...(type.endsWith("Limit") ? { LimitPrice: amount(random) } : {}),
          ...(type.startsWith("Stop") ? { StopPrice: amount(random) } : {}),
          TimeInForce: { Duration: random.pick(["GTC", "IOC", "FOK"]) },
          ...(depth > 0 && random.chance(0.5)
            ? { OSOs: [{ Type: group, Orders: [order(0), order(0)] }] }
            : {}),
        };
      };
      return get(orders, sending("POST", order(1)));
    },
    change: (random) => {
      const { id = "" } = emulator.orders[random.below(emulator.orders.length)] ?? {};
      return random.chance(0.5)
        ? get(`${orders}/${id}`, { method: "DELETE" })
        : get(`${orders}/${id}`, sending("PUT", { Quantity: `${random.between(1, 9)}` }));
    },
  };
}

/** Does random things, and checks after each that only prices and fees have changed the equity. */
async function play(emulator: Emulator, desk: Desk, seed: number): Promise<number> {
  const random = new Random(seed);
  const prices = new Map<string, Decimal>();
  for (const symbol of desk.symbols) {
    prices.set(symbol, Decimal.from("100"));
    emulator.setPrice(symbol, "100");
  }
  let { equity, quantities } = await desk.read();
  let fees = desk.fees();
  for (let step = 0; step < STEPS; step++) {
    const symbol = desk.symbols[random.below(desk.symbols.length)] ?? "";
    const what = random.below(10);
    let moved = Decimal.ZERO;
    if (what < 5) await desk.place(random, symbol);
    else if (what < 6) await desk.change(random);
    else {
      // What is held is worth more or less; what is traded at the new price is worth that.
      const price = Decimal.from(amount(random));
      const held = quantities.get(symbol) ?? Decimal.ZERO;
      const change = price.minus(prices.get(symbol) ?? price);
      moved = held.times(change).times(desk.multiplierOf(symbol));
      prices.set(symbol, price);
      emulator.setPrice(
        symbol,
        `${price}`,
        random.chance(0.5) ? `${random.between(1, 6)}` : undefined,
      );
    }
    const now = await desk.read();
    const expected = equity.plus(moved).minus(desk.fees().minus(fees));
    assertEquals(`${now.equity}`, `${expected}`, `seed ${seed}, step ${step}`);
    ({ equity, quantities } = now);
    fees = desk.fees();
  }
  return emulator.orders.filter(({ status }) => status === "Filled" || status === "FLL").length;
}

Deno.test("Whatever is ordered at tastytrade, only prices and fees change what an account is worth", async () => {
  let filled = 0;
  for (const seed of SEEDS) {
    await using emulator = await startEmulator();
    const get = await signIn(emulator.tastytrade);
    filled += await play(emulator, tastytradeDesk(emulator, get), seed);
  }
  assertGreater(filled, 50);
});

Deno.test("Whatever is ordered at TradeStation, only prices change what an account is worth", async () => {
  let filled = 0;
  for (const seed of SEEDS) {
    await using client = await TradestationClient.open();
    const get = await client.signIn();
    filled += await play(client.emulator, tradestationDesk(client.emulator, get), seed);
  }
  assertGreater(filled, 50);
});
