import { assertEquals, assertGreater, assertLessOrEqual } from "@std/assert";
import { explore, wander } from "./model.ts";

/**
 * What may happen, how many states that has at least, and how often a refresh token may be used twice. That
 * can be once for each process that is killed or stopped between its request and its save, and no more.
 */
const MODELS = [
  { processes: 3, crashes: 0, stops: 0, lostAnswers: 0, states: 100, reuses: 0 },
  { processes: 3, crashes: 1, stops: 0, lostAnswers: 0, states: 300, reuses: 0 },
  { processes: 3, crashes: 0, stops: 0, lostAnswers: 1, states: 1_000, reuses: 0 },
  { processes: 2, crashes: 0, stops: 1, lostAnswers: 0, states: 1_000, reuses: 1 },
  { processes: 2, crashes: 1, stops: 1, lostAnswers: 0, states: 2_000, reuses: 1 },
  { processes: 3, crashes: 0, stops: 1, lostAnswers: 0, states: 50_000, reuses: 1 },
] as const;

for (const { states, reuses, ...bounds } of MODELS) {
  const { processes, crashes, stops, lostAnswers } = bounds;
  Deno.test(`Whatever ${processes} processes do, with ${crashes} crashes, ${stops} stops and ${lostAnswers} lost answers, nobody uses a refresh token twice without need`, async () => {
    const findings = await explore(bounds);
    assertEquals(findings.violations, []);
    assertGreater(findings.states, states); // fewer would mean that it does not look everywhere
    assertLessOrEqual(findings.mostReuses, reuses);
  });
}

Deno.test("Three processes with a crash, two stops and a lost answer break no rule on 10,000 random schedules", async () => {
  const bounds = { processes: 3, crashes: 1, stops: 2, lostAnswers: 1 };
  const { violations, states, mostReuses } = await wander(bounds, 10_000, 1);
  assertEquals(violations, []);
  assertGreater(states, 5_000);
  assertLessOrEqual(mostReuses, 1);
});
