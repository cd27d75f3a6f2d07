/**
 * Money as the brokers write it: decimal strings, calculated with whole numbers. A float would round.
 */
export class Decimal {
  // Units of 10⁻⁸: four decimals of a price times four of a quantity.
  readonly #units: bigint;

  private constructor(units: bigint) {
    this.#units = units;
  }

  /** Nothing. */
  static readonly ZERO: Decimal = new Decimal(0n);

  /** Whether a JSON value, string or number, is an amount that {@linkcode Decimal.from} reads. */
  static isDecimal(value: unknown): value is string | number {
    const isScalar = typeof value === "string" || typeof value === "number";
    return isScalar && /^-?\d+(\.\d{1,8})?$/.test(`${value}`);
  }

  /**
   * Reads an amount, for instance `-12.50`.
   *
   * @throws {SyntaxError} If it is not an amount.
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

  /** Whether it is 0. */
  get isZero(): boolean {
    return this.#units === 0n;
  }

  /** Whether it is less than another. */
  isBelow(other: Decimal): boolean {
    return this.#units < other.#units;
  }

  /** The same amount with the other sign. */
  negated(): Decimal {
    return new Decimal(-this.#units);
  }

  /** The sum. */
  plus(other: Decimal): Decimal {
    return new Decimal(this.#units + other.#units);
  }

  /** The difference. */
  minus(other: Decimal): Decimal {
    return new Decimal(this.#units - other.#units);
  }

  /** The product, truncated to 8 decimals. */
  times(other: Decimal): Decimal {
    return new Decimal(this.#units * other.#units / ONE);
  }

  /** The quotient, truncated to 8 decimals. */
  dividedBy(other: Decimal): Decimal {
    return new Decimal(this.#units * ONE / other.#units);
  }

  /** The whole part. */
  truncated(): Decimal {
    return new Decimal(this.#units / ONE * ONE);
  }

  /** The greatest amount of which both are multiples. */
  commonDivisor(other: Decimal): Decimal {
    let [one, rest] = [this.#units, other.#units];
    while (rest !== 0n) [one, rest] = [rest, one % rest];
    return new Decimal(one);
  }

  /** The amount without its sign, with at least one decimal and no trailing zeros. */
  toAmount(): string {
    const digits = `${this.isNegative ? -this.#units : this.#units}`.padStart(PLACES + 1, "0");
    const fraction = digits.slice(-PLACES).replace(/0+$/, "");
    return `${digits.slice(0, -PLACES)}.${fraction || "0"}`;
  }

  /** The amount with its sign, with at least one decimal and no trailing zeros. */
  toSigned(): string {
    return (this.isNegative ? "-" : "") + this.toAmount();
  }

  /** The amount with its sign and no trailing zeros. */
  toString(): string {
    return (this.isNegative ? "-" : "") + this.toAmount().replace(/\.0$/, "");
  }

  /** The sign as an effect on the account. */
  toEffect(): "Credit" | "Debit" | "None" {
    if (this.isPositive) return "Credit";
    return this.isNegative ? "Debit" : "None";
  }
}

const PLACES = 8;
const ONE = 10n ** 8n;
