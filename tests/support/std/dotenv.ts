/**
 * A stand-in for `@std/dotenv`, for machines that cannot reach JSR: with the signatures of the real
 * one, and its rules for what is quoted. What stands bare is not expanded here, but refused with a
 * `$` in it, and values of more than one line are unknown.
 *
 * @module
 */

import { readFile } from "node:fs/promises";
import process from "node:process";

/** How {@linkcode load} loads. */
export interface LoadOptions {
  /** Where the file is; `null` for none. */
  envPath?: string | null;
  /** Whether the variables go into the environment, where they are not yet. */
  export?: boolean;
}

const LINE =
  /^\s*(?:export\s+)?([a-zA-Z_]\w*)\s*=[ \t]*(?:'([^'\n]*)'|"((?:[^"\\\n]|\\.)*)"|([^\r\n#]*)) *#*.*$/gm;

/** Reads the text of a `.env` file. */
export function parse(text: string): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const [, name = "", literal, quoted, bare = ""] of text.matchAll(LINE)) {
    if (/\$[\w{]/.test(bare)) throw new Error(`Cannot expand ${name}: this is a stand-in`);
    variables[name] = literal ?? quoted?.replace(/\\([nrt"'\\])/g, unescape) ?? bare.trim();
  }
  return variables;
}

/** Writes the text of a `.env` file. */
export function stringify(object: Record<string, string>): string {
  return Object.entries(object).map(([name, value]) => {
    if (/[\n\r\t'\\]/.test(value)) return `${name}="${value.replace(/[\n\r\t"\\]/g, escape)}"`;
    return /\W/.test(value) ? `${name}='${value}'` : `${name}=${value}`;
  }).join("\n");
}

/** Reads a `.env` file. */
export async function load(
  { envPath = ".env", export: isExported = false }: LoadOptions = {},
): Promise<Record<string, string>> {
  const variables = envPath === null ? {} : parse(await readIfThere(envPath));
  if (isExported) {
    for (const [name, value] of Object.entries(variables)) process.env[name] ??= value;
  }
  return variables;
}

/** As with the real one, a file that is not there is an empty one. */
async function readIfThere(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (Object(error).code === "ENOENT") return "";
    throw error;
  }
}

const CONTROLS: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t" };

function unescape(_: string, letter: string): string {
  return CONTROLS[letter] ?? letter;
}

function escape(character: string): string {
  const [letter = character] = Object.keys(CONTROLS).filter((name) => CONTROLS[name] === character);
  return `\\${letter}`;
}
