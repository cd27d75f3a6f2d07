/**
 * Orders and reads over an unreliable network, and whether each order was sent once, its outcome was reported
 * truthfully, and every read came back.
 *
 * @module
 */

import { startEmulator } from "../../src/emulator/emulator.ts";
import type { Report } from "./client.ts";
import { ChaosProxy } from "./proxy.ts";
import { Random } from "../support/random.ts";
import { run, type Runtime } from "../support/runtimes.ts";

/** What came of it. */
export interface ChaosResult {
  /** What must not happen, a line each. */
  readonly violations: readonly string[];
  /** How many orders ended how. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** How often each fault happened, by method and connection. */
  readonly faults: Readonly<Record<string, number>>;
  readonly revocations: number;
}

/** Has a runtime send so many orders and as many reads. */
export async function chaos(runtime: Runtime, calls: number, seed: number): Promise<ChaosResult> {
  await using emulator = await startEmulator();
  const { origin, pathname } = new URL(emulator.tastytrade.baseUrl);
  await using proxy = new ChaosProxy(origin, () => emulator.revokeAccessTokens(), new Random(seed));
  const baseUrl = await proxy.open() + pathname;
  const { stdout, stderr } = await run(runtime, [
    "tests/chaos/client.ts",
    JSON.stringify({ ...emulator.tastytrade, baseUrl }),
    String(calls),
  ]);
  if (!stdout.startsWith("{")) throw new Error(`The program ended without a report: ${stderr}`);
  const { orders, failedReads }: Report = JSON.parse(stdout);

  const placed = new Map<unknown, number>();
  for (const { wire } of emulator.orders) {
    const name = wire["external-identifier"];
    placed.set(name, (placed.get(name) ?? 0) + 1);
  }
  // A call is replayed once: one whose second token was revoked too could not succeed.
  const couldSucceed = ([name]: [string, string]) => (proxy.stories.get(name)?.refusals ?? 0) < 2;
  const violations = Object.entries(failedReads).filter(couldSucceed)
    .map(([name, why]) => `${name} failed: ${why}`);
  const excused = Object.keys(failedReads).length - violations.length;
  if (excused > 2) violations.push(`${excused} reads were answered 401 twice`);
  const outcomes: Record<string, number> = {};
  for (const [name, outcome] of Object.entries(orders)) {
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    const times = placed.get(name) ?? 0;
    const { arrivals, refusals } = proxy.stories.get(name) ?? { arrivals: 0, refusals: 0 };
    const told = `${name} was said to be "${outcome}"`;
    if (arrivals - refusals > 1) violations.push(`${name} was sent ${arrivals - refusals} times`);
    if (times > 1) violations.push(`${name} was placed ${times} times`);
    if (outcome === "placed" && times !== 1) violations.push(`${told}, and was not`);
    if (outcome === "refused" && times > 0) violations.push(`${told}, and was placed`);
    if (outcome === "not_processed" && times > 0) violations.push(`${told}, and was placed`);
    if (!KNOWN.has(outcome)) violations.push(told);
  }
  const reads = calls * 2 - Object.keys(orders).length;
  if (reads !== calls) violations.push(`There were ${calls} orders and ${reads} reads`);
  const faults = Object.fromEntries(
    [...proxy.counts].toSorted(([a], [b]) => a < b ? -1 : 1),
  );
  return { violations, outcomes, faults, revocations: proxy.revocations };
}

const KNOWN = new Set(["placed", "refused", "not_processed", "unknown"]);
