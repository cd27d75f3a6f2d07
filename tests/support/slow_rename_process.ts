/**
 * Saves tokens where the file system is slow to rename, and prints in which order things ended. For Node,
 * which lets a test replace what `node:fs/promises` exports.
 *
 * @module
 */

import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import process from "node:process";

const [, , path = ""] = process.argv;
const { rename } = fs.promises;
fs.promises.rename = async (from, to) => {
  if (to === path) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    process.stdout.write("renamed\n");
  }
  await rename(from, to);
};
syncBuiltinESMExports();

const { fileStore } = await import("../../mod.ts");
const now = new Date().toISOString();
const tokens = { refreshToken: "refresh", accessToken: "access", obtainedAt: now, expiresAt: now };
await fileStore(path).save("key", tokens);
process.stdout.write("saved\n");
