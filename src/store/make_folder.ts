import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { codeOf } from "../net/error_code.ts";

/**
 * Creates a folder for its owner only (mode 0700), with those above it, unless it is there. Node's own
 * `recursive` never ends below `/proc`, where nothing can be created.
 */
export async function makeFolder(path: string): Promise<void> {
  try {
    await makeOne(path);
  } catch (error) {
    const parent = dirname(path);
    if (codeOf(error) !== "ENOENT" || parent === path) throw error;
    await makeFolder(parent);
    await makeOne(path);
  }
}

async function makeOne(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error; // what is there instead fails where it is used
  }
}
