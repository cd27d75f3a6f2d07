/**
 * Looks for secrets in everything that a program may print of a value, in every form that a server or
 * a printer may give them. Written apart from `src/net/redact.ts`, which must not check itself.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { inspect } from "node:util";

/** A printer of the runtime: `Deno.inspect`, `Bun.inspect`. */
export type Printer = (value: unknown) => string;

/** Everything that a program may print of a value. */
export function viewsOf(value: unknown, printers: readonly Printer[] = []): string {
  const chain: unknown[] = [];
  for (let one = value; one !== undefined && chain.length < 20; one = Object(one).cause) {
    chain.push(one);
  }
  return [
    inspect(value, { showHidden: true, depth: Infinity, getters: true, maxStringLength: null }),
    inspect({ held: [value] }, { showHidden: true, depth: Infinity, maxStringLength: null }),
    ...printers.map((print) => print(value)),
    String(value),
    `${value}`,
    ...chain.flatMap((one) => [attempt(() => JSON.stringify(one)), String(Object(one).stack)]),
    attempt(() => inspect(structuredClone(value), { showHidden: true, depth: Infinity })),
    ...walk(value, new Set()),
  ].join("\n");
}

/** The secrets that stand in a text, in whatever form. */
export function secretsIn(text: string, secrets: readonly string[]): string[] {
  return secrets.filter((secret) => spellings(secret).some((spelling) => text.includes(spelling)));
}

/** The forms of a secret; padding may be missing, hexadecimal digits may be small. */
export function spellings(secret: string): string[] {
  const base64 = Buffer.from(secret).toString("base64").replace(/=+$/, "");
  const percent = percentEncoded(secret);
  return [
    secret,
    JSON.stringify(secret).slice(1, -1),
    percent,
    percent.replace(/%../g, (hex) => hex.toLowerCase()),
    formEncoded(secret),
    base64,
    base64.replaceAll("+", "-").replaceAll("/", "_"),
  ];
}

/** As a query or a path has it; what cannot be encoded stays. */
export function percentEncoded(secret: string): string {
  return encodeURIComponent(secret.toWellFormed());
}

/** As a form has it. */
export function formEncoded(secret: string): string {
  return new URLSearchParams({ x: secret }).toString().slice(2);
}

/** Every way in which Deno prints a value, at once. */
export function printed(value: unknown): string {
  return [
    inspect(value, { showHidden: true, depth: Infinity, getters: true, maxStringLength: null }),
    Deno.inspect(value, { showHidden: true, depth: 100, getters: true, strAbbreviateSize: 1e9 }),
    JSON.stringify(value),
    String(value),
    ...walk(value, new Set()),
  ].join("\n");
}

/** Every text that can be reached through properties, hidden ones too. */
function* walk(value: unknown, seen: Set<unknown>): Generator<string> {
  if (typeof value === "string") yield value;
  if (typeof value !== "object" || value === null || seen.has(value)) return;
  seen.add(value);
  for (const key of Reflect.ownKeys(value)) {
    yield String(key);
    yield* walk(Reflect.get(value, key), seen);
  }
}

function attempt(view: () => string): string {
  try {
    return view();
  } catch {
    return ""; // there is no such view of it
  }
}
