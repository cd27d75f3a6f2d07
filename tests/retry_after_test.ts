import { assertEquals } from "@std/assert";
import { readRetryAfter } from "../src/retry_after.ts";
import { FakeClock } from "./support/fake_clock.ts";

const NOW = Date.parse("2026-11-20T12:00:00Z");

function retryAfter(value?: string): number | undefined {
  return readRetryAfter(
    new Response(null, value === undefined ? {} : { headers: { "retry-after": value } }),
  );
}

Deno.test("readRetryAfter() reads whole seconds", () => {
  assertEquals(retryAfter("0"), 0);
  assertEquals(retryAfter("5"), 5_000);
  assertEquals(retryAfter(" 5 "), 5_000);
  assertEquals(retryAfter("007"), 7_000);
  assertEquals(retryAfter("99999999999"), 99_999_999_999_000);
});

Deno.test("readRetryAfter() reads a date, and one in the past as no wait", () => {
  using clock = new FakeClock();
  clock.setWall(NOW);
  assertEquals(retryAfter("Fri, 20 Nov 2026 12:00:30 GMT"), 30_000);
  assertEquals(retryAfter("Fri, 20 Nov 2026 12:00:00 GMT"), 0);
  assertEquals(retryAfter("Sun, 06 Nov 1994 08:49:37 GMT"), 0);
});

Deno.test("readRetryAfter() is undefined where the header is missing or says nothing", () => {
  for (
    const value of [
      undefined,
      "",
      "1.5",
      "-5",
      "+5",
      "abc",
      "0x10",
      "1e3",
      "5s",
      "2026-11-20T12:00:30Z",
      "Fri, 99 Nov 2026 12:00:00 GMT",
      "Fri, 20 Nov 2026 12:00:00 CET",
      "20 Nov 2026",
    ]
  ) {
    assertEquals(retryAfter(value), undefined, value);
  }
});

Deno.test("readRetryAfter() is undefined where two headers disagree", () => {
  const headers = new Headers([["retry-after", "1"], ["retry-after", "2"]]);
  assertEquals(readRetryAfter(new Response(null, { headers })), undefined);
});
