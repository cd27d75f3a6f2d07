/** Cloudflare's runtime: web standards only, with an old compatibility date and no flags. */

import { assertEquals, assertFalse } from "@std/assert";
import { startEmulator, tastytradeFaults } from "../../src/emulator/emulator.ts";
import { isAvailable, run, type Runtime } from "../support/runtimes.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";

const ESBUILD: Runtime = { name: "esbuild", command: ["npx", "--yes", "esbuild@0.25"] };
const WORKERD: Runtime = { name: "workerd", command: ["npx", "--yes", "workerd@1"] };

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
  compatibilityDate = "2024-01-01",
);
`;

/** Starts a worker, and returns its address. It ends with the scope. */
async function startWorker(folder: string): Promise<AsyncDisposable & { readonly url: string }> {
  await Deno.writeTextFile(`${folder}/config.capnp`, CONFIG);
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

Deno.test({
  name: "Sessions of both brokers work in workerd, which has no node: modules",
  ignore: !(await isAvailable(WORKERD) && await isAvailable(ESBUILD)),
  async fn() {
    using folder = new TemporaryFolder();
    const outfile = `${folder.path}/worker.js`;
    const args = ["--bundle", "--format=esm", "--external:node:*", `--outfile=${outfile}`];
    const { code, stderr } = await run(ESBUILD, ["tests/runtimes/worker.ts", ...args]);
    assertEquals(code, 0, stderr);
    assertFalse((await Deno.readTextFile(outfile)).includes('"node:'), "it carries a file store");

    await using emulator = await startEmulator();
    await using worker = await startWorker(folder.path);
    emulator.injectFault("GET /accounts/5WT00000/balances", tastytradeFaults.tokenInvalid);
    emulator.injectFault("POST /accounts/5WT00000/orders/dry-run", "hang");
    const response = await fetch(worker.url, {
      method: "POST",
      body: JSON.stringify({
        tastytrade: { ...emulator.tastytrade },
        tradestation: { ...emulator.tradestation },
      }),
    });
    assertEquals(await response.json(), {
      process: false,
      signInOnce: 50,
      readAccounts: [true, true],
      order: "Limit",
      refreshAfter401: true,
      timeout: ["NetworkError", "timeout", "unknown"],
      leave: ["no time", "string"],
    });
    // One for each session, and one after the 401.
    assertEquals(emulator.count("POST /oauth/token"), 7 + 1);
    assertEquals(emulator.count("POST /accounts/5WT00000/orders"), 1);
  },
});
