/**
 * A program whose disk is full, and later is not. Prints what its calls came to, and whether the second
 * one had to wait.
 *
 * Usage: full_disk_process.ts <options as JSON> <path of the store> <file that fills the disk>
 *
 * @module
 */

import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import process from "node:process";
import { fileStore, Session, SessionError } from "../../mod.ts";

const [options = "{}", path = "", filler = ""] = process.argv.slice(2);

/** Writes until nothing more can be written. */
function fillDisk(): void {
  const file = openSync(filler, "w");
  try {
    for (;;) writeSync(file, new Uint8Array(512));
  } catch {
    closeSync(file);
  }
}

/** A session reads the store, and writes it after the token request. */
async function call(): Promise<string> {
  const session = new Session({ ...JSON.parse(options), store: fileStore(path) });
  try {
    await session.get("/customers/me");
    await session.close();
    return "done";
  } catch (error) {
    session[Symbol.dispose]();
    return error instanceof SessionError ? error.code : String(error);
  }
}

fillDisk();
const full = await call();
rmSync(filler);
const startedAt = performance.now();
const free = await call();
const isPrompt = performance.now() - startedAt < 5_000;
process.stdout.write(`${JSON.stringify({ full, free, isPrompt })}\n`);
