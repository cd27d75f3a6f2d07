/** What goes back on the wire instead of, or as, the real service's answer. */
export interface EmulatedResponse {
  /** The HTTP status code. */
  readonly status: number;
  /**
   * The words behind the status code.
   *
   * @default {undefined} those that belong to the code
   */
  readonly statusText?: string;
  /**
   * The headers. `content-length` is added.
   *
   * @default {{}}
   */
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * The body, as text.
   *
   * @default {""}
   */
  readonly body?: string;
}

/** A JSON value as the emulator reads and writes it; `undefined` members are left out on the wire. */
export type Json = string | number | boolean | null | undefined | readonly Json[] | JsonObject;

/** A JSON object as the emulator reads and writes it. */
export interface JsonObject {
  /** The members, `undefined` ones being left out on the wire. */
  readonly [key: string]: Json;
}

/** An answer with a JSON body. */
export function jsonResponse(
  status: number,
  body: Json,
  headers: Readonly<Record<string, string>> = {},
): EmulatedResponse {
  return {
    status,
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  };
}

/** The page that nginx makes by itself when it answers in place of the service behind it. */
export function nginxResponse(status: number, reason: string): EmulatedResponse {
  return {
    status,
    headers: { "content-type": "text/html" },
    body: `<html>
<head><title>${status} ${reason}</title></head>
<body>
<center><h1>${status} ${reason}</h1></center>
<hr><center>nginx</center>
</body>
</html>
`,
  };
}

/** Reads JSON text as an object; anything else, malformed text included, is `undefined`. */
export function parseJsonObject(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Tells whether a parsed JSON value is an object, not an array, not `null`. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
