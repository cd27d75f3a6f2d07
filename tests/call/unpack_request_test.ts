import { assert, assertEquals, assertFalse, assertRejects } from "@std/assert";
import { prepareRequest, unpackRequest } from "../../src/call/request.ts";
import { serve } from "../support/loopback.ts";
import { send, streamOf } from "./request_fixtures.ts";

Deno.test("unpackRequest() keeps URL, method, headers, signal and body", async () => {
  const controller = new AbortController();
  const request = new Request("https://x/a?b", {
    method: "PUT",
    headers: { "x-a": "1" },
    signal: controller.signal,
    body: "content",
  });
  const [url, init] = await unpackRequest(request);
  assertEquals([url, init.method], ["https://x/a?b", "PUT"]);
  assertEquals(Object.fromEntries(new Headers(init.headers)), {
    "content-type": "text/plain;charset=UTF-8",
    "x-a": "1",
  });
  assert(init.body instanceof Blob);
  assertEquals(await init.body.text(), "content");
  controller.abort("over");
  assertEquals(init.signal?.reason, "over");
});

Deno.test("unpackRequest() gives a request without a body none, so that GET stays GET", async () => {
  const [, init] = await unpackRequest(new Request("https://x/"));
  assertFalse("body" in init);
});

Deno.test("unpackRequest() makes a stream replayable, with its length", async () => {
  await using server = await serve((response) => response.end());
  const init = { method: "POST", body: streamOf("content"), duplex: "half" } as RequestInit;
  const [url, unpacked] = await unpackRequest(new Request(server.url, init));
  const prepared = prepareRequest(url, {}, unpacked);
  assert(prepared.isReplayable);
  await send(prepared);
  assertEquals(server.arrivals[0]?.headers["content-length"], "7");
});

Deno.test("unpackRequest() keeps a form's boundary", async () => {
  await using server = await serve((response) => response.end());
  const body = new FormData();
  body.set("a", "b");
  const [url, init] = await unpackRequest(new Request(server.url, { method: "POST", body }));
  await send(prepareRequest(url, {}, init));
  const [{ headers, body: sent }] = server.arrivals as [(typeof server.arrivals)[0]];
  const type = headers["content-type"] ?? "";
  const form = await new Response(sent, { headers: { "content-type": type } }).formData();
  assertEquals([...form], [["a", "b"]]);
});

Deno.test("unpackRequest() rejects for a body that was used, as fetch does", async () => {
  const request = new Request("https://x/", { method: "POST", body: "content" });
  await request.text();
  await assertRejects(() => unpackRequest(request), TypeError);
});
