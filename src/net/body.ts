/** An answer's body: read with a limit where it is not asked for, and taken for JSON only if it is. */

/** The most that is read of a refusal or a token response; both are small, or not what they should be. */
const START_BYTES = 64 * 1024;

/**
 * The most that is read of a good answer, unpacked. The largest that a broker sends, an option chain or
 * 57,600 bars, has some 20 MiB, and a few hundred kilobytes of gzip can become more than a process holds.
 */
export const MAX_BODY_BYTES: number = 64 * 1024 * 1024;

/** What a body turned out to be. */
export interface AnswerBody {
  /** The parsed JSON, or `undefined` if it is none. */
  readonly json: unknown;
  /** Whether it is a web page, as gateways send in front of an API. */
  readonly isHtml: boolean;
}

/**
 * Reads a whole body.
 *
 * @returns Its text, or `undefined` if it is longer than {@linkcode MAX_BODY_BYTES}.
 */
export async function readWhole(response: Response): Promise<string | undefined> {
  const { headers, url } = response;
  const length = Number(headers.get("content-length") ?? NaN);
  const isPacked = headers.has("content-encoding");
  // What is not packed is as long as it says, and what no network brought is in memory already: then the
  // platform reads it, which is faster.
  if (!isPacked && length <= MAX_BODY_BYTES || url === "") return await response.text();
  const { text, isWhole } = await readUpTo(response, MAX_BODY_BYTES);
  return isWhole ? text : undefined;
}

/** Reads the beginning of a body. */
export async function readStart(response: Response): Promise<string> {
  return (await readUpTo(response, START_BYTES)).text;
}

async function readUpTo(
  response: Response,
  limitBytes: number,
): Promise<{ text: string; isWhole: boolean }> {
  if (response.body === null) return { text: "", isWhole: true };
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return { text: text + decoder.decode(), isWhole: true };
    bytes += value.byteLength;
    text += decoder.decode(value, { stream: true });
    if (bytes > limitBytes) {
      reader.cancel().catch(() => {}); // what is known is enough
      return { text, isWhole: false };
    }
  }
}

/** Takes a text for what it is. */
export function parseBody(
  text: string,
  parse: (text: string) => unknown = JSON.parse,
): AnswerBody {
  try {
    return { json: parse(text), isHtml: false };
  } catch {
    return { json: undefined, isHtml: /^\s*<(!doctype|html)/i.test(text) };
  }
}

/** Lets go of a body that nobody will read, so that its connection can be used again. */
export function discard(response: Response): void {
  response.body?.cancel().catch(() => {}); // it may have failed by itself
}
