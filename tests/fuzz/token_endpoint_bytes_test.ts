import { assert, assertEquals, assertInstanceOf, assertLess } from "@std/assert";
import { Buffer } from "node:buffer";
import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { type Broker, type CredentialOptions, Session, TokenError } from "../../mod.ts";
import { Random } from "../support/random.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { idle } from "../support/idle.ts";
import { type Arrival, serve, serveBytes } from "../support/loopback.ts";
import { type RandomAnswer, randomAnswer } from "../support/random_answers.ts";
import {
  assertPrintable,
  BROKERS,
  fuzz,
  GOOD,
  HOUR_MS,
  randomCredentials,
  refreshed,
  refreshTokenIn,
  tokensIn,
} from "./token_endpoint_fixtures.ts";

/** A response as the bytes on a connection, right or wrong, and whether the connection may stay. */
function wireBytes(random: Random, answer: RandomAnswer): { bytes: Uint8Array; mayStay: boolean } {
  const status = answer.status === 0
    ? random.oneOf("000", "099", "101", "199", "600", "700", "999", "1000", "-1", "2OO")
    : String(answer.status);
  const isCoded = random.oneIn(6);
  const isCodedWell = random.oneIn(2);
  const coding = isCodedWell ? "gzip" : random.oneOf("gzip", "deflate", "br", "zstd", "x-none", "");
  const body = isCoded && isCodedWell ? gzipSync(answer.body) : answer.body;
  const isEmpty = ["204", "304"].includes(status);

  const length = `content-length: ${isEmpty ? 0 : body.length}`;
  const chunk = Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body]);
  const chunks = Buffer.concat([chunk, Buffer.from("\r\n0\r\n\r\n")]);
  const isLengthRight = random.oneIn(2);
  const [framing, payload] = isLengthRight
    ? [length, isEmpty ? Buffer.alloc(0) : body]
    : random.oneOf<
      [string, Uint8Array]
    >(
      ["transfer-encoding: chunked", body.length === 0 ? Buffer.from("0\r\n\r\n") : chunks],
      ["transfer-encoding: chunked", Buffer.concat([Buffer.from("zz\r\n"), chunks])],
      ["transfer-encoding: chunked", chunk],
      ["transfer-encoding: chunked", Buffer.concat([chunk, Buffer.from("more\r\n0\r\n\r\n")])],
      [`content-length: ${body.length + 10}`, body],
      [`content-length: ${body.length >> 1}`, body],
      ["content-length: -1", body],
      ["content-length: 99999999999999999999", body],
      [`${length}\r\ncontent-length: 1`, body],
      [`${length}\r\ntransfer-encoding: chunked`, chunks],
      ["x-none: 1", body], // ends with the connection
    );
  const headers = Object.entries(answer.headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const head =
    random.oneOf("", "", "", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 103 Early\r\n\r\n") +
    `HTTP/1.1 ${status} ${random.oneOf("OK", "", "No\u0007")}\r\n` +
    (isCoded && coding !== "" ? `content-encoding: ${coding}\r\n` : "") +
    (random.oneIn(20) ? `x-long: ${"y".repeat(100_000)}\r\n` : "") +
    (random.oneIn(20) ? "x-many: z\r\n".repeat(500) : "") +
    `${headers.join("")}${framing}\r\n\r\n`;
  let bytes: Uint8Array = Buffer.concat([Buffer.from(head), payload]);
  const mayStay = isLengthRight && !isCoded && answer.status >= 200 && random.oneIn(2);
  if (!mayStay && random.oneIn(4)) bytes = bytes.subarray(0, random.below(bytes.length + 1));
  if (!mayStay && random.oneIn(6)) {
    bytes = bytes.map((byte, at) =>
      at < head.length && random.oneIn(60) ? random.below(256) : byte
    );
  }
  if (!mayStay && random.oneIn(20)) bytes = answer.body; // not HTTP at all
  return { bytes, mayStay };
}

/** A token endpoint on bare connections, which counts what arrives and gives back what it is told. */
class BareEndpoint {
  readonly bodies: string[] = [];
  next: (socket: Socket) => void = () => {};
  readonly #read = new WeakMap<Socket, number>();

  readonly onData = (socket: Socket, received: string): void => {
    const before = this.#read.get(socket) ?? 0;
    const rest = received.slice(before);
    const bodyStart = rest.indexOf("\r\n\r\n") + 4;
    if (bodyStart < 4) return;
    const length = Number(/^content-length: *(\d+)/im.exec(rest)?.[1] ?? NaN);
    assert(Number.isInteger(length), rest);
    if (rest.length < bodyStart + length) return;
    this.#read.set(socket, before + bodyStart + length);
    this.bodies.push(rest.slice(bodyStart, bodyStart + length));
    this.next(socket);
  };
}

/** Writes until it is not read any more. Resolves with how many bytes was sent. */
function flood(response: ServerResponse, first: string, chunk: Uint8Array, limit: number) {
  return new Promise<number>((resolve) => {
    let written = 0;
    const write = () => {
      while (written < limit && !response.destroyed) {
        written += chunk.length;
        if (!response.write(chunk)) {
          response.once("drain", write);
          return;
        }
      }
      response.end();
    };
    response.on("close", () => resolve(written));
    response.on("error", () => {}); // it is cut off
    response.write(first);
    write();
  });
}

/** A session with a broker whose servers are one. */
function sessionAt(url: string, broker: Broker, credentials: CredentialOptions): Session {
  return new Session({ broker, ...credentials, baseUrl: url, signInUrl: url, retry: false });
}

for (const broker of BROKERS) {
  Deno.test(`Session takes any bytes of ${broker.name}'s token endpoint for a token or a typed error`, async () => {
    using clock = new FakeClock();
    const endpoint = new BareEndpoint();
    await using server = await serveBytes(endpoint.onData);
    const url = `http://${server.host}`;
    await fuzz({ usual: 120, salt: BROKERS.indexOf(broker) }, async (random) => {
      const credentials = randomCredentials(random);
      using session = sessionAt(url, broker, credentials);
      const sent = [credentials.clientSecret, credentials.refreshToken];
      const answer = randomAnswer(random, sent);
      const { bytes, mayStay } = wireBytes(random, answer);
      const cut = random.below(bytes.length + 1);
      endpoint.bodies.length = 0;
      const closed = Promise.withResolvers<void>();
      endpoint.next = (socket) => {
        socket.on("close", () => closed.resolve());
        socket.write(bytes.subarray(0, cut));
        if (mayStay) socket.write(bytes.subarray(cut));
        else socket.end(bytes.subarray(cut));
      };
      const outcome = await refreshed(session);
      assertEquals(endpoint.bodies.map(refreshTokenIn), [credentials.refreshToken]);
      if ("error" in outcome) {
        const tokens = tokensIn(new TextDecoder().decode(answer.body));
        const fresh = [tokens.access, tokens.refresh].filter((token) => token !== undefined);
        assertPrintable(outcome.error, [...sent, ...fresh]);
        if (outcome.error instanceof TokenError && outcome.error.isPermanent) return;
      } else {
        assert(/^[\w.~+/-]+=*$/.test(outcome.token), outcome.token);
      }
      clock.advance(HOUR_MS);
      if (!mayStay) await closed.promise; // or the next request may are sent on a connection that ends
      endpoint.next = (socket) =>
        socket.end(
          `HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: ${GOOD.length}\r\n\r\n${GOOD}`,
        );
      assertEquals(await refreshed(session), { token: "good" });
      assertEquals(endpoint.bodies.length, 2);
    });
  });
}

Deno.test("Session makes one token request for a response of any status, and follows none", async () => {
  using clock = new FakeClock();
  let answer = (_: ServerResponse, _arrival: Arrival): void => {};
  await using server = await serve((response, arrival) => answer(response, arrival));
  const { url } = server;
  for (const broker of BROKERS) {
    const credentials = randomCredentials(new Random(7));
    for (let status = 200; status <= 599; status++) {
      using session = sessionAt(url, broker, credentials);
      const before = server.arrivals.length;
      answer = (response, { body }) =>
        response.writeHead(status, { location: `${url}/elsewhere` }).end(JSON.stringify({
          error: "temporarily_unavailable",
          error_description: body, // the whole request
        }));
      const outcome = await refreshed(session);
      assert("error" in outcome, `${status}`);
      const { clientSecret, refreshToken } = credentials;
      assertPrintable(outcome.error, [clientSecret, refreshToken]);
      assertEquals(server.arrivals.length, before + 1, `${status}`);
      const { error } = outcome;
      assert(error instanceof TokenError && error.status === status, `${status}`);
      if (error.isPermanent) continue;
      answer = (response) => response.end(GOOD);
      clock.advance(HOUR_MS);
      assertEquals(await refreshed(session), { token: "good" });
    }
  }
});

Deno.test("Session reads a small part of a response of 100 MB, and lets its connection go", async () => {
  const MEGABYTE = 1_048_576;
  const spaces = new Uint8Array(65_536).fill(0x20);
  const bomb = gzipSync(new Uint8Array(8 * MEGABYTE).fill(0x20));
  for (const broker of BROKERS) {
    for (const kind of ["chunked", "content-length", "gzip", "error"] as const) {
      let written: Promise<number> | undefined;
      await using server = await serve((response) => {
        const headers: Record<string, string | number> = kind === "content-length"
          ? { "content-length": 100 * MEGABYTE + 1 }
          : kind === "gzip"
          ? { "content-encoding": "gzip" }
          : {};
        response.writeHead(kind === "error" ? 500 : 200, headers);
        written = kind === "gzip"
          ? flood(response, "", bomb, 100 * bomb.length)
          : flood(response, "{", spaces, 100 * MEGABYTE);
      });
      using session = new Session({
        retry: false,
        broker,
        ...randomCredentials(new Random(3)),
        baseUrl: server.url,
        signInUrl: server.url,
      });
      const outcome = await refreshed(session);
      assert("error" in outcome);
      assertInstanceOf(outcome.error, TokenError);
      assertEquals(server.arrivals.length, 1);
      assertLess(await written ?? Infinity, 32 * MEGABYTE); // what the system's buffers hold
    }
  }
});

Deno.test("Session that is dropped while the token endpoint is silent ends its connection", async () => {
  for (const broker of BROKERS) {
    for (
      const beginning of ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\n\r\n{", "HTTP/1.1 100 C"]
    ) {
      let isClosed = false;
      const arrived = Promise.withResolvers<void>();
      const endpoint = new BareEndpoint();
      endpoint.next = (socket) => {
        socket.on("close", () => isClosed = true);
        socket.write(beginning);
        arrived.resolve();
      };
      await using server = await serveBytes(endpoint.onData);
      const url = `http://${server.host}`;
      const credentials = randomCredentials(new Random(5));
      const session = new Session({
        broker,
        ...credentials,
        baseUrl: url,
        signInUrl: url,
        retry: false,
      });
      const outcome = refreshed(session);
      await arrived.promise;
      session[Symbol.dispose]();
      const ended = await outcome;
      assert("error" in ended);
      assertPrintable(ended.error, [credentials.clientSecret, credentials.refreshToken]);
      assertEquals(ended.error.code, "session_closed");
      for (let turn = 0; turn < 5_000 && !isClosed; turn++) await idle();
      assert(isClosed);
      assertEquals(endpoint.bodies.length, 1);
    }
  }
});
