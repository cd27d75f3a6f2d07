import { assertEquals, assertFalse } from "@std/assert";
import { type Query, withoutQuery, withQuery } from "../../src/net/url.ts";
import { BASE_URL } from "../call/request_fixtures.ts";

Deno.test("withQuery() writes a list the broker's way", () => {
  const query = { status: ["Live", "In Flight"], day: 1 };
  assertEquals(
    withQuery("/orders", query, "brackets"),
    "/orders?status%5B%5D=Live&status%5B%5D=In%20Flight&day=1",
  );
  assertEquals(withQuery("/orders", query, "commas"), "/orders?status=Live%2CIn%20Flight&day=1");
  assertEquals(
    withQuery("/orders", query, "repeat"),
    "/orders?status=Live&status=In%20Flight&day=1",
  );
});

Deno.test("withQuery() writes values so that they arrive as they are", () => {
  const values: Query = { a: "x y+z&w=%/é#", "b c": true, d: 0, e: "", f: false, g: [1.5, "h,i"] };
  const { searchParams } = new URL(withQuery("/a", values, "repeat"), BASE_URL);
  assertEquals([...searchParams], [
    ["a", "x y+z&w=%/é#"],
    ["b c", "true"],
    ["d", "0"],
    ["e", ""],
    ["f", "false"],
    ["g", "1.5"],
    ["g", "h,i"],
  ]);
  assertFalse(withQuery("/a", { symbol: "SPY   260116C00500000" }, "repeat").includes("+"));
});

Deno.test("withQuery() leaves out what is undefined, and the question mark with it", () => {
  assertEquals(withQuery("/a", { b: undefined, c: 1 }, "brackets"), "/a?c=1");
  for (const query of [undefined, {}, { b: undefined }, { b: [] }]) {
    assertEquals(withQuery("/a", query, "brackets"), "/a");
  }
});

Deno.test("withQuery() adds to a query that the path has", () => {
  assertEquals(withQuery("/a?b=1", { c: 2 }, "brackets"), "/a?b=1&c=2");
});

Deno.test("withoutQuery() cuts query and fragment", () => {
  assertEquals(withoutQuery("https://x/a?b=c#d"), "https://x/a");
  assertEquals(withoutQuery("https://x/a#d?b=c"), "https://x/a");
  assertEquals(withoutQuery("https://x/a?b\nc"), "https://x/a");
  assertEquals(withoutQuery("https://x/a"), "https://x/a");
});
