import type { JsonObject } from "../response.ts";
import { validationResponse } from "./envelope.ts";
import { RequestError } from "../request_error.ts";

/** The query parameters of a page. */
export const PAGE = ["per-page", "page-offset"] as const;

/** The query parameters between which {@linkcode between} selects. */
export const TIMES = ["start-date", "end-date", "start-at", "end-at"] as const;

/** How many items a page of some endpoint holds. */
export interface PageLimits {
  readonly defaultPerPage: number;
  readonly maxPerPage: number;
}

/** One page of the items, and the `pagination` that belongs to it. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly pagination: JsonObject;
}

/**
 * Cuts out the page that the query asks for. Pages count from 0; past the last one there are no items.
 *
 * @throws {RequestError} If a number of the query is out of bounds.
 */
export function pageOf<T>(
  items: readonly T[],
  query: URLSearchParams,
  limits: PageLimits,
): Page<T> {
  const perPage = count(query, "per-page", limits.defaultPerPage, 1, limits.maxPerPage);
  const offset = count(query, "page-offset", 0, 0, Number.MAX_SAFE_INTEGER);
  const start = offset * perPage;
  const part = items.slice(start, start + perPage);
  return {
    items: part,
    pagination: {
      "per-page": perPage,
      "page-offset": offset,
      "item-offset": start,
      "total-items": items.length,
      "total-pages": Math.ceil(items.length / perPage),
      "current-item-count": part.length,
      // Null in every recording.
      "previous-link": null,
      "next-link": null,
      "paging-link-template": null,
    },
  };
}

/**
 * Keeps the items whose field has one of the values that the query asks for, as `symbol=SPY` or
 * `status[]=Live&status[]=Filled`.
 */
export function select<T extends JsonObject>(
  items: readonly T[],
  query: URLSearchParams,
  name: string,
  field: string = name.replace("[]", ""),
): readonly T[] {
  const wanted = query.getAll(name);
  return wanted.length === 0 ? items : items.filter((item) => wanted.includes(`${item[field]}`));
}

/** Keeps the items between two days or instants, both included. ISO texts sort as the times do. */
export function between<T extends JsonObject>(
  items: readonly T[],
  query: URLSearchParams,
  day: string,
  instant: string,
): readonly T[] {
  const [startDate, endDate, startAt, endAt] = TIMES.map((name) => query.get(name));
  return items.filter((item) => {
    const date = `${item[day]}`.slice(0, 10);
    const at = Date.parse(`${item[instant]}`);
    return (!startDate || date >= startDate) && (!endDate || date <= endDate) &&
      (!startAt || at >= Date.parse(startAt)) && (!endAt || at <= Date.parse(endAt));
  });
}

/** Newest first, unless the query says `sort=Asc`. The items come newest first. */
export function sort<T>(items: readonly T[], query: URLSearchParams): readonly T[] {
  const order = query.get("sort") ?? "Desc";
  if (order !== "Asc" && order !== "Desc") throw invalid("sort");
  return order === "Asc" ? items.toReversed() : items;
}

function count(
  query: URLSearchParams,
  name: string,
  otherwise: number,
  least: number,
  most: number,
): number {
  const text = query.get(name);
  if (text === null) return otherwise;
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < least || value > most) throw invalid(name);
  return value;
}

/** The form is recorded; this reason is UNCONFIRMED. */
function invalid(name: string): RequestError {
  return new RequestError(
    validationResponse([{ domain: name, reason: "does not have a valid value" }]),
  );
}
