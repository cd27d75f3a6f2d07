import { assert, assertEquals, assertMatch } from "@std/assert";
import { isAvailable, run, RUNTIMES } from "../support/runtimes.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";
import { installExamples, npmPackage } from "./examples_fixtures.ts";

const ROOT = new URL("../../", import.meta.url);

Deno.test({
  name: "examples/quotes.ts shows prices that move, of both brokers, on each runtime",
  ignore: Deno.build.os === "windows",
  async fn(t) {
    using folder = new TemporaryFolder();
    const isInstalled = await installExamples(folder.path, [
      npmPackage("@dxfeed/dxlink-api"),
    ]);
    for (const runtime of RUNTIMES) {
      const isDeno = runtime.name === "Deno";
      for (const broker of ["tastytrade", "tradestation"]) {
        await t.step({
          name: `${broker}, ${runtime.name}`,
          ignore: !isDeno && !isInstalled || !await isAvailable(runtime),
          async fn() {
            const args = ["examples/quotes.ts", `--broker=${broker}`, "--times=5"];
            const { code, stdout, stderr } = await run(
              runtime,
              args,
              {},
              isDeno ? ROOT : folder.path,
            );
            assertEquals(code, 0, stderr);
            const lines = stdout.trim().split("\n");
            assertEquals(lines.length, 5);
            for (const line of lines) assertMatch(line, /^(AAPL|MSFT) {4}18\d(\.\d+)?$/);
            assert(new Set(lines).size > 2, "the prices stand still");
          },
        });
      }
    }
  },
});
