import { assert } from "@std/assert";
import { SessionClosedError, SessionError } from "../../mod.ts";
import { Random } from "../support/random.ts";
import { SimulatedTime } from "../simulation/simulated_time.ts";

export const RUNS = 10_000;

/** After how many microtasks at the latest who has aborted is told so: no timer, nobody else's turn. */
export const SAME_TICK = 12;

/** Somebody who waits for a token or a response. */
export interface Caller {
  readonly name: string;
  readonly controller: AbortController;
  /** The newest token that was there when the call began. */
  readonly newest: number;
  /** The tokens that were known to be refused by then. */
  readonly refused: ReadonlySet<number>;
  isSettled: boolean;
}

/** One order of things, from a seed. What is wrong with it is in `faults`, and how it came in `steps`. */
export abstract class Interleaving {
  readonly random: Random;
  readonly time: SimulatedTime;
  readonly steps: string[] = [];
  readonly faults: string[] = [];
  readonly callers: Caller[] = [];
  readonly refused: Set<number> = new Set();
  isClosed = false;
  issued = 0;
  /** How many microtasks have had their turn. */
  hops = 0;

  constructor(seed: number, time: SimulatedTime) {
    this.random = new Random(seed);
    this.time = time;
  }

  /** The serial number of the token that is held. */
  abstract get held(): number;
  abstract step(): void;
  /** Answers all that waits for a response. */
  abstract finish(): void;

  async play(): Promise<string> {
    for (let steps = this.random.between(8, 24); steps > 0; steps--) {
      this.step();
      await this.hop(this.random.pick([0, 0, 0, 1, 1, 2, 3, 5, 8, 13]));
      if (this.random.chance(0.1)) await this.abortOne();
    }
    for (let round = 0; round < 3; round++) {
      this.finish();
      await this.time.drain();
    }
    if (this.isClosed && this.held > 0) this.fault("a token is held after the close");
    for (const { name, isSettled } of this.callers) if (!isSettled) this.fault(`${name} hangs`);
    for (const error of this.time.unhandled) this.fault(`nobody handles ${error}`);
    return this.faults.length === 0 ? "" : [...this.steps, ...this.faults].join("\n");
  }

  fault(text: string): void {
    this.faults.push(`FAULT after step ${this.steps.length}: ${text}`);
  }

  note(text: string): void {
    this.steps.push(`${this.steps.length + 1}. ${text}`);
  }

  /** Begins a call, and checks how it ends. */
  call(what: string, begin: (signal: AbortSignal) => Promise<number>): Caller {
    const caller: Caller = {
      name: `${what} ${this.callers.length}`,
      controller: new AbortController(),
      newest: this.held,
      refused: new Set(this.refused),
      isSettled: false,
    };
    this.note(`${caller.name} begins`);
    this.callers.push(caller);
    begin(caller.controller.signal).then(
      (serial) => this.#check(caller, serial, undefined),
      (error) => this.#check(caller, -1, error),
    );
    return caller;
  }

  async hop(count: number): Promise<void> {
    this.hops += count;
    for (let i = 0; i < count; i++) await Promise.resolve();
  }

  /** Aborts somebody, who must be told so before anything else happens. */
  async abortOne(): Promise<void> {
    const waiting = this.callers.filter(({ isSettled }) => !isSettled);
    const caller = waiting[this.random.between(0, waiting.length - 1)];
    if (caller === undefined) return;
    this.note(`${caller.name} aborts`);
    caller.controller.abort({ by: caller.name });
    await this.hop(SAME_TICK);
    if (!caller.isSettled) this.fault(`${caller.name} is not told of its abort`);
  }

  #check(caller: Caller, serial: number, error: unknown): void {
    const { name, controller: { signal }, newest, refused } = caller;
    caller.isSettled = true;
    if (error === undefined) {
      this.note(`${name} gets ${serial}`);
      if (serial < newest) this.fault(`${name} gets ${serial}, and ${newest} was there`);
      if (refused.has(serial)) this.fault(`${name} gets ${serial}, which was refused`);
      return;
    }
    this.note(`${name} fails: ${error}`);
    if (signal.aborted) {
      // Who was told something else in the very moment was told before.
      if (error !== signal.reason && !(error instanceof SessionError)) {
        this.fault(`${name} gets somebody else's reason`);
      }
    } else if (!(error instanceof SessionError)) {
      this.fault(`${name} fails without a reason: ${error}`);
    } else if (error instanceof SessionClosedError && !this.isClosed) {
      this.fault(`${name} is told of a close that was not`);
    }
  }
}

export async function playAll(
  make: (seed: number, time: SimulatedTime) => Interleaving,
): Promise<void> {
  for (let seed = 1; seed <= RUNS; seed++) {
    using time = new SimulatedTime(seed);
    const story = await make(seed, time).play();
    assert(story === "", `Interleaving ${seed}:\n${story}`);
  }
}
