import { assertEquals, assertGreater } from "@std/assert";
import { simulateDay, tell } from "./simulation.ts";

const DAYS = 400;

/** What must have happened on those days, and how often at least: else they prove nothing. */
const ENOUGH: Readonly<Record<string, number>> = {
  "days": DAYS,
  "tokens": 2_000,
  "adopted tokens": 1_000,
  "failed refreshes": 2_000,
  "refusals": 100,
  "logins": 10,
  "401s": 2_000,
  "401s of stragglers": 500,
  "401s that are not believed": 300,
  "saves": 1_500,
  "failed saves": 50,
  "aborts": 1_000,
  "fulfilled": 10_000,
  "rejected": 5_000,
  "checks of a background": 10_000,
};

Deno.test(`Two programs break no rule on ${DAYS} simulated days of outages, sleep and restarts`, async () => {
  const totals: Record<string, number> = {};
  for (let seed = 1; seed <= DAYS; seed++) {
    const { violations, counts } = await simulateDay(seed);
    assertEquals(violations, [], violations.length === 0 ? "" : await tell(seed));
    for (const [what, count] of Object.entries(counts)) totals[what] = (totals[what] ?? 0) + count;
  }
  for (const [what, least] of Object.entries(ENOUGH)) {
    assertGreater((totals[what] ?? 0) + 1, least, `${what}: ${totals[what]}`);
  }
});

Deno.test("A simulated day is the same day whenever it is played", async () => {
  for (const seed of [7, 11, 13]) {
    const [first, second]: [string[], string[]] = [[], []];
    await simulateDay(seed, first);
    await simulateDay(seed + 100);
    await simulateDay(seed, second);
    assertGreater(first.length, 100);
    assertEquals(first, second);
  }
});
