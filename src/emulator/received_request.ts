import type { IncomingMessage } from "node:http";
import { Route } from "./route.ts";

/** A request as it arrived at the emulator. */
export interface ReceivedRequest {
  /** The method, in capitals. */
  readonly method: string;
  /** Path and query as sent, without the prefix of the service. */
  readonly path: string;
  /** The broker that it was sent to; `undefined` for a path without a broker's prefix. */
  readonly broker: "tastytrade" | "tradestation" | undefined;
  /**
   * The environment that it was sent to; `undefined` for TradeStation's sign-in, which serves both.
   */
  readonly environment: "production" | "sandbox" | undefined;
  /** The headers, with names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body as text, as far as it has arrived. */
  readonly body: string;
  /** When it arrived, in milliseconds since the epoch. */
  readonly receivedAtMs: number;
  /** The status of the response; `undefined` without one. */
  readonly status: number | undefined;
}

/** Where a request can be sent. */
export interface Place {
  /** The path at the end of its base URL, for instance `/tastytrade`. */
  readonly prefix: string;
  /** The broker. */
  readonly broker: "tastytrade" | "tradestation";
  /** The broker's environment; `undefined` for both. */
  readonly environment: "production" | "sandbox" | undefined;
}

/** A request that is not answered yet. */
export interface OpenRequest extends ReceivedRequest {
  body: string;
  status: number | undefined;
}

/** All requests, in the order of arrival. */
export class RequestLog {
  readonly #requests: OpenRequest[] = [];

  /** The requests so far. A live view. */
  get requests(): readonly ReceivedRequest[] {
    return this.#requests;
  }

  /** Adds a request when its headers have arrived, so that one which breaks off counts too. */
  add(message: IncomingMessage, place: Place | undefined): OpenRequest {
    const url = `${message.url}`;
    const request: OpenRequest = {
      method: `${message.method}`,
      path: url.slice(place?.prefix.length ?? 0) || "/",
      broker: place?.broker,
      environment: place?.environment,
      headers: headersOf(message),
      body: "",
      receivedAtMs: Date.now(),
      status: undefined,
    };
    this.#requests.push(request);
    return request;
  }

  /** Counts the requests of a route. */
  count(route: string): number {
    const wanted = new Route(route);
    return this.#requests.filter((request) => wanted.matches(request)).length;
  }

  /** Forgets all requests. */
  clear(): void {
    this.#requests.length = 0;
  }
}

function headersOf(message: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(message.headers)) {
    headers[name] = String(value);
  }
  return headers;
}
