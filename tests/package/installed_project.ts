/**
 * An empty project into which the npm package is installed, as a user does it.
 *
 * @module
 */

import { run, type Runtime } from "../support/runtimes.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";
import { npm, pack } from "./pack.ts";

const NPM: Runtime = { name: "npm", command: [npm()] };

/** A project in a temporary folder, removed by `using`. */
export class InstalledProject implements Disposable {
  readonly #folder = new TemporaryFolder();

  /** Packs the module and installs it, with what else from npm the project needs. */
  static async create(...others: readonly string[]): Promise<InstalledProject> {
    const project = new InstalledProject();
    const file = await pack(project.path);
    await Deno.writeTextFile(`${project.path}/package.json`, '{ "type": "module" }');
    const flags = ["--no-audit", "--no-fund", "--ignore-scripts"];
    const outcome = await run(NPM, ["install", ...flags, file, ...others], {}, project.path);
    if (outcome.code === 0) return project;
    project[Symbol.dispose]();
    throw new Error(outcome.stderr);
  }

  /** Its absolute path. */
  get path(): string {
    return this.#folder.path;
  }

  /** Copies a file of this folder into it. */
  async add(file: string): Promise<void> {
    await Deno.copyFile(new URL(file, import.meta.url), `${this.path}/${file}`);
  }

  /** Writes a file. */
  async write(file: string, text: string): Promise<void> {
    await Deno.writeTextFile(`${this.path}/${file}`, text);
  }

  /** Runs a command of one of its packages, as `npx` does, and returns its output if it succeeds. */
  async npx(command: string, ...args: readonly string[]): Promise<string> {
    const runtime: Runtime = { name: command, command: ["npx", "--no", "--", command] };
    return await this.runWith(runtime, {}, ...args);
  }

  /** Runs a runtime in its folder, and returns its output if it succeeds. */
  async runWith(
    runtime: Runtime,
    env: Readonly<Record<string, string>>,
    ...args: readonly string[]
  ): Promise<string> {
    const { code, stdout, stderr } = await run(runtime, args, env, this.path);
    if (code === 0) return stdout.trim();
    throw new Error(`${runtime.name} ${args.join(" ")} ended with ${code}\n${stdout}\n${stderr}`);
  }

  [Symbol.dispose](): void {
    this.#folder[Symbol.dispose]();
  }
}

/** Whether npm can install what the tests need. */
export async function canInstall(): Promise<boolean> {
  const { code } = await run(NPM, ["view", "typescript", "version"]).catch(() => ({ code: 1 }));
  return code === 0;
}
