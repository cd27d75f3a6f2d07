/**
 * The server's side of a WebSocket (RFC 6455) that carries text, with no extension: what the streamers need.
 * `node:http` of all runtimes has the upgrade, none has the rest.
 */

import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import type { Duplex } from "node:stream";
import type { ReceivedRequest } from "../received_request.ts";
import type { EmulatedResponse } from "../response.ts";
import { cutInTwo, type Wire } from "./outlet.ts";

/** Section 1.3. */
const MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** Section 5.2. */
const [CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG] = [0x0, 0x1, 0x2, 0x8, 0x9, 0xa];
const FINAL = 0x80;
const MASKED = 0x80;
/** The most bytes of a control frame (section 5.5). */
const MAX_CONTROL = 125;

/** Section 7.4.1. */
const [PROTOCOL_ERROR, UNSUPPORTED_DATA, NO_CODE, INVALID_TEXT, TOO_LONG] = [
  1_002,
  1_003,
  1_005,
  1_007,
  1_009,
];

/** The refusal of a handshake that is none; `undefined` for a good one (section 4.2.1). */
export function refusedHandshake({ headers }: ReceivedRequest): EmulatedResponse | undefined {
  if (!/^websocket$/i.test(headers["upgrade"] ?? "")) return { status: 400 };
  if (headers["sec-websocket-version"] !== "13") {
    return { status: 426, headers: { "sec-websocket-version": "13" } };
  }
  const key = headers["sec-websocket-key"] ?? "";
  return Buffer.from(key, "base64").length === 16 ? undefined : { status: 400 };
}

/** Who uses the connection. */
export interface SocketUser {
  /** The most bytes of a message; a longer one is answered with the code 1009. */
  readonly maxMessageBytes: number;
  /** Takes a message. */
  receive(message: string): void;
  /** The connection is over. Called once. */
  closed(): void;
}

/** A connection. */
export class WebSocketConnection implements Wire {
  readonly #socket: Duplex;
  readonly #user: SocketUser;
  #received: Buffer = Buffer.alloc(0);
  #fragments: Buffer[] = [];
  #isClosing = false;

  /** @param user Who uses it, from {@linkcode WebSocketConnection.start} on. */
  constructor(socket: Duplex, user: SocketUser) {
    this.#socket = socket;
    this.#user = user;
  }

  /**
   * Answers the handshake, and begins to read.
   *
   * @param head What has arrived after the handshake.
   */
  start({ headers }: ReceivedRequest, head: Uint8Array): void {
    const socket = this.#socket;
    const accept = createHash("sha1")
      .update(`${headers["sec-websocket-key"]}${MAGIC}`).digest("base64");
    socket.write(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
        `Sec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    socket.on("error", () => {}); // "close" follows
    socket.on("close", () => this.#user.closed());
    socket.on("end", () => socket.end());
    const take = (chunk: Uint8Array) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#read();
    };
    socket.on("data", take);
    take(head);
  }

  send(message: string, isCut: boolean): void {
    const bytes = Buffer.from(message);
    if (!isCut) return this.#write(FINAL | TEXT, bytes);
    const [first, second] = cutInTwo(bytes);
    this.#write(TEXT, first);
    this.#write(FINAL | CONTINUATION, second);
  }

  end(code: number, reason: string): void {
    const head = Buffer.alloc(2);
    head.writeUInt16BE(code);
    // A code that stands for none is not sent (section 7.4.1).
    const payload = code === NO_CODE ? Buffer.alloc(0) : Buffer.concat([head, Buffer.from(reason)]);
    this.#write(FINAL | CLOSE, payload);
    this.#isClosing = true;
    // The client's answer is not waited for: a server closes the connection first (section 7.1.1).
    this.#socket.end();
  }

  reset(): void {
    this.#socket.destroy();
  }

  #write(firstByte: number, payload: Uint8Array): void {
    if (this.#isClosing || this.#socket.destroyed) return;
    const { length } = payload;
    const head = Buffer.alloc(length <= MAX_CONTROL ? 2 : length <= 0xffff ? 4 : 10);
    head[0] = firstByte;
    if (length <= MAX_CONTROL) head[1] = length;
    else if (length <= 0xffff) {
      head[1] = 126;
      head.writeUInt16BE(length, 2);
    } else {
      head[1] = 127;
      head.writeBigUInt64BE(BigInt(length), 2);
    }
    this.#socket.write(Buffer.concat([head, payload]));
  }

  /** Takes all complete frames. */
  #read(): void {
    while (!this.#isClosing && this.#received.length >= 2) {
      const frame = this.#nextFrame(this.#received);
      if (frame === undefined) return;
      this.#received = this.#received.subarray(frame.length);
      this.#take(frame.firstByte, frame.payload);
    }
  }

  /** The first frame, once all of it has arrived. */
  #nextFrame(
    bytes: Buffer,
  ): { firstByte: number; payload: Buffer; length: number } | undefined {
    const [firstByte = 0, secondByte = 0] = bytes;
    const opcode = firstByte & 0x0f;
    const isControl = opcode >= CLOSE;
    const short = secondByte & 0x7f;
    const isBroken = (firstByte & 0x70) !== 0 || (secondByte & MASKED) === 0 ||
      ![CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG].includes(opcode) ||
      isControl && (short > MAX_CONTROL || (firstByte & FINAL) === 0);
    if (isBroken) {
      this.end(PROTOCOL_ERROR, "");
      return undefined;
    }
    const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
    const maskAt = 2 + lengthBytes;
    if (bytes.length < maskAt) return undefined;
    const payloadLength = lengthBytes === 0
      ? short
      : lengthBytes === 2
      ? bytes.readUInt16BE(2)
      : Number(bytes.readBigUInt64BE(2));
    const before = this.#fragments.reduce((sum, { length }) => sum + length, 0);
    if (!isControl && before + payloadLength > this.#user.maxMessageBytes) {
      this.end(TOO_LONG, "");
      return undefined;
    }
    const length = maskAt + 4 + payloadLength;
    if (bytes.length < length) return undefined;
    const mask = bytes.subarray(maskAt, maskAt + 4);
    const payload = Buffer.from(bytes.subarray(maskAt + 4, length));
    for (let i = 0; i < payload.length; i++) payload[i] = (payload[i] ?? 0) ^ (mask[i % 4] ?? 0);
    return { firstByte, payload, length };
  }

  #take(firstByte: number, payload: Buffer): void {
    const opcode = firstByte & 0x0f;
    if (opcode === PING) return this.#write(FINAL | PONG, payload);
    if (opcode === PONG) return;
    if (opcode === CLOSE) return this.#answerClose(payload);
    // The streamers have text only.
    if (opcode === BINARY) return this.end(UNSUPPORTED_DATA, "");
    const isContinued = this.#fragments.length > 0;
    if (isContinued !== (opcode === CONTINUATION)) return this.end(PROTOCOL_ERROR, "");
    this.#fragments.push(payload);
    if ((firstByte & FINAL) === 0) return;
    const message = textOf(Buffer.concat(this.#fragments));
    this.#fragments = [];
    if (message === undefined) this.end(INVALID_TEXT, "");
    else this.#user.receive(message);
  }

  #answerClose(payload: Buffer): void {
    if (payload.length === 0) return this.end(NO_CODE, "");
    const code = payload.length === 1 ? 0 : payload.readUInt16BE(0);
    const isSendable = code >= 1_000 && code < 1_015 && ![1_004, 1_005, 1_006].includes(code) ||
      code >= 3_000 && code < 5_000;
    const isText = textOf(payload.subarray(2)) !== undefined;
    this.end(!isSendable ? PROTOCOL_ERROR : isText ? code : INVALID_TEXT, "");
  }
}

/** `undefined` if it is not UTF-8. */
function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
