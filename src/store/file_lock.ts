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

import { mkdir, open, readdir, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { codeOf } from "../net/error_code.ts";

const POLL_MS = 50;
const HEARTBEAT_MS = 1_000;

/**
 * A holder is dead after this many polls without a heartbeat. Polls are counted, not timed, because a
 * machine that wakes up wakes the holder too. A process with the holder's id may be another one, so it
 * counts as alive for five minutes. Where ids say nothing (another container, or Deno without
 * `--allow-run`), ten seconds without a heartbeat are enough.
 */
const POLLS_UNTIL_DEAD = { alive: 6_000, unknown: 200 } as const;

/** The locks of this process. Its id alone may be that of another container, or of an earlier process. */
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
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
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
    const file = await open(path, "wx", 0o600);
    await file.writeFile(String(process.pid));
    await file.close();
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

/** Observes a holder, poll by poll. */
class HolderWatch {
  #seen = "";
  #polls = 0;

  async isDead({ path }: Entry): Promise<boolean> {
    const holder = await readHolder(path);
    if (holder === undefined) return false; // the file is gone: read the folder again
    const liveness = livenessOf(holder.pid, path);
    if (liveness === "dead") return true;
    const seen = `${path} ${holder.heartbeat}`;
    this.#polls = seen === this.#seen ? this.#polls + 1 : 0;
    this.#seen = seen;
    return this.#polls >= POLLS_UNTIL_DEAD[liveness];
  }
}

async function readHolder(path: string): Promise<{ pid: number; heartbeat: number } | undefined> {
  try {
    const { mtimeMs } = await stat(path);
    return { pid: Number(await readFile(path, "utf8")), heartbeat: mtimeMs };
  } catch (error) {
    return unlessMissing(error);
  }
}

function livenessOf(pid: number, path: string): "alive" | "dead" | "unknown" {
  if (!(pid > 0)) return "unknown"; // created, but not written yet
  if (pid === process.pid) return held.has(path) ? "alive" : "unknown";
  try {
    process.kill(pid, 0); // sends no signal, and throws if there is no such process
    return "alive";
  } catch (error) {
    const code = codeOf(error);
    return code === "ESRCH" ? "dead" : code === "EPERM" ? "alive" : "unknown";
  }
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
