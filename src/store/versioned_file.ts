/**
 * A text in a folder, which any number of processes replace by compare-and-set.
 *
 * Each version is a file whose name is its number, and the highest number is the current one. A writer
 * prepares the next version under a name that nobody else knows, and links it to its number, whole and
 * saved. The file system makes a link only where nothing is, so each number has one writer. There is no
 * lock, so that a writer that is killed or stopped at any point, in whatever container, delays nobody.
 */

import { randomUUID } from "node:crypto";
import { link, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { codeOf } from "../net/error_code.ts";
import { makeFolder } from "./make_folder.ts";

/**
 * How many numbers remain, as empty files. Otherwise a writer that was stopped could take a number that
 * was used before. It would have to be stopped for as many writes.
 */
const KEPT_VERSIONS = 20;

const VERSION = /^\d+$/;
const DRAFT = /\.draft$/;

/** What a system says that cannot save a folder, as Windows. */
const CANNOT_SYNC: ReadonlySet<unknown> = new Set([
  "EACCES",
  "EINVAL",
  "EISDIR",
  "ENOTSUP",
  "EPERM",
]);

/** A version. Before the first one, the number is 0. */
interface Version {
  readonly number: number;
  readonly text: string | undefined;
}

/** Reads and replaces the text in a folder. */
export class VersionedFile {
  readonly #folder: string;

  /** @param folder The text's own folder, which is created if necessary. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Reads the current version. */
  async read(): Promise<Version> {
    for (let last = 0;;) {
      const number = highest(await this.#list());
      if (number === 0) return { number, text: undefined };
      const text = await readFile(this.#path(number), "utf8").catch(unlessMissing);
      // One that is empty or gone has been replaced meanwhile, unless it is still the highest.
      if (text !== undefined && (text !== "" || number === last)) return { number, text };
      last = number;
    }
  }

  /**
   * Replaces the text if it is still the expected one.
   *
   * @returns Its number, or `undefined` if something else is there.
   */
  async compareAndSet(before: string | undefined, after: string): Promise<number | undefined> {
    for (;;) {
      const current = await this.read();
      if (current.text !== before) return undefined;
      const number = current.number + 1;
      const outcome = await this.#publish(number, after);
      if (outcome === "published") return await this.#cleanUp(number);
      // On a network file system the answer to a link may be lost, and the second try finds the first.
      if (outcome === "taken") return (await this.read()).text === after ? number : undefined;
    }
  }

  /** Makes a text the version with this number, whole and saved. */
  async #publish(number: number, text: string): Promise<"published" | "taken" | "swept"> {
    await makeFolder(this.#folder);
    const draft = this.#draft();
    try {
      await writeNew(draft, text);
      await link(draft, this.#path(number));
      return "published";
    } catch (error) {
      if (codeOf(error) === "EEXIST") return "taken";
      if (codeOf(error) === "ENOENT") return "swept"; // by the writer of an earlier number
      throw error;
    } finally {
      await rm(draft, { force: true });
    }
  }

  /** Makes a new version survive a power cut, and makes sure that its number was not used before. */
  async #cleanUp(number: number): Promise<number> {
    await syncFolder(this.#folder);
    const names = await this.#list();
    if (highest(names) - number >= KEPT_VERSIONS) {
      await rm(this.#path(number), { force: true });
      throw new Error("this process was stopped while it wrote, and others have written meanwhile");
    }
    await this.#tidy(number, names).catch(() => {}); // the text is saved, and the next writer tidies too
    return number;
  }

  /** Removes what nobody needs any more: old numbers, what killed writers left, and the tokens before. */
  async #tidy(number: number, names: readonly string[]): Promise<void> {
    const isOld = (name: string) => VERSION.test(name) && Number(name) <= number - KEPT_VERSIONS;
    for (const name of names) {
      if (isOld(name) || DRAFT.test(name)) await rm(join(this.#folder, name), { force: true });
    }
    if (number > 1) await this.#empty(number - 1);
  }

  /** Empties a version. It is not written to, because a link may lie in its place. */
  async #empty(number: number): Promise<void> {
    const draft = this.#draft();
    await writeNew(draft, "");
    await rename(draft, this.#path(number)).catch(unlessMissing);
  }

  async #list(): Promise<string[]> {
    return await readdir(this.#folder).catch(unlessMissing) ?? [];
  }

  #draft(): string {
    return join(this.#folder, `${randomUUID()}.draft`);
  }

  #path(number: number): string {
    return join(this.#folder, String(number));
  }
}

function highest(names: readonly string[]): number {
  return Math.max(0, ...names.filter((name) => VERSION.test(name)).map(Number));
}

/** Writes a file that only its owner can read, and that must not exist. */
async function writeNew(path: string, text: string): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    await file.writeFile(text);
    await file.sync(); // otherwise a power cut may leave an empty file
  } finally {
    await file.close();
  }
}

/** Makes the names in a folder survive a power cut, where the system can. */
async function syncFolder(path: string): Promise<void> {
  try {
    const folder = await open(path, "r");
    await folder.sync().finally(() => folder.close());
  } catch (error) {
    if (!CANNOT_SYNC.has(codeOf(error))) throw error; // deno-coverage-ignore -- a disk that fails
  }
}

function unlessMissing(error: unknown): undefined {
  if (codeOf(error) !== "ENOENT") throw error;
}
