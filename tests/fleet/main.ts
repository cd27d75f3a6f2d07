/**
 * `deno task fleet [seconds] [seed] [engine …]`: twenty processes on each engine, one engine after the other.
 *
 * @module
 */

import { ENGINES, installClients } from "../engines/engines.ts";
import { RUNTIMES } from "../support/runtimes.ts";
import { runFleet } from "./fleet.ts";

const [seconds = "600", seed = "1", ...names] = Deno.args;
await installClients();
for (const engine of ENGINES) {
  if (names.length > 0 && !names.includes(engine.name)) continue;
  if (!engine.isAvailable) {
    console.log(`${engine.name} is not installed here`);
    continue;
  }
  // Deno KV is Deno's alone.
  const runtimes = engine.name === "Deno KV" ? RUNTIMES.slice(0, 1) : RUNTIMES;
  const report = await runFleet({
    engine,
    runtimes,
    processes: 20,
    seconds: Number(seconds),
    seed: Number(seed),
    lifetimeMs: 3_000,
  });
  console.log(JSON.stringify(report, undefined, 2));
  if (report.otherReuses.length > 0 || report.failedCalls.length > 0) Deno.exitCode = 1;
}
