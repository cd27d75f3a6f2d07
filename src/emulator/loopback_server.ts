import { Buffer } from "node:buffer";
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { clearTimeout, setTimeout } from "node:timers";
import type { Duplex } from "node:stream";
import type { EmulatedResponse } from "./response.ts";
import { cutInTwo, type Wire } from "./streams/outlet.ts";

/** Handles one request. */
export type Handler = (message: IncomingMessage, response: ServerResponse) => Promise<void>;

/** Handles one request for another protocol. */
export type UpgradeHandler = (
  message: IncomingMessage,
  socket: Duplex,
  head: Uint8Array,
) => Promise<void>;

/** An HTTP server on 127.0.0.1 that can fail on purpose, and that closes at once. */
export class LoopbackServer {
  readonly #server: Server;
  readonly #sockets = new Set<Duplex>();
  readonly #pauses = new Set<() => void>();
  #port = 0;
  #closed: Promise<void> | undefined;

  constructor(handler: Handler, upgradeHandler: UpgradeHandler) {
    this.#server = createServer((message, response) => void handler(message, response));
    this.#server.on("upgrade", (message, socket, head) => {
      this.#track(socket);
      void upgradeHandler(message, socket, head);
    });
    // nginx keeps an idle connection for 75 s. The 5 s of node:http would break connections that clients
    // expect to work.
    this.#server.keepAliveTimeout = 75_000;
    this.#server.on("connection", (socket: Socket) => this.#track(socket));
  }

  #track(socket: Duplex): void {
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
  }

  /**
   * Starts listening.
   *
   * @throws {Error} If the port is taken, with the code `EADDRINUSE`.
   */
  listen(port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(port, "127.0.0.1", () => {
        const address = this.#server.address();
        this.#port = Number(Object(address).port);
        resolve();
      });
    });
  }

  /** The port; 0 before it listens. */
  get port(): number {
    return this.#port;
  }

  /** Waits, unless the server closes. */
  async pause(ms: number): Promise<void> {
    // The timer of node:timers, because a test may fake the global one for its own clock.
    await new Promise<void>((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this.#pauses.delete(end);
        resolve();
      };
      // A request may arrive here while the server closes.
      const timer = setTimeout(end, this.#closed === undefined ? ms : 0);
      this.#pauses.add(end);
    });
  }

  /** Closes all connections and stops listening. May be called again. */
  close(): Promise<void> {
    this.#closed ??= new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
      for (const socket of this.#sockets) socket.destroy();
      for (const end of this.#pauses) end();
    });
    return this.#closed;
  }
}

/** Reads the body as text; `undefined` if the client disconnects first. */
export async function readBody(message: IncomingMessage): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of message) chunks.push(chunk);
  } catch {
    return undefined;
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** Sends a response. */
export function send(response: ServerResponse, answer: EmulatedResponse): void {
  const body = writeHead(response, answer);
  response.end(body);
}

/** Sends the headers, with the length of the whole body, and half the body. */
export async function sendHalf(response: ServerResponse, answer: EmulatedResponse): Promise<void> {
  const body = writeHead(response, answer);
  const half = body.subarray(0, Math.floor(body.length / 2));
  await new Promise<void>((resolve) => response.write(half, () => resolve()));
}

/** Sends the headers of a response that stays open. What it returns sends the frames, a line each. */
export function sendStream(
  message: IncomingMessage,
  response: ServerResponse,
  { status, headers }: { status: number; headers: Readonly<Record<string, string>> },
): Wire {
  response.writeHead(status, headers);
  response.flushHeaders();
  return {
    send: (frame, isCut) => {
      const bytes = Buffer.from(`${frame}\n`);
      for (const part of isCut ? cutInTwo(bytes) : [bytes]) response.write(part);
    },
    end: () => void response.end(),
    reset: () => reset(message),
  };
}

/** Sends a response in place of another protocol. */
export function sendToSocket(socket: Duplex, answer: EmulatedResponse): void {
  const { status, statusText = "Refused", headers = {}, body = "" } = answer;
  const lines = Object.entries({
    ...headers,
    "content-length": Buffer.byteLength(body),
    "connection": "close",
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} ${statusText}\r\n${lines.join("")}\r\n${body}`);
}

/** Resets the connection. */
export function reset(message: IncomingMessage): void {
  message.socket.resetAndDestroy();
}

function writeHead(response: ServerResponse, answer: EmulatedResponse): Buffer {
  const body = Buffer.from(answer.body ?? "");
  if (answer.statusText !== undefined) response.statusMessage = answer.statusText;
  response.writeHead(answer.status, { ...answer.headers, "content-length": body.length });
  return body;
}
