/**
 * `deno task pack`: the npm package, as JavaScript with declarations. What `deno pack` makes has no
 * command and does not say which Node it is for, so that is added. Its modules are bundled, because Node
 * needs six times as long to import them one by one.
 *
 * @module
 */

import { runTool } from "../support/run_tool.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";

/** What `deno pack` does not write into `package.json`. */
const FIELDS = {
  bin: { "tasty-emulator": "src/emulator/main.js" },
  // Older ones may work, and no test runs them.
  engines: { node: ">=20.10" },
  sideEffects: ["./src/emulator/main.js"],
};

/** The modules that can be imported, and the command. What they load later has files of its own. */
const ENTRIES = [
  "mod.ts",
  "src/store/stores.ts",
  "src/emulator/emulator.ts",
  "src/emulator/main.ts",
];

/** Makes the package in a folder, and returns the path of its `.tgz` file. */
export async function pack(folder: string): Promise<string> {
  using work = new TemporaryFolder();
  const root = new URL("../../", import.meta.url);
  const file = `${work.path}/package.tgz`;
  const flags = ["--allow-dirty", "--no-source-maps", `--output=${file}`];
  await runTool(Deno.execPath(), ["pack", ...flags], root);
  await runTool("tar", ["-xzf", "package.tgz"], work.path);
  await removeModules(`${work.path}/package/src`);
  const out = `--outdir=${work.path}/package`;
  await runTool(Deno.execPath(), ["bundle", "--code-splitting", out, ...ENTRIES], root);
  const packageJson = `${work.path}/package/package.json`;
  const written: unknown = JSON.parse(await Deno.readTextFile(packageJson));
  await Deno.writeTextFile(
    packageJson,
    JSON.stringify({ ...Object(written), ...FIELDS }, undefined, 2),
  );
  const name = await runTool(npm(), ["pack", "--silent", "./package"], work.path);
  await Deno.copyFile(`${work.path}/${name.trim()}`, `${folder}/${name.trim()}`);
  return `${folder}/${name.trim()}`;
}

/** The name of npm as a program: on Windows it is a batch file. */
export function npm(): string {
  return Deno.build.os === "windows" ? "npm.cmd" : "npm";
}

/** Removes the modules and the data that they import. The declarations remain. */
async function removeModules(folder: string): Promise<void> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) await removeModules(`${folder}/${name}`);
    else if (/\.js(on)?$/.test(name)) await Deno.remove(`${folder}/${name}`);
  }
}

if (import.meta.main) console.log(await pack(Deno.cwd()));
