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
  readonly at: number;
  readonly callback: () => void;
}

/** Clocks that move only when they are told to. */
export class FakeClock implements Disposable {
  readonly #realNow = Date.now;
  readonly #realMonotonic = performance.now;
  readonly #realSetTimeout = globalThis.setTimeout;
  readonly #realClearTimeout = globalThis.clearTimeout;
  readonly #timers = new Map<number, Timer>();
  #wall = Date.now();
  #monotonic = 1_000;
  #nextId = 1;

  constructor({ timers = false }: FakeClockOptions = {}) {
    Date.now = () => this.#wall;
    performance.now = () => this.#monotonic;
    if (!timers) return;
    globalThis.setTimeout = ((callback: () => void, delayMs = 0) => {
      const id = this.#nextId++;
      this.#timers.set(id, { at: this.#monotonic + delayMs, callback });
      return id;
    }) as unknown as typeof setTimeout;
    globalThis.clearTimeout = ((id: number) => this.#timers.delete(id)) as typeof clearTimeout;
  }

  /** How many timers are armed. */
  get armed(): number {
    return this.#timers.size;
  }

  /** Time passes: both clocks move, and timers fire in order. */
  advance(ms: number): void {
    const end = this.#monotonic + ms;
    for (;;) {
      const [due] = [...this.#timers].filter(([, timer]) => timer.at <= end)
        .sort(([, a], [, b]) => a.at - b.at);
      if (due === undefined) break;
      const [id, timer] = due;
      this.#timers.delete(id);
      this.#move(timer.at - this.#monotonic);
      timer.callback();
    }
    this.#move(end - this.#monotonic);
  }

  /** The machine sleeps: only the wall clock moves. */
  sleep(ms: number): void {
    this.#wall += ms;
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
  }

  #move(ms: number): void {
    this.#monotonic += ms;
    this.#wall += ms;
  }
}
