/** The wording of error messages: what is so, then what to do. */

/** What to do about a request that may change something, and whose outcome nobody knows. */
export const OUTCOME_UNKNOWN = "It may have been carried out: check that before you send it again";

/**
 * Writes a message as "Cannot do this: a fact: another fact. What to do. What else to do".
 *
 * @param action What failed, for instance "Cannot log in to tastytrade".
 * @param parts `facts` say what is so, `advice` says what to do. Undefined parts are left out.
 */
export function formatMessage(
  action: string,
  { facts, advice }: {
    facts: readonly (string | undefined)[];
    advice: readonly (string | undefined)[];
  },
): string {
  const known = [action, ...facts].map((fact) => toOneLine(fact ?? "")).filter((fact) =>
    fact !== ""
  );
  return [known.join(": "), ...advice.filter((words) => words !== undefined)].join(". ");
}

/** A duration as "12 s", rounded up. */
export function formatSeconds(ms: number): string {
  return `${Math.ceil(ms / 1000)} s`;
}

/** Joins words as "a, b and c". */
export function formatList(words: readonly string[]): string {
  return words.join(", ").replace(/, ([^,]*)$/, " and $1");
}

/** Makes one printable line of somebody else's text, and cuts it if it is a whole page. */
export function toOneLine(text: string, maxLength = 300): string {
  const line = text.replace(UNPRINTABLE, " ").trim().replace(/\.$/, "");
  return line.length <= maxLength ? line : `${line.slice(0, maxLength)}…`;
}

// Control characters can rewrite a terminal's lines or reverse their direction.
const UNPRINTABLE =
  // deno-lint-ignore no-control-regex -- see above
  /[\x00-\x20\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]+/g;
