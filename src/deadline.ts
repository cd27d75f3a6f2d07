/**
 * The end of one call: its time is up, its caller has aborted it, or the session was closed.
 *
 * The three are linked by hand, and the timer is a `setTimeout` that is cleared. `AbortSignal.any`
 * would keep something on a long-lived signal for every call ever made with it, and Node leaves
 * while only an `AbortSignal.timeout` is pending.
 */

/** The longest delay that `setTimeout` takes (24.8 days); beyond it, it fires at once. */
export const MAX_TIMEOUT_MS: number = 2 ** 31 - 1;

/** Ends one call. */
export class Deadline {
  readonly #controller = new AbortController();
  readonly #callerSignal: AbortSignal | undefined;
  readonly #onCallerAbort: (() => void) | undefined;
  readonly #timer: ReturnType<typeof setTimeout>;
  readonly #endsAt: number;
  /** What ends the waits that are under way. */
  readonly #waits = new Set<(reason: unknown) => void>();

  /**
   * @param timeoutMs How long the call may take.
   * @param timeoutReason What it ends with when that time is up.
   * @param callerSignal What else ends it; its reason goes through untouched.
   */
  constructor(
    timeoutMs: number,
    timeoutReason: () => unknown,
    callerSignal?: AbortSignal | null,
  ) {
    callerSignal?.throwIfAborted();
    this.#endsAt = performance.now() + timeoutMs;
    this.#timer = setTimeout(() => this.abort(timeoutReason()), timeoutMs);
    if (!callerSignal) return;
    this.#callerSignal = callerSignal;
    this.#onCallerAbort = () => this.abort(callerSignal.reason);
    callerSignal.addEventListener("abort", this.#onCallerAbort);
  }

  /** Aborts when the call is to end. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** How long the call may still take, in milliseconds. */
  get remainingMs(): number {
    return this.#endsAt - performance.now();
  }

  /** Ends the call now. */
  abort(reason: unknown): void {
    this.finish();
    this.#controller.abort(reason);
    for (const reject of this.#waits) reject(this.signal.reason);
    this.#waits.clear();
  }

  /** Waits for something that outlives the call: an end of the call ends the waiting only. */
  wait<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      // A listener on the signal would do the same, and cost more than all the rest of a call.
      if (this.signal.aborted) reject(this.signal.reason);
      else this.#waits.add(reject);
      promise.then((value) => {
        this.#waits.delete(reject);
        resolve(value);
      }, (error) => {
        this.#waits.delete(reject);
        reject(error);
      });
    });
  }

  /** Waits for so long, or until the call ends. */
  async pause(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    try {
      await this.wait(promise);
    } finally {
      clearTimeout(timer);
    }
  }

  /** From now on only the caller and the session end the call. */
  stopTimer(): void {
    clearTimeout(this.#timer);
  }

  /** Lets go of the timer and of the caller's signal. */
  finish(): void {
    this.stopTimer();
    if (this.#onCallerAbort !== undefined) {
      this.#callerSignal?.removeEventListener("abort", this.#onCallerAbort);
    }
  }
}
