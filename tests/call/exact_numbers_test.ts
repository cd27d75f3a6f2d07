import { assertEquals, assertLess, assertThrows } from "@std/assert";
import { Account, Session } from "../../mod.ts";
import { parseExactly } from "../../src/call/exact_numbers.ts";
import { startEmulator } from "../../src/emulator/emulator.ts";

Deno.test("parseExactly() leaves a number alone that a float holds", () => {
  for (
    const number of [
      ..."0 -0 7 -7 0.5 0.50 -0.1 100 1e3 1E+3 5e-7 123456789012345 0.123456789012345".split(" "),
      "9007199254740992",
      "0.30000000000000004",
      "1.7976931348623157e308",
      "5e-324",
      "100000000000000000000000",
    ]
  ) {
    assertEquals(parseExactly(`{"a":[${number}]}`), { a: [Number(number)] }, number);
  }
});

Deno.test("parseExactly() makes a string of a number that a float would spoil", () => {
  for (
    const number of [
      "9007199254740993",
      "-9007199254740993",
      "12345678901234567.89",
      "0.1234567890123456789",
      "4544.7270000000000001",
      "1e400",
      "-1e400",
      "1e-400",
    ]
  ) {
    assertEquals(parseExactly(`{"a":[${number}]}`), { a: [number] }, number);
  }
});

Deno.test("parseExactly() reads everything else as JSON.parse() does", () => {
  const text = '{"a":"9007199254740993","b":[true,false,null,"1e400",{"":[]}]}';
  assertEquals(parseExactly(text), JSON.parse(text));
  assertThrows(() => parseExactly("{"), SyntaxError);
});

Deno.test("Account's amounts come unspoiled, however many digits they have", async () => {
  await using emulator = await startEmulator();
  await using session = new Session(emulator.tastytrade);
  const body = '{"data":{"account-number":"5WT00000","cash-balance":12345678901234567.89,' +
    '"net-liquidating-value":1e-7,"id":9007199254740993}}';
  const answer = { status: 200, headers: { "content-type": "application/json" }, body };
  emulator.injectFault("GET /accounts/5WT00000/balances", answer, 3);
  const account = await Account.get(session, "5WT00000");
  const { cashBalance, netLiquidatingValue, raw } = await account.balances();
  assertEquals([cashBalance, netLiquidatingValue], ["12345678901234567.89", "0.0000001"]);
  assertEquals([raw.id, raw["net-liquidating-value"]], ["9007199254740993", 1e-7]);

  const path = "/accounts/5WT00000/balances";
  const exact = await session.get<{ id: unknown }>(path, { exactNumbers: true });
  assertEquals(exact.id, "9007199254740993");
  assertEquals((await session.get<{ id: unknown }>(path)).id, 9007199254740992);
});

Deno.test("parseExactly() takes a time in proportion to the length, whatever the digits are", () => {
  const timeFor = (length: number) => {
    const text = `[0.${"0".repeat(length)}1, 1${"0".repeat(length)}1]`;
    const start = performance.now();
    for (let count = 0; count < 5; count++) parseExactly(text);
    return performance.now() - start;
  };
  timeFor(1_000); // warm
  // Sixteen times the length takes about as many times as long; if it went with the square, it would take
  // 256 times. The best of several counts, because the machine may be busy.
  const best = Math.min(...Array.from({ length: 5 }, () => timeFor(160_000)));
  assertLess(best, 60 * Math.max(timeFor(10_000), 0.5));
});

Deno.test("parseExactly() knows equal numbers by their digits, with zeros anywhere", () => {
  assertEquals(parseExactly("[0, 0.0, 0.000, 100, 1e2, 0.0010, 1200.0, 0e5]"), [
    0,
    0,
    0,
    100,
    100,
    0.001,
    1200,
    0,
  ]);
  assertEquals(parseExactly("[0.10000000000000000001, 10000000000000000001]"), [
    "0.10000000000000000001",
    "10000000000000000001",
  ]);
});
