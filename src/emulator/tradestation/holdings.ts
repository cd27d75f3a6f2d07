/** What the accounts of one environment hold: positions and cash. */

import { Decimal } from "../decimal.ts";
import type { Execution } from "../exchange/exchange_order.ts";
import type { Market } from "../exchange/market.ts";
import { marketValue, Portfolio, type Position } from "../exchange/portfolio.ts";
import { isJsonObject, type JsonObject } from "../response.ts";
import { type Environment, inEnvironment } from "./account_list.ts";
import type { Users } from "../users.ts";
import { instrumentOf } from "./instrument.ts";
import { type BookedOrder, instantOf } from "./order_state.ts";
import balances from "./recordings/balances.json" with { type: "json" };
import positions from "./recordings/positions.json" with { type: "json" };

/** The accounts' holdings. */
export class Holdings {
  readonly #market: Market;
  readonly #users: Users;
  readonly #positions: readonly JsonObject[];
  readonly #balances: readonly JsonObject[];
  readonly #portfolios = new Map<string, Portfolio>();

  constructor(environment: Environment, market: Market, users: Users) {
    this.#market = market;
    this.#users = users;
    this.#positions = inEnvironment(positions.Positions, environment);
    this.#balances = inEnvironment(balances.Balances, environment);
  }

  /** Takes an execution into account. */
  record({ form }: BookedOrder, execution: Execution): void {
    this.#portfolioOf(form.accountId).trade(execution);
  }

  /** The open positions of an account. */
  positionsOf(accountId: string): readonly JsonObject[] {
    // A position keeps its id when another one is closed.
    return this.#portfolioOf(accountId).positions.flatMap((position, index) =>
      position.quantity.isZero ? [] : [this.#wireOf(accountId, position, index)]
    );
  }

  /** The recorded balances of an account, changed by what was traded. */
  balancesOf(accountId: string): readonly JsonObject[] {
    const portfolio = this.#portfolioOf(accountId);
    const opened = this.#users.find(accountId);
    const cash = portfolio.cashChange.plus(opened?.cash ?? Decimal.ZERO);
    const value = portfolio.valueChange(this.#markOf, () => true);
    const changes: Readonly<Record<string, Decimal>> = {
      "CashBalance": cash,
      "BuyingPower": cash,
      "MarketValue": value,
      "Equity": cash.plus(value),
    };
    const recorded = this.#balances.filter((balance) => balance["AccountID"] === accountId);
    return (opened === undefined ? recorded : [withoutMoney(this.#balances[0], accountId)])
      .map((balance) => {
        const changed = Object.entries(changes).filter(([, amount]) => !amount.isZero)
          .map(([name, amount]) => [name, `${Decimal.from(balance[name]).plus(amount)}`]);
        return { ...balance, ...Object.fromEntries(changed) };
      });
  }

  readonly #markOf = (symbol: string): Decimal | undefined => this.#market.priceOf(symbol);

  #portfolioOf(accountId: string): Portfolio {
    const known = this.#portfolios.get(accountId);
    if (known !== undefined) return known;
    const recorded = this.#positions.filter((position) => position["AccountID"] === accountId);
    const portfolio = new Portfolio(recorded.map(positionOf));
    this.#portfolios.set(accountId, portfolio);
    return portfolio;
  }

  #wireOf(accountId: string, position: Position, index: number): JsonObject {
    const { symbol, quantity, averagePrice, multiplier, mark, updatedAt } = position;
    const recorded = this.#positions.find((one) =>
      one["Symbol"] === symbol && one["AccountID"] === accountId
    );
    const price = this.#market.priceOf(symbol);
    if (recorded !== undefined && updatedAt === undefined && price === undefined) return recorded;
    const { assetType, option } = instrumentOf(symbol);
    const last = price ?? mark;
    const cost = quantity.times(averagePrice).times(multiplier);
    const value = marketValue(position, this.#markOf);
    const profit = quantity.times(last.minus(averagePrice)).times(multiplier);
    const percent = cost.isZero
      ? Decimal.ZERO
      : profit.times(Decimal.from("100")).dividedBy(cost.isNegative ? cost.negated() : cost);
    return {
      ConversionRate: "1",
      DayTradeRequirement: "0",
      InitialRequirement: "0",
      MaintenanceMargin: "0",
      PositionID: `${64_630_800 + index}`,
      ...recorded,
      AccountID: accountId,
      AveragePrice: `${averagePrice}`,
      AssetType: assetType,
      ...(assetType === "STOCKOPTION" ? { ExpirationDate: option["ExpirationDate"] } : {}),
      Last: `${last}`,
      Bid: `${last}`,
      Ask: `${last}`,
      LongShort: quantity.isNegative ? "Short" : "Long",
      Quantity: `${quantity}`, // "is negative for short positions"
      Symbol: symbol,
      Timestamp: updatedAt === undefined ? recorded?.["Timestamp"] : instantOf(updatedAt),
      TodaysProfitLoss: `${profit}`,
      TotalCost: `${cost}`,
      MarketValue: `${value}`,
      MarkToMarketPrice: `${averagePrice}`,
      UnrealizedProfitLoss: `${profit}`,
      UnrealizedProfitLossPercent: `${percent}`,
      UnrealizedProfitLossQty: `${last.minus(averagePrice)}`,
    };
  }
}

/** The balance of a new account: each amount of a recorded one is 0. */
function withoutMoney(recorded: JsonObject | undefined, accountId: string): JsonObject {
  const zeros = (object: JsonObject): JsonObject =>
    Object.fromEntries(
      Object.entries(object).map(([name, value]) => [
        name,
        isJsonObject(value) ? zeros(value) : Decimal.isDecimal(value) ? "0" : value,
      ]),
    );
  return { ...zeros(recorded ?? {}), AccountID: accountId };
}

function positionOf(recorded: JsonObject): Position {
  return {
    symbol: `${recorded["Symbol"]}`,
    quantity: Decimal.from(recorded["Quantity"]),
    averagePrice: Decimal.from(recorded["AveragePrice"]),
    multiplier: instrumentOf(`${recorded["Symbol"]}`).multiplier,
    isFuture: false,
    mark: Decimal.from(recorded["Last"]),
    updatedAt: undefined,
  };
}
