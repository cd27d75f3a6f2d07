/**
 * A caller's signal that knows how many listen to it.
 *
 * @module
 */

/** A signal that lives long, and what hangs on it. */
export class CountedSignal {
  readonly #controller = new AbortController();
  readonly #listeners = new Set<unknown>();

  constructor() {
    const { signal } = this;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (type: string, listener: EventListenerOrEventListenerObject) => {
      this.#listeners.add(listener);
      add(type, listener);
    };
    signal.removeEventListener = (type: string, listener: EventListenerOrEventListenerObject) => {
      this.#listeners.delete(listener);
      remove(type, listener);
    };
  }

  /** What the caller hands over. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** How many listen. */
  get listeners(): number {
    return this.#listeners.size;
  }
}
