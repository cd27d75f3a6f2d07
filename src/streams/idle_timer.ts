/** Notices silence, without arming a timer for each sign of life. */
export class IdleTimer {
  readonly #timeoutMs: number;
  readonly #onIdle: () => void;
  #aliveAt: number = performance.now();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Starts. */
  constructor(timeoutMs: number, onIdle: () => void) {
    this.#timeoutMs = timeoutMs;
    this.#onIdle = onIdle;
    this.#arm(timeoutMs);
  }

  /** Something has come. */
  isAlive(): void {
    this.#aliveAt = performance.now();
  }

  /** Stops. */
  stop(): void {
    clearTimeout(this.#timer);
  }

  #arm(ms: number): void {
    this.#timer = setTimeout(() => {
      const remainingMs = this.#aliveAt + this.#timeoutMs - performance.now();
      if (remainingMs > 0) this.#arm(Math.ceil(remainingMs));
      else this.#onIdle();
    }, ms);
  }
}
