import { assertEquals, assertStringIncludes } from "@std/assert";
import { isAvailable, run, type Runtime, RUNTIMES } from "../support/runtimes.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";
import { installExamples } from "./examples_fixtures.ts";

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
    const isInstalled = await installExamples(path, ["vitest@3"]);
    const source = await Deno.readTextFile(new URL(FILE, ROOT));
    const withVitest = source.replace('from "node:test"', 'from "vitest"');
    await Deno.writeTextFile(`${path}/examples/testing/bot.test.ts`, withVitest);
    await t.step({
      name: "on Node",
      ignore: !isInstalled,
      async fn() {
        const vitest: Runtime = { name: "Vitest", command: ["npx", "vitest", "run"] };
        const { code, stdout, stderr } = await run(vitest, ["bot.test.ts"], {}, path);
        assertEquals(code, 0, `${stdout}${stderr}`);
        assertStringIncludes(stdout, "4 passed");
      },
    });
  },
});
