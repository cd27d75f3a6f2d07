import {
  assertEquals,
  assertFalse,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
} from "@std/assert";
import { tastytrade } from "../../src/brokers/tastytrade/tastytrade.ts";
import { NetworkError } from "../../src/errors.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { serve, serveAnswer, serveOnceAConnection } from "../support/loopback.ts";
import {
  answering,
  CREDENTIALS,
  GOOD,
  REFRESH,
  refusal,
  request,
  SECRET,
} from "./token_endpoint_fixtures.ts";

const FORM_BROKER = { ...tastytrade, tokenRequestFormat: "form" } as const;

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
    assertEquals([error.kind, error.outcome], ["reset", "not_processed"]);
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

Deno.test("requestToken() cuts a response that never ends, and ends its connection", async () => {
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

Deno.test("requestToken() gives up after ten seconds without a response", async () => {
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
  const { kind, outcome, message } = await waiting;
  assertEquals([kind, outcome, clock.armed], ["timeout", "not_processed", 0]);
  assertEquals(
    message,
    "Cannot refresh the access token: no response from http://127.0.0.1:1/oauth/token (timeout). " +
      "Try again when it can be reached",
  );
});

Deno.test("requestToken() gives up after ten seconds in the middle of a response", async () => {
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
  const { kind, outcome } = await waiting;
  assertEquals([kind, outcome, clock.armed], ["timeout", "not_processed", 0]);
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
