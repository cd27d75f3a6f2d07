import { assertEquals, assertStrictEquals } from "@std/assert";
import {
  decimal,
  flag,
  instant,
  nonEmptyText,
  record,
  records,
  text,
} from "../../src/brokers/fields.ts";

/** One of each kind that JSON has. */
const KINDS: readonly unknown[] = [undefined, null, true, 7, "seven", [7], { seven: 7 }];

Deno.test("record() returns the very object, and an empty one for all else", () => {
  const object = { a: 1 };
  assertStrictEquals(record(object), object);
  assertEquals(KINDS.map(record), [{}, {}, {}, {}, {}, {}, { seven: 7 }]);
});

Deno.test("records() keeps the length of a list and empties what is no object in it", () => {
  assertEquals(records([{ a: 1 }, null, "b", [2]]), [{ a: 1 }, {}, {}, {}]);
  assertEquals(KINDS.map(records), [[], [], [], [], [], [{}], []]);
});

Deno.test("text() takes a string as it is and a number as its digits", () => {
  assertEquals(KINDS.map(text), [
    undefined,
    undefined,
    undefined,
    "7",
    "seven",
    undefined,
    undefined,
  ]);
  assertEquals(text(""), "");
  assertEquals(text(" a "), " a ");
  assertEquals(text(123456789012), "123456789012");
  assertEquals(text(NaN), undefined);
});

Deno.test("nonEmptyText() takes a string that is more than white space, untrimmed", () => {
  assertEquals(["", " ", "\n\t", " a ", 7, null].map(nonEmptyText), [
    undefined,
    undefined,
    undefined,
    " a ",
    undefined,
    undefined,
  ]);
});

Deno.test("flag() takes a boolean and nothing that only resembles one", () => {
  assertEquals([true, false, "true", 1, 0, null].map(flag), [
    true,
    false,
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});

Deno.test("decimal() keeps the digits of a string, trailing zeros and sign included", () => {
  for (
    const digits of ["0", "40", "40.0", "-0.00", "+1.5", "007", "123456789012345678.123456789"]
  ) {
    assertEquals(decimal(digits), digits);
  }
});

Deno.test("decimal() writes a number without exponent or thousands separator", () => {
  const rows: readonly [number | string, string][] = [
    [40, "40"],
    [-0, "0"],
    [1e-21, "0.000000000000000000001"],
    [-1.25e-7, "-0.000000125"],
    ["1e-7", "0.0000001"],
    ["1.5e+3", "1500"],
    ["12.345e+1", "123.45"],
    [-0.01, "-0.01"],
    [1e-7, "0.0000001"],
    [1.005, "1.005"],
    [0.1 + 0.2, "0.30000000000000004"],
    [123456789.12345678, "123456789.12345678"],
    [1e21, "1000000000000000000000"],
    [Number.MAX_SAFE_INTEGER, "9007199254740991"],
  ];
  for (const [number, digits] of rows) assertEquals(decimal(number), digits);
});

Deno.test("decimal() refuses what is no decimal number", () => {
  const noDecimals = ["", " 1", "1 ", "1,000", "0x10", "NaN", "$5", "1.2.3", "1\n", NaN, Infinity];
  for (const value of [...noDecimals, null, true, [1], {}]) assertEquals(decimal(value), undefined);
});

Deno.test("instant() reads RFC 3339, whatever the offset", () => {
  const rows: readonly [string, string][] = [
    ["2024-01-15T21:00:00Z", "2024-01-15T21:00:00.000Z"],
    ["2024-01-15T21:00:00.123+00:00", "2024-01-15T21:00:00.123Z"],
    ["2024-01-15T16:00:00-05:00", "2024-01-15T21:00:00.000Z"],
  ];
  for (const [written, iso] of rows) assertEquals(instant(written)?.toISOString(), iso);
});

Deno.test("instant() refuses what is no instant", () => {
  for (
    const value of [
      "",
      "1",
      "foo 5",
      "2024-01-15",
      "2024-01-15T21:00:00",
      "soon",
      "2024-13-01T00:00:00Z",
      1705352400,
      null,
      {},
    ]
  ) {
    assertEquals(instant(value), undefined);
  }
});
