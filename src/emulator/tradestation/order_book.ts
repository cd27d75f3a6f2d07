import type { JsonObject } from "../response.ts";
import type { EmulatedOrder } from "../emulated_order.ts";
import { inEnvironment } from "./account_list.ts";
import type { OrderForm } from "./order_form.ts";
import historicalOrder from "./recordings/historical_order.json" with { type: "json" };
import recordedOrders from "./recordings/orders.json" with { type: "json" };

// The days that a request may ask for, up to the last but one.
const WEEKS = 104;
const WEEK_MS = 7 * 24 * 60 * 60 * 1000;
const DAY_MS = 24 * 60 * 60 * 1000;

// As in the recorded market order.
const MARKET_PRICE = recordedOrders.Orders[0]?.PriceUsedForBuyingPower;

/** Statuses and their descriptions. */
const RECEIVED = { Status: "ACK", StatusDescription: "Received" };
// The code is documented, the description is UNCONFIRMED.
const OUT = { Status: "OUT", StatusDescription: "UROut" };

/**
 * The orders of one environment: the recorded ones, and those that were placed. Nothing is ever filled;
 * an order works until it is cancelled.
 */
export class OrderBook {
  readonly #orders = new Map<string, JsonObject>();
  readonly #placed: string[] = [];
  readonly #confirmIds = new Set<string>();
  readonly #environment: "production" | "sandbox";
  // Above all recorded ids.
  #nextId = 286_300_000;

  constructor(environment: "production" | "sandbox") {
    this.#environment = environment;
    for (const order of inEnvironment(recordedOrders.Orders, environment)) {
      this.#orders.set(order.OrderID, order);
    }
  }

  /** The orders that were placed, as they are now. */
  get placed(): readonly EmulatedOrder[] {
    return this.#placed.map((id) => {
      const wire: JsonObject = { ...this.#orders.get(id) };
      return {
        broker: "tradestation",
        environment: this.#environment,
        accountNumber: `${wire["AccountID"]}`,
        id,
        status: `${wire["Status"]}`,
        replaces: undefined,
        wire,
      };
    });
  }

  /** The orders of an account: the placed ones, newest first, and then the recorded ones. */
  ofAccount(accountId: string): readonly JsonObject[] {
    const isPlaced = (order: JsonObject) => this.#placed.includes(`${order["OrderID"]}`);
    const all = [...this.#orders.values()].filter((order) => order["AccountID"] === accountId);
    return [...all.filter(isPlaced).toReversed(), ...all.filter((order) => !isPlaced(order))];
  }

  /**
   * The closed orders of an account, newest first: those that were cancelled here, and the recorded one
   * again for each week, since it is too old to be asked for.
   */
  history(accountId: string): readonly JsonObject[] {
    const cancelled = this.ofAccount(accountId).filter(({ Status: status }) => status === "OUT");
    const [recorded] = inEnvironment([historicalOrder], this.#environment);
    if (recorded?.AccountID !== accountId) return cancelled;
    const weekly = Array.from({ length: WEEKS }, (_, week) => {
      const instant = instantOf(Date.now() - DAY_MS - week * WEEK_MS);
      return {
        ...recorded,
        ClosedDateTime: instant,
        GoodTillDate: `${instant.slice(0, 10)}T00:00:00Z`,
        OrderID: `${Number(recorded.OrderID) - week}`,
        OpenedDateTime: instant,
      };
    });
    return [...cancelled, ...weekly];
  }

  /** One order. */
  find(id: string | undefined): JsonObject | undefined {
    return this.#orders.get(`${id}`);
  }

  /** Records the id of a confirmation. Returns whether it is new. */
  confirm(id: string): boolean {
    const isNew = !this.#confirmIds.has(id);
    this.#confirmIds.add(id);
    return isNew;
  }

  /** The next order id. An order that fails has one too. */
  nextId(): string {
    return `${this.#nextId++}`;
  }

  /** Places a checked order and returns its id. */
  place(form: OrderForm): string {
    const id = this.nextId();
    this.#orders.set(id, {
      AccountID: form.accountId,
      CommissionFee: "0",
      Currency: "USD",
      Duration: form.duration,
      GoodTillDate: form.expiration,
      Legs: legsOf(form),
      LimitPrice: form.limitPrice,
      OrderID: id,
      OpenedDateTime: instantOf(Date.now()),
      OrderType: form.orderType,
      // As recorded: the limit, else the stop, else the market price.
      PriceUsedForBuyingPower: form.limitPrice ?? form.stopPrice ?? MARKET_PRICE,
      Routing: form.route,
      ...RECEIVED,
      StopPrice: form.stopPrice,
      UnbundledRouteFee: "0",
    });
    this.#placed.push(id);
    return id;
  }

  /** Changes the terms of an order, which keeps its id. */
  replace(order: JsonObject, changes: JsonObject, quantity: string | undefined): void {
    const legs = Array.isArray(order["Legs"]) ? order["Legs"] : [];
    this.#orders.set(`${order["OrderID"]}`, {
      ...order,
      ...changes,
      Legs: quantity === undefined
        ? legs
        : legs.map((leg) => ({ ...leg, QuantityOrdered: quantity, QuantityRemaining: quantity })),
    });
  }

  /** Cancels an order. */
  cancel(order: JsonObject): void {
    this.#orders.set(`${order["OrderID"]}`, {
      ...order,
      ...OUT,
      ClosedDateTime: instantOf(Date.now()),
    });
  }
}

/** The legs of an order. An order without legs has one of its own symbol. */
function legsOf({ legs, symbol, quantity, tradeAction }: OrderForm): readonly JsonObject[] {
  const terms = legs.length > 0
    ? legs
    : [{ Symbol: symbol, Quantity: quantity, TradeAction: tradeAction }];
  return terms.map((leg) => {
    const action = `${leg["TradeAction"]}`.toUpperCase();
    const isClosing = /CLOSE|COVER|^SELL$/.test(action);
    return {
      OpenOrClose: isClosing ? "Close" : "Open",
      QuantityOrdered: leg["Quantity"],
      ExecQuantity: "0",
      QuantityRemaining: leg["Quantity"],
      BuyOrSell: action.startsWith("BUY") ? "Buy" : "Sell",
      Symbol: leg["Symbol"],
      AssetType: isOption(leg["Symbol"]) ? "STOCKOPTION" : "STOCK",
    };
  });
}

/** An option's symbol is its root, a space, and day, kind and strike: `MSFT 201120P110`. */
export function isOption(symbol: unknown): boolean {
  return / \d{6}[CP][\d.]+$/.test(`${symbol}`);
}

/** A time as RFC 3339 writes it, to the second. */
function instantOf(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
}
