/** Events between what receives them and the program that iterates over them: bounded, and in order. */

/** How many events wait for the program at most. */
export const CAPACITY = 10_000;

/** How many turns of the microtask queue a reader takes at most between two events that it handles at once. */
const READER_TURNS = 50;

/** A queue of events, which one reader takes out. */
export class EventQueue<T> {
  #events: T[] = [];
  /** The first event that was not taken out. */
  #first = 0;
  #wake: (() => void) | undefined;
  #end: { readonly error?: unknown } | undefined;

  /** How many events wait. */
  get length(): number {
    return this.#events.length - this.#first;
  }

  /** Adds an event. After the end it is dropped. */
  push(event: T): void {
    if (this.#end !== undefined) return;
    this.#events.push(event);
    this.#wake?.();
  }

  /** Forgets the events that wait. */
  clear(): void {
    this.#events = [];
    this.#first = 0;
  }

  /**
   * Lets the reader take out what waits, for as long as it does. A reader that waits for something else meanwhile
   * is not waited for.
   */
  async drain(): Promise<void> {
    let before = this.length;
    for (let idle = 0; before > 0 && idle < READER_TURNS; idle++) {
      await undefined;
      if (this.length < before) idle = 0;
      before = this.length;
    }
  }

  /** Ends the queue: what waits is still taken out, and then the error, if there is one. */
  end(end: { readonly error?: unknown } = {}): void {
    this.#end ??= end;
    this.#wake?.();
  }

  /** Takes out the next event, or waits for one. */
  async next(): Promise<IteratorResult<T, undefined>> {
    for (;;) {
      if (this.length > 0) return { done: false, value: this.#take() };
      const end = this.#end;
      if (end !== undefined) {
        this.#end = {}; // it is told once
        if ("error" in end) throw end.error;
        return { done: true, value: undefined };
      }
      await new Promise<void>((resolve) => this.#wake = resolve);
      this.#wake = undefined;
    }
  }

  #take(): T {
    const event = this.#events[this.#first] as T;
    this.#first += 1;
    // Not one by one, which would move all others each time.
    if (this.#first >= 1_024 && this.#first * 2 >= this.#events.length) {
      this.#events = this.#events.slice(this.#first);
      this.#first = 0;
    }
    return event;
  }
}
