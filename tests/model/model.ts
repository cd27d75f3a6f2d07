/**
 * All that can happen when processes refresh one grant: each order of their steps at the store and at the
 * token endpoint, with crashes, stops and lost answers of the store anywhere. The processes run the real
 * code; only clocks, timers, the store and the endpoint are the model's.
 *
 * A schedule is a list of actions. The model plays one, looks at what could happen next, and continues
 * with each of that, from the beginning every time, since a running program cannot be copied. A state that
 * was reached before, by another schedule, is not continued again. Of steps that touch nothing shared, and
 * so could be in any order, one order is played.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { Random } from "../support/random.ts";
import { type Bounds, Run } from "./run.ts";

/** What was found. */
export interface Findings {
  readonly states: number;
  /** Schedules that came to an end. */
  readonly ends: number;
  /** The greatest number of second uses of a refresh token in one schedule. */
  readonly mostReuses: number;
  /** What was wrong, with the schedule that leads there. */
  readonly violations: readonly string[];
}

/** Plays everything that the bounds permit. */
export async function explore(bounds: Bounds): Promise<Findings> {
  const seen = new Set<string>();
  const violations: string[] = [];
  let ends = 0;
  let mostReuses = 0;
  const unexplored: string[][] = [[]];
  for (let schedule = unexplored.pop(); schedule !== undefined; schedule = unexplored.pop()) {
    using run = new Run(bounds);
    await run.start();
    for (const action of schedule) await run.perform(action);
    for (let path = schedule;;) {
      violations.push(...run.violations.map((text) => `${text}: ${path.join(", ")}`));
      mostReuses = Math.max(mostReuses, run.reuses);
      const state = createHash("sha1").update(run.state).digest("base64");
      if (seen.has(state) || violations.length > 0) break;
      seen.add(state);
      const [next, ...others] = run.actions;
      if (next === undefined) {
        ends += 1;
        violations.push(...run.atEnd().map((text) => `${text}: ${path.join(", ")}`));
        break;
      }
      for (const other of others) unexplored.push([...path, other]);
      path = [...path, next];
      await run.perform(next);
    }
    if (violations.length > 0) break;
  }
  return { states: seen.size, ends, mostReuses, violations };
}

/** Plays schedules at random, where there are too many to play all. */
export async function wander(bounds: Bounds, schedules: number, seed: number): Promise<Findings> {
  const random = new Random(seed);
  const violations: string[] = [];
  const seen = new Set<string>();
  let mostReuses = 0;
  for (let ends = 0; ends < schedules && violations.length === 0; ends++) {
    using run = new Run(bounds);
    await run.start();
    const path: string[] = [];
    // Who watches a killed process when no more stops are permitted would read for ever.
    for (
      let actions = run.actions;
      actions.length > 0 && path.length < 200;
      actions = run.actions
    ) {
      const action = actions[random.below(actions.length)] ?? "";
      path.push(action);
      await run.perform(action);
      seen.add(createHash("sha1").update(run.state).digest("base64"));
    }
    const atEnd = run.actions.length === 0 ? run.atEnd() : [];
    violations.push(
      ...[...run.violations, ...atEnd].map((text) => `${text}: ${path.join(", ")}`),
    );
    mostReuses = Math.max(mostReuses, run.reuses);
  }
  return { states: seen.size, ends: schedules, mostReuses, violations };
}
