import { assert, assertEquals, assertMatch } from "@std/assert";
import { npm } from "../package/pack.ts";
import { isAvailable, run, type Runtime, RUNTIMES } from "../support/runtimes.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";

const ROOT = new URL("../../", import.meta.url);

/** A copy of the module and the example, with the client of DXLink, as its first lines say. */
async function install(folder: string): Promise<boolean> {
  const files: Runtime = { name: "cp", command: ["cp"] };
  const copied = await run(
    files,
    ["-R", "mod.ts", "src", "examples", "deno.json", folder],
    {},
    ROOT,
  );
  assertEquals(copied.code, 0, copied.stderr);
  await Deno.writeTextFile(`${folder}/package.json`, '{ "type": "module" }');
  const tool: Runtime = { name: "npm", command: [npm()] };
  const flags = ["--no-audit", "--no-fund", "--ignore-scripts"];
  const { code } = await run(tool, ["install", ...flags, "@dxfeed/dxlink-api@0.3"], {}, folder);
  return code === 0;
}

Deno.test({
  name: "examples/quotes.ts shows prices that move, of both brokers, on each runtime",
  ignore: Deno.build.os === "windows",
  async fn(t) {
    using folder = new TemporaryFolder();
    const isInstalled = await install(folder.path);
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
