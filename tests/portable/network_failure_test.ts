/**
 * Network failures have one name on every runtime, and mistakes in the program stay what they are.
 *
 * @module
 */

import assert from "node:assert/strict";
import { createServer } from "node:https";
import { Buffer } from "node:buffer";
import { createServer as createHttpServer } from "node:http";
import type { Socket } from "node:net";
import type { Writable } from "node:stream";
import { createGzip, gzipSync } from "node:zlib";
import test from "node:test";
import { ApiError, NetworkError, Session, tradestation } from "../../mod.ts";
import { startEmulator } from "../../src/emulator/emulator.ts";
import { closedPort, divert, serveBytes } from "../support/loopback.ts";
import { CERTIFICATE, KEY } from "../support/untrusted_certificate.ts";

/** What a session says of a GET to this address. */
async function failure(origin: string): Promise<unknown> {
  const emulator = await startEmulator();
  const { baseUrl } = emulator.tastytrade;
  const session = new Session({
    ...emulator.tastytrade,
    retry: false,
    timeoutMs: 20_000,
    fetch: divert(baseUrl, origin),
  });
  const error = await session.get("/a").then(() => undefined, (error: unknown) => error);
  await session.close();
  await emulator.close();
  if (error instanceof NetworkError) return `${error.kind}, ${error.outcome}`;
  return error instanceof ApiError ? error.code : error;
}

async function failureOf(answer: (socket: Socket) => void, scheme = "http"): Promise<unknown> {
  const server = await serveBytes(answer);
  const told = await failure(`${scheme}://${server.host}`);
  await server[Symbol.asyncDispose]();
  return told;
}

/** Writes for as long as somebody reads, up to 700 times. */
function pour(stream: Writable, chunk: Uint8Array, times = 700): void {
  if (stream.listenerCount("error") === 0) stream.on("error", () => {});
  for (let left = times; left > 0; left--) {
    if (stream.destroyed) return;
    if (stream.write(chunk)) continue;
    stream.once("drain", () => pour(stream, chunk, left - 1));
    return;
  }
  stream.end();
}

const head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";

test("nobody listens", async () => {
  assert.equal(await failure(`http://127.0.0.1:${await closedPort()}`), "refused, not_processed");
});

test("the name is unknown", async () => {
  assert.equal(await failure("http://nowhere.invalid"), "dns, not_processed");
});

test("the connection is closed without an answer", async () => {
  assert.equal(await failureOf((socket) => socket.end()), "reset, unknown");
});

test("the connection is reset without an answer", async () => {
  assert.equal(await failureOf((socket) => socket.resetAndDestroy()), "reset, unknown");
});

test("the connection is closed in the middle of the headers", async () => {
  const told = await failureOf((socket) => socket.end(head));
  assert.match(String(told), /^(reset|protocol), unknown$/);
});

test("the connection is closed in the middle of the body", async () => {
  const begun = `${head}content-length: 100\r\n\r\n{`;
  assert.equal(await failureOf((socket) => socket.end(begun)), "reset, unknown");
});

test("the connection is reset in the middle of the body", async () => {
  const begun = `${head}content-length: 100\r\n\r\n{`;
  const told = await failureOf((socket) => socket.write(begun, () => socket.resetAndDestroy()));
  assert.equal(told, "reset, unknown");
});

test("the connection is closed in the middle of a chunk", async () => {
  const begun = `${head}transfer-encoding: chunked\r\n\r\n5\r\n{`;
  assert.equal(await failureOf((socket) => socket.end(begun)), "reset, unknown");
});

test("the compressed body is cut", async () => {
  const whole = gzipSync(JSON.stringify({ data: "a".repeat(10_000) }));
  const half = whole.subarray(0, whole.length / 2);
  const told = await failureOf((socket) => {
    socket.write(`${head}content-encoding: gzip\r\ncontent-length: ${half.length}\r\n\r\n`);
    socket.end(half);
  });
  // Node makes nothing of it, and no error; then the response is no JSON.
  assert.match(String(told), /^(reset|protocol), unknown$|invalid_response/);
});

test("the answer is not HTTP", async () => {
  const told = await failureOf((socket) => socket.end("SSH-2.0-OpenSSH_9.6\r\n\r\n"));
  assert.equal(told, "protocol, unknown");
});

test("TLS meets a plain port", async () => {
  const plain = (socket: Socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n");
  // Bun has one code for this and for what can happen later on a connection that works.
  assert.match(String(await failureOf(plain, "https")), /^tls, (not_processed|unknown)$/);
});

test("nobody trusts the certificate", async () => {
  const server = createServer({ cert: CERTIFICATE, key: KEY }, (_request, response) => {
    response.end("{}");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = Object(server.address());
  assert.equal(await failure(`https://127.0.0.1:${port}`), "tls, not_processed");
  // A login server of one's own, or a proxy that looks into connections, is met with the first token.
  const url = `https://127.0.0.1:${port}`;
  const session = new Session({
    clientSecret: "secret",
    refreshToken: "refresh",
    baseUrl: url,
    retry: false,
  });
  await assert.rejects(session.get("/a"), (error) => {
    assert.ok(error instanceof NetworkError);
    assert.match(
      error.message,
      /\(tls\): its certificate is signed by an authority that this runtime does not trust/,
    );
    assert.match(error.message, /NODE_EXTRA_CA_CERTS=ca\.pem on Node and Bun, DENO_CERT=ca\.pem/);
    assert.doesNotMatch(error.message, /[Tt]ry again/);
    return true;
  });
  await session.close();
  // At TradeStation the sign-in is another server, whose certificate may be fine.
  const emulator = await startEmulator();
  const other = new Session({
    broker: tradestation,
    ...emulator.tradestation,
    baseUrl: url,
    retry: false,
  });
  await assert.rejects(other.get("/a"), /an authority that this runtime does not trust.*DENO_CERT/);
  await other.close();
  await emulator.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

test("a server that does not speak TLS is told as one", async () => {
  const server = await serveBytes((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
  const session = new Session({
    clientSecret: "secret",
    refreshToken: "refresh",
    baseUrl: `https://${server.host}`,
    retry: false,
  });
  await assert.rejects(session.get("/a"), /\(tls\): the server does not speak TLS/);
  await session.close();
  await server[Symbol.asyncDispose]();
});

test("a body that is larger than it may be is refused, packed or not, and soon", async () => {
  const spaces = Buffer.alloc(1024 * 1024, " ");
  const server = createHttpServer((request, response) => {
    if (request.url === "/packed") {
      const gzip = createGzip({ level: 1 });
      response.writeHead(200, { "content-encoding": "gzip" });
      gzip.pipe(response);
      pour(gzip, spaces);
    } else {
      response.writeHead(
        200,
        request.url === "/told" ? { "content-length": 700 * spaces.length } : {},
      );
      pour(response, spaces);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = Object(server.address());
  const emulator = await startEmulator();
  const fetch = divert(emulator.tastytrade.baseUrl, `http://127.0.0.1:${port}`);
  const session = new Session({ ...emulator.tastytrade, fetch });
  for (const path of ["/packed", "/told", "/untold"]) {
    await assert.rejects(session.get(path), (error) => {
      assert.ok(error instanceof ApiError, String(error));
      assert.equal(error.code, "invalid_response");
      assert.match(error.message, /the body is longer than 64 MiB\. Ask for less at once/);
      return true;
    });
  }
  await session.close();
  await emulator.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

test("mistakes in the program stay mistakes", async () => {
  const emulator = await startEmulator();
  const session = new Session(emulator.tastytrade);
  await session.refresh();
  emulator.forgetRequests();
  const used = new Request(`${session.baseUrl}/a`, { method: "POST", body: "1" });
  await used.text();
  const stream = new Blob(["1"]).stream();
  await stream.getReader().read();
  for (
    const mistake of [
      () => session.fetch(used),
      () => session.fetch("/a", { method: "POST", body: stream }),
      () => session.fetch("/a", { body: "1" }),
      () => session.fetch("/a", { headers: { "a b": "c" } }),
      () => session.fetch("/a", { method: "A B" }),
      () => session.fetch("http://["),
      () => session.get("accounts"),
      () => session.post("/a", { a: 1n }),
    ]
  ) {
    await assert.rejects(mistake, (error) => {
      assert.ok(error instanceof TypeError, String(error));
      return true;
    });
  }
  assert.equal(emulator.requests.length, 0);
  await session.close();
  await emulator.close();
});
