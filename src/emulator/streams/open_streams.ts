/** The streams that are open. */

import { clearInterval, setInterval } from "node:timers";
import { type Addressed, Route } from "../route.ts";
import { Outlet, type StreamFault, type Wire } from "./outlet.ts";

/** How often streams look for what is due by the clock, such as a heartbeat. */
const LOOK_EVERY_MS = 100;

/** One stream: what a broker sends in it. */
export interface SourceOfStream {
  /** Sends what has changed since the last time, and what is due by the clock. */
  update(): void;
  /** Takes a message of the client's, where there are some. */
  receive?(message: string): void;
  /** Announces that the service goes away, where the broker does so. */
  goAway?(): void;
  /** The connection has ended. */
  closed?(): void;
}

/** Begins a stream. */
export type BeginStream = (outlet: Outlet) => SourceOfStream;

interface OpenStream {
  readonly request: Addressed;
  readonly outlet: Outlet;
  readonly source: SourceOfStream;
}

/** All open streams. */
export class OpenStreams {
  readonly #streams = new Set<OpenStream>();
  #timer: ReturnType<typeof setInterval> | undefined;

  /** Begins a stream over a connection. */
  add(request: Addressed, wire: Wire, begin: BeginStream): {
    readonly outlet: Outlet;
    /** Takes a message of the client's. */
    receive(message: string): void;
    /** The connection has ended. */
    remove(): void;
  } {
    const outlet = new Outlet(wire);
    const stream = { request, outlet, source: begin(outlet) };
    this.#streams.add(stream);
    this.#timer ??= setInterval(() => this.update(), LOOK_EVERY_MS);
    return {
      outlet,
      receive: (message) => {
        if (!outlet.isSilent) stream.source.receive?.(message);
      },
      remove: () => {
        if (this.#streams.delete(stream)) stream.source.closed?.();
        if (this.#streams.size > 0) return;
        clearInterval(this.#timer);
        this.#timer = undefined;
      },
    };
  }

  /** Lets every stream send what has changed. */
  update(): void {
    for (const { source } of [...this.#streams]) source.update();
  }

  /** How many streams of a route are open. */
  count(route: string): number {
    return this.#of(route).length;
  }

  /** Lets something happen to the streams of a route. Returns to how many. */
  disturb(route: string, fault: StreamFault): number {
    const streams = this.#of(route);
    for (const { outlet, source, request } of streams) {
      if (fault !== "goAway") outlet.disturb(fault);
      else if (source.goAway !== undefined) source.goAway();
      else throw new TypeError(`Cannot disturb ${request.path}: no "goAway" is known there`);
    }
    return streams.length;
  }

  /** Resets all connections. */
  clear(): void {
    for (const { outlet } of [...this.#streams]) outlet.disturb("reset");
  }

  #of(route: string): readonly OpenStream[] {
    const wanted = new Route(route);
    return [...this.#streams].filter(({ request }) => wanted.matches(request));
  }
}
