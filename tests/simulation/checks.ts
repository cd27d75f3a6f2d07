/**
 * What must be so on every simulated day: what calls bring and fail with, and what is left behind.
 *
 * @module
 */

import {
  ApiError,
  NetworkError,
  type Session,
  SessionClosedError,
  SessionError,
  TokenError,
} from "../../mod.ts";
import { type FaultProfile, StoreFailure } from "./faults.ts";
import type { ApiExchange, Program } from "./program.ts";
import type { SimulatedBroker } from "./simulated_broker.ts";
import type { SimulatedTime } from "./simulated_time.ts";

/** How long a program waits for its store, with the second that it gives after a sleep. */
const STORE_PATIENCE_MS = 6_000;

/** How long the background may look away. */
const LOOK_MS = 30_001;

export type Kind = "get" | "post" | "fetch" | "accessToken" | "refresh" | "force";

/** One call of a caller, until it is settled. */
export interface Call {
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
export interface Running {
  readonly program: Program;
  readonly session: Session;
}

/** What the checks look at. */
export interface DayState {
  readonly time: SimulatedTime;
  readonly broker: SimulatedBroker;
  readonly profile: FaultProfile;
  readonly calls: ReadonlySet<Call>;
  readonly all: readonly Running[];
  say(line: string): void;
}

/** The checks of a day. */
export class Checks {
  /** Programs whose calls must have set off a refresh, and how many they had begun before. */
  readonly ageing: Map<Program, number> = new Map();
  /** Since when nothing has gone wrong: then a background refresh has no excuse. */
  calmSince = 0;
  readonly #day: DayState;

  constructor(state: DayState) {
    this.#day = state;
  }

  /** Checks what a call has brought. */
  fulfilled({ kind, path, program, exchange }: Call, value: unknown): void {
    this.#day.say(`${program.name} ${path} is fulfilled`);
    this.#day.broker.count("fulfilled");
    if (program.isClosing) this.#day.broker.violate(`${path} is fulfilled after the close`);
    if (kind === "accessToken") this.#day.broker.checkHandedOut(program, String(value));
    if (kind === "fetch" && value !== exchange.status) {
      this.#day.broker.violate(`${path} was answered ${exchange.status}, not ${value}`);
    }
    if ((kind === "get" || kind === "post") && !String(Object(value).path).endsWith(path)) {
      this.#day.broker.violate(`${path} has the answer of ${Object(value).path}`);
    }
  }

  /** Checks what a call has failed with. */
  rejected(call: Call, error: unknown): void {
    const { kind, path, program, exchange, caller: { signal }, timeoutMs } = call;
    this.#day.say(`${program.name} ${path} is rejected: ${error}`);
    this.#day.broker.count("rejected");
    if (signal.aborted) {
      if (error !== signal.reason) this.#day.broker.violate(`${path} hides its caller's reason`);
      return;
    }
    // One that slept is over when the first timer fires, where the monotonic clock went on meanwhile.
    const isOverdue = this.#day.time.timerMs - call.startedAt >= timeoutMs ||
      performance.now() - call.startedAtMonotonic >= timeoutMs;
    const isExpected = error instanceof SessionClosedError
      ? program.isClosing
      : error instanceof TokenError
      ? error.isPermanent ? program.isRefused : program.hasSeenTrouble
      : error instanceof NetworkError
      ? program.hasSeenTrouble || (isOverdue && error.kind === "timeout")
      : error instanceof ApiError
      ? error.status === exchange.status && error.status !== 200 && kind !== "fetch"
      : error instanceof StoreFailure ||
        (error instanceof SessionError && error.code === "store_failed");
    if (!isExpected) this.#day.broker.violate(`${path} is rejected for no reason: ${error}`);
  }

  /** Checks what must be so at any moment. */
  everything(): void {
    const { faults } = this.#day.broker;
    const now = this.#day.time.timerMs;
    if (faults.token !== "fair" || faults.store !== "fair" || faults.api !== "fair") {
      this.calmSince = now;
    }
    for (const error of this.#day.time.unhandled.splice(0)) {
      this.#day.broker.violate(`nobody handles ${error}`);
    }
    for (const delayMs of this.#day.time.wrongDelays.splice(0)) {
      this.#day.broker.violate(`a timer waits for ${delayMs} ms`);
    }
    for (const [program, begun] of this.ageing) {
      this.#day.broker.count("refreshes behind a call");
      if (program.begun === begun && !program.isClosing) {
        this.#day.broker.violate(`${program.name} does not refresh a token that runs out`);
      }
    }
    this.ageing.clear();
    const busy = new Set<Program>();
    for (const call of this.#day.calls) {
      busy.add(call.program);
      this.#checkPending(call);
    }
    for (const { program, session } of this.#day.all) {
      if (program.isOver) this.#checkOver(program);
      else if (!program.isClosing) this.#checkOpen(program, session, busy.has(program));
    }
  }

  #checkPending(call: Call): void {
    const { path, program, exchange, caller, startedAt, timeoutMs, kind } = call;
    const { timerMs, trueMs } = this.#day.time;
    // After a sleep that the monotonic clock counts, what has arrived may be read for a second more.
    const monotonicMs = performance.now() - call.startedAtMonotonic;
    const graceMs = monotonicMs > timerMs - startedAt + 1 ? 1_000 : 0;
    const still = `${program.name} still waits for ${kind} ${path}`;
    if (caller.signal.aborted) this.#day.broker.violate(`${still} after its abort`);
    if (program.isClosing) this.#day.broker.violate(`${still} after the close`);
    if (timerMs >= startedAt + timeoutMs + graceMs) {
      this.#day.broker.violate(`${still} after its time`);
    }
    if (exchange.status !== 0 && exchange.status !== 401 && exchange.answeredAt <= trueMs) {
      this.#day.broker.violate(`${still} after its answer`);
    }
    // Who has no token while there is none to be had is told so at once.
    const isHopeless = program.isRefused || performance.now() < program.pausedUntil;
    const isWaiting = exchange.sent === 0 || exchange.status === 401 && exchange.sent === 1;
    if (isHopeless && isWaiting && program.refreshes === 0) {
      this.#day.broker.violate(`${still} without hope`);
    }
  }

  #checkOver(program: Program): void {
    if (program.exchanges > 0) this.#day.broker.violate(`${program.name} asks after its end`);
    const armed = this.#day.time.armedBy(program);
    if (armed > 0) this.#day.broker.violate(`${program.name} has ${armed} timers after its end`);
  }

  #checkOpen(program: Program, session: Session, isBusy: boolean): void {
    const { name, current } = program;
    if (program.refreshes === 0) program.isForced = false; // refused at once, in a pause
    if (session.isLoggedIn !== program.isLoggedIn) {
      this.#day.broker.violate(`${name} says isLoggedIn ${session.isLoggedIn}`);
    }
    const expiresInMs = session.expiresAt === undefined
      ? undefined
      : session.expiresAt.getTime() - Date.now();
    const remaining = program.isLoggedIn && current ? program.remainingMs(current) : undefined;
    if (expiresInMs !== remaining) {
      this.#day.broker.violate(
        `${name} says that it expires in ${expiresInMs}, not ${remaining} ms`,
      );
    }
    if (isBusy || program.refreshes > 0) return;
    const armed = this.#day.time.armedBy(program);
    // The background learns of a refusal that a caller met when it looks the next time.
    const isLearning = program.isRefused && this.#day.time.timerMs - program.troubledAt <= LOOK_MS;
    const expected = program.isAuto && !program.isRefused ? 1 : 0;
    const isFew = armed === expected || armed === expected + 1; // the one that ends requests stays
    const since = this.#day.time.timerMs - STORE_PATIENCE_MS - 1; // timers are rounded up
    const isSaving = program.hasUnsaved || [...program.storeCalls].some(({ at }) => at > since);
    if (!isFew && !isSaving && !(isLearning && program.isAuto && armed <= 2)) {
      this.#day.broker.violate(`${name} rests with ${armed} timers`);
    }
    if (!program.isAuto || program.isRefused || current === undefined) return;
    // The longest pauses: between two looks at the clocks, and after a failure that was none of ours.
    const calmMs = this.#day.time.timerMs - Math.max(this.calmSince, program.troubledAt);
    const isSlow = this.#day.profile.latencyMs > 300 || current.lifetimeMs < 300_000;
    if (calmMs < 150_000 || isSlow || performance.now() < program.pausedUntil + 60_000) return;
    this.#day.broker.count("checks of a background");
    if (program.usable === undefined) this.#day.broker.violate(`${name} let its token run out`);
  }
}
