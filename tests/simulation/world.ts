/**
 * The simulated world: its faults, its tokens, what each program was told of them, and the rules for
 * using one.
 *
 * @module
 */

import type { Random } from "../support/random.ts";
import type { Counts, FaultProfile, FaultState } from "./faults.ts";
import { type Issued, mandatoryWindowMs, type Program } from "./program.ts";
import type { SimulatedTime } from "./simulated_time.ts";

/** How long a save may keep a token back. */
const SAVE_PATIENCE_MS = 5_000;

/** What the parts of the simulation share. */
export class World {
  readonly violations: string[] = [];
  readonly counts: Counts = {};
  readonly faults: FaultState = { token: "fair", api: "fair", store: "fair" };
  readonly time: SimulatedTime;
  readonly random: Random;
  readonly profile: FaultProfile;
  readonly tokens: Map<string, Issued> = new Map();
  readonly log: (line: string) => void;

  constructor(
    time: SimulatedTime,
    random: Random,
    profile: FaultProfile,
    log: (line: string) => void,
  ) {
    this.time = time;
    this.random = random;
    this.profile = profile;
    this.log = log;
  }

  count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1;
  }

  violate(rule: string): void {
    this.log(`VIOLATION ${rule}`);
    this.violations.push(rule);
  }

  /** Whether a token has waited for its save for as long as it may. */
  isLate({ arrivedAt }: Issued): boolean {
    return this.time.timerMs - arrivedAt >= SAVE_PATIENCE_MS;
  }

  refreshed(program: Program, token: Issued): void {
    program.current = token;
    program.settledAt = this.time.trueMs;
    program.failedAt.length = 0;
    program.hasFailed = false;
    program.isForced = false;
  }

  refuseForGood(program: Program): void {
    program.isRefused = true;
    program.troubledAt = this.time.timerMs;
    program.isForced = false;
  }

  refreshFailed(program: Program, retryAfterMs: number, isStoreFailure: boolean): void {
    program.isForced = false;
    program.hasSeenTrouble = true;
    program.troubledAt = this.time.timerMs;
    const now = performance.now();
    program.pausedUntil = now + Math.min(retryAfterMs, 3_600_000);
    this.count("failed refreshes");
    program.hasFailed = true;
    if (isStoreFailure) return; // which is asked again soon
    program.failedAt.push(now);
    // The last twelve pauses were up to 30 s each: that they add up to less than 20 s has a chance of 1e-11.
    const twelveBefore = program.failedAt.length > 18 ? program.failedAt.at(-13) : undefined;
    if (twelveBefore !== undefined && now - twelveBefore < 20_000) {
      this.violate(`${program.name} fails too often: 12 times in ${now - twelveBefore} ms`);
    }
  }

  /** What is sent lives by both clocks, and for long enough, unless it came this very moment. */
  checkUse(program: Program, token: Issued, verb: string): void {
    const { name } = program;
    const remaining = program.remainingMs(token);
    const isJustHere = program.settledAt === this.time.trueMs && program.current === token;
    if (program.dropped.has(token.text)) {
      this.violate(`${name} ${verb} ${token.text}, of which it knows that it was refused`);
    }
    if (program.current !== token) {
      this.violate(`${name} ${verb} ${token.text}, although it has ${program.current?.text}`);
    }
    if (isJustHere) {
      if (remaining <= 0) this.count(`${verb} a token that came too late`);
    } else if (remaining <= mandatoryWindowMs(token.lifetimeMs)) {
      this.violate(`${name} ${verb} ${token.text} with ${remaining} ms of its life left`);
    }
    if (!token.isPastSaving && !this.isLate(token)) {
      this.violate(`${name} ${verb} ${token.text} unsaved`);
    }
  }

  latencyMs(): number {
    const usual = this.random.size(1, this.profile.latencyMs);
    return this.random.chance(0.02) ? usual + this.random.size(1, 8_000) : usual;
  }
}
