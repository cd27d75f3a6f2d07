/**
 * Money as the brokers write it: decimal text, reckoned with whole numbers only. A float would round.
 */
export class Decimal {
  // Units of 10⁻⁸: four places of a price times four of a fractional quantity.
  readonly #units: bigint;

  private constructor(units: bigint) {
    this.#units = units;
  }

  /** Tells whether a JSON value, text or number, is an amount that {@linkcode Decimal.from} reads. */
  static isDecimal(value: unknown): value is string | number {
    const isScalar = typeof value === "string" || typeof value === "number";
    return isScalar && /^-?\d+(\.\d{1,8})?$/.test(`${value}`);
  }

  /**
   * Reads an amount as `-12.50`.
   *
   * @throws {SyntaxError} If it is none.
   */
  static from(value: unknown): Decimal {
    const [whole = "", fraction = ""] = `${value}`.split(".");
    return new Decimal(BigInt(whole + fraction.padEnd(PLACES, "0")));
  }

  /** Whether it is above 0. */
  get isPositive(): boolean {
    return this.#units > 0n;
  }

  /** Whether it is below 0. */
  get isNegative(): boolean {
    return this.#units < 0n;
  }

  /** The sum. */
  plus(other: Decimal): Decimal {
    return new Decimal(this.#units + other.#units);
  }

  /** The difference. */
  minus(other: Decimal): Decimal {
    return new Decimal(this.#units - other.#units);
  }

  /** The product, cut to 8 places. */
  times(other: Decimal): Decimal {
    return new Decimal(this.#units * other.#units / ONE);
  }

  /** The amount without its sign, as the wire has it: at least one decimal, no zeros behind. */
  toAmount(): string {
    const digits = `${this.isNegative ? -this.#units : this.#units}`.padStart(PLACES + 1, "0");
    const fraction = digits.slice(-PLACES).replace(/0+$/, "");
    return `${digits.slice(0, -PLACES)}.${fraction || "0"}`;
  }

  /** The amount with its sign, no zeros behind. */
  toString(): string {
    return (this.isNegative ? "-" : "") + this.toAmount().replace(/\.0$/, "");
  }

  /** The sign in words, as what the amount does to the account. */
  toEffect(): "Credit" | "Debit" | "None" {
    if (this.isPositive) return "Credit";
    return this.isNegative ? "Debit" : "None";
  }
}

const PLACES = 8;
const ONE = 10n ** 8n;
