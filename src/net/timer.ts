/** Whether a timer that is armed keeps the process alive. */

/** Lets the process end although the timer is armed. */
export function unref(timer: unknown): void {
  tell(timer, "unref");
}

/** Keeps the process alive again, as long as the timer is armed. */
export function ref(timer: unknown): void {
  tell(timer, "ref");
}

function tell(timer: unknown, what: "ref" | "unref"): void {
  if (typeof timer === "object" && timer !== null) {
    (timer as Partial<Record<typeof what, () => void>>)[what]?.();
  } else if (typeof timer === "number") {
    // Deno before 2.8 has numbers for timers.
    const { Deno } = globalThis as {
      Deno?: Partial<Record<"refTimer" | "unrefTimer", (timer: number) => void>>;
    };
    Deno?.[`${what}Timer`]?.(timer);
  }
}
