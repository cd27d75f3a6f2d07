/**
 * Time and chance in a simulation's hands, so that a day is over in milliseconds and one seed tells all
 * that happens in it. Put back by `using`.
 *
 * @module
 */

import { AsyncLocalStorage } from "node:async_hooks";
import process from "node:process";
import { setImmediate } from "node:timers";
import { seeded } from "../support/random.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { Replacements } from "../support/replacements.ts";

/** Whose timers and requests these are; the world's own have no owner. */
const owner = new AsyncLocalStorage<object | undefined>();

/** The text of a request's body: to read a `Blob` takes the event loop, and real time. */
const texts = new WeakMap<object, string>();

interface Armed {
  readonly at: number;
  readonly owner: object | undefined;
}

/** Clocks, timers and chance. */
export class SimulatedTime extends FakeClock {
  readonly #armed = new Map<unknown, Armed>();
  readonly #timerTime: () => number;
  readonly #replacements = new Replacements();
  readonly #stopListening: () => void;
  readonly #longestDelayMs = 2 ** 31 - 1;
  #sleptMs = 0;
  #monotonicSleepMs = 0;
  /** What nobody caught. */
  readonly unhandled: unknown[] = [];
  /** What the operator was warned of. */
  readonly warnings: string[] = [];
  /** Delays that no platform takes: beyond 24.8 days a timer fires at once. */
  readonly wrongDelays: number[] = [];

  constructor(seed: number) {
    super({ timers: true });
    this.setWall(Date.parse("2026-01-05T00:00:00Z"));
    const timerTime = performance.now;
    this.#timerTime = timerTime;
    performance.now = () => timerTime() + this.#monotonicSleepMs;
    this.#takeTimers();
    this.#replacements.set(Math, "random", seeded(seed));
    this.#replacements.setPromptDigest();
    this.#replacements.set(globalThis, "Blob", ReadableBlob);
    this.#replacements.set(process, "emitWarning", (warning: unknown) => {
      this.warnings.push(String(warning));
    });
    const onUnhandled = (event: PromiseRejectionEvent) => {
      event.preventDefault();
      this.unhandled.push(event.reason);
    };
    globalThis.addEventListener("unhandledrejection", onUnhandled);
    this.#stopListening = () => globalThis.removeEventListener("unhandledrejection", onUnhandled);
  }

  override [Symbol.dispose](): void {
    this.#stopListening();
    this.#replacements[Symbol.dispose]();
    super[Symbol.dispose]();
  }

  /** Whose code runs. */
  get owner(): object | undefined {
    return owner.getStore();
  }

  /** The time that timers know, which stands still while the machine sleeps. */
  get timerMs(): number {
    return this.#timerTime();
  }

  /** The time of the world, which nobody can set and which never stands still. */
  get trueMs(): number {
    return this.#timerTime() + this.#sleptMs;
  }

  /** How many timers somebody has armed. */
  armedBy(somebody: object): number {
    let count = 0;
    for (const armed of this.#armed.values()) if (armed.owner === somebody) count += 1;
    return count;
  }

  /** Runs something whose timers, also later ones, are somebody's. */
  as<T>(somebody: object, task: () => T): T {
    return owner.run(somebody, task);
  }

  /** Arms a timer of the world. No two of them fire at once, so that the world has an order. */
  after(ms: number, task: () => void): () => void {
    const times = new Set(Array.from(this.#armed.values(), ({ at }) => at));
    let delayMs = ms;
    while (times.has(this.timerMs + delayMs)) delayMs += 1;
    const timer = owner.run(undefined, () => setTimeout(task, delayMs));
    return () => clearTimeout(timer);
  }

  /** Lets everything happen that waits for no time. */
  async drain(): Promise<void> {
    // A turn of the event loop comes after all microtasks, and after complaints of unhandled ones.
    await new Promise<void>((resolve) => void setImmediate(resolve));
  }

  /** Time passes, from timer to timer; all that one sets off is over before the next. */
  async pass(ms: number, onStep: () => void): Promise<void> {
    const end = this.timerMs + ms;
    for (;;) {
      let next = Infinity;
      for (const { at } of this.#armed.values()) next = Math.min(next, at);
      if (next > end) break;
      this.advance(next - this.timerMs);
      await this.drain();
      onStep();
    }
    this.advance(end - this.timerMs);
  }

  /** The machine sleeps: timers stand still, and on some systems the monotonic clock does not. */
  hibernate(ms: number, monotonic: "stands still" | "goes on"): void {
    this.sleep(ms);
    this.#sleptMs += ms;
    if (monotonic === "goes on") this.#monotonicSleepMs += ms;
  }

  #takeTimers(): void {
    const { setTimeout: arm, clearTimeout: clear } = globalThis;
    const taken = (callback: () => void, givenMs = 0): unknown => {
      const delayMs = Math.trunc(givenMs); // as the platforms do
      if (!(delayMs >= 0 && delayMs <= this.#longestDelayMs)) this.wrongDelays.push(delayMs);
      const somebody = owner.getStore();
      const timer: unknown = arm(() => {
        this.#armed.delete(timer);
        owner.run(somebody, callback);
      }, delayMs);
      this.#armed.set(timer, { at: this.timerMs + delayMs, owner: somebody });
      return timer;
    };
    globalThis.setTimeout = taken as typeof setTimeout;
    globalThis.clearTimeout = ((timer: unknown) => {
      clear(timer as number);
      this.#armed.delete(timer);
    }) as typeof clearTimeout;
  }
}

/** What a body of the module's own says. */
export function textOf(body: unknown): string {
  return typeof body === "object" && body !== null ? texts.get(body) ?? "" : String(body);
}

class ReadableBlob extends Blob {
  constructor(parts?: BlobPart[], options?: BlobPropertyBag) {
    super(parts, options);
    texts.set(this, (parts ?? []).map((part) => textOf(part)).join(""));
  }
}
