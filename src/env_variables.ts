/** The environment variables. No other file of the module reads them. */

import process from "node:process";
import { isPermitted } from "./deno_permissions.ts";

/**
 * Reads a variable. In a terminal, Deno prompts the user for the permission.
 *
 * @throws {Error} If Deno denies the permission.
 */
export function readVariable(name: string): string | undefined {
  return process.env[name];
}

/** Reads a variable, or returns `undefined` if Deno does not permit it. Never prompts. */
export function findVariable(name: string): string | undefined {
  return isPermitted({ name: "env", variable: name }) ? process.env[name] : undefined;
}

/** The sorted names of all non-empty variables, or none if Deno does not permit it. Never prompts. */
export function variableNames(): string[] {
  if (!isPermitted({ name: "env" })) return [];
  return Object.keys(process.env).filter((name) => process.env[name] !== "").sort();
}
