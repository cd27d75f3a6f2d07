import { assertEquals } from "@std/assert";
import { readRetryAfter } from "../../src/net/retry_after.ts";
import { FakeClock } from "../support/fake_clock.ts";

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

Deno.test("readRetryAfter() reads a date in each of the three forms, and one in the past as no wait", () => {
  using clock = new FakeClock();
  clock.setWall(NOW);
  for (
    const [date, waitMs] of [
      ["Fri, 20 Nov 2026 12:00:30 GMT", 30_000],
      ["Friday, 20-Nov-26 12:00:30 GMT", 30_000],
      ["Fri Nov 20 12:00:30 2026", 30_000],
      ["Tue Dec  1 12:00:00 2026", 11 * 86_400_000],
      ["Fri, 20 Nov 2026 12:00:00 GMT", 0],
      ["Sun, 06 Nov 1994 08:49:37 GMT", 0],
      ["Sunday, 06-Nov-94 08:49:37 GMT", 0],
      ["Sun Nov  6 08:49:37 1994", 0],
      ["Tue, 29 Feb 2028 00:00:00 GMT", Date.UTC(2028, 1, 29) - NOW],
    ] as const
  ) {
    assertEquals(retryAfter(date), waitMs, date);
  }
});

Deno.test("readRetryAfter() counts a date from the server's own clock, where it tells it", () => {
  using clock = new FakeClock();
  clock.setWall(NOW + 3_600_000); // ours is an hour ahead
  const date = "Fri, 20 Nov 2026 12:00:00 GMT";
  const later = "Fri, 20 Nov 2026 12:00:30 GMT";
  const wait = (headers: Record<string, string>) => readRetryAfter(new Response(null, { headers }));
  assertEquals(wait({ date, "retry-after": later }), 30_000);
  assertEquals(wait({ "retry-after": later }), 0);
  assertEquals(wait({ date: "now", "retry-after": later }), 0);
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
      "Fri, 00 Nov 2026 12:00:00 GMT",
      "Fri, 20 Nov 2026 12:60:00 GMT",
      "Fri, 20 Nov 2026 12:00:00 CET",
      "Fri, 20 Nov 26 12:00:00 GMT",
      "Fri, 20-Nov-26 12:00:00 GMT",
      "Friday, 20-Nov-2026 12:00:00 GMT",
      "Fri Nov 6 12:00:00 2026",
      "Fri Nov 20 12:00:00 2026 GMT",
      "fri, 20 nov 2026 12:00:00 gmt",
      "Fri, 20 Xyz 2026 12:00:00 GMT",
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

Deno.test("readRetryAfter() reads a broker's own header, as seconds or as a time, on a 429 only", () => {
  using clock = new FakeClock();
  clock.setWall(NOW);
  const wait = (headers: Record<string, string>, status = 429) =>
    readRetryAfter(new Response(null, { status, headers }), "X-RateLimit-Reset");
  assertEquals(wait({ "x-ratelimit-reset": "12" }), 12_000);
  assertEquals(wait({ "x-ratelimit-reset": " 1.25 " }), 1_250);
  assertEquals(wait({ "x-ratelimit-reset": "0" }), 0);
  assertEquals(wait({ "x-ratelimit-reset": String(NOW / 1000 + 45) }), 45_000);
  assertEquals(wait({ "x-ratelimit-reset": String(NOW / 1000 - 45) }), 0);
  assertEquals(wait({ "x-ratelimit-reset": "9".repeat(400) }), Number.MAX_SAFE_INTEGER);
  assertEquals(wait({ "x-ratelimit-reset": "12", "retry-after": "3" }), 3_000);
  assertEquals(wait({ "x-ratelimit-reset": "12", "retry-after": "soon" }), 12_000);
  for (const value of ["", "soon", "-5", "1e3", "12, 13"]) {
    assertEquals(wait({ "x-ratelimit-reset": value }), undefined, value);
  }
  for (const status of [200, 403, 503]) {
    assertEquals(wait({ "x-ratelimit-reset": "12" }, status), undefined);
  }
  const withoutBroker = new Response(null, { status: 429, headers: { "x-ratelimit-reset": "12" } });
  assertEquals(readRetryAfter(withoutBroker), undefined);
});

Deno.test("readRetryAfter() knows each month in each of the three forms", () => {
  using clock = new FakeClock();
  for (let month = 0; month < 12; month++) {
    const noon = new Date(Date.UTC(2027, month, 15, 12));
    clock.setWall(noon.getTime() - 7_000);
    const [day = "", , name = "", , time = ""] = noon.toUTCString().replace(",", "").split(" ");
    const long = noon.toLocaleDateString("en", { weekday: "long", timeZone: "UTC" });
    for (
      const date of [
        noon.toUTCString(),
        `${long}, 15-${name}-27 ${time} GMT`,
        `${day} ${name} 15 ${time} 2027`,
      ]
    ) {
      assertEquals(retryAfter(date), 7_000, date);
    }
  }
});
