/**
 * Thousands of orders and reads over an unreliable network, on every runtime.
 *
 * Usage: deno task chaos [orders] [seed]
 *
 * @module
 */

import process from "node:process";
import { chaos } from "./chaos.ts";
import { EVERYTHING } from "./proxy.ts";
import { RUNTIMES } from "../support/runtimes.ts";

const [calls = "5000", seed = String(Date.now() % 1e6)] = process.argv.slice(2);
for (const runtime of RUNTIMES) {
  const startedAt = performance.now();
  const result = await chaos(runtime, Number(calls), Number(seed));
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  console.log(
    `${runtime.name}: ${calls} orders, ${calls} reads, seed ${seed}, ${seconds} s`,
    result,
  );
  const missing = EVERYTHING.filter((fault) => result.faults[fault] === undefined);
  if (missing.length > 0) console.log("This did not happen:", missing);
  if (result.revocations === 0) console.log("No token was revoked");
  if (result.violations.length > 0) process.exitCode = 1;
}
