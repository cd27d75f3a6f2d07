/** An answer's body: read with a limit where it is not asked for, and taken for JSON only if it is. */

/** The most that is read of a refusal or a token response; both are small, or not what they should be. */
const LIMIT_BYTES = 64 * 1024;

/** What a body turned out to be. */
export interface AnswerBody {
  /** The parsed JSON, or `undefined` if it is none. */
  readonly json: unknown;
  /** Whether it is a web page, as gateways send in front of an API. */
  readonly isHtml: boolean;
}

/** Reads the beginning of a body. */
export async function readStart(response: Response): Promise<string> {
  if (response.body === null) return "";
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    bytes += value.byteLength;
    text += decoder.decode(value, { stream: true });
    if (bytes > LIMIT_BYTES) {
      reader.cancel().catch(() => {}); // what is known is enough
      return text;
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
