/**
 * The end of one call: its time is up, its caller has aborted it, or the session was closed.
 *
 * The three are linked by hand. `AbortSignal.any` would keep something on a long-lived signal for
 * every call ever made with it, and Node leaves while only an `AbortSignal.timeout` is pending.
 */

import { ref, unref } from "./timer.ts";

/** The longest delay that `setTimeout` takes (24.8 days); beyond it, it fires at once. */
export const MAX_TIMEOUT_MS: number = 2 ** 31 - 1;

/**
 * A timer that rings so much too late rings in a process that was stopped, or too busy to look. What has
 * arrived meanwhile may be read first, for so long.
 */
const LATE_MS = 1_000;

/** Ends one call. */
export class Deadline {
  readonly #controller = new AbortController();
  readonly #timeoutReason: () => unknown;
  readonly #callerSignal: AbortSignal | undefined;
  readonly #onCallerAbort: (() => void) | undefined;
  readonly #beside: Deadlines;
  #endsAt: number;
  /** Until when what has arrived may be read, although its time is up. */
  #lateUntil: number | undefined;
  /** What ends the waits that are under way. */
  readonly #waits = new Set<(reason: unknown) => void>();

  /**
   * @param timeoutMs How long the call may take.
   * @param timeoutReason What it ends with when that time is up.
   * @param callerSignal What else ends it; its reason goes through untouched.
   * @param beside The calls beside which it runs; left out, it is alone.
   */
  constructor(
    timeoutMs: number,
    timeoutReason: () => unknown,
    callerSignal?: AbortSignal | null,
    beside: Deadlines = new Deadlines(),
  ) {
    callerSignal?.throwIfAborted();
    this.#timeoutReason = timeoutReason;
    const now = performance.now();
    this.#endsAt = now + timeoutMs;
    this.#beside = beside;
    beside.start(this, now);
    if (!callerSignal) return;
    this.#callerSignal = callerSignal;
    this.#onCallerAbort = () => this.abort(callerSignal.reason);
    callerSignal.addEventListener("abort", this.#onCallerAbort);
  }

  /** Aborts when the call is to end. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** When its time is up, by the monotonic clock: never, once the timer is stopped. */
  get endsAt(): number {
    return this.#endsAt;
  }

  /**
   * When it ends for a timer that looks now. One that looks too late gives what has arrived the time to be
   * read: there may be a one-time token in it.
   */
  endsFor(now: number): number {
    if (now - this.#endsAt > LATE_MS) this.#lateUntil ??= now + LATE_MS;
    return this.#lateUntil ?? this.#endsAt;
  }

  /** Throws what it ends with if its time is up, although no timer may have rung yet. */
  throwIfOver(): void {
    if (!this.signal.aborted && this.remainingMs <= 0) this.expire();
    this.signal.throwIfAborted();
  }

  /** How long the call may still take, in milliseconds. */
  get remainingMs(): number {
    return this.#endsAt - performance.now();
  }

  /** Its time is up. */
  expire(): void {
    this.abort(this.#timeoutReason());
  }

  /** Ends the call now. */
  abort(reason: unknown): void {
    this.finish();
    this.#controller.abort(reason);
    for (const reject of this.#waits) reject(this.signal.reason);
    this.#waits.clear();
  }

  /** Waits for something that outlives the call: an end of the call ends the waiting only. */
  wait<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      // A listener on the signal would do the same, and cost more than all the rest of a call.
      if (this.signal.aborted) reject(this.signal.reason);
      else this.#waits.add(reject);
      promise.then((value) => {
        this.#waits.delete(reject);
        resolve(value);
      }, (error) => {
        this.#waits.delete(reject);
        reject(error);
      });
    });
  }

  /** Waits for so long, or until the call ends. */
  async pause(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    try {
      await this.wait(promise);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Its time begins anew, after the timer was stopped. */
  restartTimer(timeoutMs: number): void {
    this.stopTimer();
    const now = performance.now();
    this.#lateUntil = undefined;
    this.#endsAt = now + timeoutMs;
    this.#beside.start(this, now);
  }

  /** From now on only the caller and the session end the call. */
  stopTimer(): void {
    if (this.#endsAt === Infinity) return;
    this.#endsAt = Infinity;
    this.#beside.stopTimer();
  }

  /** Lets go of the timer and of the caller's signal. */
  finish(): void {
    this.stopTimer();
    this.#beside.leave(this);
    if (this.#onCallerAbort !== undefined) {
      this.#callerSignal?.removeEventListener("abort", this.#onCallerAbort);
    }
  }
}

/** How {@linkcode Deadlines} treat their timer. */
export interface DeadlinesOptions {
  /**
   * Whether it stays armed between calls, where it keeps no process alive: on Deno, arming and clearing
   * one for each call takes longer than all the rest of it.
   *
   * @default {false}
   */
  readonly keepsTimer?: boolean;
}

/** Calls that run beside one another, or one after the other, and share a timer. */
export class Deadlines {
  readonly #running = new Set<Deadline>();
  /** How many of them time ends. */
  #timed = 0;
  #keepsTimer: boolean;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #ringsAt = Infinity;
  #armedAt = 0;

  constructor({ keepsTimer = false }: DeadlinesOptions = {}) {
    this.#keepsTimer = keepsTimer;
  }

  /** A call begins. */
  start(deadline: Deadline, now: number): void {
    this.#running.add(deadline);
    this.#timed += 1;
    if (this.#timed === 1) ref(this.#timer);
    this.#ringAt(deadline.endsAt, now);
  }

  /** Time ends one call less. */
  stopTimer(): void {
    this.#timed -= 1;
    if (this.#timed === 0) this.#rest();
  }

  /** Ends all calls, each with a reason of its own, and keeps no timer any more. */
  close(reason: () => unknown): void {
    this.#keepsTimer = false;
    for (const deadline of this.#running) deadline.abort(reason());
    this.#rest();
  }

  /** A call is over. */
  leave(deadline: Deadline): void {
    this.#running.delete(deadline);
  }

  #ringAt(time: number, now: number): void {
    // Timers stand still while a machine sleeps: one that was armed a while ago may ring too late.
    const isSure = this.#ringsAt > now && now - this.#armedAt < LATE_MS;
    if (time >= this.#ringsAt && isSure) return;
    clearTimeout(this.#timer);
    this.#armedAt = now;
    this.#ringsAt = Math.min(time, this.#ringsAt);
    const delayMs = Math.ceil(Math.max(0, this.#ringsAt - now));
    this.#timer = setTimeout(() => this.#ring(), Math.min(delayMs, MAX_TIMEOUT_MS));
  }

  #ring(): void {
    const now = performance.now();
    this.#silence();
    let next = Infinity;
    for (const deadline of this.#running) {
      const endsAt = deadline.endsFor(now);
      if (endsAt <= now) deadline.expire();
      else next = Math.min(next, endsAt);
    }
    if (next < Infinity) this.#ringAt(next, now); // timers may come a little early
  }

  #rest(): void {
    if (this.#keepsTimer) unref(this.#timer);
    else this.#silence();
  }

  #silence(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#ringsAt = Infinity;
  }
}
