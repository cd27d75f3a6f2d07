import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
} from "@std/assert";
import { tastytrade } from "../../src/brokers/tastytrade/tastytrade.ts";
import { NetworkError } from "../../src/errors.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { closedPort, serveBytes } from "../support/loopback.ts";
import { answering, GOOD, REFRESH, refusal, request, SECRET } from "./token_endpoint_fixtures.ts";

Deno.test("requestToken() counts the lifetime of the token from the sending", async () => {
  using clock = new FakeClock();
  const sentAt = Date.now();
  const fetch = () => {
    clock.advance(5_000);
    return Promise.resolve(new Response(GOOD));
  };
  assertEquals((await request({ fetch })).expiresAt, sentAt + 900_000);
});

Deno.test("requestToken() gives a token without a lifetime the broker's default", async () => {
  const body = '{"access_token":"abc"}';
  const broker = { ...tastytrade, defaultTokenLifetimeMs: 1_200_000 };
  assertEquals((await request({ fetch: answering(200, body), broker })).lifetimeMs, 1_200_000);
});

Deno.test("requestToken() takes a good response with a byte order mark, with any 2xx status", async () => {
  assertEquals((await request({ fetch: answering(200, `\ufeff${GOOD}`) })).accessToken, "abc");
  assertEquals((await request({ fetch: answering(201, GOOD) })).accessToken, "abc");
});

Deno.test("requestToken() refuses a good status without a token, and can be asked again", async () => {
  const rows: readonly [number, string | null, string][] = [
    [200, "<!doctype html><title>Captive hidden portal</title>", "it is not a JSON object"],
    [204, null, "it is not a JSON object"],
    [200, "", "it is not a JSON object"],
    [200, GOOD.slice(0, -1), "it is not a JSON object"],
    [200, `[${GOOD}]`, "it is not a JSON object"],
    [200, '"hidden"', "it is not a JSON object"],
    [200, "null", "it is not a JSON object"],
    [200, "{}", "it has no access_token"],
    [200, '{"access_token":""}', "it has no access_token"],
    [200, '{"access_token":["hidden"]}', "it has no access_token"],
    [200, '{"access_token":"hidden hidden"}', "its access_token is not a bearer token"],
    [200, '{"access_token":"hidden","token_type":"mac"}', "its token_type is not Bearer"],
    [200, '{"access_token":"hidden","refresh_token":"hidden","token_type":5}', "not Bearer"],
  ];
  for (const [status, body, flaw] of rows) {
    const error = await refusal({ fetch: answering(status, body) });
    assertEquals([error.code, error.isPermanent, error.status], [
      "invalid_token_response",
      false,
      status,
    ]);
    assertStringIncludes(error.message, `${status}: this is not a token response: `);
    assertStringIncludes(error.message, flaw);
  }
});

Deno.test("requestToken() takes an error in a good response for that error", async () => {
  const error = await refusal({ fetch: answering(200, '{"error":"invalid_grant"}') });
  assertEquals([error.code, error.isPermanent, error.status], ["invalid_grant", true, 200]);
});

Deno.test("requestToken() tells a permanent refusal from a temporary one", async () => {
  const rows: readonly [number, string | null, string, boolean][] = [
    [400, '{"error":"invalid_grant"}', "invalid_grant", true],
    [
      400,
      '{"error_code":"invalid_grant","error_description":"Grant revoked"}',
      "invalid_grant",
      true,
    ],
    [401, '{"error":"invalid_client"}', "invalid_client", true],
    [400, '{"error":"unauthorized_client"}', "unauthorized_client", true],
    [400, '{"error":"unsupported_grant_type"}', "unsupported_grant_type", true],
    [400, '{"error":"invalid_scope"}', "invalid_scope", true],
    [400, '{"error":{"code":"invalid_grant","message":"hm"}}', "invalid_grant", true],
    [400, '{"error":"unheard_of"}', "unheard_of", false],
    [
      400,
      '{"error_code":"invalid_grant","error_description":"User is not a TastyTrade customer"}',
      "invalid_grant",
      false,
    ],
    [400, "", "http_400", false],
    [400, "Bad Request", "http_400", false],
    [400, "[]", "http_400", false],
    [400, "null", "http_400", false],
    [400, '{"error":5}', "http_400", false],
    [401, "<html>nginx</html>", "http_401", false],
    [429, '{"error":"invalid_grant"}', "invalid_grant", false],
    [500, '{"error":"invalid_grant"}', "invalid_grant", false],
    [503, "<html>", "http_503", false],
  ];
  for (const [status, body, code, isPermanent] of rows) {
    const error = await refusal({ fetch: answering(status, body) });
    assertEquals(
      [error.code, error.isPermanent, error.status],
      [code, isPermanent, status],
      String(body),
    );
  }
});

Deno.test("requestToken() repeats no secret that the endpoint echoes", async () => {
  const forms = [SECRET, REFRESH, encodeURIComponent(SECRET), btoa(SECRET), btoa(REFRESH)];
  for (const form of forms) {
    const bodies = [
      JSON.stringify({ error: form, error_description: `no ${form} here` }),
      JSON.stringify({ error: { code: form, message: form } }),
      form,
    ];
    for (const body of bodies) {
      for (const status of [200, 302, 400, 503]) await refusal({ fetch: answering(status, body) });
    }
  }
});

Deno.test("requestToken() reports how nobody answered, and that the waiting request was not sent", async () => {
  await using closing = await serveBytes((socket) => socket.end());
  await using babbling = await serveBytes((socket) => socket.end("SSH-2.0\r\n\r\n"));
  await using truncating = await serveBytes((socket) =>
    socket.end(`HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n${GOOD}`)
  );
  const rows: readonly [string, string][] = [
    [`http://127.0.0.1:${await closedPort()}`, "refused"],
    [`http://${closing.host}`, "reset"],
    [`http://${babbling.host}`, "protocol"],
    [`http://${truncating.host}`, "reset"],
    [`https://${closing.host}`, "tls"],
  ];
  for (const [url, kind] of rows) {
    const error = await assertRejects(() => request({ url }), NetworkError);
    assertEquals([error.kind, error.outcome, error.code], [kind, "not_processed", "network_error"]);
    assertEquals(
      error.message,
      `Cannot refresh the access token: no response from ${url}/oauth/token (${kind}). ` +
        (kind === "tls"
          ? "TLS failed: check for a proxy between this program and the server"
          : "Try again when it can be reached"),
    );
    assertInstanceOf(error.cause, TypeError);
    assert(!Deno.inspect(error, { depth: 100, showHidden: true }).includes(SECRET));
  }
});

Deno.test("requestToken() leaves a mistake in the program as it is", async () => {
  const mistake = new TypeError("Invalid header name");
  const error = await assertRejects(() => request({ fetch: () => Promise.reject(mistake) }));
  assertStrictEquals(error, mistake);
});

Deno.test("requestToken() calls fetch as a function, not as a method", async () => {
  const receivers: unknown[] = [];
  await request({
    fetch: function (this: unknown) {
      receivers.push(this);
      return Promise.resolve(new Response(GOOD));
    },
  });
  assertEquals(receivers, [undefined]);
});
