// Prices as server-sent events, for any number of pages. The broker is asked while a page listens.
import type { Session } from "../../mod.ts"; // in your program: "@tasty/session"
import { watchPrices } from "./prices.ts";

/** How often a page is told what has changed, in milliseconds: more often than anybody can read. */
const EVERY_MS = 250;

type Listener = ReadableStreamDefaultController<Uint8Array>;

/** The prices of some symbols, and the pages that listen. */
export class PriceEvents {
  readonly #session: Session;
  readonly #symbols: readonly string[];
  readonly #listeners = new Set<Listener>();
  readonly #prices = new Map<string, string>();
  /** What no page has been told yet. */
  #changed = new Map<string, string>();
  #stop: AbortController | undefined;

  constructor(session: Session, symbols: readonly string[]) {
    this.#session = session;
    this.#symbols = symbols;
  }

  /** A response that goes on until the page leaves or the program closes it. */
  respond(headers: HeadersInit): Response {
    let listener: Listener | undefined;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        listener = controller;
        this.#listeners.add(controller);
        send([controller], "price", this.#prices);
        this.#stop ??= this.#watch();
      },
      cancel: () => this.#leave(listener),
    });
    return new Response(body, { headers: { "content-type": "text/event-stream", ...headers } });
  }

  /** Ends the responses. */
  close(): void {
    for (const listener of this.#listeners) {
      this.#leave(listener);
      listener.close();
    }
  }

  #leave(listener: Listener | undefined): void {
    if (listener !== undefined) this.#listeners.delete(listener);
    if (this.#listeners.size === 0) this.#stop?.abort();
  }

  #watch(): AbortController {
    const stop = new AbortController();
    const timer = setInterval(() => {
      send(this.#listeners, "price", this.#changed);
      this.#changed = new Map();
    }, EVERY_MS);
    const watching = watchPrices(this.#session, this.#symbols, stop.signal, (symbol, price) => {
      this.#prices.set(symbol, price);
      this.#changed.set(symbol, price);
    });
    watching.catch((error: Error) => {
      send(this.#listeners, "problem", new Map([["message", error.message]]));
      this.close();
    }).finally(() => {
      clearInterval(timer);
      this.#stop = undefined;
    });
    return stop;
  }
}

/** Nothing is kept for a page that does not read: it has the next price with the next event. */
function send(
  listeners: Iterable<Listener>,
  name: "price" | "problem",
  values: ReadonlyMap<string, string>,
): void {
  if (values.size === 0) return;
  const data = JSON.stringify(Object.fromEntries(values));
  const event = new TextEncoder().encode(`event: ${name}\ndata: ${data}\n\n`);
  for (const listener of listeners) if ((listener.desiredSize ?? 0) > -100) listener.enqueue(event);
}
