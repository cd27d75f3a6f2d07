/**
 * The garbage collector, for tests of what must be let go.
 *
 * @module
 */

import v8 from "node:v8";
import vm from "node:vm";
import { idle } from "./idle.ts";

v8.setFlagsFromString("--expose-gc");
const collect: () => void = vm.runInNewContext("gc");

/** Collects garbage until this is so, or gives up. */
export async function collectGarbageUntil(isSo: () => boolean): Promise<boolean> {
  for (let round = 0; round < 200; round++) {
    collect();
    await idle(); // finalizers have a turn of their own
    if (isSo()) return true;
  }
  return isSo();
}

/** The memory that is in use once the garbage is gone, in bytes, on the heap and beside it. */
export function memoryInUse(): number {
  collect();
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}
