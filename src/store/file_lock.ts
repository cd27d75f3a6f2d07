/**
 * A lock between the processes of one machine, made of numbered files in a folder.
 *
 * The file with the highest number belongs to the holder. The lock is free once that file is renamed to
 * `<number>.free`, or its holder is dead. Then the process that creates the next number holds the lock.
 *
 * Only one process can create a number, because the file system creates a file exclusively. A late process
 * may create an old number again, but then finds a higher one, which is never removed, and withdraws. So a
 * holder may be killed at any moment, and no two processes replace it.
 */

import { open, readdir, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { codeOf } from "../net/error_code.ts";
import { makeFolder } from "./make_folder.ts";
import { isRunning, processIdentity } from "./process_identity.ts";

const POLL_MS = 50;
const HEARTBEAT_MS = 1_000;

/**
 * A holder is dead after this many polls without a heartbeat. Polls are counted, not timed, because a
 * machine that wakes up wakes the holder too. One that runs may be stopped, so it has five minutes. Where
 * nobody can tell whether it runs (another container or machine, or Deno without `--allow-all`), ten
 * seconds without a heartbeat are enough.
 */
const POLLS_UNTIL_DEAD = { alive: 6_000, unknown: 200 } as const;

/** The locks that this process holds. */
const held = new Set<string>();

interface Entry {
  readonly number: number;
  readonly path: string;
  readonly isFree: boolean;
}

/** Lets one holder at a time run a task. */
export class FileLock {
  readonly #folder: string;

  /** @param folder The lock's own folder, which is created if necessary. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * Runs a task while no other holder runs one.
   *
   * @param signal Aborts the wait for the lock.
   */
  async run<T>(task: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const path = await this.#acquire(signal);
    held.add(path);
    const heartbeat = setInterval(() => void beat(path), HEARTBEAT_MS);
    try {
      return await task();
    } finally {
      clearInterval(heartbeat);
      held.delete(path);
      // The file is gone if another process took this one for dead. Then the lock is theirs.
      await rename(path, `${path}.free`).catch(unlessMissing);
    }
  }

  async #acquire(signal: AbortSignal | undefined): Promise<string> {
    signal?.throwIfAborted();
    await makeFolder(this.#folder);
    const watch = new HolderWatch();
    for (;;) {
      const [top] = await entries(this.#folder);
      if (top === undefined || top.isFree || await watch.isDead(top)) {
        const path = await claim(this.#folder, (top?.number ?? 0) + 1);
        if (path !== undefined) return path;
      } else {
        await sleep(POLL_MS, signal);
      }
    }
  }
}

/** The numbered files, highest first. */
async function entries(folder: string): Promise<Entry[]> {
  const names = await readdir(folder);
  return names.filter((name) => /^\d+(\.free)?$/.test(name)).map((name) => ({
    number: parseInt(name),
    path: join(folder, name),
    isFree: name.endsWith(".free"),
  })).sort((a, b) => b.number - a.number);
}

/**
 * Creates a numbered file, unless one with this number existed before, and removes the lower ones.
 *
 * @returns The path of the file, or `undefined` if another process was faster.
 */
export async function claim(folder: string, number: number): Promise<string | undefined> {
  const path = join(folder, String(number));
  try {
    await writeNew(path, processIdentity() ?? "unknown");
  } catch (error) {
    if (codeOf(error) === "EEXIST") return undefined;
    throw error;
  }
  const others = (await entries(folder)).filter((entry) => entry.path !== path);
  const isLate = others.some((entry) => entry.number >= number);
  const obsolete = isLate ? [path] : others.map((entry) => entry.path);
  for (const one of obsolete) await rm(one, { force: true });
  return isLate ? undefined : path;
}

/** Writes a file that must not exist, or leaves none, for instance on a full disk. */
async function writeNew(path: string, text: string): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    await file.writeFile(text);
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}

/** Observes a holder, poll by poll. */
class HolderWatch {
  #seen = "";
  #polls = 0;

  async isDead({ path }: Entry): Promise<boolean> {
    const holder = await readHolder(path);
    if (holder === undefined) return false; // the file is gone: read the folder again
    const liveness = livenessOf(holder.identity, path);
    if (liveness === "dead") return true;
    const seen = `${path} ${holder.heartbeat}`;
    this.#polls = seen === this.#seen ? this.#polls + 1 : 0;
    this.#seen = seen;
    return this.#polls >= POLLS_UNTIL_DEAD[liveness];
  }
}

async function readHolder(
  path: string,
): Promise<{ identity: string; heartbeat: number } | undefined> {
  try {
    const { mtimeMs } = await stat(path);
    return { identity: await readFile(path, "utf8"), heartbeat: mtimeMs };
  } catch (error) {
    return unlessMissing(error);
  }
}

function livenessOf(identity: string, path: string): "alive" | "dead" | "unknown" {
  // One that this process does not know may be of another thread.
  if (identity === processIdentity()) return held.has(path) ? "alive" : "unknown";
  const runs = isRunning(identity); // a file that is not written yet has no identity
  return runs === undefined ? "unknown" : runs ? "alive" : "dead";
}

async function beat(path: string): Promise<void> {
  const now = new Date();
  await utimes(path, now, now).catch(() => {}); // the folder may have been removed
}

async function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

function unlessMissing(error: unknown): undefined {
  if (codeOf(error) !== "ENOENT") throw error;
}
