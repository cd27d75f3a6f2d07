import { assertEquals, assertGreater, assertStringIncludes } from "@std/assert";
import { decimal, productOf, sumOf } from "../../src/brokers/fields.ts";
import { readBalances, readPosition } from "../../src/brokers/tastytrade/records.ts";
import { fieldsTable } from "./fields_table.ts";

Deno.test("the documentation of records says which broker fills which field", async () => {
  const documentation = await Deno.readTextFile(
    new URL("../../src/brokers/records.ts", import.meta.url),
  );
  for (
    const [name, reader] of [["Balances", "readBalances"], ["Position", "readPosition"]] as const
  ) {
    const table = fieldsTable(reader);
    const [, fields = ""] = new RegExp(`interface ${name} {([^]*?)\n}`).exec(documentation) ?? [];
    const names = [...fields.matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, field]) => field);
    assertGreater(names.length, 10);
    assertEquals(
      [...table.slice(2).map((row) => /^\| `(\w+)`/.exec(row)?.[1]), "raw"],
      names,
    );
    const lines = table.map((line) => ` * ${line}\n`).join("");
    assertStringIncludes(documentation, `${lines} */\nexport interface ${name} {`);
  }
});

Deno.test("a number that is none is not taken for one", () => {
  for (const value of ["", "abc", "1,000", "0x10", "1e9999", "NaN", " 1", null, {}, [1]]) {
    assertEquals(decimal(value), undefined, `${value}`);
  }
  assertEquals([decimal("40.0"), decimal(1e-7), decimal("-1.5E2")], ["40.0", "0.0000001", "-150"]);
});

Deno.test("decimal strings are added and multiplied without floats", () => {
  assertEquals(sumOf(["0.1", "0.2", "-10"]), "-9.7");
  assertEquals(sumOf([]), "0");
  assertEquals(productOf(["0.1", "0.2"]), "0.02");
  assertEquals(productOf(["-1", "742", "49.390", "1.0"]), "-36647.38");
  assertEquals(productOf(["100", "10"]), "1000");
  assertEquals(productOf(["-1", "0.0"]), "0");
  assertEquals(
    productOf(["9007199254740993", "1.00000000000000000001"]),
    "9007199254740993.00009007199254740993",
  );
  assertEquals(productOf(["1", undefined]), undefined);
});

Deno.test("a position at tastytrade has a market value if the broker sends its mark", () => {
  const raw = {
    "quantity": 40,
    "quantity-direction": "Short",
    "mark-price": "0.415",
    "multiplier": 100,
  };
  assertEquals(readPosition(raw).marketValue, "-1660");
  assertEquals(readPosition({ ...raw, "quantity-direction": "Long" }).marketValue, "1660");
  assertEquals(
    readPosition({ ...raw, "quantity": 0, "quantity-direction": "Zero" }).marketValue,
    "0",
  );
  assertEquals(readPosition({ ...raw, "quantity-direction": "Sideways" }).marketValue, undefined);
  assertEquals(readPosition({ ...raw, "mark-price": null }).marketValue, undefined);
});

Deno.test("balances at tastytrade have a market value: what is long less what is short", () => {
  const values = {
    "long-equity-value": "100.25",
    "long-derivative-value": "7",
    "short-equity-value": "50.5",
  };
  assertEquals(readBalances(values).marketValue, "56.75");
  assertEquals(readBalances({ ...values, "short-equity-value": "-50.5" }).marketValue, "56.75");
  assertEquals(readBalances({ "cash-balance": "1" }).marketValue, undefined);
});
