/**
 * Reading a broker's JSON: what is there in the right type is taken, anything else is `undefined`.
 * Brokers leave fields out, add some, and change a number into a string; none of it may crash.
 */

import type { Raw } from "./records.ts";

/** The value as an object, or an empty one. */
export function record(value: unknown): Raw {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value as Raw : {};
}

/** The value as a list of objects, or an empty one. */
export function records(value: unknown): Raw[] {
  return Array.isArray(value) ? value.map(record) : [];
}

/** A text, or a number as its digits: ids are sent as either. */
export function text(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  return typeof value === "number" ? decimal(value) : undefined;
}

/** A text that is more than white space. */
export function nonEmptyText(value: unknown): string | undefined {
  return typeof value === "string" && value.trim() !== "" ? value : undefined;
}

/** A boolean. */
export function flag(value: unknown): boolean | undefined {
  return typeof value === "boolean" ? value : undefined;
}

/** A quantity or an amount, without an exponent: `40`, `"40.0"` and `1e-7` are all seen on the wire. */
export function decimal(value: unknown): string | undefined {
  if (typeof value === "string") return /^[+-]?\d+(\.\d+)?$/.test(value) ? value : undefined;
  if (typeof value !== "number" || !Number.isFinite(value)) return undefined;
  // 20 is the most fraction digits that a number format may ask for (ECMA-402).
  return value.toLocaleString("en-US", { useGrouping: false, maximumFractionDigits: 20 });
}

/** An instant, written as in RFC 3339. */
export function instant(value: unknown): Date | undefined {
  if (typeof value !== "string") return undefined;
  const date = new Date(value);
  return Number.isNaN(date.getTime()) ? undefined : date;
}
