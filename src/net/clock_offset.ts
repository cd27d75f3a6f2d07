/**
 * Clocks that differ by less than this are taken for the same. Refreshing early covers it, and the `Date`
 * header is less exact than a clock that is set over the network.
 */
export const CLOCK_TOLERANCE_MS = 30_000;

/** The `Date` header has whole seconds, so that the server's clock may be further ahead by up to this. */
export const DATE_RESOLUTION_MS = 1_000;

/**
 * How far the clock of a server is ahead of this machine's at least, in milliseconds.
 *
 * @param response One that has just arrived, with a `Date` header (RFC 9110 section 6.6.1) or without.
 */
export function clockOffsetMs({ headers }: Response): number {
  const offsetMs = Date.parse(headers.get("date") ?? "") - Date.now();
  return Math.abs(offsetMs) > CLOCK_TOLERANCE_MS ? offsetMs : 0;
}
