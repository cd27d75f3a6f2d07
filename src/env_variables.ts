/** The environment variables. No other file of the module reads them. */

import { isPermitted } from "./deno_permissions.ts";
import { nodeProcess } from "./node_process.ts";

/**
 * Reads a variable. In a terminal, Deno prompts the user for the permission.
 *
 * @throws {Error} If Deno denies the permission.
 */
export function readVariable(name: string): string | undefined {
  return variables()[name];
}

/** Reads a variable, or returns `undefined` if Deno does not permit it. Never prompts. */
export function findVariable(name: string): string | undefined {
  return isPermitted({ name: "env", variable: name }) ? variables()[name] : undefined;
}

/** The sorted names of all non-empty variables, or none if Deno does not permit it. Never prompts. */
export function variableNames(): string[] {
  if (!isPermitted({ name: "env" })) return [];
  return Object.keys(variables()).filter((name) => variables()[name] !== "").sort();
}

function variables(): Readonly<Record<string, string | undefined>> {
  return nodeProcess()?.env ?? {};
}
