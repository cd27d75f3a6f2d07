import { assertEquals } from "@std/assert";
import { startEmulator } from "../../src/emulator/emulator.ts";
import errors from "../../src/emulator/tastytrade/recordings/errors.json" with { type: "json" };
import transactions from "../../src/emulator/tastytrade/recordings/transactions.json" with {
  type: "json",
};
import { at, listAt, signIn } from "../support/emulator_wire.ts";
import { EMPTY, FUNDED } from "./tastytrade_fixtures.ts";

Deno.test("emulator begins the transactions with the recorded ones", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  const { json } = await get(`/accounts/${FUNDED}/transactions?per-page=3`);
  assertEquals(at(json, "data"), transactions.data);
  assertEquals(at(json, "context"), transactions.context);
  const pagination = { ...transactions.pagination, "total-items": 612, "total-pages": 204 };
  assertEquals(at(json, "pagination"), pagination);
  const other = await get(`/accounts/${EMPTY}/transactions?per-page=3`);
  assertEquals(at(other.json, "pagination"), transactions.pagination);
  assertEquals(at(other.json, "data", "items", 2, "account-number"), EMPTY);
});

Deno.test("emulator turns pages until there are no more, each transaction once and newest first", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  const path = `/accounts/${FUNDED}/transactions`;
  const read: unknown[] = [];
  const sizes: number[] = [];
  for (const page of [0, 1, 2, 3]) {
    const { json } = await get(`${path}?page-offset=${page}`);
    const items = listAt(json, "data", "items");
    read.push(...items);
    sizes.push(items.length);
    assertEquals(at(json, "pagination", "per-page"), 250);
    assertEquals(at(json, "pagination", "page-offset"), page);
    assertEquals(at(json, "pagination", "item-offset"), page * 250);
    assertEquals(at(json, "pagination", "total-pages"), 3);
    assertEquals(at(json, "pagination", "current-item-count"), items.length);
  }
  assertEquals(sizes, [250, 250, 112, 0]);
  assertEquals(new Set(read.map((item) => at(item, "id"))).size, 612);
  const instants = read.map((item) => String(at(item, "executed-at")));
  assertEquals(instants, instants.toSorted().toReversed());
  const ascending = await get(`${path}?sort=Asc&per-page=1`);
  assertEquals(at(ascending.json, "data", "items", 0), read.at(-1));
  const descending = await get(`${path}?sort=Desc&per-page=1`);
  assertEquals(at(descending.json, "data", "items", 0), read[0]);
  const one = await get(`${path}/${at(read[300], "id")}`);
  assertEquals(at(one.json, "data"), read[300]);
});

Deno.test("emulator chooses transactions by kind, symbol and time", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  const cases: readonly [string, number][] = [
    ["type=Trade", 204],
    ["types[]=Trade&types[]=Receive+Deliver", 612],
    ["sub-type[]=Assignment", 204],
    ["symbol=RIVN", 204],
    ["underlying-symbol=RIVN", 612],
    ["underlying-symbol=AAPL", 0],
    ["instrument-type=Equity", 204],
    ["action=Buy+to+Open", 204],
    ["start-date=2023-06-10", 1],
    ["start-date=2023-06-02&end-date=2023-06-09", 5],
    ["start-at=2023-06-12T13:53:08.199Z", 1],
    ["start-at=2023-06-09T21:00:00.000Z&end-at=2023-06-09T21:00:00.000Z", 2],
  ];
  for (const [query, expected] of cases) {
    const { json } = await get(`/accounts/${FUNDED}/transactions?${query}`);
    assertEquals(at(json, "pagination", "total-items"), expected, query);
  }
});

Deno.test("emulator refuses pages out of bounds", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  const cases: readonly [string, string][] = [
    ["transactions?per-page=0", "per-page"],
    ["transactions?per-page=2001", "per-page"],
    ["transactions?per-page=many", "per-page"],
    ["transactions?page-offset=-1", "page-offset"],
    ["transactions?sort=Up", "sort"],
    ["orders?per-page=201", "per-page"],
  ];
  for (const [path, domain] of cases) {
    const { status, json } = await get(`/accounts/${FUNDED}/${path}`);
    assertEquals(status, 400, path);
    const complaint = { domain, reason: "does not have a valid value" };
    assertEquals(json, { error: { ...errors.validation_error.error, errors: [complaint] } });
  }
  const most = await get(`/accounts/${FUNDED}/transactions?per-page=2000`);
  assertEquals(listAt(most.json, "data", "items").length, 612);
});
