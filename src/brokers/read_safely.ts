import type { Broker } from "./broker.ts";

/**
 * Calls a broker's parser for an error response. A custom broker's parser may throw, and the error
 * response matters more than that.
 */
export function readSafely<T extends { readonly message?: string | undefined }>(
  { name }: Broker,
  parse: () => T | undefined,
  fallback: T,
): T {
  try {
    return parse() ?? fallback;
  } catch (error) {
    return { ...fallback, message: `${name} cannot read it: ${error}` };
  }
}
