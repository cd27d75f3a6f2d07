/**
 * Reading the fields of a broker's JSON. A value of another type than expected becomes `undefined`,
 * because brokers omit fields, add some, and turn numbers into strings, and none of it may crash.
 */

import type { ApiErrorDetail } from "../errors.ts";
import type { Raw } from "./records.ts";

/** The value as an object, or an empty one. */
export function record(value: unknown): Raw {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value as Raw : {};
}

/** The value as a list of objects, or an empty one. */
export function records(value: unknown): Raw[] {
  return Array.isArray(value) ? value.map(record) : [];
}

/** A string, or a number as its digits, because ids come as either. */
export function text(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  return typeof value === "number" ? decimal(value) : undefined;
}

/** A string that is not blank. */
export function nonEmptyText(value: unknown): string | undefined {
  return typeof value === "string" && value.trim() !== "" ? value : undefined;
}

export function flag(value: unknown): boolean | undefined {
  return typeof value === "boolean" ? value : undefined;
}

/**
 * A quantity or an amount as a decimal string without an exponent. Brokers send `40`, `"40.0"` and
 * `1e-7`.
 */
export function decimal(value: unknown): string | undefined {
  if (typeof value !== "number" && typeof value !== "string") return undefined;
  const match = /^([+-]?)(\d+)(?:\.(\d+))?(?:e([+-]?\d{1,3}))?$/i.exec(String(value));
  if (match === null) return undefined;
  const [written, sign, whole = "", fraction = "", exponent] = match;
  if (exponent === undefined) return written;
  const shift = Number(exponent);
  const digits = (shift < 0 ? "0".repeat(-shift) : "") + whole + fraction +
    "0".repeat(Math.max(shift, 0));
  const point = whole.length + shift + (shift < 0 ? -shift : 0);
  const left = digits.slice(0, point).replace(/^0+(?=\d)/, "");
  const right = digits.slice(point).replace(/0+$/, "");
  return `${sign}${left}${right === "" ? "" : `.${right}`}`;
}

/** The product of decimal strings, without zeros at its end; `undefined` if one of them is. */
export function productOf(factors: readonly (string | undefined)[]): string | undefined {
  let [units, places] = [1n, 0];
  for (const factor of factors) {
    if (factor === undefined) return undefined;
    const [whole = "", fraction = ""] = factor.split(".");
    units *= BigInt(whole + fraction);
    places += fraction.length;
  }
  return decimalOf(units, places).replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "");
}

/** The sum of decimal strings, calculated with whole numbers. */
export function sumOf(amounts: readonly string[]): string {
  const places = Math.max(0, ...amounts.map((amount) => amount.split(".")[1]?.length ?? 0));
  const units = amounts.map((amount) => {
    const [whole = "", fraction = ""] = amount.split(".");
    return BigInt(whole + fraction.padEnd(places, "0"));
  });
  return decimalOf(units.reduce((sum, one) => sum + one, 0n), places);
}

/** So many units of the last place. */
function decimalOf(units: bigint, places: number): string {
  const digits = String(units < 0n ? -units : units).padStart(places + 1, "0");
  const point = digits.length - places;
  const fraction = places === 0 ? "" : `.${digits.slice(point)}`;
  return `${units < 0n ? "-" : ""}${digits.slice(0, point)}${fraction}`;
}

const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)$/;

/** A point in time, written as in RFC 3339. */
export function instant(value: unknown): Date | undefined {
  if (typeof value !== "string" || !RFC_3339.test(value)) return undefined;
  const date = new Date(value);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

/** One of several errors in a response, without the fields that the broker omits. */
export function errorDetail(
  detail: { readonly [Name in keyof ApiErrorDetail]: string | undefined },
): ApiErrorDetail {
  const present = Object.entries(detail).filter(([, value]) => value !== undefined);
  return Object.fromEntries(present);
}
