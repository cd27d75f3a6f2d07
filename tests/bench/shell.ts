import { runTool } from "../support/run_tool.ts";

/** Where the bench runs its programs. */
export const FOLDER: URL = new URL("./", import.meta.url);

/** Runs a program in this folder to its end, and returns what it prints. */
export async function shell(program: string, args: readonly string[]): Promise<string> {
  return await runTool(program, args, FOLDER);
}
