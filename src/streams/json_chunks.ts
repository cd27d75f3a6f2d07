/**
 * JSON values in a stream of bytes. Chunks are no borders of values: one may hold several, a value or even a
 * character may span two, and blank lines stand in between.
 */

/** The most characters of one value. A quote has some 500, an option chain's frame some 10,000. */
const MAX_LENGTH = 4 * 1024 * 1024;

const [QUOTE, BACKSLASH, OPEN_BRACE, CLOSE_BRACE, OPEN_BRACKET, CLOSE_BRACKET, NEWLINE] = [
  ...'"\\{}[]\n',
].map((character) => character.charCodeAt(0));

/** Finds the values in chunks of bytes. */
export class JsonChunks {
  readonly #decoder = new TextDecoder();
  /** What has arrived of the value that is not complete. */
  #text = "";
  /** How much of it was looked at. */
  #position = 0;
  #depth = 0;
  #isInString = false;

  /**
   * Takes a chunk.
   *
   * @returns The texts of the values that it completes: objects and lists, and lines of other text.
   * @throws {RangeError} If a value is longer than 4 MiB.
   */
  take(chunk: Uint8Array): string[] {
    this.#text += this.#decoder.decode(chunk, { stream: true });
    const values = this.#scan();
    if (this.#text.length > MAX_LENGTH) throw new RangeError("A value is longer than 4 MiB");
    return values;
  }

  #scan(): string[] {
    const text = this.#text;
    const values: string[] = [];
    let [start, depth, isInString] = [0, this.#depth, this.#isInString];
    let i = this.#position;
    for (; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (isInString) {
        if (code === BACKSLASH) i += 1; // the next character may be in the next chunk
        else if (code === QUOTE) isInString = false;
      } else if (code === QUOTE) isInString = depth > 0;
      else if (code === OPEN_BRACE || code === OPEN_BRACKET) depth += 1;
      else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) depth = Math.max(0, depth - 1);
      else if (code !== NEWLINE || depth > 0) continue;
      const isEnd = depth === 0 && !isInString &&
        (code === CLOSE_BRACE || code === CLOSE_BRACKET || code === NEWLINE);
      if (!isEnd) continue;
      const value = text.slice(start, i + 1).trim();
      if (value !== "") values.push(value);
      start = i + 1;
    }
    this.#text = text.slice(start);
    [this.#position, this.#depth, this.#isInString] = [i - start, depth, isInString];
    return values;
  }
}

/** The value of a text; `undefined` if it is not JSON. */
export function valueOf(text: string, parse: (text: string) => unknown): unknown {
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}
