import {
  assert,
  assertEquals,
  assertFalse,
  assertMatch,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  type PreparedRequest,
  prepareRequest,
  requestUrl,
  unpackRequest,
} from "../../src/call/request.ts";
import { isUnsafe } from "../../src/net/method.ts";
import { jsonBody } from "../../src/net/request_body.ts";
import { type Query, withoutQuery, withQuery } from "../../src/net/url.ts";
import { serve, serveOnceAConnection } from "../support/loopback.ts";

const BASE_URL = "https://api.example.com";

/** Sends a prepared request as a session does, and reads the answer. */
async function send({ url, init, headers }: PreparedRequest): Promise<string> {
  const response = await fetch(url, { ...init, headers });
  return await response.text();
}

function streamOf(text: string): ReadableStream<Uint8Array> {
  return new Blob([text]).stream();
}

Deno.test("requestUrl() puts a path behind the base, its path included", () => {
  assertEquals(requestUrl("/accounts", BASE_URL), "https://api.example.com/accounts");
  assertEquals(requestUrl("/a?b=c#d", `${BASE_URL}/v3`), "https://api.example.com/v3/a?b=c#d");
  assertEquals(requestUrl("/", BASE_URL), "https://api.example.com/");
});

Deno.test("requestUrl() takes an absolute URL of the broker's origin, however it is spelled", () => {
  for (
    const url of [
      "https://api.example.com/a?b=c",
      "HTTPS://API.example.COM/a?b=c",
      "https://api.example.com:443/a?b=c",
      "https:/api.example.com/a?b=c",
    ]
  ) {
    assertEquals(requestUrl(url, `${BASE_URL}/v3`), "https://api.example.com/a?b=c");
  }
});

Deno.test("requestUrl() never leads to another origin", () => {
  for (
    const url of [
      "https://evil.example/a",
      "http://api.example.com/a",
      "https://api.example.com:8443/a",
      "https://api.example.com.evil.example/a",
      "https://api.example.com@evil.example/a",
      "https://user@api.example.com/a",
      "https://:password@api.example.com/a",
      "wss://api.example.com/a",
      "data:text/plain,a",
      "javascript:alert(1)",
      "//evil.example/a",
      "///evil.example/a",
      "\\\\evil.example\\a",
      "\\evil.example",
    ]
  ) {
    assertThrows(() => requestUrl(url, BASE_URL), TypeError, "Cannot send a request to", url);
  }
  for (
    const path of ["/\\evil.example", "/@evil.example", "/\t/evil.example", "/:1@evil.example"]
  ) {
    assertEquals(new URL(requestUrl(path, BASE_URL)).host, "api.example.com", path);
    assertEquals(new URL(requestUrl(path, `${BASE_URL}/v3`)).host, "api.example.com", path);
  }
});

Deno.test("requestUrl() says how a path is written", () => {
  const untyped = [undefined, null, 5] as unknown as string[]; // what JavaScript lets through
  for (const path of ["", "accounts", "./accounts", " /accounts", "?a=b", "1:2", ...untyped]) {
    assertThrows(() => requestUrl(path, BASE_URL), TypeError, "a path starts with one slash", path);
  }
});

Deno.test("requestUrl() shows neither path nor query of a foreign URL", () => {
  const { message } = assertThrows(
    () => requestUrl("https://evil.example/secret-path?token=secret", BASE_URL),
    TypeError,
  );
  assertEquals(
    message,
    'Cannot send a request to "https://evil.example": the access token goes to ' +
      "https://api.example.com only",
  );
});

Deno.test("withQuery() writes a list the broker's way", () => {
  const query = { status: ["Live", "In Flight"], day: 1 };
  assertEquals(
    withQuery("/orders", query, "brackets"),
    "/orders?status%5B%5D=Live&status%5B%5D=In%20Flight&day=1",
  );
  assertEquals(withQuery("/orders", query, "commas"), "/orders?status=Live%2CIn%20Flight&day=1");
  assertEquals(
    withQuery("/orders", query, "repeat"),
    "/orders?status=Live&status=In%20Flight&day=1",
  );
});

Deno.test("withQuery() writes values so that they arrive as they are", () => {
  const values: Query = { a: "x y+z&w=%/é#", "b c": true, d: 0, e: "", f: false, g: [1.5, "h,i"] };
  const { searchParams } = new URL(withQuery("/a", values, "repeat"), BASE_URL);
  assertEquals([...searchParams], [
    ["a", "x y+z&w=%/é#"],
    ["b c", "true"],
    ["d", "0"],
    ["e", ""],
    ["f", "false"],
    ["g", "1.5"],
    ["g", "h,i"],
  ]);
  assertFalse(withQuery("/a", { symbol: "SPY   260116C00500000" }, "repeat").includes("+"));
});

Deno.test("withQuery() leaves out what is undefined, and the question mark with it", () => {
  assertEquals(withQuery("/a", { b: undefined, c: 1 }, "brackets"), "/a?c=1");
  for (const query of [undefined, {}, { b: undefined }, { b: [] }]) {
    assertEquals(withQuery("/a", query, "brackets"), "/a");
  }
});

Deno.test("withQuery() adds to a query that the path has", () => {
  assertEquals(withQuery("/a?b=1", { c: 2 }, "brackets"), "/a?b=1&c=2");
});

Deno.test("withoutQuery() cuts query and fragment", () => {
  assertEquals(withoutQuery("https://x/a?b=c#d"), "https://x/a");
  assertEquals(withoutQuery("https://x/a#d?b=c"), "https://x/a");
  assertEquals(withoutQuery("https://x/a?b\nc"), "https://x/a");
  assertEquals(withoutQuery("https://x/a"), "https://x/a");
});

Deno.test("isUnsafe() is false for the methods that change nothing, and for no other", () => {
  assertEquals(["GET", "HEAD", "OPTIONS"].map(isUnsafe), [false, false, false]);
  const changing = ["POST", "PUT", "PATCH", "DELETE", "PURGE"];
  assert(changing.every(isUnsafe));
});

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
