import {
  assert,
  assertEquals,
  assertMatch,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { jsonBody } from "../../src/net/request_body.ts";
import { streamOf } from "../call/request_fixtures.ts";

Deno.test("jsonBody() writes values as JSON, and takes a string for JSON", async () => {
  const rows: readonly [unknown, string][] = [
    [{ a: [1, "é"], b: undefined }, '{"a":[1,"é"]}'],
    [[1], "[1]"],
    [null, "null"],
    [7, "7"],
    [false, "false"],
    ['{"a":1}', '{"a":1}'],
    [new Date(0), '"1970-01-01T00:00:00.000Z"'],
  ];
  for (const [value, json] of rows) {
    const body = jsonBody(value);
    assert(body instanceof Blob);
    assertEquals([body.type, await body.text()], ["application/json", json]);
  }
});

Deno.test("jsonBody() leaves alone what is a body already", async () => {
  const bodies: BodyInit[] = [
    new Blob(["a"]),
    new FormData(),
    new URLSearchParams("a=b"),
    new ArrayBuffer(1),
    new Uint8Array(1),
    streamOf("a"),
  ];
  for (const body of bodies) assertStrictEquals(jsonBody(body), body);
  await (bodies.at(-1) as ReadableStream).cancel();
});

Deno.test("jsonBody() lets the platform complain about what JSON cannot hold", () => {
  const circle: Record<string, unknown> = {};
  circle.self = circle;
  assertThrows(() => jsonBody(circle), TypeError);
  const { message } = assertThrows(() => jsonBody(1n), TypeError);
  assertStringIncludes(message, "BigInt");
  assertMatch(message, /serialize/);
});
