/**
 * What stays open: events of the broker, over connections that are opened again when they break, as an async
 * iterable that hides no hole.
 */

import type { Connect, StreamSource } from "./connection_loop.ts";
import type { Gap } from "../gap.ts";
import { CAPACITY, EventQueue } from "./event_queue.ts";

/** Runs a task as long as the session is open, and ends it with its signal. */
export type WhileOpen = <T>(
  task: (signal: AbortSignal) => Promise<T>,
  signal: AbortSignal,
) => Promise<T>;

/**
 * Events of the broker.
 *
 * Nothing is opened before the iteration begins. `break`, `close()` and the end of an `await using` block close
 * it; an abort of the signal ends it with the signal's reason. It can be iterated over once.
 */
export class EventStream<T> implements AsyncIterable<T | Gap>, AsyncDisposable {
  readonly #queue = new EventQueue<T | Gap>();
  readonly #controller = new AbortController();
  readonly #source: StreamSource;
  readonly #connect: Connect<T | Gap>;
  readonly #whileOpen: WhileOpen;
  readonly #signal: AbortSignal | undefined;
  #running: Promise<void> | undefined;

  /** For the module itself: `session.stream()` and `account.updates()` make them. */
  constructor(
    source: StreamSource,
    connect: Connect<T | Gap>,
    whileOpen: WhileOpen,
    signal?: AbortSignal,
  ) {
    this.#source = source;
    this.#connect = connect;
    this.#whileOpen = whileOpen;
    this.#signal = signal;
  }

  /** Begins the iteration. */
  [Symbol.asyncIterator](): AsyncIterator<T | Gap, undefined> {
    if (this.#running !== undefined) throw new TypeError("A stream can be iterated over once");
    this.#running = this.#run();
    return {
      next: () => this.#queue.next(),
      return: async () => {
        await this.close();
        return { done: true, value: undefined };
      },
    };
  }

  /** Closes the stream: its connections, its timers, and the iteration. Drops the events that wait. */
  async close(): Promise<void> {
    this.#queue.clear();
    this.#queue.end();
    this.#controller.abort(CLOSED);
    await this.#running;
  }

  /** For `await using`. Like {@linkcode EventStream.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #run(): Promise<void> {
    const { signal: closed } = this.#controller;
    const signal = this.#signal;
    const abort = () => this.#controller.abort(signal?.reason);
    signal?.addEventListener("abort", abort);
    if (signal?.aborted) abort();
    try {
      const { keepConnected } = await import("./connection_loop.ts");
      const keep = (signal: AbortSignal) =>
        keepConnected(this.#connect, {
          source: this.#source,
          signal,
          emit: (event) => this.#emit(event),
          drain: () => this.#queue.drain(),
          gap: (reason) => this.#queue.push({ kind: "gap", reason }),
        });
      await this.#whileOpen(keep, closed);
    } catch (error) {
      if (error !== CLOSED) {
        if (signal?.aborted && error === signal.reason) this.#queue.clear();
        this.#queue.end({ error });
      }
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  /** Returns whether there was room. If not, all that waits is dropped. */
  #emit(event: T | Gap): boolean {
    if (this.#queue.length < CAPACITY) {
      this.#queue.push(event);
      return true;
    }
    this.#queue.clear();
    return false;
  }
}

const CLOSED = Symbol("closed");
