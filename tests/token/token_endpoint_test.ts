import {
  assert,
  assertEquals,
  assertFalse,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
} from "@std/assert";
import { tastytrade } from "../../src/brokers/tastytrade/tastytrade.ts";
import type { GrantCredentials } from "../../src/credential_options.ts";
import { NetworkError, TokenError } from "../../src/errors.ts";
import type { Token } from "../../src/token/token.ts";
import { requestToken, type TokenEndpointContext } from "../../src/token/token_endpoint.ts";
import { FakeClock } from "../support/fake_clock.ts";
import {
  closedPort,
  serve,
  serveAnswer,
  serveBytes,
  serveOnceAConnection,
} from "../support/loopback.ts";

const SECRET = "s3cr/et+%c&=?é ü".replace(/[^!-~]/g, "~"); // printable ASCII, as credentials are
const REFRESH = "r3fr/esh+.t0ken==";
const CREDENTIALS: GrantCredentials = {
  clientId: undefined,
  clientSecret: SECRET,
  refreshToken: REFRESH,
};
const GOOD = JSON.stringify({ access_token: "abc", token_type: "Bearer", expires_in: 900 });
const FORM_BROKER = { ...tastytrade, tokenRequestFormat: "form" } as const;
const NEVER = new AbortController().signal;

interface Request extends Partial<TokenEndpointContext> {
  readonly url?: string;
  readonly credentials?: GrantCredentials;
  readonly signal?: AbortSignal;
}

function request(
  { url = "http://127.0.0.1:1", credentials = CREDENTIALS, signal = NEVER, ...changes }: Request,
): Promise<Token> {
  const context: TokenEndpointContext = {
    broker: tastytrade,
    endpoints: { baseUrl: url, tokenUrl: `${url}/oauth/token`, headers: {}, validatePath: "/" },
    sandbox: false,
    userAgent: "test/1.0",
    fetch,
    ...changes,
  };
  const { clientId, clientSecret, refreshToken } = credentials;
  const parameters = {
    "grant_type": "refresh_token",
    "refresh_token": refreshToken,
    "client_secret": clientSecret,
    ...(clientId === undefined ? {} : { "client_id": clientId }),
  } as const;
  return requestToken(parameters, context, signal);
}

/** What the request rejects with, once it is sure that nothing in it tells a secret. */
async function refusal(changes: Request): Promise<TokenError> {
  const error = await assertRejects(() => request(changes), TokenError);
  const base64 = btoa(SECRET);
  const printed = Deno.inspect(error, { depth: 100, showHidden: true }) + JSON.stringify(error) +
    error.stack;
  for (const form of [SECRET, REFRESH, encodeURIComponent(SECRET), base64, "hidden"]) {
    assertFalse(printed.includes(form), printed);
  }
  return error;
}

/** A `fetch` that answers with this, and sends nothing. */
function answering(status: number, body: BodyInit | null): typeof fetch {
  return () => Promise.resolve(new Response(body, { status }));
}

Deno.test("requestToken() posts JSON once, with the credentials in the body and nowhere else", async () => {
  await using server = await serveAnswer(200, GOOD);
  const { accessToken, lifetimeMs } = await request({ url: server.url });
  assertEquals([accessToken, lifetimeMs], ["abc", 900_000]);
  assertEquals(server.arrivals.length, 1);
  const [{ method, url, headers, body }] = server.arrivals as [(typeof server.arrivals)[0]];
  assertEquals([method, url], ["POST", "/oauth/token"]);
  assertEquals(headers["content-type"], "application/json");
  assertEquals(headers["content-length"], String(body.length));
  assertEquals(headers["transfer-encoding"], undefined);
  assertEquals(headers.accept, "application/json");
  assertEquals(headers["user-agent"], "test/1.0");
  assertEquals(headers.authorization, undefined);
  assertEquals(JSON.parse(body), {
    grant_type: "refresh_token",
    refresh_token: REFRESH,
    client_secret: SECRET,
  });
});

Deno.test("requestToken() posts a form where the broker has forms, in a spelling that a strict server reads", async () => {
  await using server = await serveAnswer(200, GOOD);
  await request({
    url: server.url,
    broker: FORM_BROKER,
    credentials: { ...CREDENTIALS, clientId: "an id+%é*" },
  });
  const [{ headers, body }] = server.arrivals as [(typeof server.arrivals)[0]];
  assertEquals(
    headers["content-type"]?.replace(/;.*/, ""),
    "application/x-www-form-urlencoded",
  );
  assertEquals(headers["content-length"], String(body.length));
  assertEquals([...new URLSearchParams(body)], [
    ["grant_type", "refresh_token"],
    ["refresh_token", REFRESH],
    ["client_secret", SECRET],
    ["client_id", "an id+%é*"],
  ]);
});

Deno.test("requestToken() sends a client id only if there is one", async () => {
  await using server = await serveAnswer(200, GOOD);
  for (const clientId of [undefined, "id"]) {
    await request({ url: server.url, credentials: { ...CREDENTIALS, clientId } });
  }
  const sent = server.arrivals.map(({ body }) => JSON.parse(body).client_id);
  assertEquals(sent, [undefined, "id"]);
  assertFalse(server.arrivals[0]?.body.includes("client_id"));
});

for (const broker of [tastytrade, FORM_BROKER]) {
  Deno.test(`requestToken() sends a ${broker.tokenRequestFormat} once, also when a reused connection closes`, async () => {
    await using server = await serveOnceAConnection(GOOD);
    const url = `http://${server.host}`;
    await request({ url, broker });
    const error = await assertRejects(() => request({ url, broker }), NetworkError);
    assertEquals([error.kind, error.sent], ["reset", "no"]);
    assertEquals(server.arrivals.length, 2);
  });
}

Deno.test("requestToken() follows no redirect, so that the secret goes to one address", async () => {
  await using elsewhere = await serveAnswer(200, GOOD);
  for (const status of [301, 302, 303, 307, 308]) {
    for (const target of [`${elsewhere.url}/oauth/token`, "/other"]) {
      await using server = await serveAnswer(status, "hidden", { location: target });
      const error = await refusal({ url: server.url });
      assertEquals([error.code, error.isPermanent, error.status], [
        "invalid_token_response",
        false,
        status,
      ]);
      assertStringIncludes(error.message, "it is a redirect");
      assertEquals(server.arrivals.length, 1);
    }
  }
  assertEquals(elsewhere.arrivals.length, 0);
});

Deno.test("requestToken() takes a redirect without a status, as browsers show it, for one", async () => {
  const fetch = () => Promise.resolve(Response.error());
  const { code, status } = await refusal({ fetch });
  assertEquals([code, status], ["invalid_token_response", 0]);
});

Deno.test("requestToken() cuts an answer that never ends, and ends its connection", async () => {
  for (const status of [200, 400]) {
    const { promise: closed, resolve: onClose } = Promise.withResolvers<void>();
    await using server = await serve((response) => {
      const write = () => {
        while (response.write('{"access_token":"hidden",'.repeat(1_000)));
      };
      response.writeHead(status).on("drain", write).on("close", onClose);
      write();
    });
    const error = await refusal({ url: server.url });
    assertEquals([error.status, error.isPermanent], [status, false]);
    await closed;
  }
});

Deno.test("requestToken() gives up after ten seconds without an answer", async () => {
  using clock = new FakeClock({ timers: true });
  const fetch: typeof globalThis.fetch = (_input, init) =>
    new Promise((_resolve, reject) => {
      init?.signal?.addEventListener("abort", () => reject(init.signal?.reason));
    });
  let isOver = false;
  const waiting = assertRejects(() => request({ fetch }), NetworkError)
    .finally(() => isOver = true);
  clock.advance(9_999);
  await new Promise((resolve) => queueMicrotask(() => resolve(undefined)));
  assertFalse(isOver);
  clock.advance(1);
  const { kind, sent, message } = await waiting;
  assertEquals([kind, sent, clock.armed], ["timeout", "no", 0]);
  assertEquals(
    message,
    "Cannot refresh the access token: no response from http://127.0.0.1:1/oauth/token (timeout). " +
      "Try again when it can be reached",
  );
});

Deno.test("requestToken() gives up after ten seconds in the middle of an answer", async () => {
  using clock = new FakeClock({ timers: true });
  const begun = Promise.withResolvers<void>();
  const fetch: typeof globalThis.fetch = (_input, init) => {
    const body = new ReadableStream({
      start: (controller) =>
        init?.signal?.addEventListener("abort", () => controller.error(init.signal?.reason)),
      pull: () => begun.resolve(),
    });
    return Promise.resolve(new Response(body));
  };
  const waiting = assertRejects(() => request({ fetch }), NetworkError);
  await begun.promise;
  clock.advance(10_000);
  const { kind, sent } = await waiting;
  assertEquals([kind, sent, clock.armed], ["timeout", "no", 0]);
});

Deno.test("requestToken() ends with the reason of its signal, on the wire too", async () => {
  const controller = new AbortController();
  const { promise: arrived, resolve: onArrival } = Promise.withResolvers<void>();
  await using server = await serve(() => onArrival());
  const waiting = assertRejects(() => request({ url: server.url, signal: controller.signal }));
  await arrived;
  const reason = new Error("closed");
  controller.abort(reason);
  assertStrictEquals(await waiting, reason);
});

Deno.test("requestToken() sends nothing if its signal is aborted", async () => {
  const reason = new Error("closed");
  let calls = 0;
  const fetch = () => Promise.reject(new Error(String(calls++)));
  const error = await assertRejects(() => request({ fetch, signal: AbortSignal.abort(reason) }));
  assertStrictEquals(error, reason);
  assertEquals(calls, 0);
});

Deno.test("requestToken() leaves no timer, whatever comes", async () => {
  using clock = new FakeClock({ timers: true });
  await request({ fetch: answering(200, GOOD) });
  await assertRejects(() => request({ fetch: answering(500, "") }));
  await assertRejects(() => request({ fetch: () => Promise.reject(new TypeError("x")) }));
  assertEquals(clock.armed, 0);
});

Deno.test("requestToken() counts the life of the token from the sending", async () => {
  using clock = new FakeClock();
  const sentAt = Date.now();
  const fetch = () => {
    clock.advance(5_000);
    return Promise.resolve(new Response(GOOD));
  };
  assertEquals((await request({ fetch })).expiresAt, sentAt + 900_000);
});

Deno.test("requestToken() gives a token without a life the broker's default", async () => {
  const body = '{"access_token":"abc"}';
  const broker = { ...tastytrade, defaultTokenLifetimeMs: 1_200_000 };
  assertEquals((await request({ fetch: answering(200, body), broker })).lifetimeMs, 1_200_000);
});

Deno.test("requestToken() takes a good answer with a byte order mark, with any 2xx status", async () => {
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

Deno.test("requestToken() takes an error in a good answer for that error", async () => {
  const error = await refusal({ fetch: answering(200, '{"error":"invalid_grant"}') });
  assertEquals([error.code, error.isPermanent, error.status], ["invalid_grant", true, 200]);
});

Deno.test("requestToken() tells a refusal for good from one for now", async () => {
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

Deno.test("requestToken() tells how nobody answered, and that the waiting request was not sent", async () => {
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
    assertEquals([error.kind, error.sent, error.code], [kind, "no", "network_error"]);
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
