/**
 * Days in the life of two programs that share a grant, each played from one seed: what they do, what
 * happens to them, and what must be so after each of it.
 *
 * The rules for what is sent are the broker's, in `simulated_broker.ts`. Those for what comes back to
 * the callers, and for what is left behind, are here.
 *
 * @module
 */

import {
  ApiError,
  AutoRefreshSession,
  NetworkError,
  Session,
  SessionClosedError,
  SessionError,
  type SessionOptions,
  tastytrade,
  TokenError,
  tradestation,
} from "../../mod.ts";
import {
  type ApiExchange,
  type Counts,
  type FaultProfile,
  type FaultState,
  Program,
  SimulatedBroker,
  StoreTrouble,
} from "./simulated_broker.ts";
import { Random } from "../support/random.ts";
import { SimulatedTime } from "./simulated_time.ts";

/** How long the background may look away. */
const LOOK_MS = 30_001;

const DAY_MS = 86_400_000;

/** What became of a day. */
export interface DayReport {
  readonly seed: number;
  readonly violations: readonly string[];
  /** How often what happened. */
  readonly counts: Readonly<Counts>;
}

/**
 * Plays a day.
 *
 * @param log Takes the day's events, if somebody wants to read them.
 */
export async function simulateDay(seed: number, log?: string[]): Promise<DayReport> {
  using time = new SimulatedTime(seed);
  const day = new Day(seed, time, log);
  await day.play();
  return { seed, violations: day.violations, counts: day.counts };
}

/** Plays a day that went wrong once more, for its whole story. */
export async function tell(seed: number): Promise<string> {
  const log: string[] = [];
  const { violations } = await simulateDay(seed, log);
  return [
    ...log,
    `Seed ${seed}: ${violations.length} violations, first: ${violations[0]}`,
    `Replay: deno run -A tests/simulation/simulate.ts 1 ${seed}`,
  ].join("\n");
}

type Kind = "get" | "post" | "fetch" | "accessToken" | "refresh" | "force";

/** One call of a caller, until it is settled. */
interface Call {
  readonly kind: Kind;
  readonly path: string;
  readonly program: Program;
  readonly startedAt: number;
  readonly startedAtMonotonic: number;
  readonly timeoutMs: number;
  readonly caller: AbortController;
  readonly exchange: ApiExchange;
  readonly wasRefused: boolean;
}

/** A program and its session. */
interface Running {
  readonly program: Program;
  readonly session: Session;
}

class Day {
  readonly #time: SimulatedTime;
  readonly #random: Random;
  readonly #broker: SimulatedBroker;
  readonly #profile: FaultProfile;
  readonly #options: SessionOptions;
  readonly #log: string[] | undefined;
  readonly #calls = new Set<Call>();
  readonly #all: Running[] = [];
  /** Programs whose calls must have set off a refresh, and how many they had begun before. */
  readonly #ageing = new Map<Program, number>();
  #grant: ReturnType<SimulatedBroker["consent"]>;
  #running: Running[] = [];
  #lastCall = 0;
  /** Since when nothing has gone wrong: then a background refresh has no excuse. */
  #calmSince = 0;

  constructor(seed: number, time: SimulatedTime, log: string[] | undefined) {
    this.#time = time;
    this.#log = log;
    const random = new Random(seed ^ 0x5eed);
    this.#random = random;
    const fixture = random.pick([tastytrade, tradestation]);
    const lifetimeS = random.pick([5, 10, 30, 60, 300, 900, 1_200, 3_600, 86_400, 86_400 * 30]);
    this.#profile = {
      isOneTime: random.chance(0.4),
      hasStore: random.chance(0.7),
      lifetimeS,
      isLifetimeSteady: random.chance(0.8),
      writes: random.pick(["number", "number", "number", "text", "nothing"]),
      defaultLifetimeMs: fixture.defaultTokenLifetimeMs,
      latencyMs: random.pick([5, 50, 300, 2_000]),
      tokenUrl: fixture === tastytrade
        ? "https://api.tastyworks.com/oauth/token"
        : "https://signin.tradestation.com/oauth/token",
    };
    // This is about tokens: every request is one of a caller's.
    this.#options = { broker: fixture, clientId: "client", clientSecret: "secret", retry: false };
    this.#say(`seed ${seed}: ${fixture.name} ${JSON.stringify(this.#profile)}`);
    this.#broker = new SimulatedBroker(time, random, this.#profile, (line) => this.#say(line));
    this.#grant = this.#broker.consent();
  }

  get violations(): readonly string[] {
    return this.#broker.violations;
  }

  get counts(): Counts {
    return this.#broker.counts;
  }

  async play(): Promise<void> {
    const end = this.#time.trueMs + DAY_MS;
    this.#open();
    this.#open();
    await this.#happen("the programs start", () => {});
    for (let events = this.#random.between(40, 120); events > 0; events--) {
      await this.#pass(this.#gapMs());
      const [name, event] = this.#event();
      await this.#happen(name, event);
      if (this.violations.length > 0) return await this.#leave();
    }
    const restMs = Math.max(0, end - this.#time.trueMs);
    await this.#happen("the night", () => this.#sleep(restMs));
    await this.#pass(60_000);
    this.#broker.count("days");
    await this.#leave();
  }

  // What happens.

  #event(): [string, () => void] {
    const { faults } = this.#broker;
    const isWild = this.#random.chance(0.3);
    if (!isWild) {
      const kinds: readonly [Kind, ...Kind[]] = [
        "get",
        "get",
        "get",
        "post",
        "post",
        "fetch",
        "accessToken",
        "refresh",
        "force",
      ];
      const calls = this.#random.pick([1, 1, 1, 2, 3, 10]);
      return [
        "calls",
        () => {
          for (let i = 0; i < calls; i++) {
            const running = this.#running[this.#random.between(0, 1)];
            if (running !== undefined) this.#call(running, this.#random.pick(kinds));
          }
        },
      ];
    }
    const is = (part: keyof FaultState) => faults[part] !== "fair";
    return this.#random.pick<[string, () => void]>([
      ["token endpoint", () => {
        faults.token = is("token")
          ? "fair"
          : this.#random.pick(["busy", "later", "refused", "hang", "garbage", "not yet", "lost"]);
        // Of what is lost here with a one-time refresh token, only a new login helps.
        if (faults.token === "lost" && this.#profile.isOneTime && this.#random.chance(0.8)) {
          faults.token = "refused";
        }
      }],
      ["token endpoint is well", () => {
        faults.token = "fair";
      }],
      ["API", () => {
        faults.api = is("api")
          ? "fair"
          : this.#random.pick(["down", "denied", "hang", "refused", "denied"]);
      }],
      ["API is well", () => {
        faults.api = "fair";
      }],
      ["store", () => {
        faults.store = is("store")
          ? "fair"
          : this.#random.pick(["slow", "slow", "late", "broken", "unwritable", "mute"]);
      }],
      ["store is well", () => {
        faults.store = "fair";
      }],
      ["access tokens revoked", () => this.#broker.revokeAccessTokens(this.#grant)],
      ["access tokens revoked", () => this.#broker.revokeAccessTokens(this.#grant)],
      ["grant", () => {
        if (this.#random.chance(0.3)) {
          this.#grant.isRevoked = true;
          this.#broker.revokeAccessTokens(this.#grant);
        }
      }],
      ["sleep", () => this.#sleep(this.#random.size(1_000, 8 * 3_600_000))],
      ["sleep", () => this.#sleep(this.#random.size(1_000, 8 * 3_600_000))],
      ["clock is set", () => {
        const ms = this.#random.size(1, DAY_MS) * this.#random.pick([-1, 1]);
        this.#time.setWall(Date.now() + ms);
      }],
      ["aborts", () => {
        for (const call of this.#calls) if (this.#random.chance(0.5)) this.#abort(call);
      }],
      ["restart", () => this.#restart(this.#random.pick([0, 1]))],
      ["restart", () => this.#restart(this.#random.pick([0, 1]))],
      ["login", () => this.#login()],
    ]);
  }

  #sleep(ms: number): void {
    this.#time.hibernate(ms, this.#random.pick(["stands still", "goes on"]));
  }

  #gapMs(): number {
    const { lifetimeS } = this.#profile;
    const ms = this.#random.pick([
      0,
      this.#random.between(0, 50),
      this.#random.between(0, 50),
      this.#random.between(0, 3_000),
      this.#random.between(0, 3_000),
      this.#random.between(0, 30_000),
      this.#random.between(0, lifetimeS * 500),
      this.#random.between(0, lifetimeS * 1_100),
    ]);
    return Math.min(ms, 300_000 + lifetimeS * 200, lifetimeS * 20_000, 3_600_000);
  }

  #open(): void {
    const { hasStore, isOneTime } = this.#profile;
    // Without a store, programs cannot share a refresh token that is good for one use.
    const grant = hasStore || !isOneTime ? this.#grant : this.#broker.consent();
    const name = `P${this.#all.length + 1}`;
    const isAuto = this.#random.chance(0.5);
    const program = new Program(name, grant, isAuto);
    const options: SessionOptions = {
      ...this.#options,
      refreshToken: grant.refreshToken(0), // what stands in the program's environment
      fetch: this.#broker.networkOf(program),
      ...(hasStore ? { store: this.#broker.storeOf(program) } : {}),
    };
    this.#say(`${name} opens${isAuto ? ", refreshing" : ""}`);
    const session = this.#time.as(
      program,
      () => isAuto ? new AutoRefreshSession(options) : new Session(options),
    );
    const running = { program, session };
    this.#all.push(running);
    this.#running.push(running);
    this.#calmSince = this.#time.timerMs;
  }

  #restart(index: number): void {
    const [gone] = this.#running.splice(index, 1);
    if (gone !== undefined) this.#close(gone);
    this.#open();
  }

  /** The user logs in anew, and both programs start with what that brought. */
  #login(): void {
    if (!this.#running.some(({ program }) => program.isRefused)) return;
    this.#broker.count("logins");
    this.#grant = this.#broker.consent();
    this.#restart(0);
    this.#restart(0);
  }

  #close({ program, session }: Running): void {
    const isGentle = this.#random.chance(0.6);
    this.#say(`${program.name} closes${isGentle ? "" : " at once"}`);
    program.isClosing = true;
    if (!isGentle) {
      this.#time.as(program, () => session[Symbol.dispose]());
      program.isOver = true;
      return;
    }
    const startedAt = this.#time.timerMs;
    program.closedGentlyAt = startedAt;
    const startedAtMonotonic = performance.now();
    const over = (error?: unknown) => {
      program.isOver = true;
      const ms = this.#time.timerMs - startedAt;
      this.#say(`${program.name} is closed after ${ms} ms`);
      if (
        error !== undefined && !(error instanceof SessionError && error.code === "store_failed")
      ) {
        this.#broker.violate(`${program.name} cannot close: ${error}`);
      }
      const isSlept = performance.now() - startedAtMonotonic > ms + 1;
      if (ms > (isSlept ? 11_100 : 10_100)) {
        this.#broker.violate(`${program.name} takes ${ms} ms to close`);
      }
    };
    this.#time.as(program, () => session.close()).then(() => over(), over);
  }

  async #leave(): Promise<void> {
    const { faults } = this.#broker;
    await this.#happen("the end", () => {
      faults.token = faults.api = faults.store = "fair";
      for (const running of this.#running) this.#close(running);
    });
    await this.#pass(60_000);
    for (const { program } of this.#all) {
      if (!program.isOver) this.#broker.violate(`${program.name} never closes`);
      const armed = this.#time.armedBy(program);
      if (armed > 0) this.#broker.violate(`${program.name} leaves ${armed} timers`);
    }
    if (this.#calls.size > 0) this.#broker.violate(`${this.#calls.size} calls are never settled`);
  }

  // Calls.

  #call({ program, session }: Running, kind: Kind): void {
    const path = `/call/${++this.#lastCall}`;
    const call: Call = {
      kind,
      path,
      program,
      startedAt: this.#time.timerMs,
      startedAtMonotonic: performance.now(),
      timeoutMs: this.#random.chance(0.2) ? this.#random.size(10, 60_000) : 30_000,
      caller: new AbortController(),
      exchange: { sentAt: -1, sent: 0, done: 0, status: 0, answeredAt: -1, isStraggler: false },
      wasRefused: program.isRefused,
    };
    this.#say(`${program.name} ${kind} ${path}, for ${call.timeoutMs} ms`);
    this.#broker.count(`calls of ${kind}`);
    this.#broker.exchanges.set(path, call.exchange);
    // TradeStation's paths stand below the version of its API.
    if (this.#options.broker === tradestation) {
      this.#broker.exchanges.set(`/v3${path}`, call.exchange);
    }
    const before = program.usable;
    if (program.isAgeing && kind !== "refresh") this.#ageing.set(program, program.begun);
    if (kind === "force" && !program.isRefused && performance.now() >= program.pausedUntil) {
      program.isForced = true;
    }
    this.#calls.add(call);
    this.#time.as(program, () => this.#start(call, session)).then(
      (value) => this.#settled(call, () => this.#checkValue(call, value)),
      (error) => this.#settled(call, () => this.#checkError(call, error)),
    );
    const isRequest = kind === "get" || kind === "post" || kind === "fetch";
    if (isRequest && before !== undefined && call.exchange.sent === 0) {
      this.#broker.violate(`${program.name} keeps ${path} back although it has ${before.text}`);
    }
    if (this.#random.chance(0.15)) {
      this.#time.after(this.#random.size(1, 5_000), () => this.#abort(call));
    }
  }

  async #start(call: Call, session: Session): Promise<unknown> {
    const { kind, path, timeoutMs, caller: { signal } } = call;
    const limits = { timeoutMs, signal };
    if (kind === "get") return await session.get(path, limits);
    if (kind === "post") return await session.post(path, { order: path }, limits);
    if (kind === "accessToken") return await session.accessToken(limits);
    if (kind === "refresh") return await session.refresh(limits);
    if (kind === "force") return await session.refresh({ ...limits, force: true });
    const response = await session.fetch(path, limits);
    await response.body?.cancel();
    return response.status;
  }

  #abort(call: Call): void {
    if (!this.#calls.has(call)) return;
    this.#say(`${call.program.name} ${call.path} is aborted`);
    this.#broker.count("aborts");
    call.caller.abort({ reason: call.path });
  }

  #settled(call: Call, check: () => void): void {
    this.#calls.delete(call);
    check();
  }

  #checkValue({ kind, path, program, exchange }: Call, value: unknown): void {
    this.#say(`${program.name} ${path} is fulfilled`);
    this.#broker.count("fulfilled");
    if (program.isClosing) this.#broker.violate(`${path} is fulfilled after the close`);
    if (kind === "accessToken") this.#broker.checkHandedOut(program, String(value));
    if (kind === "fetch" && value !== exchange.status) {
      this.#broker.violate(`${path} was answered ${exchange.status}, not ${value}`);
    }
    if ((kind === "get" || kind === "post") && !String(Object(value).path).endsWith(path)) {
      this.#broker.violate(`${path} has the answer of ${Object(value).path}`);
    }
  }

  #checkError(call: Call, error: unknown): void {
    const { kind, path, program, exchange, caller: { signal }, timeoutMs } = call;
    this.#say(`${program.name} ${path} is rejected: ${error}`);
    this.#broker.count("rejected");
    if (signal.aborted) {
      if (error !== signal.reason) this.#broker.violate(`${path} hides its caller's reason`);
      return;
    }
    // One that slept is over when the first timer fires, where the monotonic clock went on meanwhile.
    const isOverdue = this.#time.timerMs - call.startedAt >= timeoutMs ||
      performance.now() - call.startedAtMonotonic >= timeoutMs;
    const isExpected = error instanceof SessionClosedError
      ? program.isClosing
      : error instanceof TokenError
      ? error.isPermanent ? program.isRefused : program.hasSeenTrouble
      : error instanceof NetworkError
      ? program.hasSeenTrouble || (isOverdue && error.kind === "timeout")
      : error instanceof ApiError
      ? error.status === exchange.status && error.status !== 200 && kind !== "fetch"
      : error instanceof StoreTrouble ||
        (error instanceof SessionError && error.code === "store_failed");
    if (!isExpected) this.#broker.violate(`${path} is rejected for no reason: ${error}`);
  }

  // What must be so after each of it.

  async #happen(name: string, event: () => void): Promise<void> {
    this.#say(`— ${name}`);
    const { faults } = this.#broker;
    event();
    await this.#time.drain();
    if (name !== "calls") this.#calmSince = this.#time.timerMs;
    this.#say(`  ${faults.token}, ${faults.api}, ${faults.store}`);
    this.#check();
  }

  async #pass(ms: number): Promise<void> {
    await this.#time.pass(ms, () => this.#check());
  }

  #check(): void {
    const { faults } = this.#broker;
    const now = this.#time.timerMs;
    if (faults.token !== "fair" || faults.store !== "fair" || faults.api !== "fair") {
      this.#calmSince = now;
    }
    for (const error of this.#time.unhandled.splice(0)) {
      this.#broker.violate(`nobody handles ${error}`);
    }
    for (const delayMs of this.#time.wrongDelays.splice(0)) {
      this.#broker.violate(`a timer waits for ${delayMs} ms`);
    }
    for (const [program, begun] of this.#ageing) {
      this.#broker.count("refreshes behind a call");
      if (program.begun === begun && !program.isClosing) {
        this.#broker.violate(`${program.name} does not refresh a token that runs out`);
      }
    }
    this.#ageing.clear();
    const busy = new Set<Program>();
    for (const call of this.#calls) {
      busy.add(call.program);
      this.#checkPending(call);
    }
    for (const { program, session } of this.#all) {
      if (program.isOver) this.#checkOver(program);
      else if (!program.isClosing) this.#checkOpen(program, session, busy.has(program));
    }
  }

  #checkPending(call: Call): void {
    const { path, program, exchange, caller, startedAt, timeoutMs, kind } = call;
    const { timerMs, trueMs } = this.#time;
    // After a sleep that the monotonic clock counts, what has arrived may be read for a second more.
    const monotonicMs = performance.now() - call.startedAtMonotonic;
    const graceMs = monotonicMs > timerMs - startedAt + 1 ? 1_000 : 0;
    const still = `${program.name} still waits for ${kind} ${path}`;
    if (caller.signal.aborted) this.#broker.violate(`${still} after its abort`);
    if (program.isClosing) this.#broker.violate(`${still} after the close`);
    if (timerMs >= startedAt + timeoutMs + graceMs) this.#broker.violate(`${still} after its time`);
    if (exchange.status !== 0 && exchange.status !== 401 && exchange.answeredAt <= trueMs) {
      this.#broker.violate(`${still} after its answer`);
    }
    // Who has no token while there is none to be had is told so at once.
    const isHopeless = program.isRefused || performance.now() < program.pausedUntil;
    const isWaiting = exchange.sent === 0 || exchange.status === 401 && exchange.sent === 1;
    if (isHopeless && isWaiting && program.refreshes === 0) {
      this.#broker.violate(`${still} without hope`);
    }
  }

  #checkOver(program: Program): void {
    if (program.exchanges > 0) this.#broker.violate(`${program.name} asks after its end`);
    const armed = this.#time.armedBy(program);
    if (armed > 0) this.#broker.violate(`${program.name} has ${armed} timers after its end`);
  }

  #checkOpen(program: Program, session: Session, isBusy: boolean): void {
    const { name, current } = program;
    if (program.refreshes === 0) program.isForced = false; // refused at once, in a pause
    if (session.isLoggedIn !== program.isLoggedIn) {
      this.#broker.violate(`${name} says isLoggedIn ${session.isLoggedIn}`);
    }
    const expiresInMs = session.expiresAt === undefined
      ? undefined
      : session.expiresAt.getTime() - Date.now();
    const remaining = program.isLoggedIn && current ? program.remainingMs(current) : undefined;
    if (expiresInMs !== remaining) {
      this.#broker.violate(`${name} says that it expires in ${expiresInMs}, not ${remaining} ms`);
    }
    if (isBusy || program.refreshes > 0) return;
    const armed = this.#time.armedBy(program);
    // The background learns of a refusal that a caller met when it looks the next time.
    const isLearning = program.isRefused && this.#time.timerMs - program.troubledAt <= LOOK_MS;
    const expected = program.isAuto && !program.isRefused ? 1 : 0;
    const isFew = armed === expected || armed === expected + 1; // the one that ends requests stays
    const isKeeping = program.hasUnsaved || this.#time.timerMs < program.keepsUntil;
    if (!isFew && !isKeeping && !(isLearning && program.isAuto && armed <= 2)) {
      this.#broker.violate(`${name} rests with ${armed} timers`);
    }
    if (!program.isAuto || program.isRefused || current === undefined) return;
    // The longest pauses: between two looks at the clocks, and after a failure that was none of ours.
    const calmMs = this.#time.timerMs - Math.max(this.#calmSince, program.troubledAt);
    const isSlow = this.#profile.latencyMs > 300 || current.lifetimeMs < 300_000;
    if (calmMs < 120_000 || isSlow || performance.now() < program.pausedUntil + 60_000) return;
    this.#broker.count("checks of a background");
    if (program.usable === undefined) this.#broker.violate(`${name} let its token run out`);
  }

  #say(line: string): void {
    if (this.#log === undefined) return;
    const s = (ms: number) => (ms / 1000).toFixed(3);
    this.#log.push(`${s(this.#time.timerMs)} [${s(this.#time.trueMs)}] ${line}`);
  }
}
