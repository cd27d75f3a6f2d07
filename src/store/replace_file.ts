/** Replaces a file as a whole, so that it holds the old text or the new one, whatever happens. */

import { randomUUID } from "node:crypto";
import { open, readdir, readlink, realpath, rename, rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { codeOf } from "../net/error_code.ts";
import { makeFolder } from "./make_folder.ts";

/**
 * Replaces a file that only its owner can read (mode 0600). A link at its path remains, and the file that
 * it leads to is replaced. To be called by one writer at a time.
 *
 * @param path The file. It and its folders are created if necessary.
 */
export async function replaceFile(path: string, text: string): Promise<void> {
  const target = await targetOf(path);
  const folder = dirname(target);
  await makeFolder(folder);
  await removeLeftovers(folder, basename(target));
  // Nobody can put a link in the way of a name that nobody knows, and "wx" follows none.
  const next = `${target}.${randomUUID()}.next`;
  try {
    const file = await open(next, "wx", 0o600);
    try {
      await file.writeFile(text);
      await file.sync(); // otherwise a power cut may leave an empty file
    } finally {
      await file.close();
    }
    await rename(next, target);
  } catch (error) {
    await rm(next, { force: true });
    throw error;
  }
}

/** Where a path leads, also if nothing is there yet. */
async function targetOf(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
  }
  const link = await readlink(path).catch(() => undefined); // nothing is there, or a link to nothing
  return link === undefined ? path : await targetOf(resolve(dirname(path), link));
}

/** Removes what a writer has left behind that was killed. */
async function removeLeftovers(folder: string, name: string): Promise<void> {
  for (const entry of await readdir(folder)) {
    const isLeftover = entry.startsWith(`${name}.`) && /\.[\da-f-]{36}\.next$/.test(entry);
    if (isLeftover) await rm(join(folder, entry), { force: true });
  }
}
