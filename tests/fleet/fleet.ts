/**
 * A fleet of processes on several runtimes that share one grant through an engine, while seeded faults kill,
 * stop, slow down and cut them, and restart the engine.
 *
 * @module
 */

import type { EngineKind } from "../engines/engines.ts";
import { Random } from "../support/random.ts";
import type { Runtime } from "../support/runtimes.ts";
import { FleetProcess, type Told } from "./fleet_process.ts";
import { TokenServer } from "./token_server.ts";

/** What to do. */
export interface FleetOptions {
  readonly engine: EngineKind;
  readonly runtimes: readonly Runtime[];
  readonly processes: number;
  readonly seconds: number;
  readonly seed: number;
  readonly lifetimeMs: number;
}

/** What became of it. */
export interface FleetReport {
  readonly engine: string;
  readonly seconds: number;
  readonly tokenRequests: number;
  /** Token requests for each lifetime of a token, up to its refresh. */
  readonly requestsPerLifetime: number;
  /** Token requests of processes that did not know yet that their clocks are wrong: one for each start. */
  readonly requestsOfWrongClocks: number;
  /** Other token requests while a token was young. */
  readonly earlyRequests: readonly string[];
  /** Second uses of a refresh token whose first user was killed or stopped before its save. */
  readonly unavoidableReuses: number;
  readonly otherReuses: readonly string[];
  readonly calls: number;
  /** Calls that failed although their process could reach the engine. */
  readonly failedCalls: readonly string[];
  /** The longest call of a process that was neither stopped nor cut off, in milliseconds. */
  readonly longestCallMs: number;
  readonly faults: Readonly<Record<string, number>>;
}

/** A fault of a process, or of the engine if `by` is empty. */
interface Fault {
  readonly by: string;
  readonly kind: string;
  readonly from: number;
  to: number;
}

/** The steps of a refresh, each with what happens there in turn. */
const STEPS = ["before intent", "after intent", "request sent", "answered", "saved"] as const;
const HOLDER_FAULTS = STEPS.flatMap((step) => [`at ${step} kill`, `at ${step} stop`]);

/** One fault of a holder at a time: its end must be seen before the next. */
const HOLDER_FAULT_EVERY_MS = 45_000;

/** How far the clocks of some processes are wrong. */
const CLOCKS_MS = [0, 0, 0, -5 * 3_600_000, 2 * 3_600_000];

/** A stop that is shorter than any wait, and one that is longer. */
const SHORT_STOP_MS = 5_000;
const LONG_STOP_MS = 35_000;

/** Runs a fleet. */
export async function runFleet(options: FleetOptions): Promise<FleetReport> {
  await using engine = await options.engine.start();
  await using server = new TokenServer(options.lifetimeMs);
  const fleet = new Fleet(options, server, engine.url, () => engine.restart());
  try {
    await fleet.run();
  } finally {
    await fleet.end();
  }
  return fleet.report();
}

function clockOf(index: number): number {
  return CLOCKS_MS[index % CLOCKS_MS.length] ?? 0;
}

class Fleet {
  readonly #options: FleetOptions;
  readonly #server: TokenServer;
  readonly #url: string;
  readonly #restartEngine: () => Promise<void>;
  readonly #random: Random;
  readonly #processes: FleetProcess[] = [];
  readonly #faults: Fault[] = [];
  readonly #calls: { readonly by: string; readonly at: number; readonly told: Told }[] = [];
  readonly #counts: Record<string, number> = {};
  readonly #timers: ReturnType<typeof setTimeout>[] = [];
  #holderFaults = 0;
  #isEnding = false;
  #startedAt = 0;

  constructor(
    options: FleetOptions,
    server: TokenServer,
    url: string,
    restart: () => Promise<void>,
  ) {
    this.#options = options;
    this.#server = server;
    this.#url = url;
    this.#restartEngine = restart;
    this.#random = new Random(options.seed);
  }

  async run(): Promise<void> {
    for (let i = 0; i < this.#options.processes; i++) this.#start(i, 1);
    await Promise.all(this.#processes.map(({ started }) => started));
    this.#startedAt = performance.now();
    const end = this.#startedAt + this.#options.seconds * 1_000;
    let nextHolderFault = performance.now() + 2_000;
    while (performance.now() < end) {
      // What happens is the seed's; the pause is only its rhythm.
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      if (performance.now() >= nextHolderFault) {
        nextHolderFault += HOLDER_FAULT_EVERY_MS;
        this.#planHolderFault();
      } else if (this.#random.chance(0.4)) await this.#disturb();
    }
  }

  async end(): Promise<void> {
    this.#isEnding = true;
    for (const timer of this.#timers) clearTimeout(timer);
    await Promise.all(this.#processes.map((process) => process.end()));
  }

  report(): FleetReport {
    const { requests } = this.#server;
    const usual = requests.filter(({ at, by }) =>
      at > this.#startedAt && !this.#isFindingTheTime(by, at)
    );
    const elapsedMs = performance.now() - this.#startedAt;
    const refreshAfterMs = this.#options.lifetimeMs * 0.78;
    const reuses = requests.filter(({ sent }, i) =>
      requests.slice(0, i).some((one) => one.sent === sent)
    );
    const isExcused = ({ sent, at }: { sent: number; at: number }) =>
      requests.some((one) => one.sent === sent && this.#wasHindered(one.by, one.at, at));
    const early = usual.filter(({ at }) => {
      const before = requests.findLast((one) => one.at < at);
      return before !== undefined && at - before.at < refreshAfterMs - 300;
    });
    const failed = this.#calls.filter(({ by, at, told }) =>
      told.did === "fail" && !this.#isHindered(by, at - (told.ms ?? 0), at)
    );
    const free = this.#calls.filter(({ by, at, told }) =>
      !this.#isHindered(by, at - (told.ms ?? 0), at)
    );
    return {
      engine: this.#options.engine.name,
      seconds: Math.round(elapsedMs / 1_000),
      tokenRequests: requests.length,
      requestsPerLifetime: usual.length / (elapsedMs / refreshAfterMs),
      requestsOfWrongClocks: requests.filter(({ by, at }) => this.#isFindingTheTime(by, at)).length,
      earlyRequests: early.map(({ by, at, sent }) => {
        const before = requests.findLast((one) => one.at < at);
        const ms = Math.round(at - (before?.at ?? 0));
        return `refresh-${sent} by ${by}, ${ms} ms after refresh-${before?.sent} by ${before?.by}`;
      }),
      unavoidableReuses: reuses.filter(isExcused).length,
      otherReuses: reuses.filter((one) => !isExcused(one)).map((one) => JSON.stringify(one)),
      calls: this.#calls.length,
      failedCalls: failed.map(({ by, told }) => `${by}: ${told.error} after ${told.ms} ms`),
      longestCallMs: Math.max(0, ...free.map(({ told }) => told.ms ?? 0)),
      faults: this.#counts,
    };
  }

  #start(index: number, life: number): void {
    const { runtimes } = this.#options;
    const runtime = runtimes[index % runtimes.length];
    if (runtime === undefined) throw new Error("no runtimes");
    const name = `${index}.${life}`;
    const clockMs = String(clockOf(index));
    const args = ["tests/fleet/program.ts", name, this.#server.url, this.#url, clockMs];
    const process = new FleetProcess(runtime, args, (told) => this.#take(process, told));
    this.#processes[index] = process;
    process.ended.then((isWanted) => {
      if (isWanted || this.#isEnding) return;
      this.#count("killed");
      this.#faults.push({
        by: name,
        kind: "killed",
        from: performance.now() - 1_000,
        to: Infinity,
      });
      this.#start(index, life + 1);
    });
  }

  /** A process tells what it does. */
  #take(process: FleetProcess, told: Told): void {
    const { name: by, did } = told;
    const at = performance.now();
    if (did === "cut") {
      this.#faults.push({ by, kind: "cut", from: at - 1_000, to: at + (told.ms ?? 0) });
    }
    if (did === "call" || did === "fail") this.#calls.push({ by, at, told });
    if (did !== "kill" && did !== "stop") return;
    this.#count(`${did} at: ${told.step}`);
    for (const other of this.#processes) other.tell("calm");
    if (did === "stop") this.#stop(process, by);
  }

  /** Whoever refreshes next is killed or stopped at the next of the steps. */
  #planHolderFault(): void {
    const first = this.#options.seed + this.#holderFaults;
    this.#holderFaults += 1;
    const plan = HOLDER_FAULTS[first % HOLDER_FAULTS.length] ?? "";
    for (const process of this.#processes) process.tell(plan);
  }

  /** Something that any process must survive. */
  async #disturb(): Promise<void> {
    const process = this.#random.pick(this.#processes as [FleetProcess, ...FleetProcess[]]);
    const ms = this.#random.between(500, 6_000);
    const what = this.#random.pick([
      "slow",
      "slow",
      "cut",
      "cut",
      "kill",
      "stop",
      "all slow",
      "restart",
    ]);
    this.#count(what);
    if (what === "slow") process.tell(`slow ${ms}`);
    if (what === "all slow") { for (const one of this.#processes) one.tell(`slow ${ms}`); }
    if (what === "kill") process.signal("SIGKILL");
    if (what === "stop") {
      process.signal("SIGSTOP");
      this.#stop(process, process.name);
    }
    if (what === "cut") process.tell(`cut ${ms}`);
    if (what !== "restart") return;
    const fault = { by: "", kind: "restart", from: performance.now(), to: Infinity };
    this.#faults.push(fault);
    await this.#restartEngine();
    fault.to = performance.now();
  }

  /** A process stands still: let it go on after a while. */
  #stop(process: FleetProcess, by: string): void {
    const ms = this.#random.pick([SHORT_STOP_MS, LONG_STOP_MS]);
    this.#count(`stopped for ${ms} ms`);
    const fault = {
      by,
      kind: "stopped",
      from: performance.now() - 1_000,
      to: performance.now() + ms + 1_000,
    };
    this.#faults.push(fault);
    this.#timers.push(setTimeout(() => process.signal("SIGCONT"), ms));
  }

  /** Whether nobody could know, at the end, what had become of a request of this process. */
  #wasHindered(by: string, from: number, to: number): boolean {
    return this.#faults.some((fault) =>
      fault.by === by && fault.from < to && fault.to > from &&
      (fault.kind === "killed" || fault.kind === "stopped" && fault.to - fault.from > 15_000)
    );
  }

  /** Whether this is the first request of a process with a wrong clock, which finds that out so. */
  #isFindingTheTime(by: string, at: number): boolean {
    const isWrong = clockOf(Number(by.split(".")[0])) !== 0;
    return isWrong && this.#server.requests.find((request) => request.by === by)?.at === at;
  }

  /** Whether a process could not go on by itself, or the engine was down. */
  #isHindered(by: string, from: number, to: number): boolean {
    const isHere = (fault: Fault) => fault.by === by || fault.by === "";
    const graceMs = 8_000; // clients connect again, and sessions try again
    return this.#faults.some((fault) =>
      isHere(fault) && fault.from < to && fault.to + graceMs > from
    );
  }

  #count(what: string): void {
    this.#counts[what] = (this.#counts[what] ?? 0) + 1;
  }
}
