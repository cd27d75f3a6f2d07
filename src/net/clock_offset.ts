/**
 * Clocks that differ by less than this are taken for the same. Refreshing early covers it, and the `Date`
 * header is less exact than a clock that is set over the network.
 */
export const CLOCK_TOLERANCE_MS = 30_000;

/** The `Date` header has whole seconds, so that the server's clock may be further ahead by up to this. */
export const DATE_RESOLUTION_MS = 1_000;

/** How far the clock of a server is ahead of this machine's, in milliseconds. */
export interface OffsetRange {
  readonly least: number;
  readonly most: number;
}

/**
 * Reads the `Date` header (RFC 9110 section 6.6.1), which was set between the request and the response.
 *
 * @param response One that has just arrived.
 * @param requestedAt When the request was sent, on the wall clock.
 */
export function offsetRange({ headers }: Response, requestedAt: number): OffsetRange | undefined {
  const serverTime = Date.parse(headers.get("date") ?? "");
  if (Number.isNaN(serverTime)) return undefined;
  return { least: serverTime - Date.now(), most: serverTime + DATE_RESOLUTION_MS - requestedAt };
}

/**
 * Keeps what is known of an offset, or that there is none, while a response does not prove otherwise: one
 * that took long proves little.
 *
 * @returns How far the server's clock is ahead at least.
 */
export function refineOffset(knownMs: number, range: OffsetRange | undefined): number {
  if (range === undefined) return knownMs;
  if (range.least <= CLOCK_TOLERANCE_MS && range.most >= -CLOCK_TOLERANCE_MS) return 0;
  return range.least <= knownMs && knownMs <= range.most ? knownMs : range.least;
}
