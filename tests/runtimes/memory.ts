/**
 * By how much 200,000 calls with one long-lived signal grow the memory, on every runtime.
 *
 * Usage: deno task memory [calls]
 *
 * @module
 */

import process from "node:process";
import { run, RUNTIMES, withGarbageCollector } from "../support/runtimes.ts";

const [calls = "200000"] = process.argv.slice(2);
for (const runtime of RUNTIMES) {
  const { stdout } = await run(withGarbageCollector(runtime), [
    "tests/runtimes/memory_process.ts",
    calls,
  ]);
  const { heapMib, residentMib } = JSON.parse(stdout);
  console.log(`${runtime.name}: ${calls} calls, heap +${heapMib} MiB, process +${residentMib} MiB`);
  if (residentMib >= 20) process.exitCode = 1;
}
