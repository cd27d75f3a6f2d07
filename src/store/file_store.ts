import { SessionError } from "../errors.ts";
import { nodeProcess } from "../node_process.ts";
import type { TokenStore } from "./token_store.ts";

/**
 * Keeps tokens in a folder, in files that only their owner can read (mode 0600). A program continues with
 * the tokens of its last run, and any number of processes share one grant.
 *
 * The processes may run in different containers that share the folder. One that is killed or stopped at any
 * point leaves the old tokens or the new ones, and blocks nobody. The tokens are not encrypted: whoever can
 * read the folder can trade (`encryptedStore` in `@tasty/session/stores` encrypts them). A grant
 * that nobody refreshes for 400 days is removed.
 *
 * The file system must have hard links. A network file system must make them atomically, and must not
 * serve an outdated listing of the folder: NFS does the first, and the second with `lookupcache=none` or
 * `noac`. Otherwise a process may wait for some seconds more; no token is used twice. For more machines
 * than one, a database is the better store.
 *
 * @param path The folder. It and those above it are created with the first tokens.
 * @throws {TypeError} If it is not a path or a `file:` URL.
 *
 * @example Two sessions, one token request
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { fileStore, Session } from "@tasty/session";
 * import { startEmulator } from "@tasty/session/emulator";
 *
 * const folder = await Deno.makeTempDir();
 * const store = fileStore(`${folder}/tokens`);
 * await using emulator = await startEmulator();
 * {
 *   await using first = new Session({ ...emulator.tastytrade, store });
 *   await first.get("/customers/me");
 * }
 * await using second = new Session({ ...emulator.tastytrade, store });
 * await second.get("/customers/me");
 *
 * assertEquals(emulator.count("POST /oauth/token"), 1);
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export function fileStore(path: string | URL): TokenStore {
  const isFile = path instanceof URL ? path.protocol === "file:" : typeof path === "string" && path;
  if (isFile) return new FileStore(path);
  throw new TypeError(`Cannot keep tokens in "${path}": it must be a path or a file: URL`);
}

class FileStore implements TokenStore {
  readonly #path: string | URL;
  #folder: Promise<TokenStore> | undefined;

  constructor(path: string | URL) {
    this.#path = path;
  }

  async get(key: string): Promise<string | undefined> {
    return await (await this.#open()).get(key);
  }

  async compareAndSet(key: string, before: string | undefined, after: string): Promise<boolean> {
    return await (await this.#open()).compareAndSet(key, before, after);
  }

  #open(): Promise<TokenStore> {
    return this.#folder ??= openFolder(this.#path);
  }
}

/** Loads what needs `node:` modules. A program without a file store runs where there are none. */
async function openFolder(path: string | URL): Promise<TokenStore> {
  if (nodeProcess() === undefined) {
    throw new SessionError(
      "Cannot keep tokens in a file: this runtime has no files (node:fs). Write a TokenStore for " +
        "the storage that it has",
      { code: "store_invalid" },
    );
  }
  const { TokenFolder } = await import("./token_folder.ts");
  return new TokenFolder(path);
}
