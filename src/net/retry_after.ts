/** How long a server asks to wait: `Retry-After` (RFC 9110 section 10.2.3), or a header of its own. */

/**
 * How long the server asks to wait, in milliseconds, or `undefined` if it does not say so.
 *
 * @param resetHeader Where a broker without `Retry-After` says on a 429 when it takes requests again.
 */
export function readRetryAfter(response: Response, resetHeader?: string): number | undefined {
  const { headers, status } = response;
  const asked = readDelay(headers.get("retry-after"), headers);
  if (asked !== undefined || status !== 429 || resetHeader === undefined) return asked;
  return readReset(headers.get(resetHeader), headers);
}

/** The longest pause that is granted to whoever asks for one: what is longer is a mistake. */
export const MAX_RETRY_AFTER_MS = 3_600_000;

/** `delay-seconds` or an `HTTP-date`; of two headers that disagree neither is believed. */
function readDelay(field: string | null, headers: Headers): number | undefined {
  const value = field?.trim() ?? "";
  if (/^\d+$/.test(value)) return Math.min(Number(value) * 1000, Number.MAX_SAFE_INTEGER);
  const date = readHttpDate(value);
  return date === undefined ? undefined : Math.max(0, date - serverTime(headers));
}

/** Up to here it is a number of seconds to wait (a year), beyond it a time in seconds since 1970. */
const LONGEST_RESET_S = 366 * 24 * 3_600;

function readReset(field: string | null, headers: Headers): number | undefined {
  if (field === null || !/^\s*\d+(\.\d+)?\s*$/.test(field)) return undefined;
  const seconds = Number(field);
  const waitMs = seconds <= LONGEST_RESET_S ? seconds * 1000 : seconds * 1000 - serverTime(headers);
  return Math.min(Math.max(0, Math.ceil(waitMs)), Number.MAX_SAFE_INTEGER);
}

/** The server's own clock, if it tells it: a date of its is meant by that one, not by ours. */
function serverTime(headers: Headers): number {
  return readHttpDate(headers.get("date")?.trim() ?? "") ?? Date.now();
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const DAY = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)";
const LONG_DAY = "(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)";
const MONTH = `(?<month>${MONTHS.join("|")})`;
const TIME = "(?<hour>\\d\\d):(?<minute>\\d\\d):(?<second>\\d\\d)";

// Section 5.6.7: the form that senders must use, and the two that recipients must still accept.
const HTTP_DATES = [
  `${DAY}, (?<day>\\d\\d) ${MONTH} (?<year>\\d{4}) ${TIME} GMT`, // IMF-fixdate
  `${LONG_DAY}, (?<day>\\d\\d)-${MONTH}-(?<year>\\d\\d) ${TIME} GMT`, // RFC 850
  `${DAY} ${MONTH} (?<day>\\d\\d| \\d) ${TIME} (?<year>\\d{4})`, // asctime
].map((form) => new RegExp(`^${form}$`));

/** An `HTTP-date` as milliseconds since 1970. */
function readHttpDate(value: string): number | undefined {
  const fields = HTTP_DATES.map((form) => form.exec(value)?.groups).find((groups) => groups);
  if (fields === undefined) return undefined;
  const { day, month = "", year = "", hour, minute, second } = fields;
  const numbers = [Number(day), Number(hour), Number(minute), Number(second)] as const;
  const [date, hours, minutes, seconds] = numbers;
  if (hours > 23 || minutes > 59 || seconds > 60) return undefined; // 60 is a leap second
  const fullYear = year.length === 2 ? withCentury(Number(year)) : Number(year);
  const midnight = new Date(Date.UTC(fullYear, MONTHS.indexOf(month), date));
  if (midnight.getUTCDate() !== date) return undefined; // the 31st of a short month
  return midnight.getTime() + ((hours * 60 + minutes) * 60 + seconds) * 1000;
}

/** Section 5.6.7: two digits that seem more than 50 years in the future mean the past. */
function withCentury(twoDigits: number): number {
  const thisYear = new Date(Date.now()).getUTCFullYear();
  const year = thisYear - thisYear % 100 + twoDigits;
  return year > thisYear + 50 ? year - 100 : year;
}
