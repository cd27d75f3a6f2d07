#!/usr/bin/env node
/**
 * The command that starts the emulator on a port of this machine and runs it until Ctrl+C: `deno task
 * emulator` in a clone, `npx tasty-emulator` from the npm package,
 * `deno run --allow-net=127.0.0.1 jsr:@tasty/session/emulator/command` from JSR.
 *
 * `--help` lists its options.
 *
 * @module
 */

import process from "node:process";
import { runCommand } from "./command.ts";

const interrupted = new Promise<void>((resolve) => {
  process.once("SIGINT", () => resolve());
  process.once("SIGTERM", () => resolve());
});

// The process is the emulator's alone.
const { now } = Date;
let aheadMs = 0;
Date.now = () => now() + aheadMs;

void runCommand(process.argv.slice(2), {
  print: (line) => void process.stdout.write(`${line}\n`),
  printError: (line) => void process.stderr.write(`${line}\n`),
  interrupted,
  advanceClock: (ms) => aheadMs += ms,
}).then((exitCode) => process.exit(exitCode));
