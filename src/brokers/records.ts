/**
 * The fields that accounts, balances, positions and customers have at all brokers.
 *
 * Every broker sends more than this: `raw` is its own object, unchanged. Amounts, prices and quantities
 * are decimal strings, because a float cannot hold every price. A field that the broker omits is
 * `undefined`.
 */

/** A JSON object of the broker. */
export type Raw = Readonly<Record<string, unknown>>;

/** The fields of an account. */
export interface AccountRecord {
  /** The number that identifies the account, also in paths. */
  readonly accountNumber: string;
  /** The broker's name for the kind of account: `"Individual"`, `"Roth IRA"`, `"Margin"`, …. */
  readonly accountType?: string | undefined;
  /** The name that the owner gave to it. */
  readonly nickname?: string | undefined;
  /** `"Cash"` or `"Margin"`. */
  readonly marginOrCash?: string | undefined;
  /** The customer's authority over it: `"owner"`, `"trade-only"` or `"read-only"`. */
  readonly authorityLevel?: string | undefined;
  /** Whether the account is closed. */
  readonly isClosed?: boolean | undefined;
  /** When the account was opened. */
  readonly openedAt?: Date | undefined;
  /** The broker's JSON object, unchanged. */
  readonly raw: Raw;
}

/**
 * An account's balances, as decimal strings in the account's currency. Each is made of these fields of the broker's
 * object; a field of several is computed:
 *
 * | field | tastytrade | TradeStation |
 * | --- | --- | --- |
 * | `accountNumber` | `account-number` | `AccountID` |
 * | `currency` | `currency` | `CurrencyDetails.Currency` |
 * | `cashBalance` | `cash-balance` | `CashBalance` |
 * | `netLiquidatingValue` | `net-liquidating-value` | `Equity` |
 * | `marketValue` | `long-equity-value` and 8 more | `MarketValue` |
 * | `equityBuyingPower` | `equity-buying-power` | `BuyingPower` |
 * | `derivativeBuyingPower` | `derivative-buying-power` | `BalanceDetail.OptionBuyingPower` |
 * | `dayTradingBuyingPower` | `day-trading-buying-power` | `BalanceDetail.DayTradeExcess` |
 * | `maintenanceRequirement` | `maintenance-requirement` | `BalanceDetail.MaintenanceMargin`, `BalanceDetail.RequiredMargin` |
 * | `longEquityValue` | `long-equity-value` | – |
 * | `shortEquityValue` | `short-equity-value` | – |
 * | `longDerivativeValue` | `long-derivative-value` | – |
 * | `shortDerivativeValue` | `short-derivative-value` | – |
 * | `cashAvailableToWithdraw` | `cash-available-to-withdraw` | – |
 * | `updatedAt` | `updated-at` | – |
 */
export interface Balances {
  /** The account number. */
  readonly accountNumber?: string | undefined;
  /** The currency's ISO 4217 code, for instance `"USD"`. */
  readonly currency?: string | undefined;
  /** The cash, negative if it is owed. */
  readonly cashBalance?: string | undefined;
  /** The account's value if every position were closed now. */
  readonly netLiquidatingValue?: string | undefined;
  /** The value of the positions, the short ones subtracted. */
  readonly marketValue?: string | undefined;
  /** The buying power for stock. */
  readonly equityBuyingPower?: string | undefined;
  /** The buying power for options. */
  readonly derivativeBuyingPower?: string | undefined;
  /** The buying power for stock that is sold on the same day. */
  readonly dayTradingBuyingPower?: string | undefined;
  /** The maintenance requirement of the positions. */
  readonly maintenanceRequirement?: string | undefined;
  /** The value of the long stock. */
  readonly longEquityValue?: string | undefined;
  /** The value of the short stock, unsigned. */
  readonly shortEquityValue?: string | undefined;
  /** The value of the long options. */
  readonly longDerivativeValue?: string | undefined;
  /** The value of the short options, unsigned. */
  readonly shortDerivativeValue?: string | undefined;
  /** The cash that can be withdrawn. */
  readonly cashAvailableToWithdraw?: string | undefined;
  /** When the broker computed these balances. */
  readonly updatedAt?: Date | undefined;
  /** The broker's JSON object, unchanged. */
  readonly raw: Raw;
}

/**
 * A position of an account. Each field is made of these fields of the broker's object; a market value of several
 * is computed. An update of tastytrade's has no mark, and so no market value.
 *
 * | field | tastytrade | TradeStation |
 * | --- | --- | --- |
 * | `accountNumber` | `account-number` | `AccountID` |
 * | `symbol` | `symbol` | `Symbol` |
 * | `instrumentType` | `instrument-type` | `AssetType` |
 * | `underlyingSymbol` | `underlying-symbol` | – |
 * | `quantity` | `quantity` | `Quantity` |
 * | `quantityDirection` | `quantity-direction` | `LongShort` |
 * | `averageOpenPrice` | `average-open-price` | `AveragePrice` |
 * | `closePrice` | `close-price` | – |
 * | `marketValue` | `quantity-direction`, `quantity`, `mark-price`, `multiplier` | `MarketValue` |
 * | `multiplier` | `multiplier` | – |
 * | `expiresAt` | `expires-at` | `ExpirationDate` |
 * | `createdAt` | `created-at` | `Timestamp` |
 * | `updatedAt` | `updated-at` | – |
 */
export interface Position {
  /** The account number. */
  readonly accountNumber?: string | undefined;
  /** The broker's symbol of the instrument. */
  readonly symbol: string;
  /** The broker's name for the kind of instrument: `"Equity"`, `"Equity Option"`, `"Future"`, …. */
  readonly instrumentType?: string | undefined;
  /** The symbol of the underlying of an option or a future; for a stock, its own symbol. */
  readonly underlyingSymbol?: string | undefined;
  /** The quantity, unsigned; `quantityDirection` has the sign. */
  readonly quantity?: string | undefined;
  /** The direction; `"Zero"` once the position is closed. */
  readonly quantityDirection?: "Long" | "Short" | "Zero" | undefined;
  /** The average price at which it was opened. */
  readonly averageOpenPrice?: string | undefined;
  /** The instrument's last closing price. */
  readonly closePrice?: string | undefined;
  /** What the position is worth now, negative if it is short. */
  readonly marketValue?: string | undefined;
  /** The value of one price point of one contract: 1 for a stock, 100 for most options. */
  readonly multiplier?: string | undefined;
  /** When an option or a future expires. */
  readonly expiresAt?: Date | undefined;
  /** When the position was opened. */
  readonly createdAt?: Date | undefined;
  /** When the position last changed. */
  readonly updatedAt?: Date | undefined;
  /** The broker's JSON object, unchanged. */
  readonly raw: Raw;
}

/** The person or company that is signed in. */
export interface CustomerRecord {
  /** The broker's id of the customer; at tastytrade `"me"`. */
  readonly id?: string | undefined;
  /** Given name. */
  readonly firstName?: string | undefined;
  /** Family name. */
  readonly lastName?: string | undefined;
  /** E-mail address. */
  readonly email?: string | undefined;
  /** Phone number. */
  readonly mobilePhoneNumber?: string | undefined;
  /** The date of birth, as `YYYY-MM-DD`. */
  readonly birthDate?: string | undefined;
  /** Whether the exchanges charge the customer as a professional. */
  readonly isProfessional?: boolean | undefined;
  /** When the customer signed up. */
  readonly createdAt?: Date | undefined;
  /** The broker's JSON object, unchanged. */
  readonly raw: Raw;
}
