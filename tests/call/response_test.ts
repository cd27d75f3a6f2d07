import {
  assert,
  assertEquals,
  assertFalse,
  assertInstanceOf,
  assertLess,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { readJson } from "../../src/call/response.ts";
import { tastytrade } from "../../src/brokers/tastytrade/tastytrade.ts";
import { ApiError, type CallOutcome, RateLimitError } from "../../src/errors.ts";

const ASKED = {
  method: "GET",
  url: "https://api.example.com/accounts?token=hidden-query",
};
const CONTEXT = {
  broker: tastytrade,
  sandbox: false,
  apiVersion: undefined,
  secrets: () => ["hidden-secret", "hidden/token+"],
  outcome: (last: CallOutcome) => last,
};

function read(body: BodyInit | null, init: ResponseInit = {}): Promise<unknown> {
  return readJson(new Response(body, init), ASKED, CONTEXT, { unwrap: (json) => json });
}

async function refusal(body: BodyInit | null, init: ResponseInit = {}): Promise<ApiError> {
  const error = await assertRejects(() => read(body, init), ApiError);
  assertFalse(Deno.inspect(error, { depth: 100, showHidden: true }).includes("hidden"));
  return error;
}

Deno.test("readJson() returns the JSON of a good response", async () => {
  assertEquals(await read('{"data":{"a":1}}'), { data: { a: 1 } });
  assertEquals(await read("[]", { status: 201 }), []);
  assertEquals(await read("null"), null);
  assertEquals(await read("[false]"), [false]);
  assertEquals(await read("0"), 0);
  assertEquals(await read('""'), "");
  assertEquals(await read(new TextEncoder().encode("\ufeff{}")), {}); // a byte order mark
});

Deno.test("readJson() returns undefined for a good response without a body", async () => {
  for (const status of [200, 202]) assertEquals(await read("", { status }), undefined);
  for (const status of [204, 205]) assertEquals(await read(null, { status }), undefined);
});

Deno.test("readJson() reads a good response of any size", async () => {
  const list = Array.from({ length: 50_000 }, (_, index) => index);
  assertEquals(await read(JSON.stringify(list)), list);
});

Deno.test("readJson() refuses a good status with a bad body, and shows nothing of it", async () => {
  const rows: readonly [string, string][] = [
    ["<!doctype html><title>hidden-secret</title>", "a web page instead of JSON"],
    ['{"a":"hidden-secret', "the body is not JSON"],
    ["hidden", "the body is not JSON"],
  ];
  for (const [body, words] of rows) {
    const { name, code, status, method, url, message } = await refusal(body, { status: 201 });
    assertEquals({ name, code, status, method, url }, {
      name: "ApiError",
      code: "invalid_response",
      status: 201,
      method: "GET",
      url: "https://api.example.com/accounts",
    });
    assertStringIncludes(message, `Cannot GET https://api.example.com/accounts: 201: ${words}`);
  }
});

Deno.test("readJson() throws the broker's refusal for a status outside 200 to 299", async () => {
  const body = {
    error: {
      code: "not_permitted",
      message: "no hidden-secret here, nor hidden%2Ftoken%2B",
      errors: [{ domain: "a", reason: "is hidden-secret" }],
    },
    data: { echo: "hidden-secret" },
  };
  const error = await refusal(JSON.stringify(body), { status: 403 });
  const { code, status, method, url, data, errors } = error;
  assertEquals({ code, status, method, url, data, errors }, {
    code: "not_permitted",
    status: 403,
    method: "GET",
    url: "https://api.example.com/accounts",
    data: { echo: "[redacted]" },
    errors: [{ message: "is [redacted]", field: "a" }],
  });
  assertStringIncludes(error.message, "no [redacted] here, nor [redacted]");
});

Deno.test("readJson() throws for redirects and refusals with any body", async () => {
  const rows: readonly [number, BodyInit | null, string][] = [
    [301, null, "http_301"],
    [304, null, "http_304"],
    [307, "<html>", "http_307"],
    [404, "", "http_404"],
    [400, '{"error":{"code":', "http_400"],
    [400, "[]", "http_400"],
    [400, "null", "http_400"],
    [400, '{"error":"text"}', "http_400"],
    [422, '{"error":{"code":"","errors":{"a":1}}}', "http_422"],
    [500, "<html>", "http_500"],
    [503, '{"error":{"code":"hidden-secret"}}', "[redacted]"],
  ];
  for (const [status, body, code] of rows) {
    const error = await refusal(body, { status });
    assertEquals([error.status, error.code, error.errors], [status, code, []]);
    assertStringIncludes(error.message, `Cannot GET https://api.example.com/accounts: ${status}`);
  }
});

Deno.test("readJson() throws a RateLimitError for 429, with the wait that the broker asks for", async () => {
  const limited = await refusal("", { status: 429, headers: { "retry-after": "7" } });
  assertInstanceOf(limited, RateLimitError);
  assertEquals([limited.code, limited.retryAfterMs], ["http_429", 7_000]);
  const silent = await refusal("", { status: 429 });
  assertInstanceOf(silent, RateLimitError);
  assertEquals(silent.retryAfterMs, undefined);
  assertFalse(await refusal("", { status: 503 }) instanceof RateLimitError);
});

Deno.test("readJson() writes one line of bounded length, whatever the broker says", async () => {
  const message = `\u001b[2J first\r\nsecond ${"long ".repeat(1_000)}`;
  const error = await refusal(JSON.stringify({ error: { message } }), { status: 400 });
  // deno-lint-ignore no-control-regex -- control characters are what must not be there
  assertFalse(/[\x00-\x1f]/.test(error.message));
  assertStringIncludes(error.message, "[2J first second long");
  assertLess(error.message.length, 1_000);
});

Deno.test("readJson() says what problem details say, member by member, and ignores a status in them", async () => {
  const headers = { "content-type": "Application/Problem+JSON; charset=utf-8" };
  for (
    const [problem, words] of [
      [
        { title: "Out of order", detail: "Until noon", status: "500" },
        "503: Out of order: Until noon",
      ],
      [{ title: "Out of order", status: 200, more: [1] }, "503: Out of order"],
      [{ title: 7, detail: "Until noon" }, "503: Until noon"],
      [{ title: "hidden-secret" }, "503: [redacted]"],
      [{ title: {}, detail: null }, "http_503: tastytrade"],
      [[], "http_503: tastytrade"],
    ] as const
  ) {
    const error = await refusal(JSON.stringify(problem), { status: 503, headers });
    assertStringIncludes(error.message.replace("503. ", "http_503: "), words);
    assertEquals([error.status, error.code], [503, "http_503"]);
  }
  const plain = { status: 503, headers: { "content-type": "application/json" } };
  assertFalse((await refusal('{"title":"Out of order"}', plain)).message.includes("Out of order"));
});

Deno.test("readJson() takes no empty text for an empty answer where a length was promised", async () => {
  // What Node makes of a compressed body that was cut.
  const error = await refusal("", {
    headers: { "content-length": "58", "content-encoding": "gzip" },
  });
  assertEquals(error.code, "invalid_response");
  assertEquals(await read("", { headers: { "content-length": "0" } }), undefined);
});

Deno.test("readJson() cuts a refusal that never ends", async () => {
  let isCancelled = false;
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array(16 * 1024).fill(0x20)),
    cancel: () => void (isCancelled = true),
  });
  assertEquals((await refusal(body, { status: 500 })).code, "http_500");
  assert(isCancelled);
});

Deno.test("readJson() rejects with what the body fails with", async () => {
  for (const status of [200, 500]) {
    const failure = new TypeError("error reading a body from connection");
    const body = new ReadableStream({ pull: (controller) => controller.error(failure) });
    assertEquals(await assertRejects(() => read(body, { status })), failure);
  }
});
