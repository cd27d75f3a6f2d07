/** The environment variables. Nothing else in the module reads them. */

import process from "node:process";
import { isPermitted } from "./deno_permissions.ts";

/**
 * Reads a variable.
 *
 * @throws {Error} If Deno may not read it. In a terminal, Deno asks the user first.
 */
export function readVariable(name: string): string | undefined {
  return process.env[name];
}

/** Reads a variable that may as well be missing: where it may not be read, nobody is asked. */
export function findVariable(name: string): string | undefined {
  return isPermitted({ name: "env", variable: name }) ? process.env[name] : undefined;
}

/** The names of the variables that are set; none where they may not all be read. */
export function variableNames(): string[] {
  if (!isPermitted({ name: "env" })) return [];
  return Object.keys(process.env).filter((name) => process.env[name] !== "").sort();
}
