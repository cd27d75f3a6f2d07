/**
 * Prints values in every way that the runtime has.
 *
 * @module
 */

import { inspect } from "node:util";
import { type Printer, viewsOf } from "../support/printed_secrets.ts";

const runtime = globalThis as unknown as {
  readonly Deno?: { inspect(value: unknown, options: object): string };
  readonly Bun?: { inspect(value: unknown, options: object): string };
};
const everything = { showHidden: true, depth: 100, getters: true, strAbbreviateSize: 1e9 };
const printers: readonly Printer[] = [runtime.Deno, runtime.Bun].flatMap((one) =>
  one === undefined
    ? []
    : [(value) => one.inspect(value, everything), (value) => one.inspect(value, {})]
);
/** What was printed, by its class. */
export const printed: string[] = [];

/** Prints a value in every way. */
export function print(value: unknown): void {
  printed.push(Object(value).constructor.name);
  console.log("===", printed.at(-1), Object(value).code ?? "");
  const group = new AggregateError([value, new Error("another", { cause: value })], "group");
  for (const one of [value, group]) {
    console.log(one);
    console.error(one);
    console.log("%s %o %O %j", one, one, one, value);
    console.dir(one, { depth: null, showHidden: true });
    console.log(inspect(one, { showHidden: true, depth: Infinity, getters: true, compact: false }));
    console.log(viewsOf(one, printers));
  }
}

/** Prints what a task fails with; that it fails is what it is for. */
export async function printFailure(task: () => unknown): Promise<unknown> {
  let result: unknown;
  try {
    result = await task();
  } catch (error) {
    print(error);
    return error;
  }
  throw new Error(`This was to fail: ${task}, and came to ${typeof result}`);
}
