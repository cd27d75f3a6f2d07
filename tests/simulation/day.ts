/**
 * One simulated day: two programs that share a grant, what they do, and what happens to them.
 *
 * @module
 */

import {
  AutoRefreshSession,
  Session,
  SessionError,
  type SessionOptions,
  tastytrade,
  tradestation,
} from "../../mod.ts";
import { Random } from "../support/random.ts";
import { type Call, Checks, type DayState, type Kind, type Running } from "./checks.ts";
import { type DayActions, pickEvent, pickGapMs } from "./events.ts";
import type { Counts, FaultProfile } from "./faults.ts";
import { type Grant, Program } from "./program.ts";
import { SimulatedBroker } from "./simulated_broker.ts";
import type { SimulatedTime } from "./simulated_time.ts";

const DAY_MS = 86_400_000;

/** A day in the lifetime of two programs. */
export class Day implements DayActions, DayState {
  readonly #checks: Checks;
  readonly time: SimulatedTime;
  readonly random: Random;
  readonly broker: SimulatedBroker;
  readonly profile: FaultProfile;
  readonly #options: SessionOptions;
  readonly #log: string[] | undefined;
  readonly calls: Set<Call> = new Set();
  readonly all: Running[] = [];
  grant: Grant;
  running: Running[] = [];
  #lastCall = 0;

  constructor(seed: number, time: SimulatedTime, log: string[] | undefined) {
    this.time = time;
    this.#log = log;
    const random = new Random(seed ^ 0x5eed);
    this.random = random;
    const fixture = random.pick([tastytrade, tradestation]);
    const lifetimeS = random.pick([5, 10, 30, 60, 300, 900, 1_200, 3_600, 86_400, 86_400 * 30]);
    this.profile = {
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
    this.say(`seed ${seed}: ${fixture.name} ${JSON.stringify(this.profile)}`);
    this.broker = new SimulatedBroker(time, random, this.profile, (line) => this.say(line));
    this.grant = this.broker.consent();
    this.#checks = new Checks(this);
  }

  get violations(): readonly string[] {
    return this.broker.violations;
  }

  get counts(): Counts {
    return this.broker.counts;
  }

  async play(): Promise<void> {
    using _ = this.broker.observeRefreshes();
    const end = this.time.trueMs + DAY_MS;
    this.#open();
    this.#open();
    await this.#happen("the programs start", () => {});
    for (let events = this.random.between(40, 120); events > 0; events--) {
      await this.#pass(pickGapMs(this));
      const [name, event] = pickEvent(this);
      await this.#happen(name, event);
      if (this.violations.length > 0) return await this.#leave();
    }
    const restMs = Math.max(0, end - this.time.trueMs);
    await this.#happen("the night", () => this.sleep(restMs));
    await this.#pass(60_000);
    this.broker.count("days");
    await this.#leave();
  }

  sleep(ms: number): void {
    this.time.hibernate(ms, this.random.pick(["stands still", "goes on"]));
  }

  #open(): void {
    const { hasStore, isOneTime } = this.profile;
    // Without a store, programs cannot share a refresh token that is good for one use.
    const grant = hasStore || !isOneTime ? this.grant : this.broker.consent();
    const name = `P${this.all.length + 1}`;
    const isAuto = this.random.chance(0.5);
    const program = new Program(name, grant, isAuto);
    const options: SessionOptions = {
      ...this.#options,
      refreshToken: grant.refreshToken(0), // what stands in the program's environment
      fetch: this.broker.networkOf(program),
      ...(hasStore ? { store: this.broker.storeOf(program) } : {}),
    };
    this.say(`${name} opens${isAuto ? ", refreshing" : ""}`);
    const session = this.time.as(
      program,
      () => isAuto ? new AutoRefreshSession(options) : new Session(options),
    );
    const running = { program, session };
    this.all.push(running);
    this.running.push(running);
    this.#checks.calmSince = this.time.timerMs;
  }

  restart(index: number): void {
    const [gone] = this.running.splice(index, 1);
    if (gone !== undefined) this.#close(gone);
    this.#open();
  }

  /** The user logs in again, and both programs start with what that brought. */
  login(): void {
    if (!this.running.some(({ program }) => program.isRefused)) return;
    this.broker.count("logins");
    this.grant = this.broker.consent();
    this.restart(0);
    this.restart(0);
  }

  #close({ program, session }: Running): void {
    const isGentle = this.random.chance(0.6);
    this.say(`${program.name} closes${isGentle ? "" : " at once"}`);
    program.isClosing = true;
    if (!isGentle) {
      this.time.as(program, () => session[Symbol.dispose]());
      program.isOver = true;
      return;
    }
    const startedAt = this.time.timerMs;
    program.closedGentlyAt = startedAt;
    const startedAtMonotonic = performance.now();
    const over = (error?: unknown) => {
      program.isOver = true;
      const ms = this.time.timerMs - startedAt;
      this.say(`${program.name} is closed after ${ms} ms`);
      if (
        error !== undefined && !(error instanceof SessionError && error.code === "store_failed")
      ) {
        this.broker.violate(`${program.name} cannot close: ${error}`);
      }
      const isSlept = performance.now() - startedAtMonotonic > ms + 1;
      if (ms > (isSlept ? 11_100 : 10_100)) {
        this.broker.violate(`${program.name} takes ${ms} ms to close`);
      }
    };
    this.time.as(program, () => session.close()).then(() => over(), over);
  }

  async #leave(): Promise<void> {
    const { faults } = this.broker;
    await this.#happen("the end", () => {
      faults.token = faults.api = faults.store = "fair";
      for (const running of this.running) this.#close(running);
    });
    await this.#pass(60_000);
    for (const { program } of this.all) {
      if (!program.isOver) this.broker.violate(`${program.name} never closes`);
      const armed = this.time.armedBy(program);
      if (armed > 0) this.broker.violate(`${program.name} leaves ${armed} timers`);
    }
    if (this.calls.size > 0) this.broker.violate(`${this.calls.size} calls are never settled`);
  }

  call({ program, session }: Running, kind: Kind): void {
    const path = `/call/${++this.#lastCall}`;
    const call: Call = {
      kind,
      path,
      program,
      startedAt: this.time.timerMs,
      startedAtMonotonic: performance.now(),
      timeoutMs: this.random.chance(0.2) ? this.random.size(10, 60_000) : 30_000,
      caller: new AbortController(),
      exchange: {
        sentAt: -1,
        sent: 0,
        done: 0,
        status: 0,
        answeredAt: -1,
        isStraggler: false,
        most: 2,
      },
      wasRefused: program.isRefused,
    };
    this.say(`${program.name} ${kind} ${path}, for ${call.timeoutMs} ms`);
    this.broker.count(`calls of ${kind}`);
    this.broker.exchanges.set(path, call.exchange);
    // TradeStation's paths stand below the version of its API.
    if (this.#options.broker === tradestation) {
      this.broker.exchanges.set(`/v3${path}`, call.exchange);
    }
    const before = program.usable;
    if (program.isAgeing && kind !== "refresh") this.#checks.ageing.set(program, program.begun);
    if (kind === "force" && !program.isRefused && performance.now() >= program.pausedUntil) {
      program.isForced = true;
    }
    this.calls.add(call);
    this.time.as(program, () => this.#start(call, session)).then(
      (value) => this.#settled(call, () => this.#checks.fulfilled(call, value)),
      (error) => this.#settled(call, () => this.#checks.rejected(call, error)),
    );
    const isRequest = kind === "get" || kind === "post" || kind === "fetch";
    if (isRequest && before !== undefined && call.exchange.sent === 0) {
      this.broker.violate(`${program.name} keeps ${path} back although it has ${before.text}`);
    }
    if (this.random.chance(0.15)) {
      this.time.after(this.random.size(1, 5_000), () => this.abort(call));
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

  abort(call: Call): void {
    if (!this.calls.has(call)) return;
    this.say(`${call.program.name} ${call.path} is aborted`);
    this.broker.count("aborts");
    call.caller.abort({ reason: call.path });
  }

  #settled(call: Call, check: () => void): void {
    this.calls.delete(call);
    check();
  }

  async #happen(name: string, event: () => void): Promise<void> {
    this.say(`— ${name}`);
    const { faults } = this.broker;
    event();
    await this.time.drain();
    if (name !== "calls") this.#checks.calmSince = this.time.timerMs;
    this.say(`  ${faults.token}, ${faults.api}, ${faults.store}`);
    this.#checks.everything();
  }

  async #pass(ms: number): Promise<void> {
    await this.time.pass(ms, () => this.#checks.everything());
  }

  say(line: string): void {
    if (this.#log === undefined) return;
    const s = (ms: number) => (ms / 1000).toFixed(3);
    this.#log.push(`${s(this.time.timerMs)} [${s(this.time.trueMs)}] ${line}`);
  }
}
