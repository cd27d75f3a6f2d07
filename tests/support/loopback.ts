/**
 * Servers on this machine for one test each: HTTP from `node:http`, and bare connections for what an
 * HTTP server would never do. `await using` drops their connections and frees their ports.
 *
 * @module
 */

import {
  createServer as createHttpServer,
  type IncomingHttpHeaders,
  type ServerResponse,
} from "node:http";
import { createServer as createTcpServer, type Server, type Socket } from "node:net";
import { text } from "node:stream/consumers";

/** A request as it arrived, read to its end. */
export interface Arrival {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** An HTTP server that keeps what it was sent. */
export interface Loopback extends AsyncDisposable {
  readonly url: string;
  readonly arrivals: readonly Arrival[];
}

/** A server of bare connections. */
export interface BareLoopback extends AsyncDisposable {
  /** Without a scheme: `127.0.0.1:` and the port. */
  readonly host: string;
}

/** Serves HTTP. Who answers gets the request with its whole body. */
export async function serve(
  answer: (response: ServerResponse, arrival: Arrival) => void,
): Promise<Loopback> {
  const arrivals: Arrival[] = [];
  const server = createHttpServer(async (request, response) => {
    const { method = "", url = "", headers } = request;
    const arrival = { method, url, headers, body: await text(request) };
    arrivals.push(arrival);
    answer(response, arrival);
  });
  const port = await listen(server);
  return {
    url: `http://127.0.0.1:${port}`,
    arrivals,
    [Symbol.asyncDispose]: () => {
      server.closeAllConnections();
      return close(server);
    },
  };
}

/** Answers every request with this. */
export function serveAnswer(
  status: number,
  body: string,
  headers: Record<string, string> = {},
): Promise<Loopback> {
  return serve((response) => response.writeHead(status, headers).end(body));
}

/** Accepts connections, and calls `onData` with all that one has sent so far whenever it sends more. */
export async function serveBytes(
  onData: (socket: Socket, received: string) => void,
): Promise<BareLoopback> {
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    let received = "";
    sockets.add(socket);
    socket.setEncoding("latin1");
    socket.on("error", () => {}); // a client may leave at any time
    socket.on("data", (chunk) => onData(socket, received += chunk));
  });
  const port = await listen(server);
  return {
    host: `127.0.0.1:${port}`,
    [Symbol.asyncDispose]: () => {
      for (const socket of sockets) socket.destroy();
      return close(server);
    },
  };
}

/**
 * A `fetch` that gets tokens where it should, and sends everything else below `baseUrl` to another
 * server.
 */
export function divert(baseUrl: string, origin: string): typeof fetch {
  return (input, init) => {
    const url = String(input);
    return fetch(url.includes("/oauth/") ? url : url.replace(baseUrl, origin), init);
  };
}

/** A port of this machine where nobody listens. */
export async function closedPort(): Promise<number> {
  const server = createTcpServer();
  const port = await listen(server);
  await close(server);
  return port;
}

/**
 * A server that answers the first request of a connection, and closes it as soon as a second one is
 * complete: what a gateway does that restarts. Some runtimes then send the second one again.
 */
export async function serveOnceAConnection(firstBody = ""): Promise<
  BareLoopback & { readonly arrivals: readonly string[] }
> {
  const arrivals: string[] = [];
  const seen = new WeakMap<Socket, number>();
  const server = await serveBytes((socket, received) => {
    const requests = completeRequests(received);
    const before = seen.get(socket) ?? 0;
    seen.set(socket, requests.length);
    arrivals.push(...requests.slice(before));
    if (requests.length > 1) {
      socket.destroy();
    } else if (requests.length > before) {
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${firstBody.length}\r\n\r\n${firstBody}`);
    }
  });
  return { ...server, arrivals };
}

/** Splits what a connection sent into its requests, and leaves out one that is not whole yet. */
function completeRequests(received: string): string[] {
  const requests: string[] = [];
  let rest = received;
  for (let end = endOfRequest(rest); end <= rest.length; end = endOfRequest(rest)) {
    requests.push(rest.slice(0, end));
    rest = rest.slice(end);
  }
  return requests;
}

/** Where the first request ends, or `Infinity` as long as that cannot be told. */
function endOfRequest(bytes: string): number {
  const headEnd = bytes.indexOf("\r\n\r\n") + 4;
  const head = bytes.slice(0, headEnd);
  if (/^transfer-encoding: *chunked/im.test(head)) {
    const lastChunk = bytes.indexOf("\r\n0\r\n\r\n", headEnd - 2);
    return lastChunk < 0 ? Infinity : lastChunk + 7;
  }
  return headEnd < 4
    ? Infinity
    : headEnd + Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
}

/** Listens on a port that is free, and returns it. */
export function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      if (typeof address === "object" && address !== null) resolve(address.port);
    });
  });
}

/** Listens no more, and waits for the connections that are open. */
export function close(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}
