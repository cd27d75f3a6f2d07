/**
 * Measures the module beside `fetch` and its peers, on every runtime, and writes `results.md`.
 *
 * Usage: deno task bench [rounds]
 *
 * @module
 */

import { arch, cpus, platform } from "node:os";
import { gzipSync } from "node:zlib";
import { run, type Runtime, RUNTIMES, withGarbageCollector } from "../support/runtimes.ts";
import type { Figures, Refreshes, Report } from "./client.ts";
import { median } from "./median.ts";

const FOLDER = new URL("./", import.meta.url);
const [rounds = "11"] = Deno.args;

/** Runs a program in this folder to its end. */
async function shell(program: string, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(program, { args: [...args], cwd: FOLDER })
    .output();
  const decoder = new TextDecoder();
  if (code !== 0) throw new Error(decoder.decode(stderr));
  return decoder.decode(stdout);
}

/** The server of all contenders, in a process of its own. */
async function serve(): Promise<Deno.ChildProcess & { readonly origin: string }> {
  const args = ["--yes", "node@24", "server.ts"];
  const server = new Deno.Command("npx", { args, cwd: FOLDER, stdout: "piped", stderr: "null" })
    .spawn();
  const { value } = await server.stdout.getReader().read();
  const port = new TextDecoder().decode(value).trim();
  return Object.assign(server, { origin: `http://127.0.0.1:${port}` });
}

async function versionOf(runtime: Runtime): Promise<string> {
  const [program, ...args] = runtime.command.filter((word) => !/^(run|--allow-all)$/.test(word));
  return (await shell(program ?? "", [...args, "--version"])).match(/\d+\.\d+\.\d+/)?.[0] ?? "?";
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
async function compiled(): Promise<string> {
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
async function importMs(runtime: Runtime, module: string): Promise<number> {
  const folder = await Deno.makeTempDir();
  const [empty, importing] = [`${folder}/empty.mjs`, `${folder}/importing.mjs`];
  const timed = (code: string) =>
    `const startedAt = performance.now(); ${code}; console.log(performance.now() - startedAt);`;
  await Deno.writeTextFile(`${folder}/nothing.mjs`, "export {};");
  await Deno.writeTextFile(empty, timed(`await import("./nothing.mjs")`));
  await Deno.writeTextFile(importing, timed(`await import(${JSON.stringify(module)})`));
  const added: number[] = [];
  for (let round = 0; round < 11; round++) {
    const [with_, without] = [await run(runtime, [importing]), await run(runtime, [empty])];
    added.push(Number(with_.stdout) - Number(without.stdout));
  }
  await Deno.remove(folder, { recursive: true });
  return median(added);
}

/** What a bundler makes of a program that uses this, gzipped, in kB. */
async function bundledKb(code: string): Promise<number> {
  const entry = new URL("bundled_entry.ts", FOLDER);
  await Deno.writeTextFile(entry, code);
  try {
    const args = ["--no-install", "esbuild", "bundled_entry.ts", "--bundle", "--minify"];
    const bundle = await shell("npx", [...args, "--format=esm", "--platform=node"]);
    return gzipSync(bundle, { level: 9 }).length / 1000;
  } finally {
    await Deno.remove(entry);
  }
}

const BUNDLES: readonly [name: string, code: string][] = [
  ["**@tasty/session**: `Session`", 'export { Session } from "../../mod.ts";'],
  ["**@tasty/session**: everything", 'export * from "../../mod.ts";'],
  ["@tastytrade/api", 'export { default } from "@tastytrade/api";'],
  ["ky", 'export { default } from "ky";'],
  [
    "oauth4webapi: refresh and resource",
    'export { processRefreshTokenResponse, protectedResourceRequest, refreshTokenGrantRequest } from "oauth4webapi";',
  ],
  ["google-auth-library: `OAuth2Client`", 'export { OAuth2Client } from "google-auth-library";'],
  ["@badgateway/oauth2-client", 'export * from "@badgateway/oauth2-client";'],
];

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join(
    "\n",
  );
}

function refreshesCell(refreshes: Refreshes | null | undefined, calls: number): string {
  if (!refreshes) return "–";
  const { requests, failures } = refreshes;
  return failures === 0 ? String(requests) : `${requests}, and ${failures} of ${calls} fail`;
}

const server = await serve();
const reports: {
  runtime: Runtime;
  version: string;
  report: Report;
  memory: { readonly heapMib: number; readonly residentMib: number };
  ms: number;
  compiledMs: number;
}[] = [];
const compiledModule = await compiled();
for (const runtime of RUNTIMES) {
  const client = ["tests/bench/client.ts", server.origin, rounds];
  const { stdout, stderr } = await run(withGarbageCollector(runtime), client);
  if (!stdout.includes("{")) throw new Error(`${runtime.name}: ${stderr}`);
  const memory = await run(withGarbageCollector(runtime), [
    "tests/runtimes/memory_process.ts",
    "200000",
  ]);
  reports.push({
    runtime,
    version: await versionOf(runtime),
    report: JSON.parse(stdout.slice(stdout.indexOf("{"))),
    memory: JSON.parse(memory.stdout),
    ms: await importMs(runtime, new URL("../../mod.ts", FOLDER).href),
    compiledMs: await importMs(runtime, compiledModule),
  });
  console.error(`${runtime.name} is measured`);
}
server.kill();

const names = reports.map(({ runtime, version }) => `${runtime.name.split(" ")[0]} ${version}`);
const contenders = reports[0]?.report.contenders.map(({ name }) => name) ?? [];
const of = (report: Report, name: string): Figures | undefined =>
  report.contenders.find((figures) => figures.name === name);
const sizes: [string, number][] = [];
for (const [name, code] of BUNDLES) sizes.push([name, await bundledKb(code)]);

const results = `# What it costs

Measured by \`deno task bench\` on ${
  new Date().toISOString().slice(0, 10)
}, on ${cpus().length} cores of
"${
  cpus()[0]?.model
}" (${platform()}, ${arch()}), against a server on loopback in a process of its own.
Ratios are medians of ${rounds} rounds in one process, in each of which everybody has their turn, with
garbage collected before it; absolute times of such a machine mean nothing.

## Requests in the same time

As a share of what \`fetch\` with a timeout signal and \`json()\` makes. More is better.

${
  table(
    ["one at a time", ...names],
    contenders.map((name) => [
      name,
      ...reports.map(({ report }) => of(report, name)?.alone.toFixed(2) ?? "–"),
    ]),
  )
}

${
  table(
    ["32 at once", ...names],
    contenders.map((name) => [
      name,
      ...reports.map(({ report }) => of(report, name)?.together.toFixed(2) ?? "–"),
    ]),
  )
}

## Token requests

For those that get and refresh tokens by themselves, on ${names[0]}.

${
  table(
    ["", "1,000 first calls at once", "20 calls, 401s 15 ms apart"],
    (reports[0]?.report.contenders ?? []).filter(({ cold }) => cold !== null)
      .map(({ name, cold, staggered }) => [
        name,
        refreshesCell(cold, 1_000),
        refreshesCell(staggered, 20),
      ]),
  )
}

## The session itself

${
  table(["", ...names], [
    [
      "added to a stub of `fetch`, µs a call",
      ...reports.map(({ report }) => report.addedUs.toFixed(1)),
    ],
    [
      "the same with the caller's signal",
      ...reports.map(({ report }) => report.addedWithSignalUs.toFixed(1)),
    ],
    ["import of \`mod.ts\`, ms beyond an empty module", ...reports.map(({ ms }) => ms.toFixed(1))],
    [
      "the same compiled to JavaScript, as JSR serves it to Node",
      ...reports.map(({ compiledMs }) => compiledMs.toFixed(1)),
    ],
    [
      "heap after 200,000 calls with one signal, MiB more than before",
      ...reports.map(({ memory }) => memory.heapMib.toFixed(1)),
    ],
    [
      "the same of the process, which comes and goes by some 30 MiB",
      ...reports.map(({ memory }) => memory.residentMib.toFixed(1)),
    ],
  ])
}

## Size

Bundled, minified and gzipped.

${table(["", "kB"], sizes.map(([name, kb]) => [name, kb.toFixed(1)]))}

## Targets

What we aim at, and have not all reached: 0.95 of the requests of \`fetch\`, 15 kB for a program that
uses a \`Session\`, and an import in 8 ms.
`;
await Deno.writeTextFile(new URL("results.md", FOLDER), results);
console.log(results);
