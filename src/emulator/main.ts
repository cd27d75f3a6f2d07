/**
 * `deno task emulator`: the emulator on a port of this machine, until Ctrl+C.
 *
 * @module
 */

import process from "node:process";
import { runCommand } from "./command.ts";

const interrupted = new Promise<void>((resolve) => {
  process.once("SIGINT", () => resolve());
  process.once("SIGTERM", () => resolve());
});

void runCommand(process.argv.slice(2), {
  print: (line) => void process.stdout.write(`${line}\n`),
  printError: (line) => void process.stderr.write(`${line}\n`),
  interrupted,
}).then((exitCode) => process.exit(exitCode));
