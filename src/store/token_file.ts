/** The file of a file store. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { SessionError } from "../errors.ts";
import { codeOf } from "../net/error_code.ts";
import { FileLock } from "./file_lock.ts";
import { replaceFile } from "./replace_file.ts";
import type { StoredTokens, TokenStore } from "./token_store.ts";

type Tokens = Readonly<Record<string, StoredTokens>>;

/** Reads, writes and locks the tokens in a file. */
export class TokenFile implements TokenStore {
  readonly #path: string;
  readonly #locks: string;
  /** Held while the file is read, changed and replaced. It holds the tokens of every grant. */
  readonly #fileLock: FileLock;

  constructor(path: string | URL) {
    this.#path = typeof path === "string" ? path : fileURLToPath(path);
    this.#locks = `${this.#path}.lock`;
    this.#fileLock = new FileLock(join(this.#locks, "file"));
  }

  async load(key: string): Promise<StoredTokens | undefined> {
    return (await this.#read())[key];
  }

  async save(key: string, tokens: StoredTokens): Promise<void> {
    await this.#fileLock.run(async () => this.#replace({ ...await this.#read(), [key]: tokens }));
  }

  async lock<T>(
    key: string,
    task: () => Promise<T>,
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<T> {
    const folder = join(this.#locks, encodeURIComponent(key));
    return await new FileLock(folder).run(task, signal);
  }

  async #read(): Promise<Tokens> {
    let text: string;
    try {
      text = await readFile(this.#path, "utf8");
    } catch (error) {
      if (codeOf(error) === "ENOENT") return {};
      throw error;
    }
    const tokens = parseTokens(text);
    if (tokens !== undefined) return tokens;
    throw new SessionError(
      `Cannot read the tokens in "${this.#path}": the file holds something else. Use another ` +
        "path, or remove the file and log in again",
      { code: "store_failed" },
    );
  }

  async #replace(tokens: Tokens): Promise<void> {
    await replaceFile(this.#path, `${JSON.stringify({ version: 1, tokens }, undefined, 2)}\n`);
  }
}

function parseTokens(text: string): Tokens | undefined {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { version, tokens } = Object(content);
  const isValid = version === 1 && typeof tokens === "object" && tokens !== null &&
    Object.values(tokens).every(isStoredTokens);
  return isValid ? tokens : undefined;
}

function isStoredTokens(value: unknown): value is StoredTokens {
  const names = ["refreshToken", "accessToken", "obtainedAt", "expiresAt"];
  return typeof value === "object" && value !== null &&
    names.every((name) => typeof Reflect.get(value, name) === "string");
}
