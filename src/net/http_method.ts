/** HTTP methods. */

// RFC 9110 section 9.1: a method is a token. Not every runtime checks.
const TOKEN = /^[\w!#$%&'*+\-.^`|~]+$/;

/**
 * Returns a method in capitals; `GET` by default.
 *
 * @throws {TypeError} If it is not a method name.
 */
export function readMethod(method: string | null | undefined): string {
  if (method === undefined || method === null || method === "GET") return "GET";
  if (TOKEN.test(method)) return method.toUpperCase();
  throw new TypeError(`Cannot send a request: "${method}" is not a method`);
}

/** Whether a method may change something at the server (RFC 9110 section 9.2.1). */
export function isUnsafe(method: string): boolean {
  return method !== "GET" && method !== "HEAD" && method !== "OPTIONS";
}
