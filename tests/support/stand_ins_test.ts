/**
 * What the tests rely on in `@std`, so that the stand-ins are as strict as the real packages. Both must
 * pass this file.
 *
 * @module
 */

import {
  assertArrayIncludes,
  assertEquals,
  AssertionError,
  assertIsError,
  assertNotEquals,
  assertObjectMatch,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { parse, stringify } from "@std/dotenv";

/** Two errors that differ in nothing but where they were made. */
function twoErrors(): [Error, Error] {
  return [new Error("no response"), new Error("no response")];
}

Deno.test("assertEquals compares the hidden properties of errors too, their stack for instance", () => {
  const [one, other] = twoErrors();
  assertThrows(() => assertEquals(one, other), AssertionError);
  assertThrows(() => assertEquals({ deep: [one] }, { deep: [other] }), AssertionError);
  assertThrows(
    () => assertEquals(new Map([["key", one]]), new Map([["key", other]])),
    AssertionError,
  );
  assertEquals(one, one);
  assertNotEquals(one, other);
});

Deno.test("assertEquals compares what a class inherits its instances", () => {
  class Box {
    readonly #content: string;
    constructor(content: string) {
      this.#content = content;
    }
    get content(): string {
      return this.#content;
    }
  }
  assertThrows(() => assertEquals(new Box("one"), new Box("other")), AssertionError);
  assertEquals(new Box("one"), new Box("one"));
});

Deno.test("assertEquals takes equal dates, addresses, sets, maps and rings for equal", () => {
  const ring = (): unknown => {
    const value: Record<string, unknown> = {};
    value.itself = value;
    return value;
  };
  assertEquals(new Date(1), new Date(1));
  assertEquals(new URL("https://api.example/a"), new URL("https://api.example/a"));
  assertEquals(new Set(["a", "b"]), new Set(["b", "a"]));
  assertEquals(new Map([["a", { b: 1 }]]), new Map([["a", { b: 1 }]]));
  assertEquals(new Uint8Array([1, 2]), new Uint8Array([1, 2]));
  assertEquals(ring(), ring());
});

Deno.test("assertArrayIncludes looks at hidden properties too", () => {
  const [one, other] = twoErrors();
  assertThrows(() => assertArrayIncludes([one], [other]), AssertionError);
});

Deno.test("assertObjectMatch looks at an object's own properties only", () => {
  const error = Object.assign(new Error("no response"), { code: "network_error" });
  assertObjectMatch({ error }, { error: { code: "network_error" } });
  assertThrows(
    () => assertObjectMatch({ error }, { error: { code: "network_error", name: "Error" } }),
    AssertionError,
  );
});

Deno.test("assertRejects wants a promise, and an error", async () => {
  const noPromise = (() => "value") as unknown as () => Promise<unknown>;
  await assertRejects(() => assertRejects(noPromise), AssertionError);
  await assertRejects(() => assertRejects(() => Promise.resolve()), AssertionError);
  const noError = () => Promise.reject({ message: "no error" });
  await assertRejects(() => assertRejects(noError, Error), AssertionError);
  assertThrows(() => assertIsError({ message: "no error" }), AssertionError);
});

Deno.test("dotenv reads what it writes, with quotes, backslashes and line ends", () => {
  const variables = { A: "plain", B: "it's", C: 'say "hi"', D: "back\\slash's", E: "two\nlines" };
  assertEquals<Record<string, string>>({ ...parse(stringify(variables)) }, variables);
  assertEquals<Record<string, string>>({ ...parse(`X="a\\"b\\\\c"\n`) }, {
    X: 'a"b\\c',
  });
});
