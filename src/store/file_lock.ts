/**
 * A lock between the processes of one machine, made of numbered files in a folder.
 *
 * The highest number is the holder's. It is free once its file is renamed to `<number>.free`, or its
 * holder is dead; then whoever creates the next number holds the lock. A number is created once,
 * because the file system lets one process only create a file, and never again, because the highest
 * is never removed: who comes late with a number that was used finds a higher one, or a free one, and
 * steps back. So a holder may be killed at any moment, and no two take its place.
 */

import { mkdir, open, readdir, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";

const POLL_MS = 50;
const HEARTBEAT_MS = 1_000;

/**
 * A holder whose file shows no heartbeat for so many polls is dead. They are counted, not timed,
 * because a machine that wakes up wakes the holder too. A process with the holder's id may be another
 * one, so it is believed for five minutes; where ids tell nothing (another container, or Deno without
 * `--allow-run`), ten seconds without a heartbeat are enough.
 */
const POLLS_WITHOUT_HEARTBEAT = { alive: 6_000, unknown: 200 } as const;

/** What this process holds: its id alone may be another container's, or an earlier life's. */
const held = new Set<string>();

interface Entry {
  readonly number: number;
  readonly path: string;
  readonly isFree: boolean;
}

/** Lets one holder at a time run a task. */
export class FileLock {
  readonly #folder: string;

  /** @param folder The lock's own folder, which is made if need be. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * Runs a task while nobody else runs one.
   *
   * @param signal Ends the wait.
   */
  async run<T>(task: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const path = await this.#acquire(signal);
    held.add(path);
    const heartbeat = setInterval(() => void touch(path), HEARTBEAT_MS);
    try {
      return await task();
    } finally {
      clearInterval(heartbeat);
      held.delete(path);
      // Gone if somebody took this process for dead; then the lock is theirs.
      await rename(path, `${path}.free`).catch(unlessMissing);
    }
  }

  async #acquire(signal: AbortSignal | undefined): Promise<string> {
    signal?.throwIfAborted();
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const watch = new Watch();
    for (;;) {
      const [top] = await entries(this.#folder);
      if (top === undefined || top.isFree || await watch.isDead(top)) {
        const path = await claim(this.#folder, (top?.number ?? 0) + 1);
        if (path !== undefined) return path;
      } else {
        await pause(POLL_MS, signal);
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
 * Creates a number, unless somebody has, ever; removes those below it.
 *
 * @returns The file that is now held, or `undefined`.
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
  const rest = isLate ? [path] : others.map((entry) => entry.path);
  for (const one of rest) await rm(one, { force: true });
  return isLate ? undefined : path;
}

/** Looks at a holder again and again, and tells when it is dead. */
class Watch {
  #seen = "";
  #polls = 0;

  async isDead({ path }: Entry): Promise<boolean> {
    const sight = await look(path);
    if (sight === undefined) return false; // gone meanwhile: look at the folder again
    const liveness = livenessOf(sight.pid, path);
    if (liveness === "dead") return true;
    const seen = `${path} ${sight.heartbeat}`;
    this.#polls = seen === this.#seen ? this.#polls + 1 : 0;
    this.#seen = seen;
    return this.#polls >= POLLS_WITHOUT_HEARTBEAT[liveness];
  }
}

async function look(path: string): Promise<{ pid: number; heartbeat: number } | undefined> {
  try {
    const { mtimeMs } = await stat(path);
    return { pid: Number(await readFile(path, "utf8")), heartbeat: mtimeMs };
  } catch (error) {
    return unlessMissing(error);
  }
}

function livenessOf(pid: number, path: string): "alive" | "dead" | "unknown" {
  if (!(pid > 0)) return "unknown"; // created, and not written yet
  if (pid === process.pid) return held.has(path) ? "alive" : "unknown";
  try {
    process.kill(pid, 0); // sends nothing, and throws if there is nobody
    return "alive";
  } catch (error) {
    const code = codeOf(error);
    return code === "ESRCH" ? "dead" : code === "EPERM" ? "alive" : "unknown";
  }
}

async function touch(path: string): Promise<void> {
  const now = new Date();
  await utimes(path, now, now).catch(() => {}); // a folder that was removed beats no more
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
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

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
