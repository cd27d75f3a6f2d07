/**
 * Waiting without sleeping: for the microtasks, for timers and sockets, for a background refresh.
 *
 * @module
 */

import type { FakeClock } from "./fake_clock.ts";

const realSetTimeout = globalThis.setTimeout;

/** Lets everything run that waits for no timer and no network. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 100; i++) await Promise.resolve();
}

/** Lets timers and sockets have their turn, also while a {@linkcode FakeClock} has the timers. */
export async function idle(): Promise<void> {
  await new Promise((resolve) => realSetTimeout(resolve, 1));
}

/**
 * Lets a refresh that runs come to its end, while the clock stands still: it has deadlines of its own,
 * which keep the process alive, as what waits for the next refresh does not.
 */
export async function quiet(clock: FakeClock): Promise<void> {
  await settle();
  while (clock.holding > 0) await idle();
  await settle();
}

/** Lets the event loop turn until something is so; the test runner's own timeout is the limit. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await idle();
}
