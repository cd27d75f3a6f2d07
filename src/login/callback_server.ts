/**
 * The server at the callback address, on this machine's loopback addresses. It listens only while a
 * login runs (RFC 8252 section 8.3).
 *
 * Every web page in the browser can send requests to it. So it answers only requests with its own host
 * name, which a page that reaches it by DNS rebinding does not have.
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { requestPermission } from "../deno_permissions.ts";
import { type Deferred, deferred } from "../net/deferred.ts";
import { type Page, PAGE_HEADERS } from "./page_template.ts";
import { wrongHostPage } from "./pages.ts";
import { networkDenied } from "../net/platform_fetch.ts";

/** 16 KiB: a form with two credentials is much shorter. */
const MAX_FORM_LENGTH = 16_384;

/** How long the browser may take to request the last page. */
const LAST_PAGE_MS = 400;

/** How long its other tabs are answered after that. */
const LINGER_MS = 100;

/** A request of the browser. */
export interface CallbackRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  /** Whether the browser navigates there, and does not load an image or the like for another page. */
  readonly isNavigation: boolean;
  /** The origin of the page that sent a form, for instance `http://localhost:3001`. */
  readonly origin: string | undefined;
  /** The fields of a form. */
  readonly form: URLSearchParams;
}

/** A response to the browser. */
export interface CallbackResponse {
  readonly status: number;
  readonly page?: Page;
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether this is the last page of the login. */
  readonly isLast?: boolean;
}

/** Answers a request. */
export type Handler = (request: CallbackRequest) => Promise<CallbackResponse>;

/** The server at the callback address. */
export class CallbackServer {
  readonly #address: URL;
  readonly #handle: Handler;
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #lastSent: Deferred<void> = deferred();
  #wasLastSent = false;

  /**
   * @param address The callback address, with the host name and port that requests must have.
   * @param handle Answers requests. If it throws, the browser gets an empty 500.
   */
  constructor(address: URL, handle: Handler) {
    this.#address = address;
    this.#handle = handle;
  }

  /**
   * Listens on both loopback addresses, since browsers may use either for `localhost`.
   *
   * @throws {Error} If it can listen on neither, or with the code `EADDRINUSE` if another program listens
   * on one of them.
   */
  async listen(): Promise<void> {
    const port = Number(this.#address.port || 80);
    const failures: unknown[] = [];
    for (const host of ["127.0.0.1", "::1"]) {
      await this.#listenOn(host, port).catch((error: unknown) => {
        // A machine may lack one of the two. But another program on that port would get the browser.
        if (Object(error).code === "EADDRINUSE") throw error;
        failures.push(error);
      });
    }
    if (this.#servers.length === 0) throw failures[0];
  }

  /** Waits a moment until the browser has got the last page, and its other tabs too. */
  async waitForLastPage(): Promise<void> {
    const timeout = sleep(LAST_PAGE_MS);
    await Promise.race([this.#lastSent.promise, timeout.end]);
    timeout.cancel();
    if (this.#wasLastSent) await sleep(LINGER_MS).end;
  }

  /** Stops listening and closes every connection, including those that browsers open in advance. */
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
    // Otherwise Deno would throw where nobody can catch it.
    if (!requestPermission({ name: "net", host: name })) throw networkDenied([name]);
    const server = createServer((request, response) => void this.#answer(request, response));
    server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
      socket.on("error", () => {}); // the browser may disconnect at any time
    });
    await new Promise<void>((resolve, reject) => {
      server.on("error", reject); // later errors do not matter
      server.listen(port, host, () => {
        this.#servers.push(server);
        resolve();
      });
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const answer = await this.#respondTo(request).catch((): CallbackResponse => ({ status: 500 }));
    const { status, page, headers, isLast = false } = answer;
    if (isLast) {
      response.once("finish", () => {
        this.#wasLastSent = true;
        this.#lastSent.resolve();
      });
    }
    response.writeHead(status, { ...PAGE_HEADERS, ...page?.headers, ...headers });
    response.end(page?.html);
  }

  async #respondTo(request: IncomingMessage): Promise<CallbackResponse> {
    if (!this.#hasOwnHost(request.headers.host)) {
      return { status: 400, page: wrongHostPage(this.#address.origin) };
    }
    const { method = "", url = "", headers } = request;
    const [path = "", ...query] = url.split("?");
    return await this.#handle({
      method,
      path,
      query: new URLSearchParams(query.join("?")),
      // Not every browser sends this header.
      isNavigation: (headers["sec-fetch-dest"] ?? "document") === "document",
      origin: headers.origin,
      form: new URLSearchParams(method === "POST" ? await readForm(request) : ""),
    });
  }

  #hasOwnHost(host = ""): boolean {
    const { hostname, port } = this.#address;
    return host.toLowerCase() === (port === "" ? hostname : `${hostname}:${port}`) ||
      port === "" && host.toLowerCase() === `${hostname}:80`;
  }
}

async function readForm(request: IncomingMessage): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of request) {
    if (text.length > MAX_FORM_LENGTH) continue; // read on, or the browser does not read the response
    text += decoder.decode(chunk, { stream: true });
  }
  return text.length > MAX_FORM_LENGTH ? "" : text;
}

/** A sleep that can be cancelled. */
function sleep(ms: number): { end: Promise<void>; cancel: () => void } {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const end = new Promise<void>((resolve) => timer = setTimeout(resolve, ms));
  return { end, cancel: () => clearTimeout(timer) };
}
