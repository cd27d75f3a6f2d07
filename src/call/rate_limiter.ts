/**
 * Keeps a session below rate limits. Requests that would exceed a limit wait, in the order in which their
 * calls first came here. A limit for some paths delays only those.
 */

import type { RateLimit } from "../brokers/broker.ts";
import type { Deadline } from "../net/deadline.ts";
import { deferred } from "../net/deferred.ts";
import { pathBelow } from "../net/url.ts";
import type { AttemptResult } from "../tracing/session_event.ts";
import { type Actor, tracers, traceWait } from "../tracing/tracers.ts";

/** A request that waits. */
interface Waiter {
  readonly ticket: number;
  readonly windows: readonly RateWindow[];
  readonly deadline: Deadline;
  readonly admit: (sentAt: number) => void;
  readonly refuse: (waitMs: number) => void;
  /** How long it waits at least, once that is known. */
  heldForMs?: number;
}

/** Admits requests no faster than the limits permit. */
export class RateLimiter {
  readonly #baseUrl: string;
  readonly #actor: Actor;
  readonly #windows: readonly RateWindow[];
  #queue: Waiter[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #lastTicket = 0;
  #isScheduled = false;

  constructor(limits: readonly RateLimit[], baseUrl: string, actor: Actor) {
    this.#actor = actor;
    this.#windows = limits.map((limit) => new RateWindow(limit));
    this.#baseUrl = baseUrl;
  }

  /** A place in the queue, which a call keeps when it is sent again. */
  nextTicket(): number {
    return this.#lastTicket += 1;
  }

  /**
   * Waits until a request may be sent, and counts it. Rejects at once if that would be after the end of
   * its call.
   *
   * @param tooLate Makes the error for that.
   * @param lastResult How the call's last attempt ended, to be told of.
   * @returns The time at which it was counted.
   */
  async wait(
    url: string,
    ticket: number,
    deadline: Deadline,
    tooLate: (waitMs: number) => unknown,
    lastResult?: AttemptResult,
  ): Promise<number> {
    const { promise, resolve, reject } = deferred<number>();
    const waiter: Waiter = {
      ticket,
      windows: this.#windowsFor(url),
      deadline,
      admit: resolve,
      refuse: (waitMs) => reject(tooLate(waitMs)),
    };
    const after = this.#queue.findLastIndex((other) => other.ticket < ticket);
    this.#queue.splice(after + 1, 0, waiter);
    this.#schedule();
    const admitted = deadline.race(promise);
    try {
      if (!tracers.wait.isHeard) return await admitted;
      await undefined; // the microtask of #schedule() runs first
      const { heldForMs: forMs } = waiter;
      if (forMs === undefined) return await admitted;
      const what = { reason: "rate_limit", forMs, after: lastResult } as const;
      return await traceWait(this.#actor, what, () => admitted);
    } catch (error) {
      this.#schedule();
      throw error;
    }
  }

  /** Uncounts a request that was not sent. */
  release(url: string, sentAt: number): void {
    for (const window of this.#windowsFor(url)) window.uncount(sentAt);
    this.#schedule();
  }

  /**
   * Pauses the limits that apply to a URL, after a 429.
   *
   * @returns Whether any limit applies to it.
   */
  pause(url: string, ms: number): boolean {
    const until = performance.now() + ms;
    const windows = this.#windowsFor(url);
    for (const window of windows) window.pausedUntil = Math.max(window.pausedUntil, until);
    this.#admitWaiters();
    return windows.length > 0;
  }

  /** How long a request to a URL would wait with an empty queue, in milliseconds. */
  waitMs(url: string): number {
    const now = performance.now();
    return Math.max(0, ...this.#windowsFor(url).map((window) => window.waitMs(0, now)));
  }

  #windowsFor(url: string): readonly RateWindow[] {
    const path = pathBelow(url, this.#baseUrl);
    return this.#windows.filter((window) => window.appliesTo(path));
  }

  /** Admits waiters once for all that come or leave in this tick. */
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.#admitWaiters();
    });
  }

  #admitWaiters(): void {
    clearTimeout(this.#timer);
    const now = performance.now();
    const ahead = new Map<RateWindow, number>();
    const remaining: Waiter[] = [];
    let nextInMs = Infinity;
    for (const waiter of this.#queue) {
      const { windows, deadline } = waiter;
      if (deadline.signal.aborted) continue;
      const waits = windows.map((window) => window.waitMs(ahead.get(window) ?? 0, now));
      const waitMs = Math.max(0, ...waits);
      if (waitMs === 0) {
        for (const window of windows) window.count(now);
        waiter.admit(now);
      } else if (waitMs >= deadline.remainingMs) {
        waiter.refuse(waitMs);
      } else {
        // Others may overtake it in a window that will have room again when this one is admitted.
        const slowest = windows[waits.indexOf(waitMs)];
        for (const window of windows) {
          const isHeld = window === slowest || window.perMs >= waitMs;
          if (isHeld) ahead.set(window, (ahead.get(window) ?? 0) + 1);
        }
        waiter.heldForMs ??= waitMs;
        remaining.push(waiter);
        nextInMs = Math.min(nextInMs, waitMs);
      }
    }
    this.#queue = remaining;
    if (remaining.length === 0) return;
    this.#timer = setTimeout(() => this.#admitWaiters(), Math.ceil(nextInMs));
  }
}

/** The sliding window of one limit. */
class RateWindow {
  readonly perMs: number;
  readonly #limit: RateLimit;
  pausedUntil = 0;
  /** The times of the last requests, as many as the limit permits, on the monotonic clock. */
  readonly #sentAt: number[] = [];

  constructor(limit: RateLimit) {
    this.#limit = limit;
    this.perMs = limit.perMs;
  }

  /** Whether the limit applies to a path. */
  appliesTo(path: string): boolean {
    return this.#limit.path === undefined || path.search(this.#limit.path) >= 0;
  }

  /** Counts a request. */
  count(now: number): void {
    this.#sentAt.push(now);
    if (this.#sentAt.length > this.#limit.requests) this.#sentAt.shift();
  }

  /** Uncounts a request that was not sent. */
  uncount(sentAt: number): void {
    const index = this.#sentAt.lastIndexOf(sentAt);
    if (index >= 0) this.#sentAt.splice(index, 1);
  }

  /** How long a request waits that has so many others ahead of it, in milliseconds. */
  waitMs(ahead: number, now: number): number {
    const { requests, perMs } = this.#limit;
    const openAt = Math.max(now, this.pausedUntil);
    // A request may be sent `perMs` after the one that is `requests` before it. That one may wait too,
    // and so on, each round `perMs` earlier.
    const place = this.#sentAt.length + ahead;
    const rounds = Math.max(0, Math.ceil((place - this.#sentAt.length + 1) / requests));
    const first = this.#sentAt[place - rounds * requests] ?? -Infinity;
    return Math.max(openAt + (rounds - 1) * perMs, first + rounds * perMs) - now;
  }
}
