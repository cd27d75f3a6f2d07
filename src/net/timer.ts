/** Whether an armed timer keeps the process alive. */

/** Node, Bun and Deno have these methods on timers; a browser's timers are numbers. */
interface Timer {
  ref?(): void;
  unref?(): void;
}

/** Lets the process exit although the timer is armed. */
export function unref(timer: unknown): void {
  (timer as Timer | undefined)?.unref?.();
}

/** Keeps the process alive until the timer fires, which is the default. */
export function ref(timer: unknown): void {
  (timer as Timer | undefined)?.ref?.();
}
