/** The WebSocket of the emulator, byte by byte, after the cases of Autobahn's test suite. */

import { assertEquals, assertMatch } from "@std/assert";
import { Buffer } from "node:buffer";
import { EventEmitter } from "node:events";
import { connect } from "node:net";
import type { Duplex } from "node:stream";
import { type Emulator, type ReceivedRequest, startEmulator } from "../../src/emulator/emulator.ts";
import { WebSocketConnection } from "../../src/emulator/streams/web_socket.ts";
import { untilOpen } from "../support/emulator_streams.ts";
import { exchangeBytes } from "../support/emulator_wire.ts";

/** RFC 6455 section 1.3 has this key and its answer. */
const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
const HANDSHAKE = [
  "GET /tastytrade/streamer HTTP/1.1",
  "Host: localhost",
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
];

interface Frame {
  readonly opcode: number;
  readonly isFinal: boolean;
  readonly payload: Buffer;
}

/** Sends these bytes after the handshake, and reads all frames up to the end. */
function exchangeFrames(emulator: Emulator, parts: readonly Uint8Array[]): Promise<Frame[]> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(Number(new URL(emulator.url).port), "127.0.0.1");
    socket.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      if (chunks.length > 1) return;
      for (const part of parts) socket.write(part);
    });
    socket.on("error", reject);
    socket.on("close", () => {
      const bytes = Buffer.concat(chunks);
      resolve(framesOf(bytes.subarray(bytes.indexOf("\r\n\r\n") + 4)));
    });
    socket.write([...HANDSHAKE, `Sec-WebSocket-Key: ${KEY}`, "", ""].join("\r\n"));
  });
}

function framesOf(bytes: Buffer): Frame[] {
  const frames: Frame[] = [];
  for (let rest = bytes; rest.length >= 2;) {
    const [first = 0, short = 0] = rest;
    const size = short === 126
      ? rest.readUInt16BE(2)
      : short === 127
      ? Number(rest.readBigUInt64BE(2))
      : short;
    const start = short === 126 ? 4 : short === 127 ? 10 : 2;
    frames.push({
      opcode: first & 0x0f,
      isFinal: first >= 0x80,
      payload: rest.subarray(start, start + size),
    });
    rest = rest.subarray(start + size);
  }
  return frames;
}

/** A frame as clients send it. */
function frame(
  firstByte: number,
  payload: string | Uint8Array,
  { mask = [1, 2, 3, 4], length = undefined as number | undefined } = {},
): Buffer {
  const bytes = Buffer.from(payload as string);
  const size = length ?? bytes.length;
  const head = size < 126
    ? Buffer.from([firstByte, 0x80 | size])
    : size <= 0xffff
    ? Buffer.from([firstByte, 0x80 | 126, size >> 8, size & 0xff])
    : Buffer.from([
      firstByte,
      0x80 | 127,
      0,
      0,
      0,
      0,
      0,
      size >> 16,
      size >> 8 & 0xff,
      size & 0xff,
    ]);
  return Buffer.concat([
    head,
    Buffer.from(mask),
    bytes.map((byte, i) => byte ^ (mask[i % 4] ?? 0)),
  ]);
}

const TEXT = 0x81;
const CLOSE = 0x88;
const BYE = frame(CLOSE, new Uint8Array([0x03, 0xe8]));
const HEARTBEAT = JSON.stringify({ action: "heartbeat" });

/** The code with which the emulator closes. */
function codeOf(frames: readonly Frame[]): number | undefined {
  const last = frames.at(-1);
  return last?.opcode === 8 && last.payload.length >= 2 ? last.payload.readUInt16BE(0) : undefined;
}

Deno.test("the emulator answers the handshake of RFC 6455, and refuses others", async () => {
  await using emulator = await startEmulator();
  const { length: count } = await exchangeFrames(emulator, [BYE]);
  assertEquals(count, 1);
  assertEquals(emulator.requests[0]?.status, 101);
  const answers = await Promise.all([
    [...HANDSHAKE, "Sec-WebSocket-Key: short"],
    HANDSHAKE,
    [...HANDSHAKE.slice(0, 4), "Sec-WebSocket-Version: 8", `Sec-WebSocket-Key: ${KEY}`],
    [...HANDSHAKE.slice(0, 3), "Upgrade: h2c", `Sec-WebSocket-Key: ${KEY}`],
  ].map((lines) => exchangeBytes(emulator, lines)));
  assertEquals(answers.map((answer) => answer.slice(9, 12)), ["400", "400", "426", "400"]);
  assertMatch(`${answers[2]}`, /sec-websocket-version: 13/i);
});

for (
  const [name, parts, code] of [
    ["a close with a code", [BYE], 1_000],
    ["a close of a program's own", [frame(CLOSE, new Uint8Array([0x0f, 0xa0]))], 4_000],
    ["a close without a code", [frame(CLOSE, "")], undefined],
    ["a close of one byte", [frame(CLOSE, "x")], 1_002],
    ["a close with a code that is never sent", [frame(CLOSE, new Uint8Array([0x03, 0xed]))], 1_002],
    ["a close with a code of nobody", [frame(CLOSE, new Uint8Array([0x07, 0xd0]))], 1_002],
    [
      "a close whose reason is no UTF-8",
      [frame(CLOSE, new Uint8Array([0x03, 0xe8, 0xff]))],
      1_007,
    ],
    ["a frame without a mask", [new Uint8Array([TEXT, 1, 0x78])], 1_002],
    ["a reserved bit", [frame(0xc1, "x")], 1_002],
    ["a reserved opcode", [frame(0x83, "x")], 1_002],
    ["a reserved control opcode", [frame(0x8b, "")], 1_002],
    ["a ping in fragments", [frame(0x09, "x")], 1_002],
    ["a long ping", [frame(0x89, "x".repeat(126))], 1_002],
    ["binary data", [frame(0x82, "x")], 1_003],
    ["a continuation of nothing", [frame(0x80, "x")], 1_002],
    ["a new message inside another", [frame(0x01, "x"), frame(TEXT, "y")], 1_002],
    ["text that is no UTF-8", [frame(TEXT, new Uint8Array([0xc3]))], 1_007],
    ["a message that is too long", [frame(TEXT, "x", { length: 70_000 })], 1_009],
    [
      "fragments that are too long together",
      [frame(0x01, "x".repeat(60_000)), frame(0x80, "x".repeat(10_000))],
      1_009,
    ],
  ] as const
) {
  Deno.test(`a WebSocket of the emulator answers ${name} with ${code ?? "no code"}`, async () => {
    await using emulator = await startEmulator();
    assertEquals(codeOf(await exchangeFrames(emulator, parts)), code);
  });
}

Deno.test("a WebSocket of the emulator takes fragments, and pings between them", async () => {
  await using emulator = await startEmulator();
  const text = JSON.stringify({ "action": "heartbeat", "request-id": "é".repeat(300) });
  const bytes = Buffer.from(text);
  const frames = await exchangeFrames(emulator, [
    frame(0x01, bytes.subarray(0, 100)),
    frame(0x89, "are you there?"),
    frame(0x8a, "unasked"),
    frame(0x00, bytes.subarray(100, 101)),
    frame(0x80, bytes.subarray(101)),
    frame(0x01, ""),
    frame(0x80, HEARTBEAT),
    BYE,
    frame(TEXT, HEARTBEAT), // after the end
  ]);
  assertEquals(frames.map(({ opcode }) => opcode), [0xa, 1, 1, 8]);
  assertEquals(frames[0]?.payload.toString(), "are you there?");
  assertEquals(JSON.parse(`${frames[1]?.payload}`)["request-id"], "é".repeat(300));
});

Deno.test("a WebSocket of the emulator takes bytes one by one", () => {
  const socket = new EventEmitter() as unknown as Duplex;
  const written: Buffer[] = [];
  Object.assign(socket, { write: (bytes: Buffer) => written.push(bytes), end: () => {} });
  const received: string[] = [];
  const connection = new WebSocketConnection(socket, {
    maxMessageBytes: 100_000,
    receive: (message) => received.push(message),
    closed: () => {},
  });
  const headers = { "sec-websocket-key": KEY };
  connection.start({ headers } as unknown as ReceivedRequest, new Uint8Array());
  // The answer of RFC 6455 section 1.3.
  assertMatch(`${written[0]}`, /Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/);
  const messages = ["x", "y".repeat(300), "z".repeat(66_000)];
  for (const byte of Buffer.concat([...messages.map((one) => frame(TEXT, one)), BYE])) {
    socket.emit("data", new Uint8Array([byte]));
  }
  assertEquals(received, messages);
  assertEquals(written.slice(1).flatMap(framesOf).map(({ opcode }) => opcode), [8]);
});

Deno.test("a WebSocket of the emulator sends long messages, and cut ones", async () => {
  await using emulator = await startEmulator();
  const sent = exchangeFrames(emulator, []);
  await untilOpen(emulator, "GET /streamer");
  const long = "x".repeat(70_000);
  emulator.disturbStreams("GET /streamer", { send: long });
  emulator.disturbStreams("GET /streamer", "cut");
  emulator.disturbStreams("GET /streamer", { send: "né" });
  emulator.disturbStreams("GET /streamer", { close: 1_005 });
  const frames = await sent;
  assertEquals(frames.map(({ opcode, isFinal }) => [opcode, isFinal]), [
    [1, true],
    [1, false],
    [0, true],
    [8, true],
  ]);
  assertEquals(frames[0]?.payload.toString(), long);
  assertEquals(frames[1]?.payload.length, 2); // inside the é
});
