/**
 * A program that runs until it is told to end: what it prints, line by line, and how it ends.
 *
 * @module
 */

import type { Runtime } from "./runtimes.ts";

/** A program that was started. `await using` ends it. */
export class RunningProgram implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #lines: AsyncGenerator<string, void>;

  /** Starts a runtime. */
  constructor(
    { command: [program, ...first] }: Runtime,
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ) {
    const { PATH = "", HOME = "", DENO_DIR } = Deno.env.toObject();
    this.#child = new Deno.Command(program, {
      args: [...first, ...args],
      cwd: new URL("../../", import.meta.url),
      env: { PATH, HOME, NO_COLOR: "1", ...(DENO_DIR === undefined ? {} : { DENO_DIR }), ...env },
      clearEnv: true,
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.#lines = lines(this.#child.stdout);
  }

  /** The next line that it prints, or `undefined` if it has ended. */
  async nextLine(): Promise<string | undefined> {
    return (await this.#lines.next()).value ?? undefined;
  }

  /** The first line from now on that does not match. */
  async skip(pattern: RegExp): Promise<string> {
    let line = await this.nextLine();
    while (line !== undefined && pattern.test(line)) line = await this.nextLine();
    return line ?? "";
  }

  /** Presses Ctrl+C, or ends it as a service manager does. Returns what it still prints, and its exit code. */
  async interrupt(
    signal: "SIGINT" | "SIGTERM" = "SIGINT",
  ): Promise<{ code: number; lines: string[] }> {
    this.#child.kill(signal);
    const lines = await Array.fromAsync(this.#lines);
    return { code: (await this.#child.status).code, lines };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await Array.fromAsync(this.#lines);
    await this.#child.status;
  }
}

async function* lines(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<string, void> {
  let rest = "";
  for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
    const [...whole] = (rest + chunk).split("\n");
    rest = whole.pop() ?? "";
    yield* whole;
  }
  if (rest !== "") yield rest;
}
