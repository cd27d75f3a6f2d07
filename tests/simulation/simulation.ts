/**
 * Days in the lifetime of two programs that share a grant, each played from one seed: what they do, what
 * happens to them, and what must be so after each of it.
 *
 * The rules for what is sent are where it arrives, in `simulated_token_endpoint.ts` and
 * `simulated_api.ts`. Those for what comes back to the callers are in `checks.ts`.
 *
 * @module
 */

import { Day } from "./day.ts";
import type { Counts } from "./faults.ts";
import { SimulatedTime } from "./simulated_time.ts";

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
