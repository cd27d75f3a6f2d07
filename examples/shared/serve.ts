// A web server on 127.0.0.1, with what the runtime has: Deno.serve, Bun.serve or node:http.
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";

/** Answers a request. */
export type Handler = (request: Request) => Promise<Response>;

/** A server that runs. */
export interface WebServer {
  readonly url: string;
  /** Takes no more requests, and waits until those that run are answered. */
  stop(): Promise<void>;
}

/** The parts of Bun's server that are used here. */
interface BunServe {
  serve(options: { hostname: string; port: number; fetch: Handler }): {
    readonly port: number;
    stop(): Promise<void>;
  };
}

const hostname = "127.0.0.1";

/** Starts a server. */
export async function serve(port: number, handler: Handler): Promise<WebServer> {
  const { Deno: deno, Bun: bun } = globalThis as { Deno?: typeof Deno; Bun?: BunServe };
  if (deno !== undefined) {
    const server = deno.serve({ hostname, port, onListen: () => {} }, handler);
    return { url: `http://${hostname}:${server.addr.port}`, stop: () => server.shutdown() };
  }
  if (bun !== undefined) {
    const server = bun.serve({ hostname, port, fetch: handler });
    return { url: `http://${hostname}:${server.port}`, stop: () => server.stop() };
  }
  return await serveNode(port, handler);
}

async function serveNode(port: number, handler: Handler): Promise<WebServer> {
  const server = createServer(async (message, response) => {
    await answer(message, response, handler);
    if (!server.listening) server.closeIdleConnections(); // or the last one would keep it for a while
  });
  server.listen(port, hostname);
  await once(server, "listening"); // or fails, because another program listens there
  const address = server.address();
  return {
    url: `http://${hostname}:${typeof address === "object" ? address?.port : port}`,
    stop: () => new Promise((resolve) => void server.close(() => resolve())),
  };
}

/** From Node's own objects to the platform's, and back. */
async function answer(
  { url = "/", method = "GET", headers: { host = hostname } }: IncomingMessage,
  response: ServerResponse,
  handler: Handler,
): Promise<void> {
  const { status, headers, body } = await handler(
    new Request(new URL(url, `http://${host}`), { method }),
  );
  response.writeHead(status, Object.fromEntries(headers));
  for await (const chunk of body ?? []) response.write(chunk);
  response.end();
}
