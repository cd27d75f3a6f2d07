import { assertEquals, assertThrows } from "@std/assert";
import { JsonChunks } from "../../src/streams/json_chunks.ts";
import { Random } from "../support/random.ts";

function textsOf(...chunks: (string | Uint8Array)[]): string[] {
  const parser = new JsonChunks();
  return chunks.flatMap((chunk) =>
    parser.take(typeof chunk === "string" ? new TextEncoder().encode(chunk) : chunk)
  );
}

Deno.test("JsonChunks finds values wherever the chunks are cut", () => {
  assertEquals(textsOf('{"a":1}\r\n'), ['{"a":1}']);
  assertEquals(textsOf('{"a":1}{"b":2}\n\n[3]\n'), ['{"a":1}', '{"b":2}', "[3]"]);
  assertEquals(textsOf('{"a":', '{"b":"}"}', "}\n"), ['{"a":{"b":"}"}}']);
  assertEquals(textsOf('{"a":"\\', '""}'), ['{"a":"\\""}']);
  assertEquals(textsOf('{"a":"\\\\"}{"b":"{"}'), ['{"a":"\\\\"}', '{"b":"{"}']);
  assertEquals(textsOf('{\n  "a": 1\n}\n'), ['{\n  "a": 1\n}']);
  assertEquals(textsOf('{"a":1'), []);
});

// The wire example of the documentation: one object over two chunks.
Deno.test("JsonChunks reads the documented example of two chunks", () => {
  const first = '{"High":"231.49","TimeStamp":"2021-03-03T16:30:00Z","TotalVol';
  assertEquals(textsOf(first, 'ume":"24059","Epoch":1614789000000}\n').length, 1);
});

Deno.test("JsonChunks takes other text line by line, as v2 ends a stream", () => {
  assertEquals(textsOf('{"a":1}\nEND\n'), ['{"a":1}', "END"]);
  assertEquals(textsOf("ERROR - A Timeout", " Occurred\r\n"), ["ERROR - A Timeout Occurred"]);
  assertEquals(textsOf("}}]]\n", '{"a":1}\n').at(-1), '{"a":1}');
});

Deno.test("JsonChunks reads any values cut at any byte, of many bytes a character", () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = new Random(seed);
    const values = Array.from({ length: 20 }, () => ({
      text: Array.from(
        { length: random.between(0, 12) },
        () => random.pick(['"', "\\", "{", "}", "[", "]", "ü", "€", "😀", "a", "\n", "\u2028"]),
      ).join(""),
      list: [1, { nested: ["}", "{"] }],
    }));
    const separators = ["\n", "\r\n", "\n\n", "", " "] as const;
    const bytes = new TextEncoder().encode(
      values.map((value) => JSON.stringify(value) + random.pick(separators)).join(""),
    );
    const chunks: Uint8Array[] = [];
    for (let at = 0; at < bytes.length;) {
      const end = Math.min(bytes.length, at + random.between(1, 40));
      chunks.push(bytes.subarray(at, end));
      at = end;
    }
    assertEquals(textsOf(...chunks).map((text) => JSON.parse(text)), values, `seed ${seed}`);
  }
});

Deno.test("JsonChunks refuses a value without end, and returns none that did not end", () => {
  const parser = new JsonChunks();
  const chunk = new TextEncoder().encode('{"a":"' + "x".repeat(1024 * 1024));
  for (let i = 0; i < 3; i++) parser.take(chunk);
  assertEquals(parser.take(new Uint8Array()), []);
  assertThrows(() => {
    for (let i = 0; i < 3; i++) parser.take(chunk);
  }, RangeError);
});
