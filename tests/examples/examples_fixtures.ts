import { assertEquals } from "@std/assert";
import type { Emulator } from "../../src/emulator/emulator.ts";
import { npm } from "../package/pack.ts";
import { run, type Runtime } from "../support/runtimes.ts";

const ROOT = new URL("../../", import.meta.url);

const CONFIG: { readonly imports: Readonly<Record<string, string>> } = JSON.parse(
  await Deno.readTextFile(new URL("deno.json", ROOT)),
);

/** The npm packages that `deno.json` names for the examples, as import specifiers. */
const NPM_IMPORTS = Object.fromEntries(
  Object.entries(CONFIG.imports).filter(([, specifier]) => specifier.startsWith("npm:")),
);

/** Deno, with the same `@std` as this test: the real packages or the stand-ins, wherever they are. */
export function denoWith(...permissions: string[]): Runtime {
  const packages = ["@std/assert", "@std/dotenv", "@std/http/status"];
  const std = Object.fromEntries(packages.map((name) => [name, import.meta.resolve(name)]));
  const imports = { ...std, ...NPM_IMPORTS };
  const map = `data:application/json,${encodeURIComponent(JSON.stringify({ imports }))}`;
  return { name: "Deno", command: [Deno.execPath(), "run", ...permissions, `--import-map=${map}`] };
}

/** A package and its version, as `npm install` takes it, from `deno.json`. */
export function npmPackage(name: string): string {
  return (NPM_IMPORTS[name] ?? name).replace(/^npm:/, "");
}

/**
 * Copies the module and the examples to a folder, with these npm packages, as the first lines of an example say.
 *
 * @returns Whether npm could get them.
 */
export async function installExamples(
  folder: string,
  packages: readonly string[],
): Promise<boolean> {
  const parts = ["mod.ts", "src", "examples", "deno.json"];
  const copied = await run({ name: "cp", command: ["cp"] }, ["-R", ...parts, folder], {}, ROOT);
  assertEquals(copied.code, 0, copied.stderr);
  await Deno.writeTextFile(`${folder}/package.json`, '{ "type": "module" }');
  const tool: Runtime = { name: "npm", command: [npm()] };
  const args = ["install", "--no-audit", "--no-fund", "--ignore-scripts", ...packages];
  return (await run(tool, args, {}, folder)).code === 0;
}

/** How an example finds an emulator that runs already, as one broker: its options and its environment. */
export function placeAt(
  emulator: Emulator,
  broker: "tastytrade" | "tradestation" = "tastytrade",
): { readonly args: readonly string[]; readonly env: Readonly<Record<string, string>> } {
  const { baseUrl, signInUrl, clientId, clientSecret, refreshToken } = emulator[broker];
  const args = [`--base-url=${baseUrl}`];
  if (broker === "tastytrade") {
    return { args, env: { TASTY_CLIENT_SECRET: clientSecret, TASTY_REFRESH_TOKEN: refreshToken } };
  }
  return {
    args: [...args, `--sign-in-url=${signInUrl}`],
    env: {
      TRADESTATION_CLIENT_ID: clientId,
      TRADESTATION_CLIENT_SECRET: clientSecret,
      TRADESTATION_REFRESH_TOKEN: refreshToken,
    },
  };
}
