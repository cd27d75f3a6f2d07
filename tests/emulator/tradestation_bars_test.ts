import { assert, assertEquals } from "@std/assert";
import bars from "../../src/emulator/tradestation/recordings/bars.json" with { type: "json" };
import { at, listAt, shapeOf } from "../support/emulator_wire.ts";
import { TradestationClient } from "../support/emulator_tradestation.ts";
import { atTime } from "./tradestation_fixtures.ts";

/** A Saturday. */
const NOW = Date.parse("2026-11-21T12:00:00Z");

Deno.test("emulator has bars that obey unit, interval and range, up to today", async () => {
  using _time = atTime(NOW);
  await using client = await TradestationClient.open();
  const get = await client.signIn();
  const cases: readonly [string, number, string, string][] = [
    ["", 1, "2026-11-20T21:00:00Z", "2026-11-20T21:00:00Z"],
    ["?barsback=7", 7, "2026-11-12T21:00:00Z", "2026-11-20T21:00:00Z"],
    ["?unit=Daily&firstdate=2026-11-16", 5, "2026-11-16T21:00:00Z", "2026-11-20T21:00:00Z"],
    [
      "?barsback=2&lastdate=2026-11-17T21:00:00Z",
      2,
      "2026-11-16T21:00:00Z",
      "2026-11-17T21:00:00Z",
    ],
    [
      "?firstdate=2026-11-17&lastdate=2026-11-19",
      2,
      "2026-11-17T21:00:00Z",
      "2026-11-18T21:00:00Z",
    ],
    ["?unit=Weekly&barsback=3", 3, "2026-11-06T21:00:00Z", "2026-11-20T21:00:00Z"],
    ["?unit=Monthly&barsback=2", 2, "2026-09-30T21:00:00Z", "2026-10-30T21:00:00Z"],
    ["?unit=Minute&barsback=391", 391, "2026-11-19T21:00:00Z", "2026-11-20T21:00:00Z"],
    ["?unit=Minute&interval=30&barsback=13", 13, "2026-11-20T15:00:00Z", "2026-11-20T21:00:00Z"],
    [
      "?unit=Minute&interval=60&firstdate=2026-11-20T18:00:00Z",
      3,
      "2026-11-20T18:30:00Z",
      "2026-11-20T20:30:00Z",
    ],
    ["?barsback=1&lastdate=2999-01-01", 1, "2026-11-20T21:00:00Z", "2026-11-20T21:00:00Z"],
  ];
  for (const [query, count, first, last] of cases) {
    const { json } = await get(`/v3/marketdata/barcharts/MSFT${query}`);
    const found = listAt(json, "Bars");
    assertEquals(
      [found.length, at(found[0], "TimeStamp"), at(found.at(-1), "TimeStamp")],
      [count, first, last],
      query,
    );
    assertEquals(shapeOf(found[0]), shapeOf(bars.Bars[0]));
    for (const bar of found) {
      const [low, high] = [Number(at(bar, "Low")), Number(at(bar, "High"))];
      for (const name of ["Open", "Close"]) {
        assert(low <= Number(at(bar, name)) && Number(at(bar, name)) <= high, JSON.stringify(bar));
      }
      assertEquals(
        new Date(Number(at(bar, "Epoch"))).getTime(),
        Date.parse(`${at(bar, "TimeStamp")}`),
      );
      assertEquals(at(bar, "IsEndOfHistory"), bar === found.at(-1));
    }
  }
  const none = await get("/v3/marketdata/barcharts/MSFT?firstdate=2999-01-01");
  assertEquals(listAt(none.json, "Bars"), []);
});

Deno.test("emulator refuses bars that make no sense", async () => {
  await using client = await TradestationClient.open();
  const get = await client.signIn();
  const refused = [
    "MSFT?unit=Yearly",
    "MSFT?interval=5",
    "MSFT?interval=1441&unit=Minute",
    "MSFT?barsback=0",
    "MSFT?barsback=many",
    "MSFT?barsback=57601",
    "MSFT?barsback=1&firstdate=2020-11-12",
    "MSFT?firstdate=soon",
    "MSFT?lastdate=later",
  ];
  for (const path of refused) {
    assertEquals((await get(`/v3/marketdata/barcharts/${path}`)).status, 400, path);
  }
  assertEquals((await get("/v3/marketdata/barcharts/INVALID")).status, 404);
  const most = await get("/v3/marketdata/barcharts/MSFT?unit=Minute&barsback=57600");
  assertEquals(listAt(most.json, "Bars").length, 57_600);
});
