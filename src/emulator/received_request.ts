import type { IncomingMessage } from "node:http";
import { Route } from "./route.ts";

/** A request as it arrived at the emulator. */
export interface ReceivedRequest {
  /** The method, in capitals. */
  readonly method: string;
  /** Path and query as sent, without the prefix of the service. */
  readonly path: string;
  /** The broker that it was sent to; `undefined` when it was none. */
  readonly broker: "tastytrade" | "tradestation" | undefined;
  /**
   * The environment that it was sent to; `undefined` when it was none, or TradeStation's sign-in, which
   * is of both.
   */
  readonly environment: "production" | "sandbox" | undefined;
  /** The headers, names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body as text; as far as it came. */
  readonly body: string;
  /** When it arrived, in milliseconds since the epoch. */
  readonly receivedAtMs: number;
  /** The status of the answer; `undefined` while there is none, and for ever if none is given. */
  readonly status: number | undefined;
}

/** What a request can be sent to. */
export interface Place {
  /** The path that its base URL ends in, as `/tastytrade`. */
  readonly prefix: string;
  /** Whose it is. */
  readonly broker: "tastytrade" | "tradestation";
  /** Which of the broker's environments it is; `undefined` when it is of both. */
  readonly environment: "production" | "sandbox" | undefined;
}

/** A request that is still being read and answered. */
export interface OpenRequest extends ReceivedRequest {
  body: string;
  status: number | undefined;
}

/** All that arrived, in the order of arrival. */
export class RequestLog {
  readonly #requests: OpenRequest[] = [];

  /** What arrived so far: a live view. */
  get requests(): readonly ReceivedRequest[] {
    return this.#requests;
  }

  /** Notes a request as soon as its headers are there, so that one which breaks off counts too. */
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

  /** How many requests of this route arrived. */
  count(route: string): number {
    const wanted = new Route(route);
    return this.#requests.filter((request) => wanted.matches(request)).length;
  }

  /** Forgets what arrived. */
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
