/**
 * Parts of the platform, replaced until the end of the scope.
 *
 * @module
 */

import { createHash } from "node:crypto";

/** Replaces properties of objects, and puts them back. */
export class Replacements implements Disposable {
  readonly #restore: (() => void)[] = [];

  /** Replaces a property. */
  set(target: object, name: string, value: unknown): void {
    const before = Object.getOwnPropertyDescriptor(target, name);
    Object.defineProperty(target, name, { value, configurable: true, writable: true });
    this.#restore.push(() => {
      if (before === undefined) Reflect.deleteProperty(target, name);
      else Object.defineProperty(target, name, before);
    });
  }

  /** Replaces SHA-256: the platform's takes a thread, and comes back when it likes. */
  setPromptDigest(): void {
    this.set(crypto.subtle, "digest", digestNow);
  }

  [Symbol.dispose](): void {
    for (const restore of this.#restore.reverse()) restore();
  }
}

function digestNow(_algorithm: string, data: Uint8Array): Promise<ArrayBuffer> {
  const { buffer } = new Uint8Array(createHash("sha256").update(data).digest());
  return Promise.resolve(buffer);
}
