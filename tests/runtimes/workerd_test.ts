/** Sessions in Cloudflare's runtime, which has web standards only. */

import { assertEquals, assertFalse } from "@std/assert";
import { startEmulator, tastytradeFaults } from "../../src/emulator/emulator.ts";
import { isAvailable, run } from "../support/runtimes.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";
import { BUNDLE_FLAGS, ESBUILD, startWorker, WORKERD } from "../support/workerd.ts";

Deno.test({
  name: "Sessions of both brokers work in workerd, without and with its node: modules",
  ignore: !(await isAvailable(WORKERD) && await isAvailable(ESBUILD)),
  async fn() {
    using folder = new TemporaryFolder();
    const outfile = `${folder.path}/worker.js`;
    const args = ["tests/runtimes/worker.ts", ...BUNDLE_FLAGS, `--outfile=${outfile}`];
    const { code, stderr } = await run(ESBUILD, args);
    assertEquals(code, 0, stderr);
    const bundle = await Deno.readTextFile(outfile);
    assertFalse(/\b(from|import)\W*"node:/.test(bundle), "it carries a file store");

    await using emulator = await startEmulator();
    await using worker = await startWorker(folder.path);
    const { tastytrade, tradestation } = emulator;
    const body = JSON.stringify({
      tastytrade: { ...tastytrade },
      tradestation: { ...tradestation },
    });
    emulator.injectFault("GET /accounts/5WT00000/balances", tastytradeFaults.tokenInvalid);
    emulator.injectFault("POST /accounts/5WT00000/orders/dry-run", "hang");
    const response = await fetch(worker.url, { method: "POST", body });
    assertEquals(await response.json(), {
      process: false,
      signInOnce: 50,
      readAccounts: [true, true],
      order: "Limit",
      refreshAfter401: true,
      timeout: ["NetworkError", "timeout", "unknown"],
      leave: ["no time", "string"],
      events: "no channels",
    });
    // One for each session, and one after the 401.
    assertEquals(emulator.count("POST /oauth/token"), 7 + 1);
    assertEquals(emulator.count("POST /accounts/5WT00000/orders"), 1);

    await using another = await startWorker(folder.path, "node");
    const { events } = await (await fetch(another.url, { method: "POST", body })).json();
    assertEquals(events, [
      ["token", "endpoint", "number"],
      ["attempt", 1, "number"],
      ["request", "/customers/me", "undefined"],
    ]);
  },
});
