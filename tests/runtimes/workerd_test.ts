/** Sessions in Cloudflare's runtime, which has web standards only. */

import { assertEquals, assertFalse } from "@std/assert";
import { startEmulator, tastytradeFaults } from "../../src/emulator/emulator.ts";
import { isAvailable, run } from "../support/runtimes.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";
import { BUNDLE_FLAGS, ESBUILD, startWorker, WORKERD } from "../support/workerd.ts";

Deno.test({
  name: "Sessions of both brokers work in workerd, which has no node: modules",
  ignore: !(await isAvailable(WORKERD) && await isAvailable(ESBUILD)),
  async fn() {
    using folder = new TemporaryFolder();
    const outfile = `${folder.path}/worker.js`;
    const args = ["tests/runtimes/worker.ts", ...BUNDLE_FLAGS, `--outfile=${outfile}`];
    const { code, stderr } = await run(ESBUILD, args);
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
