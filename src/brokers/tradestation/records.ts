/** How TradeStation writes accounts, balances and positions. */

import { decimal, instant, record, records, text } from "../fields.ts";
import type { AccountRecord, Balances, Position, Raw } from "../records.ts";

/** Reads an account. */
export function readAccount(raw: Raw): AccountRecord {
  const accountType = text(raw.AccountType);
  const status = text(raw.Status);
  return {
    accountNumber: text(raw.AccountID) ?? "",
    accountType,
    nickname: text(raw.Alias),
    marginOrCash: accountType === "Margin" || accountType === "Cash" ? accountType : undefined,
    authorityLevel: undefined,
    isClosed: status === undefined ? undefined : status === "Closed",
    openedAt: undefined,
    raw,
  };
}

/** Reads balances. */
export function readBalances(raw: Raw): Balances {
  const detail = record(raw.BalanceDetail);
  const [currencyDetail = {}] = records(raw.CurrencyDetails);
  return {
    accountNumber: text(raw.AccountID),
    currency: text(currencyDetail.Currency),
    cashBalance: decimal(raw.CashBalance),
    netLiquidatingValue: decimal(raw.Equity),
    marketValue: decimal(raw.MarketValue),
    equityBuyingPower: decimal(raw.BuyingPower),
    derivativeBuyingPower: decimal(detail.OptionBuyingPower),
    dayTradingBuyingPower: decimal(detail.DayTradeExcess),
    maintenanceRequirement: decimal(detail.MaintenanceMargin) ?? decimal(detail.RequiredMargin),
    longEquityValue: undefined,
    shortEquityValue: undefined,
    longDerivativeValue: undefined,
    shortDerivativeValue: undefined,
    cashAvailableToWithdraw: undefined,
    updatedAt: undefined,
    raw,
  };
}

/** Reads a position. */
export function readPosition(raw: Raw): Position {
  const direction = raw.LongShort;
  return {
    accountNumber: text(raw.AccountID),
    symbol: text(raw.Symbol) ?? "",
    instrumentType: text(raw.AssetType),
    underlyingSymbol: undefined,
    quantity: decimal(raw.Quantity)?.replace(/^[+-]/, ""), // negative when short
    quantityDirection: direction === "Long" || direction === "Short" ? direction : undefined,
    averageOpenPrice: decimal(raw.AveragePrice),
    closePrice: undefined,
    marketValue: decimal(raw.MarketValue),
    multiplier: undefined,
    expiresAt: instant(raw.ExpirationDate),
    createdAt: instant(raw.Timestamp),
    updatedAt: undefined,
    raw,
  };
}
