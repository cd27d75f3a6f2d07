/** `Retry-After` (RFC 9110 section 10.2.3): seconds, or a date. */

// An IMF-fixdate, as senders must write it: "Sun, 06 Nov 1994 08:49:37 GMT" (section 5.6.7).
const IMF_FIXDATE = /^\w{3}, \d{2} \w{3} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

/** How long the server asks to wait, or `undefined` if it does not say so. */
export function readRetryAfter(response: Response): number | undefined {
  const value = response.headers.get("retry-after")?.trim() ?? "";
  if (/^\d+$/.test(value)) return Math.min(Number(value) * 1000, Number.MAX_SAFE_INTEGER);
  if (!IMF_FIXDATE.test(value)) return undefined;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now());
}
