/** JSON with numbers that a float cannot hold: prices with many digits, and ids beyond 2^53. */

/** Parses JSON. A number that a float would round becomes a string of its digits. */
export function parseExactly(text: string): unknown {
  return JSON.parse(text, (_key, value, context?: { readonly source?: string }) => {
    const source = context?.source; // the text of a number, string, boolean or null
    if (typeof value !== "number" || source === undefined) return value;
    return significantDigits(source) === significantDigits(String(value)) ? value : source;
  });
}

/** Equal for two spellings of one number: 0.50 and 5e-1 both have the digit 5. */
function significantDigits(number: string): string {
  const digits = number.replace(/e.*$/i, "").replace(/\D/g, "");
  // A regular expression would take quadratic time on many zeros.
  let [start, end] = [0, digits.length];
  while (digits[start] === "0") start += 1;
  while (end > start && digits[end - 1] === "0") end -= 1;
  return digits.slice(start, end);
}
