/**
 * One process of a fleet, as its parent sees it.
 *
 * @module
 */

import type { Runtime } from "../support/runtimes.ts";

/** What a process tells of itself. */
export interface Told {
  readonly name: string;
  readonly did: string;
  readonly step?: string;
  readonly ms?: number;
  readonly error?: string;
}

/** A running process. */
export class FleetProcess {
  readonly name: string;
  /** Fulfilled with its first word. */
  readonly started: Promise<void>;
  /** Fulfilled when it has ended: whether that was wanted. */
  readonly ended: Promise<boolean>;
  readonly #process: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  #isEnding = false;

  constructor(
    { command: [program, ...first] }: Runtime,
    args: readonly string[],
    take: (told: Told) => void,
  ) {
    this.name = args[1] ?? "";
    this.#process = new Deno.Command(program, {
      args: [...first, ...args],
      cwd: new URL("../../", import.meta.url),
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#input = this.#process.stdin.getWriter();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.started = promise;
    const reading = this.#read((told) => {
      resolve();
      take(told);
    });
    this.ended = Promise.all([this.#process.status, reading]).then(async () => {
      await this.#input.close().catch(() => {}); // nobody reads it any more
      return this.#isEnding;
    });
  }

  /** Gives a command. */
  tell(command: string): void {
    this.#input.write(new TextEncoder().encode(`${command}\n`)).catch(() => {}); // it may have ended
  }

  /** Sends a signal. */
  signal(signal: Deno.Signal): void {
    try {
      this.#process.kill(signal);
    } catch {
      // It has ended.
    }
  }

  /** Lets it close its session and end. */
  async end(): Promise<void> {
    this.#isEnding = true;
    this.signal("SIGCONT");
    this.tell("end");
    const timer = setTimeout(() => this.signal("SIGKILL"), 20_000);
    await this.ended;
    clearTimeout(timer);
  }

  async #read(take: (told: Told) => void): Promise<void> {
    let rest = "";
    for await (const chunk of this.#process.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) take(JSON.parse(line));
    }
  }
}
