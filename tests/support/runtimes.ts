/**
 * The runtimes that a program may be run with: Deno itself, and Bun and Node from npm.
 *
 * @module
 */

/** A runtime, and how to run a TypeScript file with it. */
export interface Runtime {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
}

/** What a program printed, and how it ended. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The oldest and newest that the module promises, as far as npm has them. */
export const RUNTIMES: readonly Runtime[] = [
  { name: "Deno", command: [Deno.execPath(), "run", "--allow-all"] },
  { name: "Bun", command: [...await fromNpm("bun@1"), "run"] },
  { name: "Node 24", command: await fromNpm("node@24") },
];

/**
 * The program that an npm package brings, got on the way. It is found once for all test files, because
 * npx takes longer than most of what is run here.
 */
export async function fromNpm(npmPackage: string): Promise<[string, ...string[]]> {
  const variable = `BINARY_OF_${npmPackage.replace(/\W/g, "_").toUpperCase()}`;
  const known = Deno.env.get(variable);
  if (known !== undefined) return [known];
  const npx = ["npx", "--yes", npmPackage] as [string, ...string[]];
  const { code, stdout } = await run({ name: npmPackage, command: npx }, [
    "-p",
    "process.execPath",
  ]);
  const path = stdout.trim();
  if (code !== 0 || path === "") return npx; // then it says itself what is wrong
  Deno.env.set(variable, path);
  return [path];
}

/** Runs a file of this project with a runtime, with an environment of nothing but what is given. */
export async function run(
  { command: [program, ...first] }: Runtime,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  cwd: string | URL = new URL("../../", import.meta.url),
): Promise<Outcome> {
  const { PATH = "", HOME = "" } = Deno.env.toObject();
  const output = await new Deno.Command(program, {
    args: [...first, ...args],
    cwd,
    env: { PATH, HOME, NO_COLOR: "1", ...npmSettings(), ...env },
    clearEnv: true,
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return {
    code: output.code,
    stdout: decoder.decode(output.stdout),
    stderr: decoder.decode(output.stderr),
  };
}

/** The same runtime, with its garbage collector within a program's reach. */
export function withGarbageCollector({ name, command: [program, ...args] }: Runtime): Runtime {
  const flag = name === "Deno" ? "--v8-flags=--expose-gc" : "--expose-gc";
  return { name, command: [program, ...args, ...(name === "Bun" ? [] : [flag])] };
}

/** Whether a runtime can be had; it is got on the way. */
export async function isAvailable(runtime: Runtime): Promise<boolean> {
  const [program, ...args] = runtime.command;
  const { code } = await run({ ...runtime, command: [program, ...args.filter(isForNpx)] }, [
    "--version",
  ]);
  return code === 0;
}

function isForNpx(argument: string): boolean {
  return argument !== "run" && argument !== "--allow-all";
}

/** What a machine sets to reach its npm and to trust it. */
function npmSettings(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(Deno.env.toObject()).filter(([name]) =>
      /^(npm_config_|NODE_EXTRA_CA_CERTS$|SSL_CERT_|https?_proxy$|no_proxy$|DENO_(COVERAGE_)?DIR$)/i
        .test(name)
    ),
  );
}
