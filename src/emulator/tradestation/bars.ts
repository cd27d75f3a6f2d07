/**
 * Bars that obey their unit, interval and range. The times are those of New York's day session in winter,
 * 14:30 to 21:00 UTC; the prices are made from the time alone, so that the same request has the same answer.
 */

import type { JsonObject } from "../response.ts";
import recorded from "./recordings/bars.json" with { type: "json" };

/** What one bar is about. */
export type BarUnit = "Minute" | "Daily" | "Weekly" | "Monthly";

/** Which bars. */
export interface BarRange {
  readonly unit: BarUnit;
  /** How many minutes one bar has. */
  readonly interval: number;
  /** The first and the last moment, in milliseconds since the epoch. */
  readonly from: number;
  readonly to: number;
  /** The most bars, counted from the last. */
  readonly most: number;
}

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const OPENS_AT_MS = (14 * 60 + 30) * MINUTE_MS;
const CLOSES_AT_MS = 21 * 60 * MINUTE_MS;
const FRIDAY = 5;

/** The recorded price around which the others move. */
const BASE = Number(recorded.Bars[0]?.Close);

/** The bars, oldest first. */
export function barsOf({ unit, interval, from, to, most }: BarRange): readonly JsonObject[] {
  const ends: number[] = [];
  for (let day = startOfDay(to); ends.length < most && day + DAY_MS > from; day -= DAY_MS) {
    for (const end of endsOn(day, unit, interval)) {
      if (end <= to && end >= from && ends.length < most) ends.push(end);
    }
  }
  const spanMs = { Minute: interval * MINUTE_MS, Daily: 1, Weekly: 5, Monthly: 21 }[unit];
  const lengthMs = unit === "Minute" ? spanMs : spanMs * DAY_MS;
  return ends.toReversed().map((end, i) => barOf(end, lengthMs, i === ends.length - 1));
}

/** When the bars of a day end, latest first. */
function endsOn(day: number, unit: BarUnit, interval: number): readonly number[] {
  if (isWeekend(day)) return [];
  const close = day + CLOSES_AT_MS;
  if (unit === "Daily") return [close];
  if (unit === "Weekly") return new Date(day).getUTCDay() === FRIDAY ? [close] : [];
  if (unit === "Monthly") return isLastOfMonth(day) ? [close] : [];
  const count = Math.floor((CLOSES_AT_MS - OPENS_AT_MS) / (interval * MINUTE_MS));
  const first = day + OPENS_AT_MS;
  return Array.from({ length: count }, (_, i) => first + (count - i) * interval * MINUTE_MS);
}

function barOf(end: number, lengthMs: number, isLast: boolean): JsonObject {
  const [open, close] = [priceAt(end - lengthMs), priceAt(end)];
  return {
    ...recorded.Bars[0],
    High: (Math.max(open, close) * 1.003).toFixed(2),
    Low: (Math.min(open, close) * 0.997).toFixed(2),
    Open: open.toFixed(2),
    Close: close.toFixed(2),
    TimeStamp: new Date(end).toISOString().replace(".000Z", "Z"),
    IsEndOfHistory: isLast,
    Epoch: end,
  };
}

/** Two waves, of some months and of some days. */
function priceAt(ms: number): number {
  const days = ms / DAY_MS;
  return BASE * (1 + 0.1 * Math.sin(days / 23) + 0.02 * Math.sin(days * 1.7));
}

function startOfDay(ms: number): number {
  return Math.floor(ms / DAY_MS) * DAY_MS;
}

function isWeekend(day: number): boolean {
  return [0, 6].includes(new Date(day).getUTCDay());
}

function isLastOfMonth(day: number): boolean {
  let next = day + DAY_MS;
  while (isWeekend(next)) next += DAY_MS;
  return new Date(next).getUTCMonth() !== new Date(day).getUTCMonth();
}
