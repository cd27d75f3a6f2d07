/**
 * What accounts, balances, positions and customers have in common at all brokers.
 *
 * Every broker has more to tell than this, in its own words: `raw` is its own object, untouched.
 * Amounts, prices and quantities are decimal strings, because a float cannot hold every price. A
 * field that the broker leaves out is `undefined`.
 */

/** A broker's own JSON object. */
export type Raw = Readonly<Record<string, unknown>>;

/** An account. */
export interface AccountRecord {
  /** The number that names the account in every path. */
  readonly accountNumber: string;
  /** `"Individual"`, `"Roth IRA"`, `"Margin"`, …, as the broker has it. */
  readonly accountType?: string | undefined;
  /** The owner's own name for it. */
  readonly nickname?: string | undefined;
  /** `"Cash"` or `"Margin"`. */
  readonly marginOrCash?: string | undefined;
  /** What the signed-in customer may do with it: `"owner"`, `"trade-only"`, `"read-only"`. */
  readonly authorityLevel?: string | undefined;
  /** Whether it was closed. */
  readonly isClosed?: boolean | undefined;
  /** When it was opened. */
  readonly openedAt?: Date | undefined;
  /** The broker's own object. */
  readonly raw: Raw;
}

/** What an account holds and may spend. Decimal strings in the account's currency. */
export interface Balances {
  /** The account's number. */
  readonly accountNumber?: string | undefined;
  /** ISO 4217, for instance `"USD"`. */
  readonly currency?: string | undefined;
  /** Cash. */
  readonly cashBalance?: string | undefined;
  /** What the account would be worth if every position were closed now. */
  readonly netLiquidatingValue?: string | undefined;
  /** What can be spent on stock. */
  readonly equityBuyingPower?: string | undefined;
  /** What can be spent on options. */
  readonly derivativeBuyingPower?: string | undefined;
  /** What can be spent on stock that is sold on the same day. */
  readonly dayTradingBuyingPower?: string | undefined;
  /** What must be there to keep the positions. */
  readonly maintenanceRequirement?: string | undefined;
  /** The value of the long stock. */
  readonly longEquityValue?: string | undefined;
  /** The value of the short stock, unsigned. */
  readonly shortEquityValue?: string | undefined;
  /** The value of the long options. */
  readonly longDerivativeValue?: string | undefined;
  /** The value of the short options, unsigned. */
  readonly shortDerivativeValue?: string | undefined;
  /** What can be withdrawn. */
  readonly cashAvailableToWithdraw?: string | undefined;
  /** When the broker worked this out. */
  readonly updatedAt?: Date | undefined;
  /** The broker's own object. */
  readonly raw: Raw;
}

/** Something that an account holds. */
export interface Position {
  /** The account's number. */
  readonly accountNumber?: string | undefined;
  /** The broker's symbol for what is held. */
  readonly symbol: string;
  /** `"Equity"`, `"Equity Option"`, `"Future"`, …, as the broker has it. */
  readonly instrumentType?: string | undefined;
  /** The symbol of what an option or a future is on; a stock's own. */
  readonly underlyingSymbol?: string | undefined;
  /** How many, unsigned; `quantityDirection` has the sign. */
  readonly quantity?: string | undefined;
  /** Which way; `"Zero"` once closed. */
  readonly quantityDirection?: "Long" | "Short" | "Zero" | undefined;
  /** The price at which it was opened, on average. */
  readonly averageOpenPrice?: string | undefined;
  /** The price at the last close. */
  readonly closePrice?: string | undefined;
  /** What one price point of one contract is worth: 1 for a stock, 100 for most options. */
  readonly multiplier?: string | undefined;
  /** When an option or a future expires. */
  readonly expiresAt?: Date | undefined;
  /** When it was opened. */
  readonly createdAt?: Date | undefined;
  /** When it last changed. */
  readonly updatedAt?: Date | undefined;
  /** The broker's own object. */
  readonly raw: Raw;
}

/** The person, or the company, that is signed in. */
export interface CustomerRecord {
  /** The broker's name for the customer; tastytrade says `"me"`. */
  readonly id?: string | undefined;
  /** Given name. */
  readonly firstName?: string | undefined;
  /** Family name. */
  readonly lastName?: string | undefined;
  /** E-mail address. */
  readonly email?: string | undefined;
  /** Phone number. */
  readonly mobilePhoneNumber?: string | undefined;
  /** `YYYY-MM-DD`. */
  readonly birthDate?: string | undefined;
  /** Whether the exchanges bill the customer as a professional. */
  readonly isProfessional?: boolean | undefined;
  /** When the customer signed up. */
  readonly createdAt?: Date | undefined;
  /** The broker's own object. */
  readonly raw: Raw;
}
