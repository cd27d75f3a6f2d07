import {
  assert,
  assertEquals,
  assertFalse,
  assertGreater,
  assertLess,
  assertRejects,
} from "@std/assert";
import { cancelBody, parseBody, readLimited } from "../../src/net/response_body.ts";
import { serve } from "../support/loopback.ts";

const LIMIT_BYTES = 64 * 1024;

/** A response whose body arrives in these pieces, and what happened to it. */
function answer(pieces: Iterable<string | Uint8Array>): {
  response: Response;
  state: { pulled: number; cancelled: boolean };
} {
  const state = { pulled: 0, cancelled: false };
  const iterator = pieces[Symbol.iterator]();
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const { done, value } = iterator.next();
      if (done) return controller.close();
      state.pulled++;
      controller.enqueue(typeof value === "string" ? encoder.encode(value) : value);
    },
    cancel: () => void (state.cancelled = true),
  }, { highWaterMark: 0 });
  return { response: new Response(body), state };
}

function* forever(piece: string): Generator<string> {
  for (;;) yield piece;
}

Deno.test("readLimited() reads a small body to its end", async () => {
  assertEquals(await readLimited(new Response("content")), "content");
  assertEquals(await readLimited(new Response("")), "");
  assertEquals(await readLimited(new Response(null)), "");
  assertEquals(await readLimited(answer(["con", "", "tent"]).response), "content");
});

Deno.test("readLimited() joins a character that is split between two pieces", async () => {
  const bytes = new TextEncoder().encode("é€😀");
  const pieces = [...bytes].map((byte) => Uint8Array.of(byte));
  assertEquals(await readLimited(answer(pieces).response), "é€😀");
});

Deno.test("readLimited() ends a character that is cut off, and skips a byte order mark", async () => {
  assertEquals(await readLimited(answer([Uint8Array.of(0x61, 0xc3)]).response), "a\ufffd");
  assertEquals(await readLimited(answer(["\ufeff{}"]).response), "{}");
});

Deno.test("readLimited() reads a body of just the limit whole", async () => {
  const { response, state } = answer(["x".repeat(LIMIT_BYTES)]);
  assertEquals((await readLimited(response)).length, LIMIT_BYTES);
  assertFalse(state.cancelled);
});

Deno.test("readLimited() cuts a body that never ends, and releases it", async () => {
  const { response, state } = answer(forever("x".repeat(1024)));
  const text = await readLimited(response);
  assertEquals(text.length, LIMIT_BYTES + 1024);
  assertEquals(state, { pulled: 65, cancelled: true });
});

Deno.test("readLimited() ends the connection of a body that it cuts", async () => {
  const { promise: closed, resolve: onClose } = Promise.withResolvers<void>();
  await using server = await serve((response) => {
    const write = () => {
      while (response.write("x".repeat(16 * 1024)));
    };
    response.on("drain", write).on("close", onClose);
    write();
  });
  const text = await readLimited(await fetch(server.url));
  assertGreater(text.length, LIMIT_BYTES);
  assertLess(text.length, 1024 * 1024);
  await closed;
});

Deno.test("readLimited() rejects with what the body fails with", async () => {
  const failure = new TypeError("error reading a body from connection");
  const body = new ReadableStream({ pull: (controller) => controller.error(failure) });
  assertEquals(await assertRejects(() => readLimited(new Response(body))), failure);
});

Deno.test("parseBody() takes a text for what it is", () => {
  const page = { json: undefined, isHtml: true };
  const neither = { json: undefined, isHtml: false };
  const rows: readonly [string, ReturnType<typeof parseBody>][] = [
    ['{"a":1}', { json: { a: 1 }, isHtml: false }],
    ["[]", { json: [], isHtml: false }],
    ["null", { json: null, isHtml: false }],
    ['"<html>"', { json: "<html>", isHtml: false }],
    ["<!DOCTYPE html><title>Sign in</title>", page],
    ["\r\n <!doctype HTML>", page],
    ["<html>", page],
    ["<HTML lang=en>", page],
    ["", neither],
    ['{"a":', neither],
    ["Bad Gateway <html>", neither],
    ["<Error/>", neither],
  ];
  for (const [text, body] of rows) assertEquals(parseBody(text), body, text);
});

Deno.test("cancelBody() releases a body", () => {
  const { response, state } = answer(forever("x"));
  cancelBody(response);
  assert(state.cancelled);
});

Deno.test("cancelBody() takes a response without a body, and one that has failed or is being read", async () => {
  cancelBody(new Response(null));
  const body = new ReadableStream({ start: (controller) => controller.error(new Error("gone")) });
  cancelBody(new Response(body));
  const { response } = answer(["content"]);
  const reading = response.text();
  cancelBody(response);
  assertEquals(await reading, "content");
});
