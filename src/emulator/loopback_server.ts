import { Buffer } from "node:buffer";
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { clearTimeout, setTimeout } from "node:timers";
import type { EmulatedResponse } from "./response.ts";

/** Takes one request; what it does with the response is its own business. */
export type Handler = (message: IncomingMessage, response: ServerResponse) => Promise<void>;

/** An HTTP server on 127.0.0.1 that can also answer badly, and that closes at once. */
export class LoopbackServer {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #pauses = new Set<() => void>();
  #port = 0;
  #closed: Promise<void> | undefined;

  constructor(handler: Handler) {
    this.#server = createServer((message, response) => void handler(message, response));
    // nginx keeps an idle connection for 75 s; node:http's own 5 s would break connections that a
    // client may rightly still be using.
    this.#server.keepAliveTimeout = 75_000;
    this.#server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
  }

  /**
   * Starts to listen.
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

  /** The port that it listens on, or did; 0 before. */
  get port(): number {
    return this.#port;
  }

  /** Waits; or not, when the server closes meanwhile. */
  async pause(ms: number): Promise<void> {
    // The timer of node:timers, because a test that fakes the global one means its own clock.
    await new Promise<void>((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this.#pauses.delete(end);
        resolve();
      };
      // A request may get here that was read while the server closed.
      const timer = setTimeout(end, this.#closed === undefined ? ms : 0);
      this.#pauses.add(end);
    });
  }

  /** Destroys all connections and stops to listen. Any further call waits for the first one. */
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

/** Reads the body as text; `undefined` when the client went away first. */
export async function readBody(message: IncomingMessage): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of message) chunks.push(chunk);
  } catch {
    return undefined;
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** Sends an answer, whole. */
export function send(response: ServerResponse, answer: EmulatedResponse): void {
  const body = writeHead(response, answer);
  response.end(body);
}

/** Sends the headers, which promise the whole body, and half the body. */
export async function sendHalf(response: ServerResponse, answer: EmulatedResponse): Promise<void> {
  const body = writeHead(response, answer);
  const half = body.subarray(0, Math.floor(body.length / 2));
  await new Promise<void>((resolve) => response.write(half, () => resolve()));
}

/** Breaks the connection the hard way, with a TCP reset. */
export function reset(message: IncomingMessage): void {
  message.socket.resetAndDestroy();
}

function writeHead(response: ServerResponse, answer: EmulatedResponse): Buffer {
  const body = Buffer.from(answer.body ?? "");
  if (answer.statusText !== undefined) response.statusMessage = answer.statusText;
  response.writeHead(answer.status, { ...answer.headers, "content-length": body.length });
  return body;
}
