/** How long a server asks to wait: `Retry-After` (RFC 9110 section 10.2.3), or a header of its own. */

/** One hour. A server that asks for a longer wait is taken to be mistaken. */
export const MAX_RETRY_AFTER_MS = 3_600_000;

/**
 * Reads how long the server asks to wait, in milliseconds.
 *
 * @param resetHeader The header in which a broker says on a 429 when it takes requests again.
 * @returns `undefined` if the server does not ask for a wait.
 */
export function readRetryAfter(response: Response, resetHeader?: string): number | undefined {
  const { headers, status } = response;
  const delayMs = readDelay(headers.get("retry-after"), headers);
  if (delayMs !== undefined || status !== 429 || resetHeader === undefined) return delayMs;
  return readReset(headers.get(resetHeader), headers);
}

/** Reads `delay-seconds` or an `HTTP-date`. Of two headers that disagree, neither is used. */
function readDelay(field: string | null, headers: Headers): number | undefined {
  const value = field?.trim() ?? "";
  if (/^\d+$/.test(value)) return Math.min(Number(value) * 1000, Number.MAX_SAFE_INTEGER);
  const date = parseHttpDate(value);
  return date === undefined ? undefined : Math.max(0, date - serverTime(headers));
}

/** One year: a smaller number is seconds to wait, a larger one is seconds since 1970. */
const MAX_RESET_DELAY_S = 366 * 24 * 3_600;

function readReset(field: string | null, headers: Headers): number | undefined {
  if (field === null || !/^\s*\d+(\.\d+)?\s*$/.test(field)) return undefined;
  const ms = Number(field) * 1000;
  const waitMs = Number(field) <= MAX_RESET_DELAY_S ? ms : ms - serverTime(headers);
  return Math.min(Math.max(0, Math.ceil(waitMs)), Number.MAX_SAFE_INTEGER);
}

/** The server's own clock where it tells the time, because its dates refer to that one. */
function serverTime(headers: Headers): number {
  return parseHttpDate(headers.get("date")?.trim() ?? "") ?? Date.now();
}

// RFC 9110 section 5.6.7: the form that senders must use, and two obsolete ones.
const HTTP_DATE = /^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/;
const RFC_850_DATE = /^[A-Z][a-z]{5,8}, \d\d-[A-Z][a-z]{2}-\d\d \d\d:\d\d:\d\d GMT$/;
const ASCTIME_DATE = /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}$/;

/** Reads an `HTTP-date` as milliseconds since 1970. `Date.parse` alone takes much else for a date. */
function parseHttpDate(value: string): number | undefined {
  const text = HTTP_DATE.test(value) || RFC_850_DATE.test(value)
    ? value
    : ASCTIME_DATE.test(value)
    ? `${value} GMT`
    : "";
  const time = Date.parse(text);
  return Number.isNaN(time) ? undefined : time;
}
