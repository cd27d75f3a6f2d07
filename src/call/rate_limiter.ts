/**
 * Keeps a session below rate limits: requests that would be too many wait for their turn, in the order
 * in which they came. A limit of some paths holds up only those.
 */

import type { RateLimit } from "../brokers/broker.ts";
import type { Deadline } from "../net/deadline.ts";
import { withoutQuery } from "./request.ts";

/** A request that waits for its turn. */
interface Waiting {
  /** Lower numbers go first. */
  readonly number: number;
  readonly lanes: readonly Lane[];
  readonly deadline: Deadline;
  readonly go: (leftAt: number) => void;
  /** Its turn would come too late. */
  readonly refuse: (waitMs: number) => void;
}

/** Lets requests out, no faster than the limits allow. */
export class Pacer {
  readonly #baseUrl: string;
  readonly #lanes: readonly Lane[];
  #queue: Waiting[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #lastNumber = 0;
  #isAdvancing = false;

  constructor(limits: readonly RateLimit[], baseUrl: string) {
    this.#lanes = limits.map((limit) => new Lane(limit));
    this.#baseUrl = baseUrl;
  }

  /** A number for a call, which keeps it when it goes out again: who came first, goes first. */
  number(): number {
    return this.#lastNumber += 1;
  }

  /**
   * Waits until a request may go out, and counts it. Rejects at once if that would be after the end of
   * its call.
   *
   * @param refusal What it rejects with then.
   * @returns When it was counted.
   */
  async turn(
    url: string,
    number: number,
    deadline: Deadline,
    refusal: (waitMs: number) => unknown,
  ): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const waiting: Waiting = {
      number,
      lanes: this.#lanesOf(url),
      deadline,
      go: resolve,
      refuse: (waitMs) => reject(refusal(waitMs)),
    };
    const after = this.#queue.findLastIndex((other) => other.number < number);
    this.#queue.splice(after + 1, 0, waiting);
    this.#advanceSoon();
    try {
      return await deadline.wait(promise);
    } catch (error) {
      this.#advanceSoon();
      throw error;
    }
  }

  /** A request that was counted did not go out. */
  giveBack(url: string, leftAt: number): void {
    for (const lane of this.#lanesOf(url)) lane.uncount(leftAt);
    this.#advanceSoon();
  }

  /**
   * The broker has enough for so long.
   *
   * @returns Whether that holds up anything: no limit may be about this URL.
   */
  pause(url: string, ms: number): boolean {
    const until = performance.now() + ms;
    const lanes = this.#lanesOf(url);
    for (const lane of lanes) lane.pausedUntil = Math.max(lane.pausedUntil, until);
    this.#advance();
    return lanes.length > 0;
  }

  /** How long a request would have to wait that is the next. */
  waitMs(url: string): number {
    const now = performance.now();
    return Math.max(0, ...this.#lanesOf(url).map((lane) => lane.waitMs(0, now)));
  }

  #lanesOf(url: string): readonly Lane[] {
    const whole = withoutQuery(url);
    const path = whole.startsWith(this.#baseUrl)
      ? whole.slice(this.#baseUrl.length)
      : new URL(whole).pathname;
    return this.#lanes.filter((lane) => lane.counts(path));
  }

  /** Once for all who come or leave in this tick. */
  #advanceSoon(): void {
    if (this.#isAdvancing) return;
    this.#isAdvancing = true;
    queueMicrotask(() => {
      this.#isAdvancing = false;
      this.#advance();
    });
  }

  /** Lets out whose turn it is, sends home whose turn comes too late, and comes back for the next. */
  #advance(): void {
    clearTimeout(this.#timer);
    const now = performance.now();
    const ahead = new Map<Lane, number>();
    const staying: Waiting[] = [];
    let nextInMs = Infinity;
    for (const waiting of this.#queue) {
      const { lanes, deadline } = waiting;
      if (deadline.signal.aborted) continue;
      const waits = lanes.map((lane) => lane.waitMs(ahead.get(lane) ?? 0, now));
      const waitMs = Math.max(0, ...waits);
      if (waitMs === 0) {
        for (const lane of lanes) lane.count(now);
        waiting.go(now);
      } else if (waitMs >= deadline.remainingMs) {
        waiting.refuse(waitMs);
      } else {
        // Others may pass it under a limit that will have room again when its turn comes.
        const slowest = lanes[waits.indexOf(waitMs)];
        for (const lane of lanes) {
          if (lane === slowest || lane.perMs >= waitMs) ahead.set(lane, (ahead.get(lane) ?? 0) + 1);
        }
        staying.push(waiting);
        nextInMs = Math.min(nextInMs, waitMs);
      }
    }
    this.#queue = staying;
    if (staying.length > 0) this.#timer = setTimeout(() => this.#advance(), Math.ceil(nextInMs));
  }
}

/** One limit, and what has gone out under it. */
class Lane {
  readonly perMs: number;
  readonly #limit: RateLimit;
  pausedUntil = 0;
  /** When the last requests went out, as many as the limit has: by the monotonic clock. */
  readonly #departures: number[] = [];

  constructor(limit: RateLimit) {
    this.#limit = limit;
    this.perMs = limit.perMs;
  }

  /** Whether it is about this path. */
  counts(path: string): boolean {
    return this.#limit.path === undefined || path.search(this.#limit.path) >= 0;
  }

  /** A request goes out. */
  count(now: number): void {
    this.#departures.push(now);
    if (this.#departures.length > this.#limit.requests) this.#departures.shift();
  }

  /** A request did not go out after all. */
  uncount(leftAt: number): void {
    const index = this.#departures.lastIndexOf(leftAt);
    if (index >= 0) this.#departures.splice(index, 1);
  }

  /** How long a request has to wait that has so many others before it. */
  waitMs(ahead: number, now: number): number {
    const { requests, perMs } = this.#limit;
    const free = Math.max(now, this.pausedUntil);
    // The request may go `perMs` after the one that is `requests` before it, and that one likewise,
    // if it is still waiting too.
    const place = this.#departures.length + ahead;
    const rounds = Math.max(0, Math.ceil((place - this.#departures.length + 1) / requests));
    const first = this.#departures[place - rounds * requests] ?? -Infinity;
    return Math.max(free + (rounds - 1) * perMs, first + rounds * perMs) - now;
  }
}
