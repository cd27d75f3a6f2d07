import { assert, assertEquals } from "@std/assert";
import { fromNpm, isAvailable, run, type Runtime } from "../support/runtimes.ts";

const FILES = [...Deno.readDirSync(new URL("../portable", import.meta.url))]
  .map(({ name }) => `./tests/portable/${name}`).sort();

const NODE_TEST = ["--test", "--test-force-exit", "--test-reporter=tap"];

/** The other runtimes; Deno runs the files of `portable/` as it runs all tests. */
const RUNNERS: readonly { name: string; npmPackage: string; args: readonly string[] }[] = [
  { name: "Bun", npmPackage: "bun@1", args: ["test"] },
  { name: "Node 22", npmPackage: "node@22", args: NODE_TEST },
  { name: "Node 24", npmPackage: "node@24", args: NODE_TEST },
];

for (const { name, npmPackage, args } of RUNNERS) {
  const runtime: Runtime = { name, command: await fromNpm(npmPackage) };
  Deno.test({
    name: `The portable tests pass on ${name}`,
    ignore: !(await isAvailable(runtime)),
    async fn() {
      const { code, stdout, stderr } = await run(runtime, [...args, ...FILES]);
      assertEquals(code, 0, `${stdout}\n${stderr}`);
      const passed = /^# pass (\d+)$|^ *(\d+) pass$/m.exec(`${stdout}\n${stderr}`);
      assert(Number(passed?.[1] ?? passed?.[2]) > 60, `${passed?.[0]}`);
    },
  });
}
