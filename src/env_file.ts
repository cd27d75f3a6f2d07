/** A line of a `.env` file that everybody reads the same: `@std/dotenv`, Deno, Bun and Node. */

/**
 * Writes a variable, or returns `undefined` if no way of writing it means the same to everybody.
 *
 * Bun expands `$` even between single quotes, between double quotes some read a backslash as an
 * escape, and nobody can write a quote inside its own kind.
 */
export function envLine(name: string, value: string): string | undefined {
  if (/^[\w.\-+/=~:@%]*$/.test(value)) return `${name}=${value}`;
  if (/[^\x20-\x7e]|[$\\`]/.test(value)) return undefined;
  if (!value.includes("'")) return `${name}='${value}'`;
  if (!value.includes('"')) return `${name}="${value}"`;
  return undefined;
}
