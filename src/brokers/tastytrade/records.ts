/** How tastytrade writes accounts, balances, positions and customers. */

import { decimal, flag, instant, productOf, record, records, sumOf, text } from "../fields.ts";
import type { AccountRecord, Balances, CustomerRecord, Position, Raw } from "../records.ts";

/** Reads an account. The customer's authority over it is in the list of accounts only. */
export function readAccount(raw: Raw, authorityLevel: unknown): AccountRecord {
  return {
    accountNumber: text(raw["account-number"]) ?? "",
    accountType: text(raw["account-type-name"]),
    nickname: text(raw.nickname),
    marginOrCash: text(raw["margin-or-cash"]),
    authorityLevel: text(authorityLevel),
    isClosed: flag(raw["is-closed"]),
    openedAt: instant(raw["opened-at"]),
    raw,
  };
}

/** Reads balances: one object, or from version 20240501 on a list of one. */
export function readBalances(data: unknown): Balances {
  const raw = records(record(data).items)[0] ?? record(data);
  return {
    accountNumber: text(raw["account-number"]),
    currency: text(raw.currency),
    cashBalance: decimal(raw["cash-balance"]),
    netLiquidatingValue: decimal(raw["net-liquidating-value"]),
    marketValue: valueOf(
      [
        raw["long-equity-value"],
        raw["long-derivative-value"],
        raw["long-futures-derivative-value"],
        raw["long-cryptocurrency-value"],
        raw["long-fixed-income-security-value"],
      ],
      [
        raw["short-equity-value"],
        raw["short-derivative-value"],
        raw["short-futures-derivative-value"],
        raw["short-cryptocurrency-value"],
      ],
    ),
    equityBuyingPower: decimal(raw["equity-buying-power"]),
    derivativeBuyingPower: decimal(raw["derivative-buying-power"]),
    dayTradingBuyingPower: decimal(raw["day-trading-buying-power"]),
    maintenanceRequirement: decimal(raw["maintenance-requirement"]),
    longEquityValue: decimal(raw["long-equity-value"]),
    shortEquityValue: decimal(raw["short-equity-value"]),
    longDerivativeValue: decimal(raw["long-derivative-value"]),
    shortDerivativeValue: decimal(raw["short-derivative-value"]),
    cashAvailableToWithdraw: decimal(raw["cash-available-to-withdraw"]),
    updatedAt: instant(raw["updated-at"]),
    raw,
  };
}

/** The long values less the short ones; what the broker leaves out has no value. */
function valueOf(long: readonly unknown[], short: readonly unknown[]): string | undefined {
  const [plus, minus] = [long, short].map((values) =>
    values.map(decimal).filter((value) => value !== undefined)
  );
  if (plus === undefined || minus === undefined || plus.length === 0) return undefined;
  return sumOf([...plus, ...minus.map((value) => value.startsWith("-") ? value : `-${value}`)]);
}

/** 1, −1 or 0. */
function signOf(direction: unknown): string | undefined {
  if (direction === "Zero") return "0";
  return direction === "Long" ? "1" : direction === "Short" ? "-1" : undefined;
}

/** Reads a position. */
export function readPosition(raw: Raw): Position {
  const direction = raw["quantity-direction"];
  return {
    accountNumber: text(raw["account-number"]),
    symbol: text(raw.symbol) ?? "",
    instrumentType: text(raw["instrument-type"]),
    underlyingSymbol: text(raw["underlying-symbol"]),
    quantity: decimal(raw.quantity),
    quantityDirection: direction === "Long" || direction === "Short" || direction === "Zero"
      ? direction
      : undefined,
    averageOpenPrice: decimal(raw["average-open-price"]),
    closePrice: decimal(raw["close-price"]),
    // The field `mark` may be this or the value of one contract: no source says which.
    marketValue: productOf([
      signOf(direction),
      decimal(raw.quantity),
      decimal(raw["mark-price"]),
      decimal(raw.multiplier),
    ]),
    multiplier: decimal(raw.multiplier),
    expiresAt: instant(raw["expires-at"]),
    createdAt: instant(raw["created-at"]),
    updatedAt: instant(raw["updated-at"]),
    raw,
  };
}

/** Reads a customer. */
export function readCustomer(data: unknown): CustomerRecord {
  const raw = record(data);
  return {
    id: text(raw.id),
    firstName: text(raw["first-name"]),
    lastName: text(raw["last-name"]),
    email: text(raw.email),
    mobilePhoneNumber: text(raw["mobile-phone-number"]),
    birthDate: text(raw["birth-date"]),
    isProfessional: flag(raw["is-professional"]),
    createdAt: instant(raw["created-at"]),
    raw,
  };
}
