import type { JsonObject } from "../response.ts";
import { errorResponse } from "./errors.ts";
import { RequestError } from "../request_error.ts";

/**
 * The names in a path segment, which commas separate.
 *
 * @throws {RequestError} If there are more than documented. The real response to that is UNCONFIRMED.
 */
export function listOf(segment: string | undefined, most: number): readonly string[] {
  const names = `${segment}`.split(",").filter((name) => name !== "");
  if (names.length >= 1 && names.length <= most) return names;
  throw new RequestError(errorResponse(400, `Expected 1 to ${most} items, got ${names.length}`));
}

/**
 * The recorded items for each name, in the order of the request. A name without items becomes an entry
 * of `Errors`, and the response is still a success.
 */
export function collect<T>(
  names: readonly string[],
  find: (name: string) => readonly T[] | undefined,
  complain: (name: string) => JsonObject,
): { readonly found: readonly T[]; readonly errors: readonly JsonObject[] } {
  const found: T[] = [];
  const errors: JsonObject[] = [];
  for (const name of names) {
    const items = find(name);
    if (items === undefined) errors.push(complain(name));
    else found.push(...items);
  }
  return { found, errors };
}
