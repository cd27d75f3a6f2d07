/** A response of an emulated service, or one that is injected in its place. */
export interface EmulatedResponse {
  /** The HTTP status code. */
  readonly status: number;
  /**
   * The reason phrase.
   *
   * @default {undefined} that of the status code
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

/** A JSON value. `undefined` members are omitted when it is sent. */
export type Json = string | number | boolean | null | undefined | readonly Json[] | JsonObject;

/** A JSON object. */
export interface JsonObject {
  /** The members. `undefined` ones are omitted when it is sent. */
  readonly [key: string]: Json;
}

/** A response with a JSON body. */
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

/** nginx's own page, when it responds in place of the service behind it. */
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

/** The members that have a value, as they are sent. */
export function definedMembers(object: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}

/** Parses a JSON object. Anything else, including malformed text, becomes `undefined`. */
export function parseJsonObject(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a parsed JSON value is an object, and not an array or `null`. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
