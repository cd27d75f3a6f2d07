import { assertEquals, assertThrows } from "@std/assert";
import { Account, Session } from "../mod.ts";
import { parseExactly } from "../src/exact_numbers.ts";
import { startEmulator } from "../src/emulator/emulator.ts";

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
  emulator.trouble("GET /accounts/5WT00000/balances", answer, 3);
  const account = await Account.get(session, "5WT00000");
  const { cashBalance, netLiquidatingValue, raw } = await account.balances();
  assertEquals([cashBalance, netLiquidatingValue], ["12345678901234567.89", "0.0000001"]);
  assertEquals([raw.id, raw["net-liquidating-value"]], ["9007199254740993", 1e-7]);

  const path = "/accounts/5WT00000/balances";
  const exact = await session.get<{ id: unknown }>(path, { exactNumbers: true });
  assertEquals(exact.id, "9007199254740993");
  assertEquals((await session.get<{ id: unknown }>(path)).id, 9007199254740992);
});
