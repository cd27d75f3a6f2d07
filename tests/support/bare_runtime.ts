/** A runtime without Node's globals or weak references, as an old Cloudflare Worker is. */

const MISSING = ["process", "WeakRef", "FinalizationRegistry"];

/** Hides them until it is disposed. */
export class BareRuntime implements Disposable {
  readonly #hidden = MISSING.map((name) =>
    [name, Object.getOwnPropertyDescriptor(globalThis, name)] as const
  );

  constructor() {
    for (const name of MISSING) {
      Object.defineProperty(globalThis, name, { value: undefined, configurable: true });
    }
  }

  [Symbol.dispose](): void {
    for (const [name, descriptor] of this.#hidden) {
      if (descriptor !== undefined) Object.defineProperty(globalThis, name, descriptor);
    }
  }
}
