/**
 * What a program asks for and the emulator does not model. It is refused in one recognisable way, and never
 * answered as if it had been understood: a green test must not hide a lost order.
 */

import { isJsonObject, type Json, type JsonObject, jsonResponse } from "./response.ts";
import type { EmulatedResponse } from "./response.ts";
import type { ReceivedRequest } from "./received_request.ts";

/** A request that was refused because the emulator does not model something of it. */
export interface UnservedRequest {
  /** The request. */
  readonly request: ReceivedRequest;
  /** What is not modelled, for instance `the query parameter "net-positions"`. */
  readonly what: string;
}

/** Thrown where a request asks for something that is not modelled. */
export class Unserved extends Error {
  override readonly name = "Unserved";
  /** What is not modelled. */
  readonly what: string;

  constructor(what: string) {
    super(`the emulator does not serve ${what}`);
    this.what = what;
  }
}

/**
 * The refusal. Neither broker answers so: the status is that of RFC 9110 section 15.6.2, the header is the
 * emulator's alone, and the message stands where the clients of either broker look for one.
 */
export function unservedResponse({ what }: Unserved): EmulatedResponse {
  const message = `The emulator does not serve ${what}. This says nothing about the real service`;
  const body = {
    "emulator": "@tasty/session",
    "unserved": what,
    "error": { "code": "emulator_unserved", "message": message },
    "Error": "EmulatorUnserved",
    "Message": message,
  };
  return jsonResponse(501, body, { "x-emulator-unserved": what.replace(/[^\x20-\x7e]/g, "?") });
}

/**
 * Refuses query parameters that an endpoint does not read, and repeated ones of which it reads one.
 *
 * @param served The parameters that it reads. Those whose names end in `[]` may be repeated.
 * @param repeatable Others that may be repeated.
 */
export function checkQuery(
  query: URLSearchParams,
  served: readonly string[],
  repeatable: readonly string[] = [],
): void {
  for (const name of new Set(query.keys())) {
    if (!served.includes(name)) throw new Unserved(`the query parameter "${name}" here`);
    const isRepeatable = name.endsWith("[]") || repeatable.includes(name);
    if (!isRepeatable && query.getAll(name).length > 1) {
      throw new Unserved(`the query parameter "${name}" more than once`);
    }
  }
}

/**
 * Refuses the fields of a body that are not read, unless they are empty and so ask for nothing.
 *
 * @param path Where the object stands in the body, for instance `legs[0].`.
 */
export function checkFields(object: JsonObject, served: readonly string[], path = ""): void {
  for (const [name, value] of Object.entries(object)) {
    if (served.includes(name) || isEmpty(value)) continue;
    throw new Unserved(`the field "${path}${name}" here`);
  }
}

function isEmpty(value: Json): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return value === undefined || value === null || value === false ||
    isJsonObject(value) && Object.keys(value).length === 0;
}
