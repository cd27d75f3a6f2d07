/** Checks the options of a single call, as `session_options.ts` does those of a session. */

import type { Query } from "./request.ts";

/** The options that each kind of call takes. */
export const CALL_OPTIONS: ReadonlySet<string> = /* @__PURE__ */ new Set(["signal", "timeoutMs"]);
export const REFRESH_OPTIONS: ReadonlySet<string> = /* @__PURE__ */ new Set([
  ...CALL_OPTIONS,
  "force",
]);
export const REQUEST_OPTIONS: ReadonlySet<string> = /* @__PURE__ */ new Set([
  ...CALL_OPTIONS,
  "query",
  "headers",
  "idempotent",
  "exactNumbers",
]);

/**
 * Refuses an option that a call does not have, and a value that an option cannot have: a mistyped one
 * would pass in silence, and `idempotent: "false"` would send an order twice.
 *
 * @throws {TypeError} If there is one.
 */
export function checkCallOptions(options: object, known: ReadonlySet<string>): void {
  if (typeof options !== "object" || options === null || options instanceof AbortSignal) {
    throw new TypeError("Cannot use these options: they are an object, for instance { timeoutMs }");
  }
  for (const [name, value] of Object.entries(options)) {
    if (!known.has(name)) throw unknownOption(name, known);
    if (value !== undefined) checkValue(name, value);
  }
}

/**
 * Checks what a session adds to what `fetch` takes. The platform ignores what it does not know, and so
 * other clients, which may send through a session, leave options of theirs in it.
 *
 * @throws {TypeError} If a value cannot be.
 */
export function checkFetchInit(init: object): void {
  if (typeof init !== "object" || init === null) {
    throw new TypeError("Cannot use this init: it is an object, for instance { method, body }");
  }
  const { idempotent, signal } = init as { idempotent?: unknown; signal?: unknown };
  if (idempotent !== undefined) checkValue("idempotent", idempotent);
  if (signal !== undefined) checkValue("signal", signal);
}

/** What others call the options. */
const OTHER_NAMES: ReadonlyMap<string, string> = /* @__PURE__ */ new Map([
  ["params", "query"],
  ["searchParams", "query"],
  ["qs", "query"],
  ["timeout", "timeoutMs"],
  ["timeout_ms", "timeoutMs"],
  ["abortSignal", "signal"],
  ["header", "headers"],
]);

/** What another way of calling has, and which one. */
const OF_OTHER_METHODS: Readonly<Record<string, string>> = {
  method: "session.post(), put(), patch(), delete() and fetch() have a method",
  body: "session.post(path, body) has a body",
  json: "session.post(path, value) sends JSON",
  data: "session.post(path, value) sends JSON",
  retry: "the session has retry, and a call has idempotent",
};

function unknownOption(name: string, known: ReadonlySet<string>): TypeError {
  const otherName = OTHER_NAMES.get(name) ??
    [...known].find((one) => one.toLowerCase() === name.toLowerCase());
  const hint = otherName !== undefined && known.has(otherName)
    ? `. It is called ${otherName} here`
    : name in OF_OTHER_METHODS
    ? `: ${OF_OTHER_METHODS[name]}`
    : `. There are ${[...known].join(", ")}`;
  return new TypeError(`Cannot use the option "${name}": this call has none${hint}`);
}

function checkValue(name: string, value: unknown): void {
  switch (name) {
    case "idempotent":
    case "exactNumbers":
    case "force":
      if (typeof value === "boolean") return;
      throw new TypeError(`Cannot use this ${name}: it is true or false, not ${shown(value)}`);
    case "signal":
      if (value === null || value instanceof AbortSignal) return;
      throw new TypeError("Cannot use this signal: it is an AbortSignal, as controller.signal is");
    case "query":
      checkQuery(value);
  }
}

/** Anything else would be written as `[object Object]`, or not at all. */
function checkQuery(query: unknown): asserts query is Query {
  const isPlain = typeof query === "object" && query !== null && !Array.isArray(query) &&
    !(Symbol.iterator in query);
  if (!isPlain) {
    throw new TypeError(
      `Cannot use this query: it is an object, for instance { status: ["Live"] }, not ${
        shown(query)
      }`,
    );
  }
  for (const [name, value] of Object.entries(query)) {
    const isGood = Array.isArray(value)
      ? value.every((one) => typeof one !== "boolean" && isScalar(one))
      : value === undefined || isScalar(value);
    if (!isGood) {
      throw new TypeError(
        `Cannot use query.${name}: it is a string, a number, a boolean or a list, not ${
          shown(value)
        }`,
      );
    }
  }
}

function isScalar(value: unknown): boolean {
  return typeof value === "string" || typeof value === "boolean" || Number.isFinite(value);
}

/** A value by its kind: what a caller passed by mistake may be a secret. */
function shown(value: unknown): string {
  if (value === null) return "null";
  if (typeof value === "number") return String(value);
  return Array.isArray(value)
    ? "a list"
    : `a ${typeof value}`.replace("a object", "another object");
}
