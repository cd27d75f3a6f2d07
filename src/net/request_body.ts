/** Request bodies: what becomes JSON, what can be sent again, and its content type. */

/** Makes a body, anew each time that a request is sent. */
export type BodyFactory = () => RequestInit["body"] | Promise<RequestInit["body"]>;

/** The body for a value, or for a function that makes a value for each attempt. */
export function jsonBodyOrFactory(value: unknown): RequestInit["body"] | BodyFactory {
  return typeof value === "function" ? async () => jsonBody(await value()) : jsonBody(value);
}

/**
 * The body for a value. A body, such as a `FormData`, is used as it is; anything else becomes JSON. A
 * string is taken for JSON already, because no broker takes a bare string and many programs encode by
 * themselves.
 *
 * @throws {TypeError} If the value has no JSON, as a symbol or `undefined`.
 */
export function jsonBody(value: unknown): NonNullable<RequestInit["body"]> {
  const isBody = value instanceof Blob || value instanceof FormData ||
    value instanceof URLSearchParams || value instanceof ArrayBuffer || ArrayBuffer.isView(value) ||
    isStream(value);
  if (isBody) return value as NonNullable<RequestInit["body"]>;
  const json: string | undefined = typeof value === "string" ? value : JSON.stringify(value);
  if (json === undefined) throw new TypeError(`Cannot send a ${typeof value}: it has no JSON`);
  return new Blob([json], { type: "application/json" });
}

/** Whether a body can be read only once. */
export function isStream(body: unknown): boolean {
  return body instanceof ReadableStream ||
    (typeof body === "object" && body !== null && Symbol.asyncIterator in body);
}

/** The content type that `fetch` itself would set (Fetch standard, "extract a body"). */
export function contentTypeOf(body: RequestInit["body"]): string {
  if (typeof body === "string") return "text/plain;charset=utf-8";
  if (body instanceof URLSearchParams) return "application/x-www-form-urlencoded;charset=utf-8";
  return "";
}

/** Copies a form, so that later changes to the original have no effect. */
export function copyForm(form: FormData): FormData {
  const copy = new FormData();
  for (const [name, value] of form) copy.append(name, value);
  return copy;
}
