/**
 * Cloudflare's runtime: web standards only, with an old compatibility date and no flags, or with what it has of
 * Node.
 *
 * @module
 */

import type { Runtime } from "./runtimes.ts";

/** The runtime, from npm. */
export const WORKERD: Runtime = { name: "workerd", command: ["npx", "--yes", "workerd@1"] };

/** The bundler that Cloudflare's own tool uses, from npm. */
export const ESBUILD: Runtime = { name: "esbuild", command: ["npx", "--yes", "esbuild@0.25"] };

/** How to bundle a worker. What it may load later and never does is left out. */
export const BUNDLE_FLAGS: readonly string[] = [
  "--bundle",
  "--format=esm",
  "--target=es2022",
  "--external:node:*",
  "--log-level=warning",
];

const CONFIG = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "worker", worker = .worker),
    (name = "internet", network = (allow = ["private"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "worker")],
);
const worker :Workerd.Worker = (
  modules = [(name = "worker.js", esModule = embed "worker.js")],
  COMPATIBILITY
);
`;

/** What a worker has besides web standards. */
export type Compatibility = "none" | "node";

const COMPATIBILITY: Readonly<Record<Compatibility, string>> = {
  none: 'compatibilityDate = "2024-01-01",',
  node: 'compatibilityDate = "2025-09-15", compatibilityFlags = ["nodejs_compat"],',
};

/** Starts the worker in `worker.js` of a folder, and returns its address. It ends with the scope. */
export async function startWorker(
  folder: string,
  compatibility: Compatibility = "none",
): Promise<AsyncDisposable & { readonly url: string }> {
  await Deno.writeTextFile(
    `${folder}/config.capnp`,
    CONFIG.replace("COMPATIBILITY", COMPATIBILITY[compatibility]),
  );
  const [program, ...args] = WORKERD.command;
  const child = new Deno.Command(program, {
    args: [...args, "serve", "--control-fd=1", "config.capnp"],
    cwd: folder,
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = child.stdout.getReader();
  const { value } = await reader.read(); // it says when it listens, and where
  const { port } = JSON.parse(new TextDecoder().decode(value));
  return {
    url: `http://127.0.0.1:${port}/`,
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await child.status;
      await reader.cancel();
    },
  };
}
