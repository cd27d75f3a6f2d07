/**
 * The memory of a program on any runtime, once its garbage is gone. Deno and Node need `--expose-gc`
 * (`withGarbageCollector`).
 *
 * @module
 */

import process from "node:process";

/** Collects garbage now. */
export function collectGarbage(): void {
  const isSynchronous = true;
  const runtime = globalThis as { gc?: () => void; Bun?: { gc: (isSynchronous: boolean) => void } };
  runtime.gc?.();
  runtime.Bun?.gc(isSynchronous);
}

/** What is in use after that, on the heap and beside it, in bytes. */
export function heapInUse(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
