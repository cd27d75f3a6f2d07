/** The folder of a file store: in it, each grant has a folder of its own. */

import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { SessionError } from "../errors.ts";
import { codeOf } from "../net/error_code.ts";
import { MAX_AGE_MS, type TokenStore } from "./token_store.ts";
import { VersionedFile } from "./versioned_file.ts";

/** The name of a grant's folder, as the module makes it. Nothing else is removed. */
const GRANT = /^[\da-f]{64}$/;

/** Keeps records in files. */
export class TokenFolder implements TokenStore {
  readonly #path: string;

  constructor(path: string | URL) {
    this.#path = typeof path === "string" ? path : fileURLToPath(path);
  }

  async get(key: string): Promise<string | undefined> {
    const { text } = await this.#explained(() => this.#file(key).read());
    return text;
  }

  async compareAndSet(key: string, before: string | undefined, after: string): Promise<boolean> {
    const write = () => this.#file(key).compareAndSet(before, after);
    const number = await this.#explained(write);
    if (number === 1) await this.#removeOldGrants();
    return number !== undefined;
  }

  #file(key: string): VersionedFile {
    // Any key is a name, also one with slashes or dots.
    return new VersionedFile(join(this.#path, encodeURIComponent(key).replaceAll(".", "%2E")));
  }

  async #removeOldGrants(): Promise<void> {
    for (const name of await readdir(this.#path)) {
      if (!GRANT.test(name)) continue;
      const folder = join(this.#path, name);
      const { mtimeMs } = await stat(folder).catch(() => ({ mtimeMs: Infinity })); // removed by others
      if (Date.now() - mtimeMs > MAX_AGE_MS) await rm(folder, { recursive: true, force: true });
    }
  }

  async #explained<T>(task: () => Promise<T>): Promise<T> {
    try {
      return await task();
    } catch (error) {
      if (codeOf(error) !== "ENOTDIR") throw error;
      throw new SessionError(
        `Cannot keep tokens in "${this.#path}": it is a file. Pass the path of a folder`,
        { code: "store_invalid" },
      );
    }
  }
}
