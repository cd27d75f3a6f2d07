import {
  assert,
  assertEquals,
  assertFalse,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { prepareRequest } from "../../src/call/request.ts";
import { jsonBody } from "../../src/net/request_body.ts";
import { serve, serveOnceAConnection } from "../support/loopback.ts";
import { BASE_URL, send, streamOf } from "./request_fixtures.ts";

Deno.test("prepareRequest() uses GET and upper case", () => {
  assertEquals(prepareRequest(BASE_URL, {}, {}).method, "GET");
  const { method, init } = prepareRequest(BASE_URL, {}, { method: "patch" });
  assertEquals([method, init.method], ["PATCH", "PATCH"]);
});

Deno.test("prepareRequest() lets the caller's headers win over the session's, in any case", () => {
  const own = { accept: "application/json", "user-agent": "us/1.0" };
  assertEquals(prepareRequest(BASE_URL, own, {}).headers, own);
  const given: HeadersInit[] = [
    { Accept: "text/csv", "X-A": "1" },
    [["Accept", "text/csv"], ["X-A", "1"]],
    new Headers({ Accept: "text/csv", "X-A": "1" }),
  ];
  for (const headers of given) {
    assertEquals(prepareRequest(BASE_URL, own, { headers }).headers, {
      "accept": "text/csv",
      "user-agent": "us/1.0",
      "x-a": "1",
    });
  }
});

Deno.test("prepareRequest() refuses a caller's Authorization header and does not repeat it", () => {
  for (const name of ["Authorization", "authorization", "AUTHORIZATION"]) {
    const { message } = assertThrows(
      () => prepareRequest(BASE_URL, {}, { headers: { [name]: "Bearer hidden" } }),
      TypeError,
      "the session sets it",
    );
    assertFalse(message.includes("hidden"));
  }
});

Deno.test("prepareRequest() refuses a Host header, which could lead the token elsewhere", () => {
  for (const name of ["Host", "host"]) {
    const headers = { [name]: "elsewhere.example" };
    assertThrows(
      () => prepareRequest(BASE_URL, {}, { headers }),
      TypeError,
      "the URL determines the host",
    );
  }
});

Deno.test("prepareRequest() returns redirects unless the caller wants them followed", () => {
  assertEquals(prepareRequest(BASE_URL, {}, {}).init.redirect, "manual");
  assertEquals(prepareRequest(BASE_URL, {}, { redirect: "error" }).init.redirect, "error");
});

Deno.test("prepareRequest() passes on what else fetch takes", () => {
  const { signal } = new AbortController();
  const { init } = prepareRequest(BASE_URL, {}, { signal, cache: "no-store" });
  assertStrictEquals(init.signal, signal);
  assertEquals(init.cache, "no-store");
});

Deno.test("prepareRequest() takes a stream for what can be sent once only, and nothing else", async () => {
  const streams: unknown[] = [
    streamOf("a"),
    (async function* () {
      yield new Uint8Array();
    })(),
  ];
  for (const body of streams) {
    const prepared = prepareRequest(BASE_URL, {}, { method: "POST", body: body as BodyInit });
    assertFalse(prepared.isReplayable);
    assertStrictEquals<unknown>(prepared.init.body, body);
    assertEquals(Reflect.get(prepared.init, "duplex"), "half");
  }
  const repeatable: (BodyInit | null | undefined)[] = [
    undefined,
    null,
    "a",
    new URLSearchParams("a=b"),
    new FormData(),
    new Blob(["a"]),
    new ArrayBuffer(1),
    new Uint8Array(1),
    new DataView(new ArrayBuffer(1)),
  ];
  for (const body of repeatable) {
    assert(
      prepareRequest(BASE_URL, {}, { method: "POST", ...(body === undefined ? {} : { body }) })
        .isReplayable,
    );
  }
  await streamOf("a").cancel();
});

Deno.test("prepareRequest() makes bodies arrive twice with the same bytes, length and content type", async () => {
  await using server = await serve((response) => response.end());
  const bytes = new TextEncoder().encode("-bytes-");
  const rows: readonly [BodyInit, string | undefined, string][] = [
    ["é", "text/plain;charset=utf-8", "é"],
    [
      new URLSearchParams({ a: "b c&d" }),
      "application/x-www-form-urlencoded;charset=utf-8",
      "a=b+c%26d",
    ],
    [new Blob(["{}"], { type: "application/json" }), "application/json", "{}"],
    [bytes, undefined, "-bytes-"],
    [bytes.buffer, undefined, "-bytes-"],
    [bytes.subarray(1, 6), undefined, "bytes"],
    [new DataView(bytes.buffer, 1, 5), undefined, "bytes"],
  ];
  for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
    for (const [body, type, text] of rows) {
      const prepared = prepareRequest(`${server.url}/orders`, {}, { method, body });
      await send(prepared);
      await send(prepared);
      for (const arrival of server.arrivals.slice(-2)) {
        assertEquals([arrival.method, arrival.body], [method, text]);
        assertEquals(arrival.headers["content-type"], type);
        const length = new TextEncoder().encode(text).byteLength;
        assertEquals(arrival.headers["content-length"], String(length));
      }
    }
  }
});

Deno.test("prepareRequest() lets the caller's own content type win", async () => {
  await using server = await serve((response) => response.end());
  const headers = { "Content-Type": "application/vnd.broker+json" };
  await send(prepareRequest(server.url, {}, { method: "POST", headers, body: "{}" }));
  assertEquals(server.arrivals[0]?.headers["content-type"], "application/vnd.broker+json");
});

Deno.test("prepareRequest() sends a form with the boundary that its content type names", async () => {
  await using server = await serve((response) => response.end());
  const form = new FormData();
  form.set("file", new Blob(["content"]), "Name.csv");
  const prepared = prepareRequest(server.url, {}, { method: "POST", body: form });
  await send(prepared);
  await send(prepared);
  for (const { headers, body } of server.arrivals) {
    const response = new Response(body, {
      headers: { "content-type": headers["content-type"] ?? "" },
    });
    const file = (await response.formData()).get("file");
    assert(file instanceof File);
    assertEquals([file.name, await file.text()], ["Name.csv", "content"]);
  }
  assertEquals(server.arrivals.length, 2);
});

Deno.test("prepareRequest() streams a stream, without holding it back until it ends", async () => {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  await using server = await serve((response) => response.end());
  const sending = send(prepareRequest(server.url, {}, { method: "POST", body: readable }));
  await writer.write(new TextEncoder().encode("one "));
  await writer.write(new TextEncoder().encode("two"));
  await writer.close();
  await sending;
  assertEquals(server.arrivals[0]?.body, "one two");
});

// Deno's fetch would repeat a POST and Bun's a PUT or DELETE (facts in request.ts, singleSendBody()).
for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
  const bodies: readonly [string, () => BodyInit | undefined][] = [
    ["no body", () => undefined],
    ["a string", () => "order"],
    ["bytes", () => new TextEncoder().encode("order")],
    ["a form", () => new URLSearchParams({ a: "order" })],
    ["JSON", () => jsonBody({ an: "order" })],
    ["a stream", () => streamOf("order")],
  ];
  Deno.test(`prepareRequest() keeps the runtime from sending a ${method} twice when a reused connection closes`, async () => {
    for (const [name, makeBody] of bodies) {
      await using server = await serveOnceAConnection();
      const body = makeBody();
      await send(prepareRequest(`http://${server.host}/first`, {}, {}));
      const init: RequestInit = { method, ...(body === undefined ? {} : { body }) };
      await assertRejects(() => send(prepareRequest(`http://${server.host}/order`, {}, init)));
      const orders = server.arrivals.filter((head) => head.startsWith(`${method} /order `));
      assertEquals(orders.length, 1, `${method} with ${name}`);
    }
  });
}
