/**
 * A server on this machine's loopback addresses that a browser is sent to: it listens for as long as
 * a login takes, and is gone afterwards (RFC 8252 section 8.3).
 *
 * Every page that is open in the browser can send requests here. So it answers under its own name
 * only, which a page that was rebound to this address by DNS does not have, and tells nobody else
 * anything.
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { requestPermission } from "../deno_permissions.ts";
import { type Page, PAGE_HEADERS, wrongHostPage } from "./pages.ts";
import { networkDenied } from "../net/platform_fetch.ts";

/** The longest form that is read: two credentials are far below. */
const MAX_BODY_LENGTH = 16_384;

/** How long the browser may take to ask for the last page. */
const LAST_PAGE_MS = 400;

/** How long its other tabs are answered after that. */
const LINGER_MS = 100;

/** One request of the browser. */
export interface Visit {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  /** Whether the browser goes there, or only gets an image or the like for the page it shows. */
  readonly isNavigation: boolean;
  /** The page that sent it, as `http://localhost:3001`; browsers tell it with a form. */
  readonly origin: string | undefined;
  /** The fields of a form. */
  readonly form: URLSearchParams;
}

/** The answer to one request. */
export interface Reply {
  readonly status: number;
  readonly page?: Page;
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether nothing is left to say after this one. */
  readonly isLast?: boolean;
}

/** What answers. */
export type Receive = (visit: Visit) => Promise<Reply>;

/** The server. */
export class CallbackServer {
  readonly #address: URL;
  readonly #receive: Receive;
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #lastSent: PromiseWithResolvers<void> = Promise.withResolvers();
  #wasLastSent = false;

  /**
   * @param address The address that the browser is sent to; its host and port are the server's name.
   * @param receive Answers. Whatever it throws becomes a 500 without words.
   */
  constructor(address: URL, receive: Receive) {
    this.#address = address;
    this.#receive = receive;
  }

  /**
   * Starts to listen, on both loopback addresses: browsers may take either for `localhost`.
   *
   * @throws {Error} If it can on neither; with the code `EADDRINUSE` if another program listens on one.
   */
  async listen(): Promise<void> {
    const port = Number(this.#address.port || 80);
    const failures: unknown[] = [];
    for (const host of ["127.0.0.1", "::1"]) {
      await this.#listenOn(host, port).catch((error: unknown) => {
        // A machine may lack one of the two; but who has the port there would get the browser's visit.
        if (Object(error).code === "EADDRINUSE") throw error;
        failures.push(error);
      });
    }
    if (this.#servers.length === 0) throw failures[0];
  }

  /** Waits for the browser to get the last page, and for its other tabs; but not for long. */
  async farewell(): Promise<void> {
    const late = pause(LAST_PAGE_MS);
    await Promise.race([this.#lastSent.promise, late.end]);
    late.cancel();
    if (this.#wasLastSent) await pause(LINGER_MS).end;
  }

  /** Stops to listen and drops every connection, also those that browsers open ahead of any need. */
  async close(): Promise<void> {
    await Promise.all(
      this.#servers.splice(0).map((server) =>
        new Promise<void>((resolve) => {
          server.close(() => resolve());
          server.closeAllConnections();
          for (const socket of this.#sockets) socket.destroy();
        })
      ),
    );
  }

  async #listenOn(host: string, port: number): Promise<void> {
    const name = `${host.includes(":") ? `[${host}]` : host}:${port}`;
    // Deno's own error would come where nobody can catch it.
    if (!requestPermission({ name: "net", host: name })) throw networkDenied([name]);
    const server = createServer((request, response) => void this.#answer(request, response));
    server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
      socket.on("error", () => {}); // a browser may leave at any time
    });
    await new Promise<void>((resolve, reject) => {
      server.on("error", reject); // later ones come too late to matter
      server.listen(port, host, () => {
        this.#servers.push(server);
        resolve();
      });
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const reply = await this.#replyTo(request).catch((): Reply => ({ status: 500 }));
    const { status, page, headers, isLast = false } = reply;
    if (isLast) {
      response.once("finish", () => {
        this.#wasLastSent = true;
        this.#lastSent.resolve();
      });
    }
    response.writeHead(status, { ...PAGE_HEADERS, ...page?.headers, ...headers });
    response.end(page?.html);
  }

  async #replyTo(request: IncomingMessage): Promise<Reply> {
    if (!this.#isCalledByName(request.headers.host)) {
      return { status: 400, page: wrongHostPage(this.#address.origin) };
    }
    const { method = "", url = "", headers } = request;
    const [path = "", ...query] = url.split("?");
    return await this.#receive({
      method,
      path,
      query: new URLSearchParams(query.join("?")),
      // Not every browser tells.
      isNavigation: (headers["sec-fetch-dest"] ?? "document") === "document",
      origin: headers.origin,
      form: new URLSearchParams(method === "POST" ? await readStart(request) : ""),
    });
  }

  #isCalledByName(host = ""): boolean {
    const { hostname, port } = this.#address;
    return host.toLowerCase() === (port === "" ? hostname : `${hostname}:${port}`) ||
      port === "" && host.toLowerCase() === `${hostname}:80`;
  }
}

async function readStart(request: IncomingMessage): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of request) {
    if (text.length > MAX_BODY_LENGTH) continue; // read on, or the browser never reads the answer
    text += decoder.decode(chunk, { stream: true });
  }
  return text.length > MAX_BODY_LENGTH ? "" : text;
}

/** A wait that can be cut short. */
function pause(ms: number): { end: Promise<void>; cancel: () => void } {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const end = new Promise<void>((resolve) => timer = setTimeout(resolve, ms));
  return { end, cancel: () => clearTimeout(timer) };
}
