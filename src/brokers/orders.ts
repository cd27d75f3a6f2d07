/**
 * Orders: what goes in, in each broker's own words, and what comes back, with the fields that all brokers have.
 *
 * Amounts and prices are decimal strings, because a float cannot hold every price. Fields that are not listed
 * here pass as they are.
 */

import type { ApiErrorDetail } from "../errors.ts";
import type { Raw } from "./records.ts";

/** A word of the broker: an editor completes those that are documented, and others pass. */
export type Word<Known extends string> = Known | (string & Record<never, never>);

/** An order as tastytrade takes it. https://developer.tastytrade.com/docs/orders */
export interface TastytradeOrder {
  /** The kind of order. */
  readonly "order-type": Word<
    "Limit" | "Market" | "Marketable Limit" | "Stop" | "Stop Limit" | "Notional Market"
  >;
  /** How long it works. */
  readonly "time-in-force": Word<
    | "Day"
    | "Ext"
    | "Ext Overnight"
    | "GTC"
    | "GTC Ext"
    | "GTC Ext Overnight"
    | "GTD"
    | "IOC"
  >;
  /** The last day of a `GTD`, as `YYYY-MM-DD`. */
  readonly "gtc-date"?: string;
  /** The limit, per share or unit. */
  readonly "price"?: string;
  /** Whether the limit is paid or received. */
  readonly "price-effect"?: Word<"Debit" | "Credit">;
  /** The price that releases a stop. */
  readonly "stop-trigger"?: string;
  /** The amount of money of a `Notional Market`. */
  readonly "value"?: string;
  /** Whether that is paid or received. */
  readonly "value-effect"?: Word<"Debit" | "Credit">;
  /** What is bought and sold, 1 to 4 legs. */
  readonly "legs": readonly TastytradeLeg[];
  /**
   * What the order can be recognised by, and must be unique: `account.placeOrder()` looks for it when the
   * answer is lost.
   *
   * @default {undefined} a random one
   */
  readonly "external-identifier"?: string;
  /** Anything else that the broker takes. */
  readonly [field: string]: unknown;
}

/** A leg of an order at tastytrade. */
export interface TastytradeLeg {
  /** The kind of instrument. */
  readonly "instrument-type": Word<
    "Equity" | "Equity Option" | "Future" | "Future Option" | "Cryptocurrency"
  >;
  /** The broker's symbol. */
  readonly "symbol": string;
  /** How many shares or contracts. */
  readonly "quantity"?: string | number;
  /** What is done with it. */
  readonly "action": Word<
    "Buy to Open" | "Buy to Close" | "Sell to Open" | "Sell to Close" | "Buy" | "Sell"
  >;
  /** Anything else that the broker takes. */
  readonly [field: string]: unknown;
}

/** What TradeStation does with a symbol. */
export type TradestationAction = Word<
  | "BUY"
  | "SELL"
  | "BUYTOCOVER"
  | "SELLSHORT"
  | "BUYTOOPEN"
  | "BUYTOCLOSE"
  | "SELLTOOPEN"
  | "SELLTOCLOSE"
>;

/** An order as TradeStation takes it. https://api.tradestation.com/docs/specification */
export interface TradestationOrder {
  /** The account. `account.placeOrder()` fills it in. */
  readonly AccountID?: string;
  /** The symbol, if there is one leg. */
  readonly Symbol?: string;
  /** How many shares or contracts. */
  readonly Quantity?: string;
  /** What is done with it. */
  readonly TradeAction?: TradestationAction;
  /** The kind of order. */
  readonly OrderType: Word<"Limit" | "Market" | "StopLimit" | "StopMarket">;
  /** How long it works. */
  readonly TimeInForce: {
    /** The word for it. */
    readonly Duration: Word<
      | "DAY"
      | "DYP"
      | "GTC"
      | "GCP"
      | "GTD"
      | "GDP"
      | "OPG"
      | "CLO"
      | "IOC"
      | "FOK"
      | "1"
      | "3"
      | "5"
    >;
    /** The last day of a `GTD` or `GDP`. */
    readonly Expiration?: string;
  };
  /** The limit. */
  readonly LimitPrice?: string;
  /** The price that releases a stop. */
  readonly StopPrice?: string;
  /** Where it is sent. */
  readonly Route?: string;
  /** The legs, if there are several. */
  readonly Legs?: readonly {
    /** The symbol. */
    readonly Symbol: string;
    /** How many shares or contracts. */
    readonly Quantity: string;
    /** What is done with it. */
    readonly TradeAction: TradestationAction;
    /** Anything else that the broker takes. */
    readonly [field: string]: unknown;
  }[];
  /**
   * "Used to prevent duplicates", 1 to 22 characters, and must be unique. Whether the broker's lists have it, so
   * that an order can be recognised by it, is not documented.
   *
   * @default {undefined} a random one
   */
  readonly OrderConfirmID?: string;
  /** Anything else that the broker takes. */
  readonly [field: string]: unknown;
}

/** What TradeStation can change of an order. */
export interface TradestationChanges {
  /** The new quantity. */
  readonly Quantity?: string;
  /** The new limit. */
  readonly LimitPrice?: string;
  /** The new price that releases a stop. */
  readonly StopPrice?: string;
  /** `Market` turns it into a market order. */
  readonly OrderType?: Word<"Market">;
  /** The new trailing stop and other options. */
  readonly AdvancedOptions?: object;
  /** A field of tastytrade's, which is listed here so that the compiler refuses a float in it. */
  readonly "price"?: never;
  /** Likewise. */
  readonly "stop-trigger"?: never;
  /** Likewise. */
  readonly "value"?: never;
}

/** What tastytrade can change of an order. */
export interface TastytradeChanges extends Partial<TastytradeOrder> {
  /** A field of TradeStation's, which is listed here so that the compiler refuses a float in it. */
  readonly LimitPrice?: never;
  /** Likewise. */
  readonly StopPrice?: never;
  /** Likewise. */
  readonly Quantity?: never;
}

/** An order as one of the two brokers takes it. */
export type NewOrder = TastytradeOrder | TradestationOrder;

/** What one of the two brokers can change of an order. What is left out stays as it is. */
export type OrderChanges = TastytradeChanges | TradestationChanges;

/**
 * Where an order is:
 *
 * - `"pending"`: on its way to the exchange, or waiting for a condition or another order.
 * - `"open"`: it works, perhaps filled in part.
 * - `"replacing"`, `"cancelling"`: that was asked for. It may still be filled.
 * - the others are its end. A `"cancelled"` one may have been filled in part.
 */
export type OrderState =
  | "pending"
  | "open"
  | "replacing"
  | "cancelling"
  | "filled"
  | "cancelled"
  | "expired"
  | "rejected";

/** The statuses that tastytrade documents. */
export type TastytradeStatus =
  | "Received"
  | "Routed"
  | "In Flight"
  | "Live"
  | "Contingent"
  | "Cancel Requested"
  | "Replace Requested"
  | "Filled"
  | "Cancelled"
  | "Expired"
  | "Rejected"
  | "Removed"
  | "Partially Removed";

/** The statuses of TradeStation that most orders have; it documents 37. */
export type TradestationStatus =
  | "OPN"
  | "ACK"
  | "OSO"
  | "FPR"
  | "UCN"
  | "FLL"
  | "FLP"
  | "OUT"
  | "CAN"
  | "EXP"
  | "REJ";

/** One leg of an order. */
export interface OrderLeg {
  /** The broker's symbol. */
  readonly symbol: string;
  /** The broker's word for what is done with it. */
  readonly action?: string | undefined;
  /** How many shares or contracts. */
  readonly quantity?: string | undefined;
  /** How many of them were traded. */
  readonly filledQuantity?: string | undefined;
}

/** An order at the broker, as it was when the broker answered. */
export interface Order {
  /** The broker's id. */
  readonly id: string;
  /** What it can be recognised by, if it was sent with that. */
  readonly identifier?: string | undefined;
  /** The account number. */
  readonly accountNumber?: string | undefined;
  /** The broker's own word for where it is; TradeStation's answer to an order has none. */
  readonly status?: Word<TastytradeStatus | TradestationStatus> | undefined;
  /** Where it is, in the same words for all brokers; `undefined` for a status that says nothing clear. */
  readonly state?: OrderState | undefined;
  /** The broker's word for the kind of order. */
  readonly orderType?: string | undefined;
  /** The limit. */
  readonly price?: string | undefined;
  /** The price that releases a stop. */
  readonly stopPrice?: string | undefined;
  /** Its legs. */
  readonly legs: readonly OrderLeg[];
  /** Why it was rejected. */
  readonly rejectReason?: string | undefined;
  /** The id of the order that it replaced, where a replacement has an id of its own. */
  readonly replacesId?: string | undefined;
  /** The id of the order that replaces it. */
  readonly replacedById?: string | undefined;
  /** When the broker received it. */
  readonly placedAt?: Date | undefined;
  /** What the broker warned of, or refused of it: at TradeStation an order may be placed without its OSOs. */
  readonly warnings: readonly ApiErrorDetail[];
  /** The order's JSON object, unchanged. */
  readonly raw: Raw;
  /** The whole answer of which it is a part; `undefined` if it was read from a list. */
  readonly response?: Raw | undefined;
}

/** What an order would cost. */
export interface DryRun {
  /** What the trade itself costs, negative if it brings money. */
  readonly estimatedCost?: string | undefined;
  /** The fees and commissions. */
  readonly fees?: string | undefined;
  /** By how much the buying power changes, negative if it falls. */
  readonly changeInBuyingPower?: string | undefined;
  /** What the broker warns of. */
  readonly warnings: readonly ApiErrorDetail[];
  /** The broker's JSON object, unchanged. */
  readonly raw: Raw;
}

/** A request about an order. */
export interface OrderRequest {
  /** The method. */
  readonly method: "POST" | "PUT" | "PATCH" | "DELETE";
  /** The path, below `baseUrl`. */
  readonly path: string;
  /** What is sent as JSON. */
  readonly body?: Raw;
}

/** Which order a request is about. */
export interface OrderTarget {
  /** The account number. */
  readonly accountNumber: string;
  /** The broker's id of the order. */
  readonly orderId: string;
}

/** What a new order, or one that replaces another, is stamped with. */
export interface OrderStamp {
  /** The account number. */
  readonly accountNumber: string;
  /** What it can be recognised by: 22 letters, digits, `-` and `_`, or the program's own. */
  readonly identifier: string;
}

/**
 * How a broker takes orders. Requests are built and answers read here, and sent elsewhere. The `read` functions
 * get JSON after {@linkcode Broker.unwrap}.
 */
export interface BrokerOrders {
  /** The identifier in an order that the program has stamped itself. */
  identifierOf(order: Raw): string | undefined;
  /**
   * The request that places an order, with the identifier in it.
   *
   * @throws {TypeError} If it is no single order.
   */
  place(order: Raw, stamp: OrderStamp): OrderRequest;
  /** The request that replaces an order. */
  replace(changes: Raw, target: OrderTarget & OrderStamp): OrderRequest;
  /** The request that cancels an order. */
  cancel(target: OrderTarget): OrderRequest;
  /** Reads the answers to these requests; `undefined` if there is no order in it. */
  readAnswer(data: unknown): Order | undefined;

  /** The path of today's orders in any state, and of older ones that still work, in pages. */
  livePath(accountNumber: string): string;
  /** The path that shows one order. */
  path(target: OrderTarget): string;
  /** Reads that; `undefined` if the order is not in it. */
  read(data: unknown, target: OrderTarget): Order | undefined;
  /** The list of the account's orders since a time, in pages. */
  list(
    accountNumber: string,
    since: Date,
  ): { readonly path: string; readonly query?: Readonly<Record<string, string>> };
  /** Reads an item of that list. */
  readItem(item: Raw): Order;
  /** Whether the newest orders come first, so that a search need not read all pages. */
  readonly isNewestFirst?: boolean;
  /**
   * Where a replaced order keeps its id: whether an order has the terms of a replacement. Elsewhere the
   * identifier tells.
   */
  hasTerms?(order: Order, changes: Raw): boolean;

  /** The request that tells what an order would cost, and changes nothing. */
  dryRun?(order: Raw, accountNumber: string): OrderRequest;
  /** Reads its answer. */
  readDryRun?(data: unknown): DryRun;
}
