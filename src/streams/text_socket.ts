/** The platform's WebSocket as a queue of texts. */

import { NetworkError, SessionError } from "../errors.ts";
import { deferred } from "../net/deferred.ts";
import { requireHost } from "../net/platform_fetch.ts";
import { CAPACITY, EventQueue } from "./event_queue.ts";

/** A connection that is open. */
export class TextSocket {
  readonly #socket: WebSocket;
  readonly #texts = new EventQueue<string>();

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.onmessage = ({ data }) => {
      this.#texts.push(String(data));
      // Whoever reads has stopped, so nothing more is taken.
      if (this.#texts.length > CAPACITY) this.close();
    };
    socket.onclose = () => this.#texts.end();
  }

  /**
   * Opens a connection.
   *
   * @param signal Ends the wait for it.
   * @throws {SessionError} If this runtime has no WebSocket, or Deno does not permit to connect.
   * @throws {NetworkError} If it cannot be opened.
   */
  static async open(url: string, signal: AbortSignal): Promise<TextSocket> {
    if (typeof WebSocket !== "function") {
      throw new SessionError(
        "Cannot open the account streamer: this runtime has no WebSocket. Node has it from version 22 on",
        { code: "unsupported" },
      );
    }
    requireHost(url);
    const { promise, resolve, reject } = deferred<void>();
    const socket = new WebSocket(url);
    const opened = new TextSocket(socket);
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort);
    socket.onopen = () => resolve();
    socket.onerror = () => reject(unreachable(url));
    try {
      signal.throwIfAborted();
      await promise;
      socket.onerror = null; // "close" follows
      return opened;
    } catch (error) {
      opened.close();
      throw error;
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  /** Sends a value as JSON, unless the connection is over. */
  send(value: unknown): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(value));
  }

  /** Waits for the next text; `undefined` when the connection is over. */
  async next(): Promise<string | undefined> {
    return (await this.#texts.next()).value;
  }

  /** Closes the connection, and drops what was not read. */
  close(): void {
    this.#texts.clear();
    this.#texts.end();
    this.#socket.onmessage = null;
    this.#socket.close();
  }
}

/** The platform does not tell more. */
function unreachable(url: string): NetworkError {
  return new NetworkError(`Cannot open the WebSocket ${url}`, {
    kind: "other",
    outcome: "not_processed",
  });
}
