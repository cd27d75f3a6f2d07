import { assertEquals, assertStringIncludes } from "@std/assert";
import { npm } from "../package/pack.ts";
import { isAvailable, run, type Runtime, RUNTIMES } from "../support/runtimes.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";

const ROOT = new URL("../../", import.meta.url);
const FILE = "./examples/testing/bot_test.ts";

/** How each runtime runs tests, and how it counts them. */
const RUNNERS: Readonly<
  Record<string, { readonly args: readonly string[]; readonly passed: string }>
> = {
  "Deno": { args: ["test", "--allow-all", "--no-config"], passed: "4 passed" },
  "Bun": { args: ["test"], passed: "4 pass" },
  "Node 24": { args: ["--test"], passed: "pass 4" },
};

for (const { name, command: [program] } of RUNTIMES) {
  const { args = [], passed = "" } = RUNNERS[name] ?? {};
  const runtime: Runtime = { name, command: [program, ...args] };
  Deno.test({
    name: `examples/testing/bot_test.ts passes with the tests of ${name}`,
    ignore: !await isAvailable({ name, command: [program] }),
    async fn() {
      const { code, stdout, stderr } = await run(runtime, [FILE]);
      assertEquals(code, 0, `${stdout}${stderr}`);
      assertStringIncludes(`${stdout}${stderr}`, passed);
    },
  });
}

Deno.test({
  name: "examples/testing/bot_test.ts passes with Vitest",
  ignore: Deno.build.os === "windows",
  async fn(t) {
    using folder = new TemporaryFolder();
    const { path } = folder;
    const files: Runtime = { name: "cp", command: ["cp"] };
    assertEquals((await run(files, ["-R", "mod.ts", "src", "examples", path], {}, ROOT)).code, 0);
    await Deno.writeTextFile(`${path}/package.json`, '{ "type": "module" }');
    const source = await Deno.readTextFile(new URL(FILE, ROOT));
    const withVitest = source.replace('from "node:test"', 'from "vitest"');
    await Deno.writeTextFile(`${path}/examples/testing/bot.test.ts`, withVitest);
    const tool: Runtime = { name: "npm", command: [npm()] };
    const flags = ["--no-audit", "--no-fund"];
    const installed = await run(tool, ["install", ...flags, "vitest@3"], {}, path);
    await t.step({
      name: "on Node",
      ignore: installed.code !== 0,
      async fn() {
        const vitest: Runtime = { name: "Vitest", command: ["npx", "vitest", "run"] };
        const { code, stdout, stderr } = await run(vitest, ["bot.test.ts"], {}, path);
        assertEquals(code, 0, `${stdout}${stderr}`);
        assertStringIncludes(stdout, "4 passed");
      },
    });
  },
});
