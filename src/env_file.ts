/**
 * Writes a line of a `.env` file that `@std/dotenv`, Deno, Bun and Node read the same.
 *
 * Bun expands `$` even between single quotes, some read a backslash between double quotes as an escape,
 * and nobody can write a quote between quotes of its own kind.
 *
 * @returns `undefined` if there is no such line for the value.
 */
export function envLine(name: string, value: string): string | undefined {
  if (/^[\w.\-+/=~:@%]*$/.test(value)) return `${name}=${value}`;
  if (/[^\x20-\x7e]|[$\\`]/.test(value)) return undefined;
  if (!value.includes("'")) return `${name}='${value}'`;
  if (!value.includes('"')) return `${name}="${value}"`;
  return undefined;
}
