import { SessionError } from "../errors.ts";
import { nodeProcess } from "../node_process.ts";
import type { TokenFile } from "./token_file.ts";
import type { StoredTokens, TokenStore } from "./token_store.ts";

/**
 * Keeps tokens in a file that only its owner can read (mode 0600). A program continues with the tokens
 * of its last run, and processes share one access token.
 *
 * The file is replaced as a whole, so it holds the old tokens or the new ones even if the process is
 * killed; a link at its path remains. Its locks are in the folder `<path>.lock`. The tokens are not
 * encrypted: whoever can read the file can trade.
 *
 * Containers on one machine can share the folder. A process that holds the lock and ends, or is killed,
 * leaves it free at once; where nobody can see whether it runs (in another container, or from Deno without
 * `--allow-all`), it is free ten seconds after its last sign of life. So a process there that is stopped
 * for longer than that, in the middle of a refresh, may find its rotating refresh token used by another.
 * A network file system must create files exclusively and rename them atomically, for all its clients; how
 * far a certain one does is not known here.
 *
 * @param path The file. It and its folders are created with the first tokens.
 * @throws {TypeError} If it is not a path or a `file:` URL.
 *
 * @example Two sessions, one token request
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { fileStore, Session } from "@tasty/session";
 * import { startEmulator } from "@tasty/session/emulator";
 *
 * const folder = await Deno.makeTempDir();
 * const store = fileStore(`${folder}/tokens.json`);
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
  #file: Promise<TokenFile> | undefined;

  constructor(path: string | URL) {
    this.#path = path;
  }

  async load(key: string): Promise<StoredTokens | undefined> {
    return await (await this.#open()).load(key);
  }

  async save(key: string, tokens: StoredTokens): Promise<void> {
    await (await this.#open()).save(key, tokens);
  }

  async lock<T>(
    key: string,
    task: () => Promise<T>,
    options?: { readonly signal?: AbortSignal },
  ): Promise<T> {
    return await (await this.#open()).lock(key, task, options);
  }

  #open(): Promise<TokenFile> {
    return this.#file ??= loadTokenFile(this.#path);
  }
}

/** Loads what needs `node:` modules. A program without a file store runs where there are none. */
async function loadTokenFile(path: string | URL): Promise<TokenFile> {
  if (nodeProcess() === undefined) {
    throw new SessionError(
      "Cannot keep tokens in a file: this runtime has no files (node:fs). Write a TokenStore for " +
        "the storage that it has",
      { code: "store_failed" },
    );
  }
  const { TokenFile } = await import("./token_file.ts");
  return new TokenFile(path);
}
