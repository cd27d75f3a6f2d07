/**
 * Both clocks in a test's hands: the wall clock (`Date.now`), the monotonic one (`performance.now`)
 * and, if asked for, the timers. Put back by `using`.
 *
 * @module
 */

/** What {@linkcode FakeClock} replaces beside the two clocks. */
export interface FakeClockOptions {
  /** Whether `setTimeout` waits for {@linkcode FakeClock.advance} too. Not while a real server is used. */
  readonly timers?: boolean;
}

interface Timer {
  at: number;
  readonly callback: () => void;
  /** Of an interval: the time between two beats. */
  readonly everyMs?: number;
  /** Whether it keeps the process alive. */
  holds: boolean;
}

/** Clocks that move only when they are told to. */
export class FakeClock implements Disposable {
  readonly #realNow = Date.now;
  readonly #realMonotonic = performance.now;
  readonly #realSetTimeout = globalThis.setTimeout;
  readonly #realClearTimeout = globalThis.clearTimeout;
  readonly #realSetInterval = globalThis.setInterval;
  readonly #realClearInterval = globalThis.clearInterval;
  readonly #timers = new Map<unknown, Timer>();
  #wall = Date.now();
  #monotonic = 1_000;

  constructor({ timers = false }: FakeClockOptions = {}) {
    Date.now = () => this.#wall;
    performance.now = () => this.#monotonic;
    if (!timers) return;
    const arm = (made: Omit<Timer, "holds">) => {
      const timer: Timer = { ...made, holds: true };
      const id = { ref: () => timer.holds = true, unref: () => timer.holds = false };
      this.#timers.set(id, timer);
      return id;
    };
    const clear = (id: unknown) => {
      if (!this.#timers.delete(id)) this.#realClearTimeout.call(globalThis, id as number);
    };
    // The fetch of Node and the server of Bun pass arguments to theirs, which stay real; the module does not.
    globalThis.setTimeout =
      ((callback: () => void, delayMs = 0, ...args: unknown[]) =>
        args.length > 0
          ? Reflect.apply(this.#realSetTimeout, globalThis, [callback, delayMs, ...args])
          : arm({ at: this.#monotonic + delayMs, callback })) as unknown as typeof setTimeout;
    globalThis.setInterval =
      ((callback: () => void, everyMs = 0) =>
        arm({ at: this.#monotonic + everyMs, callback, everyMs })) as unknown as typeof setInterval;
    globalThis.clearTimeout = clear;
    globalThis.clearInterval = clear;
  }

  /** How many timers are armed. */
  get armed(): number {
    return this.#timers.size;
  }

  /** How many of them keep the process alive: not what waits for the next refresh, or between calls. */
  get holding(): number {
    return [...this.#timers.values()].filter(({ holds }) => holds).length;
  }

  /** Time passes: both clocks move, and timers fire in order. */
  advance(ms: number): void {
    const end = this.#monotonic + ms;
    for (;;) {
      const [due] = [...this.#timers].filter(([, timer]) => timer.at <= end)
        .sort(([, a], [, b]) => a.at - b.at);
      if (due === undefined) break;
      const [id, timer] = due;
      if (timer.everyMs === undefined) this.#timers.delete(id);
      else timer.at += timer.everyMs;
      this.#move(timer.at - this.#monotonic);
      timer.callback();
    }
    this.#move(end - this.#monotonic);
  }

  /** The machine sleeps: only the wall clock moves. */
  sleep(ms: number): void {
    this.#wall += ms;
  }

  /** The machine sleeps, on a system whose monotonic clock does not: timers alone stand still. */
  sleepMonotonic(ms: number): void {
    this.#move(ms);
    for (const timer of this.#timers.values()) timer.at += ms;
  }

  /** Somebody sets the wall clock. */
  setWall(ms: number): void {
    this.#wall = ms;
  }

  [Symbol.dispose](): void {
    Date.now = this.#realNow;
    performance.now = this.#realMonotonic;
    globalThis.setTimeout = this.#realSetTimeout;
    globalThis.clearTimeout = this.#realClearTimeout;
    globalThis.setInterval = this.#realSetInterval;
    globalThis.clearInterval = this.#realClearInterval;
  }

  #move(ms: number): void {
    this.#monotonic += ms;
    this.#wall += ms;
  }
}
