/** Reading response bodies, never more than a limit. */

/** 64 KiB: error responses and token responses are smaller, or are not what they should be. */
const ERROR_BODY_BYTES = 64 * 1024;

/**
 * 64 MiB, unpacked. The largest response of a broker, an option chain or 57,600 bars, has some 20 MiB,
 * and a few hundred kilobytes of gzip can unpack to more than a process can hold.
 */
export const MAX_BODY_BYTES: number = 64 * 1024 * 1024;

/** For bodies in one piece; it keeps nothing between two of them. */
const wholeDecoder = /* @__PURE__ */ new TextDecoder();

/** What a body turned out to be. */
export interface ParsedBody {
  /** The parsed JSON, or `undefined` if the body is not JSON. */
  readonly json: unknown;
  /** Whether the body is a web page, as gateways send in front of an API. */
  readonly isHtml: boolean;
}

/**
 * Reads a whole body.
 *
 * @returns Its text, or `undefined` if it is longer than {@linkcode MAX_BODY_BYTES}.
 */
export async function readText(response: Response): Promise<string | undefined> {
  // The platform reads faster than we do. It may where the length is known to be small, and where the
  // response did not come from the network, so that it is in memory already.
  if (response.url === "" || isKnownToBeSmall(response)) return await response.text();
  const { text, isWhole } = await readUpTo(response, MAX_BODY_BYTES);
  return isWhole ? text : undefined;
}

/** Whether the length of a body is known. That of a compressed one is its length before it is unpacked. */
function isKnownToBeSmall({ headers }: Response): boolean {
  const length = headers.get("content-length");
  return length !== null && Number(length) <= MAX_BODY_BYTES && !headers.has("content-encoding");
}

/** Reads the first 64 KiB of a body. */
export async function readLimited(response: Response): Promise<string> {
  return (await readUpTo(response, ERROR_BODY_BYTES)).text;
}

async function readUpTo(
  response: Response,
  maxBytes: number,
): Promise<{ text: string; isWhole: boolean }> {
  if (response.body === null) return { text: "", isWhole: true };
  const reader = response.body.getReader();
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return { text: decode(chunks), isWhole: true };
    chunks.push(value);
    bytes += value.byteLength;
    if (bytes > maxBytes) {
      reader.cancel().catch(() => {});
      return { text: decode(chunks), isWhole: false };
    }
  }
}

/** Decodes a body. Most arrive in one piece, for which a decoder of its own would cost too much. */
function decode(chunks: readonly Uint8Array[]): string {
  if (chunks.length === 1) return wholeDecoder.decode(chunks[0]);
  const decoder = new TextDecoder();
  return chunks.map((chunk) => decoder.decode(chunk, { stream: true })).join("") + decoder.decode();
}

/** Parses a body as JSON, or recognizes a web page. */
export function parseBody(
  text: string,
  parse: (text: string) => unknown = JSON.parse,
): ParsedBody {
  try {
    return { json: parse(text), isHtml: false };
  } catch {
    return { json: undefined, isHtml: /^\s*<(!doctype|html)/i.test(text) };
  }
}

/** Cancels a body that nobody will read, so that its connection can be used again. */
export function cancelBody(response: Response): void {
  response.body?.cancel().catch(() => {}); // it may have failed already
}
