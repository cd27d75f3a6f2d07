/**
 * The lifetime of one call. It ends when its time is up, when its caller aborts, or when the session
 * closes.
 *
 * The three are linked by hand, because `AbortSignal.any` leaves something on a long-lived signal for
 * every call made with it, and because Node exits while only an `AbortSignal.timeout` is pending.
 */

import { deferred } from "./deferred.ts";
import { ref, unref } from "./timer.ts";

/** The longest delay that `setTimeout` takes, 24.8 days. With a longer one it fires at once. */
export const MAX_TIMEOUT_MS: number = 2 ** 31 - 1;

/**
 * Checks a timeout.
 *
 * @throws {RangeError} If it is not a number of milliseconds that a timer can hold.
 */
export function checkTimeout(timeoutMs: number): number {
  const isValid = typeof timeoutMs === "number" && timeoutMs > 0 && timeoutMs <= MAX_TIMEOUT_MS;
  if (isValid) return timeoutMs;
  throw new RangeError(
    `Cannot use timeoutMs ${timeoutMs}: it must be in milliseconds, above 0 and at most ${MAX_TIMEOUT_MS}`,
  );
}

/**
 * If a timer fires more than a second late, the process was suspended or busy. Then a call gets one more
 * second to read the response that may have arrived meanwhile.
 */
const LATE_MS = 1_000;

/** Ends one call. */
export class Deadline {
  /** Its place in its group's list; -1 if it is not there. */
  index = -1;
  readonly #controller = new AbortController();
  /** Aborts when the call ends early. Kept, because Bun's getter costs as much as a small object. */
  readonly signal: AbortSignal = this.#controller.signal;
  readonly #timeoutReason: () => unknown;
  readonly #callerSignal: AbortSignal | undefined;
  readonly #onCallerAbort: (() => void) | undefined;
  readonly #group: DeadlineGroup;
  #endsAt: number;
  /** The end of the extra time after a late timer. */
  #lateUntil: number | undefined;
  /** Rejects the promises that `race()` has returned. */
  readonly #rejecters: ((reason: unknown) => void)[] = [];

  /**
   * @param timeoutMs How long the call may take, in milliseconds.
   * @param timeoutReason Makes the reason to abort with when that time is up.
   * @param callerSignal Ends the call too, with its own reason.
   * @param group The calls to share a timer with.
   * @throws The caller's reason, if its signal has aborted already.
   */
  constructor(
    timeoutMs: number,
    timeoutReason: () => unknown,
    callerSignal?: AbortSignal | null,
    group: DeadlineGroup = new DeadlineGroup(),
  ) {
    callerSignal?.throwIfAborted();
    this.#timeoutReason = timeoutReason;
    const now = performance.now();
    this.#endsAt = now + timeoutMs;
    this.#group = group;
    group.start(this, now);
    if (!callerSignal) return;
    this.#callerSignal = callerSignal;
    this.#onCallerAbort = () => this.abort(callerSignal.reason);
    callerSignal.addEventListener("abort", this.#onCallerAbort);
  }

  /** When the time is up, on the monotonic clock; `Infinity` once the timer is stopped. */
  get endsAt(): number {
    return this.#endsAt;
  }

  /** How long the call may still take, in milliseconds. */
  get remainingMs(): number {
    return this.#endsAt - performance.now();
  }

  /**
   * When the call ends for a timer that fires now. If the timer is late, the call gets extra time, because
   * the response that has arrived may hold a one-time token.
   */
  endsFor(now: number): number {
    if (now - this.#endsAt > LATE_MS) this.#lateUntil ??= now + LATE_MS;
    return this.#lateUntil ?? this.#endsAt;
  }

  /** Throws the reason if the call has ended, even if no timer has fired yet. */
  throwIfOver(): void {
    if (!this.signal.aborted && this.remainingMs <= 0) this.expire();
    this.signal.throwIfAborted();
  }

  /** Waits for a promise. If the call ends first, rejects with the reason; the promise goes on. */
  race<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      // A listener on the signal would do the same, and cost more than the rest of a call.
      if (this.signal.aborted) reject(this.signal.reason);
      else this.#rejecters.push(reject);
      promise.then((value) => {
        this.#forget(reject);
        resolve(value);
      }, (error) => {
        this.#forget(reject);
        reject(error);
      });
    });
  }

  /** Waits for a time in milliseconds, or rejects with the reason when the call ends. */
  async sleep(ms: number): Promise<void> {
    const { promise, resolve } = deferred<void>();
    const timer = setTimeout(resolve, ms);
    try {
      await this.race(promise);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Gives the call a new time, from now. */
  restartTimer(timeoutMs: number): void {
    this.stopTimer();
    const now = performance.now();
    this.#lateUntil = undefined;
    this.#endsAt = now + timeoutMs;
    this.#group.start(this, now);
  }

  /** From now on only the caller and the session end the call. */
  stopTimer(): void {
    if (this.#endsAt === Infinity) return;
    this.#endsAt = Infinity;
    this.#group.stopTimer();
  }

  /** Ends the call because its time is up. */
  expire(): void {
    this.abort(this.#timeoutReason());
  }

  /** Ends the call now. */
  abort(reason: unknown): void {
    this.dispose();
    this.#controller.abort(reason);
    for (const reject of this.#rejecters.splice(0)) reject(this.signal.reason);
  }

  /** Releases the timer and the caller's signal. */
  dispose(): void {
    this.stopTimer();
    this.#group.remove(this);
    if (this.#onCallerAbort !== undefined) {
      this.#callerSignal?.removeEventListener("abort", this.#onCallerAbort);
    }
  }

  /** A promise of `race()` has settled. */
  #forget(reject: (reason: unknown) => void): void {
    const index = this.#rejecters.indexOf(reject);
    if (index >= 0) this.#rejecters.splice(index, 1);
  }
}

/**
 * Runs a task for a limited time. When that is up, rejects with the reason; the task goes on.
 *
 * @param signal Ends the wait too. If it has aborted already, the task does not start.
 */
export async function withTimeout<T>(
  timeoutMs: number,
  timeoutReason: () => unknown,
  task: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const deadline = new Deadline(timeoutMs, timeoutReason, signal);
  try {
    return await deadline.race(task());
  } finally {
    deadline.dispose();
  }
}

/** How a {@linkcode DeadlineGroup} treats its timer. */
export interface DeadlineGroupOptions {
  /**
   * Whether the timer stays armed between calls, without keeping the process alive. On Deno, arming and
   * clearing a timer for each call takes longer than the rest of the call.
   *
   * @default {false}
   */
  readonly keepsTimer?: boolean;
}

/** Calls that share a timer and can be ended together. */
export class DeadlineGroup {
  /** In any order. A `Set` would take ten times as long to change. */
  readonly #running: Deadline[] = [];
  /** How many of them have a timer. */
  #timed = 0;
  #keepsTimer: boolean;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #firesAt = Infinity;
  #armedAt = 0;

  constructor({ keepsTimer = false }: DeadlineGroupOptions = {}) {
    this.#keepsTimer = keepsTimer;
  }

  /** Adds a call, or restarts its timer. */
  start(deadline: Deadline, now: number): void {
    if (deadline.index < 0) deadline.index = this.#running.push(deadline) - 1;
    this.#timed += 1;
    if (this.#timed === 1) ref(this.#timer);
    this.#arm(deadline.endsAt, now);
  }

  /** One call less has a timer. */
  stopTimer(): void {
    this.#timed -= 1;
    if (this.#timed === 0) this.#rest();
  }

  /** Removes a call. */
  remove(deadline: Deadline): void {
    const { index } = deadline;
    const last = index < 0 ? undefined : this.#running.pop();
    deadline.index = -1;
    if (last === undefined || last === deadline) return;
    this.#running[index] = last;
    last.index = index;
  }

  /** Ends all calls, each with a reason of its own, and the timer. */
  close(reason: () => unknown): void {
    this.#keepsTimer = false;
    for (const deadline of [...this.#running]) deadline.abort(reason());
    this.#rest();
  }

  #arm(time: number, now: number): void {
    // Timers stand still while a machine sleeps, so one that was armed a while ago may fire too late.
    const isReliable = this.#firesAt > now && now - this.#armedAt < LATE_MS;
    if (time >= this.#firesAt && isReliable) return;
    clearTimeout(this.#timer);
    this.#armedAt = now;
    this.#firesAt = Math.min(time, this.#firesAt);
    const delayMs = Math.ceil(Math.max(0, this.#firesAt - now));
    this.#timer = setTimeout(() => this.#fire(), Math.min(delayMs, MAX_TIMEOUT_MS));
  }

  #fire(): void {
    const now = performance.now();
    this.#disarm();
    let next = Infinity;
    for (const deadline of [...this.#running]) {
      const endsAt = deadline.endsFor(now);
      if (endsAt <= now) deadline.expire();
      else next = Math.min(next, endsAt);
    }
    if (next < Infinity) this.#arm(next, now); // also when the timer was a little early
  }

  /** No call needs the timer now. */
  #rest(): void {
    if (this.#keepsTimer) unref(this.#timer);
    else this.#disarm();
  }

  #disarm(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#firesAt = Infinity;
  }
}
