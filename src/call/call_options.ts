/** The options of a single call, and their checks. */

import type { CallOutcome } from "../errors.ts";
import { refuseUnknownOptions } from "../unknown_options.ts";
import type { Query } from "../net/url.ts";

/** Options of every call. */
export interface CallOptions {
  /**
   * Aborts the call, which then rejects with the signal's reason.
   *
   * @default {undefined}
   */
  readonly signal?: AbortSignal | undefined;
  /**
   * How long this call may take, in milliseconds.
   *
   * @default {SessionOptions.timeoutMs}
   */
  readonly timeoutMs?: number | undefined;
}

/** A call that its signal has aborted. */
export interface AbortedCall {
  /** What became of the request: after `"unknown"`, it may have been carried out. */
  readonly outcome: CallOutcome;
  /** What `account.findOrder()` finds the order by, if the call was for one. */
  readonly identifier?: string | undefined;
}

/** How a call tells what became of it when its signal has aborted it. */
export interface AbortOptions {
  /**
   * Called before an aborted call rejects with the signal's reason, which cannot tell what became of the
   * request.
   *
   * @default {undefined}
   */
  readonly onAbort?: ((call: AbortedCall) => void) | undefined;
}

/** Options of a call that places, replaces or cancels an order. */
export interface OrderOptions extends CallOptions, AbortOptions {}

/** Options of `account.findOrder()`. */
export interface FindOrderOptions extends CallOptions {
  /**
   * How far back is looked. At TradeStation the list has the orders of today and those that still work,
   * whatever this says.
   *
   * @default {undefined} 24 hours ago
   */
  readonly since?: Date | undefined;
}

/** Options of `session.refresh()`. */
export interface RefreshOptions extends CallOptions {
  /**
   * Refreshes a token even if it is not due. With a store, a token that another process has saved since
   * this session's last one is used instead; for the first token, any that is stored and alive.
   *
   * @default {false}
   */
  readonly force?: boolean;
}

/** Options of a request. */
export interface RequestOptions extends CallOptions, AbortOptions {
  /**
   * Query parameters. A list is written in the broker's format, at tastytrade `status[]=Live`.
   *
   * @default {undefined}
   */
  readonly query?: Query | undefined;
  /**
   * Additional headers.
   *
   * @default {undefined}
   */
  readonly headers?: RequestInit["headers"];
  /**
   * Whether the request may arrive twice without harm, so that it is retried like a GET. An order may
   * not, and neither may its replacement or cancellation.
   *
   * @default {false}
   */
  readonly idempotent?: boolean | undefined;
  /**
   * Whether a number with more digits than a float can hold becomes a string of its digits, as in
   * `Account` and `Customer`. Otherwise it is rounded, as by `JSON.parse`.
   *
   * @default {false}
   */
  readonly exactNumbers?: boolean | undefined;
}

/** Options of `session.stream()`. An aborted signal ends the iteration with the signal's reason. */
export interface StreamOptions
  extends Pick<RequestOptions, "signal" | "query" | "headers" | "exactNumbers"> {
  /**
   * How long the broker may be silent before the stream is opened again, in milliseconds.
   *
   * @default {30_000} at TradeStation, which sends a heartbeat after 5 idle seconds
   */
  readonly idleTimeoutMs?: number | undefined;
}

/** The names of the options of each kind of call. */
export const CALL_OPTIONS: ReadonlySet<string> = /* @__PURE__ */ new Set(["signal", "timeoutMs"]);
export const REFRESH_OPTIONS: ReadonlySet<string> = /* @__PURE__ */ new Set([
  ...CALL_OPTIONS,
  "force",
]);
export const ORDER_OPTIONS: ReadonlySet<string> = /* @__PURE__ */ new Set([
  ...CALL_OPTIONS,
  "onAbort",
]);
export const FIND_ORDER_OPTIONS: ReadonlySet<string> = /* @__PURE__ */ new Set([
  ...CALL_OPTIONS,
  "since",
]);
export const STREAM_OPTIONS: ReadonlySet<string> = /* @__PURE__ */ new Set([
  "signal",
  "query",
  "headers",
  "exactNumbers",
  "idleTimeoutMs",
]);
export const REQUEST_OPTIONS: ReadonlySet<string> = /* @__PURE__ */ new Set([
  ...CALL_OPTIONS,
  "query",
  "headers",
  "idempotent",
  "exactNumbers",
  "onAbort",
]);

/**
 * Checks the options of a call. A mistyped one would have no effect, and `idempotent: "false"` would
 * send an order twice.
 *
 * @param known The names that exist.
 * @throws {TypeError} If there is an unknown option, or a value of another type.
 */
export function checkCallOptions(options: object, known: ReadonlySet<string>): void {
  if (typeof options !== "object" || options === null || options instanceof AbortSignal) {
    throw new TypeError(
      "Cannot use these options: they must be an object, for instance { timeoutMs }",
    );
  }
  refuseUnknownOptions(options, known, "Cannot make this call", (name) => hintFor(name, known));
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined) checkValue(name, value);
  }
}

/**
 * Checks what a session adds to `fetch`'s init. Unknown options are ignored, as the platform does,
 * because other clients that send through a session leave their own in it.
 *
 * @throws {TypeError} If a value has another type.
 */
export function checkFetchInit(init: object): void {
  if (typeof init !== "object" || init === null) {
    throw new TypeError(
      "Cannot use this init: it must be an object, for instance { method, body }",
    );
  }
  for (const name of ["idempotent", "signal", "onAbort"]) {
    const value = Reflect.get(init, name);
    if (value !== undefined) checkValue(name, value);
  }
}

/** Where to find what other libraries take as an option. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  method: "session.post(), put(), patch(), delete() and fetch() have a method",
  body: "session.post(path, body) has a body",
  json: "session.post(path, value) sends JSON",
  data: "session.post(path, value) sends JSON",
  retry: "the session has retry, and a call has idempotent",
};

function hintFor(name: string, known: ReadonlySet<string>): string {
  const elsewhere = Object.hasOwn(ELSEWHERE, name) ? ELSEWHERE[name] : undefined;
  return elsewhere === undefined ? `. There are ${[...known].join(", ")}` : `: ${elsewhere}`;
}

function checkValue(name: string, value: unknown): void {
  switch (name) {
    case "idempotent":
    case "exactNumbers":
    case "force":
      if (typeof value === "boolean") return;
      throw new TypeError(
        `Cannot use this ${name}: it must be true or false, not ${kindOf(value)}`,
      );
    case "signal":
      if (value === null || value instanceof AbortSignal) return;
      throw new TypeError(
        "Cannot use this signal: it must be an AbortSignal, as controller.signal is",
      );
    case "since":
      if (value instanceof Date && !Number.isNaN(value.getTime())) return;
      throw new TypeError(`Cannot use this since: it must be a Date, not ${kindOf(value)}`);
    case "onAbort":
      if (typeof value === "function") return;
      throw new TypeError(`Cannot use this onAbort: it must be a function, not ${kindOf(value)}`);
    case "query":
      checkQuery(value);
  }
}

/** Other values would become `[object Object]`, or nothing at all. */
function checkQuery(query: unknown): asserts query is Query {
  const isPlain = typeof query === "object" && query !== null && !Array.isArray(query) &&
    !(Symbol.iterator in query);
  if (!isPlain) {
    throw new TypeError(
      `Cannot use this query: it must be an object, for instance { status: ["Live"] }, not ${
        kindOf(query)
      }`,
    );
  }
  for (const [name, value] of Object.entries(query)) {
    const isValid = Array.isArray(value)
      ? value.every((item) => typeof item !== "boolean" && isScalar(item))
      : value === undefined || isScalar(value);
    if (isValid) continue;
    throw new TypeError(
      `Cannot use query.${name}: it must be a string, a number, a boolean or a list, not ${
        kindOf(value)
      }`,
    );
  }
}

function isScalar(value: unknown): boolean {
  return typeof value === "string" || typeof value === "boolean" || Number.isFinite(value);
}

/** Names the kind of a value and not the value, which may be a secret that was passed by mistake. */
function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (typeof value === "number") return String(value);
  return Array.isArray(value)
    ? "a list"
    : `a ${typeof value}`.replace("a object", "another object");
}
