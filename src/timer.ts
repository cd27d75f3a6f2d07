/** A timer that does not keep the process alive. */

/** Lets the process end although the timer is armed. */
export function unref(timer: unknown): void {
  if (typeof timer === "object" && timer !== null && "unref" in timer) {
    if (typeof timer.unref === "function") timer.unref();
  } else {
    // Deno before 2.8 has numbers for timers.
    const { Deno } = globalThis as { Deno?: { unrefTimer?: (timer: unknown) => void } };
    Deno?.unrefTimer?.(timer);
  }
}
