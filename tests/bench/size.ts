/**
 * How large the module and its peers are in a bundle.
 *
 * @module
 */

import { gzipSync } from "node:zlib";
import { FOLDER, shell } from "./shell.ts";

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

/** What esbuild tells of a bundle. */
interface Metafile {
  readonly outputs: Record<string, { readonly inputs: Record<string, { bytesInOutput: number }> }>;
}

/** The share of each folder in the minified program that uses a `Session`, in percent. */
export async function sharesOfSize(): Promise<[room: string, percent: number][]> {
  const entry = new URL("bundled_entry.ts", FOLDER);
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(entry, 'export { Session } from "../../mod.ts";');
  const out = ["--format=esm", "--platform=node", `--outfile=${folder}/out.js`];
  const args = ["--bundle", "--minify", `--metafile=${folder}/meta.json`, "--log-level=error"];
  await shell("npx", ["--no-install", "esbuild", "bundled_entry.ts", ...args, ...out]);
  await Deno.remove(entry);
  const { outputs }: Metafile = JSON.parse(await Deno.readTextFile(`${folder}/meta.json`));
  const inputs = Object.values(outputs).flatMap(({ inputs }) => Object.entries(inputs));
  const bytes = new Map<string, number>();
  for (const [path, { bytesInOutput }] of inputs) {
    const room = /src\/([a-z]+\/)/.exec(path)?.[1] ?? "session, options, credentials, errors";
    bytes.set(room, (bytes.get(room) ?? 0) + bytesInOutput);
  }
  const total = [...bytes.values()].reduce((sum, some) => sum + some, 0);
  return [...bytes].map(([room, some]): [string, number] => [room, 100 * some / total])
    .filter(([, percent]) => percent >= 1).sort(([, one], [, other]) => other - one);
}

/** Programs to bundle, by name. */
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

/** The sizes of all bundles, in kB. */
export async function sizes(): Promise<[name: string, kb: number][]> {
  const found: [string, number][] = [];
  for (const [name, code] of BUNDLES) found.push([name, await bundledKb(code)]);
  return found;
}
