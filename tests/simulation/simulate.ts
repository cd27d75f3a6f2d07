/**
 * Plays any number of days, and tells the story of the first that goes wrong.
 *
 * Usage: deno task simulate [days] [first seed]
 *
 * @module
 */

import process from "node:process";
import { simulateDay, tell } from "./simulation.ts";

const [days = "1000", first = "1"] = process.argv.slice(2);
const startedAt = performance.now();
const totals: Record<string, number> = {};
for (let seed = Number(first); seed < Number(first) + Number(days); seed++) {
  const { violations, counts } = await simulateDay(seed);
  for (const [what, count] of Object.entries(counts)) totals[what] = (totals[what] ?? 0) + count;
  if (violations.length > 0) {
    console.log(await tell(seed));
    console.log(violations);
    process.exitCode = 1;
    break;
  }
}
console.log(totals);
console.log(`${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
