/** What the accounts of one environment hold: positions, cash, and the trades that led there. */

import { Decimal } from "../decimal.ts";
import type { ExchangeOrder, Execution } from "../exchange/exchange_order.ts";
import type { Market } from "../exchange/market.ts";
import { Portfolio, type Position } from "../exchange/portfolio.ts";
import type { JsonObject } from "../response.ts";
import type { Users } from "../users.ts";
import { fundedAccount } from "./account_list.ts";
import { legsOf } from "./order_form.ts";
import { type BookedOrder, instant } from "./order_state.ts";
import { underlyingSymbol } from "./order_terms.ts";
import balanceSnapshots from "./recordings/balance_snapshots.json" with { type: "json" };
import balances from "./recordings/balances.json" with { type: "json" };
import dryRun from "./recordings/order_dry_run.json" with { type: "json" };
import equityPositions from "./recordings/positions_equity.json" with { type: "json" };
import optionPositions from "./recordings/positions_option.json" with { type: "json" };
import transactions from "./recordings/transactions.json" with { type: "json" };

/** The recorded fee of an order, which is charged with its first fill. */
const FEE = Decimal.from(dryRun.data["fee-calculation"]["total-fees"]);

const RECORDED_POSITIONS: readonly JsonObject[] = [
  ...optionPositions.data.items,
  ...equityPositions.data.items,
];

/** The accounts' holdings. */
export class Holdings {
  readonly #market: Market;
  readonly #users: Users;
  readonly #portfolios = new Map<string, Portfolio>();
  /** The legs by symbol, which tell what kind of instrument it is. */
  readonly #legs = new Map<string, JsonObject>();
  readonly #trades: JsonObject[] = [];
  // Above all recorded ids.
  #nextId = 2_455_400_000;

  constructor(market: Market, users: Users) {
    this.#market = market;
    this.#users = users;
    for (const recorded of RECORDED_POSITIONS) this.#legs.set(`${recorded["symbol"]}`, recorded);
  }

  /** Takes an execution into account. */
  record(
    { id, accountNumber, terms }: BookedOrder,
    order: ExchangeOrder,
    execution: Execution,
  ): void {
    const wireLeg = legsOf(terms)[execution.leg] ?? {};
    const portfolio = this.#portfolioOf(accountNumber);
    this.#legs.set(execution.symbol, wireLeg);
    portfolio.trade(execution);
    const fee = order.executions.length === 1 ? FEE : Decimal.ZERO;
    portfolio.charge(fee);
    this.#trades.unshift(
      this.#tradeOf({ accountNumber, orderId: id, wireLeg, execution, fee }),
    );
  }

  /** The trades of an account as transactions, newest first. */
  tradesOf(accountNumber: string | undefined): readonly JsonObject[] {
    return this.#trades.filter((trade) => trade["account-number"] === accountNumber);
  }

  /** The positions of an account. One that was closed has the quantity 0. */
  positionsOf(accountNumber: string): readonly JsonObject[] {
    return this.#portfolioOf(accountNumber).positions.map((position) =>
      this.#wireOf(accountNumber, position)
    );
  }

  /** A position with its price, and what it is worth at that. Which field is which is UNCONFIRMED. */
  withMark(position: JsonObject): JsonObject {
    const price = this.#market.priceOf(`${position["symbol"]}`) ??
      Decimal.from(position["close-price"]);
    const value = price.times(Decimal.from(position["quantity"]))
      .times(Decimal.from(position["multiplier"]));
    return { ...position, "mark": value.toAmount(), "mark-price": price.toAmount() };
  }

  /** The recorded balance of an account, changed by what was traded. */
  balanceOf(accountNumber: string): JsonObject {
    const recorded = recordedBalance(accountNumber);
    const portfolio = this.#portfolioOf(accountNumber);
    const markOf = (symbol: string) => this.#market.priceOf(symbol);
    const change = (isCounted: (position: Position) => boolean) =>
      portfolio.valueChange(markOf, isCounted);
    const isOption = ({ symbol }: Position) => this.#isOption(symbol);
    const isLong = ({ quantity }: Position) => quantity.isPositive;
    const cash = portfolio.cashChange.plus(this.#users.find(accountNumber)?.cash ?? Decimal.ZERO);
    const changes: Readonly<Record<string, Decimal>> = {
      "cash-balance": cash,
      "equity-buying-power": cash,
      "derivative-buying-power": cash,
      "cash-available-to-withdraw": cash,
      "long-equity-value": change((one) => isLong(one) && !isOption(one)),
      "long-derivative-value": change((one) => isLong(one) && isOption(one)),
      "short-equity-value": change((one) => !isLong(one) && !isOption(one)).negated(),
      "short-derivative-value": change((one) => !isLong(one) && isOption(one)).negated(),
      "net-liquidating-value": cash.plus(change(() => true)),
    };
    const changed = Object.entries(changes).filter(([, amount]) => !amount.isZero)
      .map(([name, amount]) => [name, Decimal.from(recorded[name]).plus(amount).toSigned()]);
    return { ...recorded, ...Object.fromEntries(changed) };
  }

  #portfolioOf(accountNumber: string): Portfolio {
    const known = this.#portfolios.get(accountNumber);
    if (known !== undefined) return known;
    const recorded = accountNumber === fundedAccount ? RECORDED_POSITIONS : [];
    const portfolio = new Portfolio(recorded.map(positionOf));
    this.#portfolios.set(accountNumber, portfolio);
    return portfolio;
  }

  #isOption(symbol: string): boolean {
    return this.#legs.get(symbol)?.["instrument-type"] === "Equity Option";
  }

  #wireOf(accountNumber: string, position: Position): JsonObject {
    const { symbol, quantity, averagePrice, multiplier, mark, updatedAt } = position;
    const recorded = RECORDED_POSITIONS.find((one) =>
      one["symbol"] === symbol && accountNumber === fundedAccount
    );
    if (recorded !== undefined && updatedAt === undefined) return recorded;
    const leg = this.#legs.get(symbol) ?? {};
    const at = instant(updatedAt);
    const price = averagePrice.toAmount();
    return {
      "account-number": accountNumber,
      "symbol": symbol,
      "instrument-type": leg["instrument-type"],
      "underlying-symbol": recorded?.["underlying-symbol"] ?? underlyingSymbol(leg),
      "multiplier": Number(multiplier),
      "is-suppressed": false,
      "is-frozen": false,
      "restricted-quantity": 0,
      "realized-day-gain": "0.0",
      "realized-day-gain-effect": "None",
      "realized-today": "0.0",
      "realized-today-effect": "None",
      "created-at": at,
      ...recorded,
      "quantity": Math.abs(Number(quantity)),
      "quantity-direction": quantity.isZero ? "Zero" : quantity.isNegative ? "Short" : "Long",
      // The value effect of closing it.
      "cost-effect": quantity.isZero ? "None" : quantity.isNegative ? "Debit" : "Credit",
      "close-price": mark.toAmount(),
      "average-open-price": price,
      "average-daily-market-close-price": price,
      "average-yearly-market-close-price": price,
      "updated-at": at,
    };
  }

  /** The fields of the recorded trade. */
  #tradeOf(
    { accountNumber, orderId, wireLeg, execution, fee }: {
      accountNumber: string;
      orderId: number;
      wireLeg: JsonObject;
      execution: Execution;
      fee: Decimal;
    },
  ): JsonObject {
    const { quantity, price, at, isBuy, multiplier } = execution;
    const value = quantity.times(price).times(multiplier);
    const signed = isBuy ? value.negated() : value;
    const net = signed.minus(fee);
    const [template] = transactions.data.items;
    return {
      ...template,
      "id": this.#nextId++,
      "account-number": accountNumber,
      "symbol": wireLeg["symbol"],
      "instrument-type": wireLeg["instrument-type"],
      "underlying-symbol": underlyingSymbol(wireLeg),
      "transaction-sub-type": wireLeg["action"],
      "description": `${isBuy ? "Bought" : "Sold"} ${quantity} ${
        wireLeg["symbol"]
      } @ ${price.toAmount()}`,
      "action": wireLeg["action"],
      "quantity": quantity.toAmount(),
      "price": price.toAmount(),
      "executed-at": instant(at),
      "transaction-date": instant(at)?.slice(0, 10),
      "value": signed.toAmount(),
      "value-effect": signed.toEffect(),
      "regulatory-fees": "0.0",
      "regulatory-fees-effect": "None",
      "clearing-fees": fee.toAmount(),
      "clearing-fees-effect": fee.isZero ? "None" : "Debit",
      "net-value": net.toAmount(),
      "net-value-effect": net.toEffect(),
      "commission": "0.0",
      "commission-effect": "None",
      "order-id": orderId,
      "destination-venue": "EMULATOR",
    };
  }
}

/**
 * The recorded balance has zeros only. Where the recorded snapshot of a funded account has the same
 * field, that value stands here for the funded account, so that there is money to see.
 */
function recordedBalance(accountNumber: string): JsonObject {
  const zeros = { ...balances.data, "account-number": accountNumber };
  if (accountNumber !== fundedAccount) return zeros;
  const [snapshot = {}] = balanceSnapshots.data.items;
  const shared = Object.entries(snapshot).filter(([name]) => name in zeros);
  return { ...zeros, ...Object.fromEntries(shared) };
}

function positionOf(recorded: JsonObject): Position {
  const quantity = Decimal.from(recorded["quantity"]);
  return {
    symbol: `${recorded["symbol"]}`,
    quantity: recorded["quantity-direction"] === "Short" ? quantity.negated() : quantity,
    averagePrice: Decimal.from(recorded["average-open-price"]),
    multiplier: Decimal.from(recorded["multiplier"]),
    isFuture: false,
    mark: Decimal.from(recorded["close-price"]),
    updatedAt: undefined,
  };
}
