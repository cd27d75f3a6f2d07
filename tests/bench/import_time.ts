/**
 * How long it takes to import the module, in each form in which it is published.
 *
 * @module
 */

import { pack } from "../package/pack.ts";
import { run, type Runtime } from "../support/runtimes.ts";
import { median } from "./median.ts";
import { FOLDER, shell } from "./shell.ts";

/** The module as npm users install it, bundled. */
export async function installed(): Promise<string> {
  const folder = await Deno.makeTempDir();
  await shell("tar", ["-xzf", await pack(folder), "-C", folder]);
  return new URL(`file://${folder}/package/mod.js`).href;
}

/** The paths of the module's sources, without the emulator's. */
async function sourcesBelow(folder: string, root: URL): Promise<string[]> {
  const sources: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(new URL(folder, root))) {
    const path = `${folder}/${name}`;
    if (!isDirectory) sources.push(path);
    else if (name !== "emulator") sources.push(...await sourcesBelow(path, root));
  }
  return sources;
}

/** The module as JSR serves it to Node: compiled to JavaScript, file by file. */
export async function compiled(): Promise<string> {
  const folder = await Deno.makeTempDir();
  const root = new URL("../../", FOLDER);
  const sources = ["mod.ts", ...await sourcesBelow("src", root)];
  const paths = sources.map((source) => `../../${source}`);
  await shell("npx", [
    "--no-install",
    "esbuild",
    ...paths,
    `--outdir=${folder}`,
    "--format=esm",
    "--log-level=error",
  ]);
  for (const source of sources) {
    const path = `${folder}/${source.replace(/ts$/, "js")}`;
    const code = await Deno.readTextFile(path);
    await Deno.writeTextFile(path, code.replace(/(\.\.?\/[\w/]+)\.ts"/g, '$1.js"'));
  }
  await Deno.writeTextFile(`${folder}/package.json`, '{ "type": "module" }');
  return new URL(`file://${folder}/mod.js`).href;
}

/** How much longer a program runs that imports a module than an empty one, in milliseconds. */
export async function importMs(runtime: Runtime, module: string): Promise<number> {
  const folder = await Deno.makeTempDir();
  const [empty, importing] = [`${folder}/empty.mjs`, `${folder}/importing.mjs`];
  const timed = (code: string) =>
    `const startedAt = performance.now(); ${code}; console.log(performance.now() - startedAt);`;
  await Deno.writeTextFile(`${folder}/nothing.mjs`, "export {};");
  await Deno.writeTextFile(empty, timed(`await import("./nothing.mjs")`));
  await Deno.writeTextFile(importing, timed(`await import(${JSON.stringify(module)})`));
  const added: number[] = [];
  for (let round = 0; round < 7; round++) {
    const [with_, without] = [await run(runtime, [importing]), await run(runtime, [empty])];
    added.push(Number(with_.stdout) - Number(without.stdout));
  }
  await Deno.remove(folder, { recursive: true });
  return median(added);
}
