/** Node's `process`, which Deno and Bun have too. A bare web runtime has none. */

interface NodeProcess {
  readonly env?: Readonly<Record<string, string | undefined>>;
  emitWarning?(message: string, type: string): void;
  getBuiltinModule?(name: string): unknown;
}

/** Returns the global `process`. Importing `node:process` would fail where there is none. */
export function nodeProcess(): NodeProcess | undefined {
  return (globalThis as { process?: NodeProcess }).process;
}
