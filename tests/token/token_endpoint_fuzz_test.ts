import { assert, assertEquals, assertInstanceOf, assertLess } from "@std/assert";
import { Buffer } from "node:buffer";
import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { NetworkError, Session, SessionError, TokenError } from "../../mod.ts";
import { type Broker, tastytrade, tradestation } from "../../mod.ts";
import { Random } from "../support/random.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { acme } from "../support/broker_fixtures.ts";
import { idle } from "../support/idle.ts";
import { type Arrival, serve, serveBytes } from "../support/loopback.ts";
import { secretsIn, viewsOf } from "../support/printed_secrets.ts";
import {
  DECEIVING as DECEIVING_TEXTS,
  type RandomAnswer,
  randomAnswer,
  TOKEN_ALPHABET,
} from "../support/random_answers.ts";

const BROKERS: readonly Broker[] = [tastytrade, tradestation, acme];
const HOUR_MS = 3_600_001; // past the longest pause after a failure
const GOOD = JSON.stringify({ access_token: "good", token_type: "Bearer", expires_in: 900 });

// TASTY_FUZZ_SEED=17 replays one seed, TASTY_FUZZ_SEEDS=100000 tries more than usual.
const REPLAYED = Deno.env.get("TASTY_FUZZ_SEED");
const MORE = Deno.env.get("TASTY_FUZZ_SEEDS");

function seeds(usual: number): number[] {
  if (REPLAYED !== undefined) return [Number(REPLAYED)];
  return Array.from({ length: Number(MORE ?? usual) }, (_, seed) => seed);
}

/**
 * Runs a task for every seed, with other random for another salt. A failure names its seed; a rejection
 * that nobody handles is one.
 */
async function fuzz(
  { usual, salt }: { usual: number; salt: number },
  task: (random: Random) => Promise<void>,
): Promise<void> {
  const unhandled: unknown[] = [];
  const onUnhandled = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    unhandled.push(event.reason);
  };
  addEventListener("unhandledrejection", onUnhandled);
  try {
    for (const seed of seeds(usual)) {
      try {
        await task(new Random(seed + 1_000_003 * salt));
        await idle(); // unhandled rejections are told after the microtasks
        assertEquals(unhandled, []);
      } catch (cause) {
        const message = cause instanceof Error ? cause.message : String(cause);
        throw new Error(`TASTY_FUZZ_SEED=${seed} replays this: ${message}`, { cause });
      }
    }
  } finally {
    removeEventListener("unhandledrejection", onUnhandled);
  }
}

/** Credentials of one try: of the characters that tokens consist of, or of all that may be in one. */
function randomCredentials(random: Random) {
  const alphabet = random.oneIn(4) ? PRINTABLE : TOKEN_ALPHABET;
  const secret = () => `s${random.text(16 + random.below(40), alphabet)}s`; // no quotes around it
  return { clientId: "client-id", clientSecret: secret(), refreshToken: secret() };
}

const PRINTABLE = String.fromCharCode(...Array.from({ length: 94 }, (_, i) => 0x21 + i));

type Outcome = { readonly token: string } | { readonly error: unknown };

async function renewed(session: Session): Promise<Outcome> {
  try {
    await session.refresh({ force: true });
    return { token: await session.accessToken() };
  } catch (error) {
    return { error };
  }
}

/** What an outcome is; one that does not come although nothing is waited for is a hang. */
async function inTime(outcome: Promise<Outcome>): Promise<Outcome> {
  let arrived: Outcome | undefined;
  void outcome.then((one) => arrived = one);
  for (let turn = 0; turn < 1_000 && arrived === undefined; turn++) {
    await (turn < 50 ? Promise.resolve() : idle());
  }
  assert(arrived, "It hangs");
  return arrived;
}

// What rewrites a terminal's lines, or the order in which they are read.
const DECEIVING = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u;

/** A typed error that is good to print: no secret in it, one line, not too long. */
function assertPrintable(
  error: unknown,
  secrets: readonly string[],
): asserts error is SessionError {
  assertInstanceOf(error, SessionError);
  const views = viewsOf(error, [
    (value) => Deno.inspect(value, { showHidden: true, depth: 100, getters: true }),
    (value) => Deno.inspect(new AggregateError([value])),
  ]);
  const found = secretsIn(views, secrets);
  assertEquals(found, [], `Printed: ${found} in ${views.slice(0, 2_000)}`);
  assert(!DECEIVING.test(error.message), `Not plain: ${JSON.stringify(error.message)}`);
  assertLess(error.message.length, 1_500);
}

/** The strings of an answer that are tokens, also where the answer as a whole is of no use. */
function tokensIn(text: string): { access: string | undefined; refresh: string | undefined } {
  const { access_token: access, refresh_token: refresh } = Object(parsed(text));
  const long = (value: unknown) =>
    typeof value === "string" && value.length > 11 ? value : undefined;
  return { access: long(access), refresh: long(refresh) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A `Response` with one of these cannot have a body. */
const BODILESS: readonly number[] = [204, 205, 304];

/** The token that an answer holds (RFC 6749 section 5.1, RFC 6750 section 2.1), if it is a good one. */
function tokenOf({ status, body }: RandomAnswer): string | undefined {
  const fields = parsed(new TextDecoder().decode(body));
  if (status < 200 || status > 299 || BODILESS.includes(status)) return;
  if (typeof fields !== "object" || fields === null || Array.isArray(fields)) return;
  const { access_token: token, token_type: type = "Bearer" } = fields as Record<string, unknown>;
  const isBearer = type === null || typeof type === "string" && /^bearer$/i.test(type);
  return typeof token === "string" && /^[A-Za-z0-9._~+/-]+=*$/.test(token) && isBearer
    ? token
    : undefined;
}

/** How a fake `fetch` brings an answer. */
const DELIVERIES = [
  "whole",
  "in pieces",
  "broken off",
  "never begins",
  "never ends",
  "endless",
  "no response",
] as const;
type Delivery = typeof DELIVERIES[number];

/** A `fetch` that sends nothing, and answers as it is told. */
class FakeFetch {
  readonly requests: { readonly url: string; readonly body: BodyInit | null | undefined }[] = [];
  /** How many bytes of an endless answer were asked for. */
  pulled = 0;
  next: (signal: AbortSignal | null | undefined) => Promise<Response> = () =>
    Promise.resolve(new Response(GOOD));

  readonly fetch: typeof fetch = (input, init) => {
    this.requests.push({ url: String(input), body: init?.body });
    return this.next(init?.signal);
  };

  /** Sets what the next request gets. */
  answer(random: Random, answer: RandomAnswer, delivery: Delivery): void {
    this.pulled = 0;
    this.next = (signal) => {
      if (delivery === "never begins") return random.oneIn(2) ? never() : never(signal);
      if (delivery === "no response") return Promise.reject(failureOfFetch(random));
      return Promise.resolve(
        responseOf(answer, this.#stream(random, answer.body, delivery, signal)),
      );
    };
  }

  #stream(
    random: Random,
    body: Uint8Array<ArrayBuffer>,
    delivery: Delivery,
    signal: AbortSignal | null | undefined,
  ): BodyInit {
    if (delivery === "whole") return body;
    let offset = 0;
    return new ReadableStream<Uint8Array>({
      start: (controller) => {
        signal?.addEventListener("abort", () => controller.error(signal.reason));
      },
      // The answer is long enough to be known; how the rest of it ends makes no difference.
      cancel: random.oneOf(
        () => {},
        () => Promise.reject(new Error("it cannot be cancelled")),
        () => never(),
      ),
      pull: async (controller) => {
        if (delivery === "endless") {
          this.pulled += 16_384;
          controller.enqueue(new Uint8Array(16_384).fill(0x20));
          return;
        }
        const size = 1 + random.below(Math.max(body.length / 3, 10));
        if (offset < body.length) controller.enqueue(body.subarray(offset, offset += size));
        else if (delivery === "in pieces") controller.close();
        else if (delivery === "broken off") {
          controller.error(new TypeError("error reading a body from connection"));
        } else await never();
      },
    });
  }
}

function never(signal?: AbortSignal | null): Promise<never> {
  return new Promise((_, reject) => {
    signal?.addEventListener("abort", () => reject(signal.reason));
  });
}

/** As the three runtimes report it. */
function failureOfFetch(random: Random): Error {
  const code = random.oneOf(
    "ECONNRESET",
    "ECONNREFUSED",
    "ENOTFOUND",
    "HPE_INVALID_CONSTANT",
    "ECATS",
  );
  return random.oneOf<() => Error>(
    () => new TypeError("fetch failed", { cause: Object.assign(new Error("no"), { code }) }),
    () => Object.assign(new Error("no"), { code }),
    () => new TypeError("x", { cause: new Error("client error (Connect): tls handshake eof") }),
  )();
}

/** A `Response` of any status; the constructor knows 200 to 599 only, and no body with some. */
function responseOf({ status, headers }: RandomAnswer, body: BodyInit): Response {
  if (status === 0) {
    return Object.defineProperty(new Response(body, { headers }), "status", { value: 0 });
  }
  return new Response(BODILESS.includes(status) ? null : body, { status, headers });
}

/** The refresh token in a token request. */
async function refreshTokenSent(body: BodyInit | null | undefined): Promise<string> {
  const text = await new Response(body ?? "").text();
  return refreshTokenIn(text);
}

function refreshTokenIn(text: string): string {
  return text.startsWith("{")
    ? JSON.parse(text).refresh_token
    : new URLSearchParams(text).get("refresh_token") ?? "";
}

for (const broker of BROKERS) {
  Deno.test(`Session takes any answer of ${broker.name}'s token endpoint for a token or a typed error`, async () => {
    using clock = new FakeClock({ timers: true });
    await fuzz({ usual: 250, salt: BROKERS.indexOf(broker) }, async (random) => {
      const credentials = randomCredentials(random);
      const fake = new FakeFetch();
      using session = new Session({ broker, ...credentials, fetch: fake.fetch, retry: false });
      const secrets = [credentials.clientSecret, credentials.refreshToken];
      let current = credentials.refreshToken;
      for (let round = 1; round <= 3; round++) {
        const answer = randomAnswer(random, [credentials.clientSecret, current]);
        const delivery = random.oneIn(2) ? "whole" : random.oneOf(...DELIVERIES);
        fake.answer(random, answer, delivery);
        const tokens = tokensIn(new TextDecoder().decode(answer.body));
        const pending = renewed(session);
        if (delivery.startsWith("never")) {
          await idle();
          clock.advance(10_000);
        }
        const outcome = await inTime(pending);
        assertEquals(fake.requests.length, round);
        const spent = await refreshTokenSent(fake.requests.at(-1)?.body);
        assertEquals(spent, current);
        assertLess(fake.pulled, 200_000);

        const isWhole = delivery === "whole" || delivery === "in pieces";
        const expected = isWhole ? tokenOf(answer) : undefined;
        if ("token" in outcome) {
          assertEquals(outcome.token, expected);
          secrets.push(outcome.token);
          const { refresh_token: next } = Object(parsed(new TextDecoder().decode(answer.body)));
          // RFC 6749 appendix A.17: printable ASCII, or it is no refresh token.
          if (typeof next === "string" && /^[\x20-\x7e]+$/.test(next)) current = next;
          if (tokens.refresh !== undefined) secrets.push(tokens.refresh);
        } else {
          const fresh = [tokens.access, tokens.refresh].filter((token) => token !== undefined);
          assertPrintable(outcome.error, [...secrets, ...fresh]);
          if (answer.body.length < 65_536) assertEquals(expected, undefined, outcome.error.message);
          assert(
            outcome.error instanceof TokenError || outcome.error instanceof NetworkError,
            outcome.error.name,
          );
          if (outcome.error instanceof TokenError && outcome.error.isPermanent) {
            const again = await inTime(renewed(session));
            assert("error" in again && again.error instanceof TokenError);
            assertEquals(fake.requests.length, round);
            return;
          }
        }
        clock.advance(HOUR_MS);
      }
      fake.next = () => Promise.resolve(new Response(GOOD));
      assertEquals(await inTime(renewed(session)), { token: "good" });
      assertEquals(clock.armed, 0);
    });
  });
}

Deno.test("TokenError.code is one short line, whatever the token endpoint calls it", async () => {
  using clock = new FakeClock({ timers: true });
  for (const broker of BROKERS) {
    for (const code of ["x".repeat(60_000), "a\r\nb", "\u001b[2J", "\u202eetar", "a\u2028b"]) {
      for (const body of [{ error: code }, { error_code: code }, { error: { code } }]) {
        const answer = () => Promise.resolve(Response.json(body, { status: 403 }));
        using session = new Session({
          broker,
          ...randomCredentials(new Random(1)),
          fetch: answer,
          retry: false,
        });
        const outcome = await renewed(session);
        assert("error" in outcome);
        assertInstanceOf(outcome.error, TokenError);
        assert(!DECEIVING.test(outcome.error.code), JSON.stringify(outcome.error.code));
        assertLess(outcome.error.code.length, 500);
      }
    }
  }
  assertEquals(clock.armed, 0);
});

Deno.test("TokenError does not put a secret together again that comes with other characters in it", async () => {
  const invisible = ["\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u180e", "\u0000"];
  using _ = new FakeClock({ timers: true });
  for (const broker of BROKERS) {
    for (const between of [...DECEIVING_TEXTS, ...invisible]) {
      const credentials = randomCredentials(new Random(2));
      const { clientSecret, refreshToken } = credentials;
      const words = [...clientSecret].join(between);
      const more = refreshToken.replace(/^..../, (start) => `${start}${between}`);
      for (const body of [{ error: words, error_description: more }, { error: { code: more } }]) {
        const answer = () => Promise.resolve(Response.json(body, { status: 403 }));
        using session = new Session({ broker, ...credentials, fetch: answer, retry: false });
        const outcome = await renewed(session);
        assert("error" in outcome);
        assertPrintable(outcome.error, [clientSecret, refreshToken]);
      }
    }
  }
});

/** An answer as the bytes on a connection, right or wrong, and whether the connection may stay. */
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

for (const broker of BROKERS) {
  Deno.test(`Session takes any bytes of ${broker.name}'s token endpoint for a token or a typed error`, async () => {
    using clock = new FakeClock();
    const endpoint = new BareEndpoint();
    await using server = await serveBytes(endpoint.onData);
    const url = `http://${server.host}`;
    await fuzz({ usual: 120, salt: BROKERS.indexOf(broker) }, async (random) => {
      const credentials = randomCredentials(random);
      using session = new Session({
        broker,
        ...credentials,
        baseUrl: url,
        signInUrl: url,
        retry: false,
      });
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
      const outcome = await renewed(session);
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
      if (!mayStay) await closed.promise; // or the next request may go out on a connection that ends
      endpoint.next = (socket) =>
        socket.end(
          `HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: ${GOOD.length}\r\n\r\n${GOOD}`,
        );
      assertEquals(await renewed(session), { token: "good" });
      assertEquals(endpoint.bodies.length, 2);
    });
  });
}

Deno.test("Session makes one token request for an answer of any status, and follows none", async () => {
  using clock = new FakeClock();
  let answer = (_: ServerResponse, _arrival: Arrival): void => {};
  await using server = await serve((response, arrival) => answer(response, arrival));
  const { url } = server;
  for (const broker of BROKERS) {
    const credentials = randomCredentials(new Random(7));
    for (let status = 200; status <= 599; status++) {
      using session = new Session({
        broker,
        ...credentials,
        baseUrl: url,
        signInUrl: url,
        retry: false,
      });
      const before = server.arrivals.length;
      answer = (response, { body }) =>
        response.writeHead(status, { location: `${url}/elsewhere` }).end(JSON.stringify({
          error: "temporarily_unavailable",
          error_description: body, // the whole request
        }));
      const outcome = await renewed(session);
      assert("error" in outcome, `${status}`);
      const { clientSecret, refreshToken } = credentials;
      assertPrintable(outcome.error, [clientSecret, refreshToken]);
      assertEquals(server.arrivals.length, before + 1, `${status}`);
      const { error } = outcome;
      assert(error instanceof TokenError && error.status === status, `${status}`);
      if (error.isPermanent) continue;
      answer = (response) => response.end(GOOD);
      clock.advance(HOUR_MS);
      assertEquals(await renewed(session), { token: "good" });
    }
  }
});

/** Writes until it is not read any more. Resolves with how many bytes went out. */
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

Deno.test("Session reads a small part of an answer of 100 MB, and lets its connection go", async () => {
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
      const outcome = await renewed(session);
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
      const outcome = renewed(session);
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
