/** What the README shows first, as it stands there, on every runtime that it names. */

import { assert, assertEquals } from "@std/assert";
import { type Emulator, startEmulator } from "../../src/emulator/emulator.ts";
import { fromNpm, isAvailable, type Runtime } from "../support/runtimes.ts";
import { BUNDLE_FLAGS, startWorker, WORKERD } from "../support/workerd.ts";
import { canInstall, InstalledProject } from "./installed_project.ts";

const ignore = !(await canInstall());

const [FIRST = "", IN_FINALLY = ""] = [
  ...(await Deno.readTextFile(new URL("../../README.md", import.meta.url)))
    .matchAll(/^```ts ignore\n(.*?)^```$/gms),
].map(([, code]) => code);

const IMPORT = 'import { Account, Session } from "@tasty/session";\n';

/** Leads requests to the broker to the emulator instead, so that the program needs no change. */
function redirectTo({ tastytrade: { baseUrl } }: Emulator): string {
  return `const { fetch } = globalThis;
globalThis.fetch = (url, init) => fetch(url.replace("https://api.tastyworks.com", "${baseUrl}"), init);
`;
}

/** The lines that the two programs print. */
const FIRST_LINES = ["5WT00000 Roth IRA 4544.727", "5WT00001 Margin acct 0.0"];

const NODES = {
  node20: { name: "Node 20", command: await fromNpm("node@20") },
  node22: { name: "Node 22", command: await fromNpm("node@22") },
  node24: { name: "Node 24", command: await fromNpm("node@24") },
} as const satisfies Record<string, Runtime>;

Deno.test({
  name: "The README's first program runs on Deno, Bun, Node 24 and workerd",
  ignore,
  async fn(t) {
    using project = await InstalledProject.create("esbuild@0.25");
    await using emulator = await startEmulator();
    const { clientSecret, refreshToken } = emulator.tastytrade;
    const env = { TASTY_CLIENT_SECRET: clientSecret, TASTY_REFRESH_TOKEN: refreshToken };
    const redirect = redirectTo(emulator);
    await project.write("redirect.js", redirect);
    await project.write("first.ts", FIRST);
    const programs: readonly (readonly [Runtime, string])[] = [
      [
        { name: "Deno", command: [Deno.execPath(), "run", "--allow-all", "--no-lock"] },
        "--preload",
      ],
      [{ name: "Bun", command: await fromNpm("bun@1") }, "--preload"],
      [NODES.node24, "--import"],
    ];
    for (const [runtime, preload] of programs) {
      await t.step(runtime.name, async () => {
        const printed = await project.runWith(runtime, env, preload, "./redirect.js", "first.ts");
        assertEquals(printed.split("\n"), FIRST_LINES);
      });
    }
    await t.step({
      name: "workerd",
      ignore: !(await isAvailable(WORKERD)),
      async fn() {
        // A worker sends requests while it answers one, so the program moves into its answer.
        const [, imports = "", body = ""] = /^(import.*?;\n)(.*)$/s.exec(FIRST) ?? [];
        const worker = `${imports}${redirect}
globalThis.process = { env: ${JSON.stringify(env)} };
export default {
  async fetch() {
    const lines = [];
    console.log = (...words) => lines.push(words.join(" "));
    ${body}
    return Response.json(lines);
  },
};`;
        await project.write("worker_source.js", worker);
        await project.npx("esbuild", "worker_source.js", ...BUNDLE_FLAGS, "--outfile=worker.js");
        await using served = await startWorker(project.path);
        assertEquals(await (await fetch(served.url)).json(), FIRST_LINES);
      },
    });
  },
});

Deno.test({
  name: "The README's program without `await using` runs on Node 20 and 22",
  ignore,
  async fn() {
    using project = await InstalledProject.create();
    await using emulator = await startEmulator();
    const { clientSecret, refreshToken } = emulator.tastytrade;
    const env = { TASTY_CLIENT_SECRET: clientSecret, TASTY_REFRESH_TOKEN: refreshToken };
    await project.write("redirect.js", redirectTo(emulator));
    for (const [runtime, file] of [[NODES.node20, "old.js"], [NODES.node22, "old.ts"]] as const) {
      await project.write(file, IMPORT + IN_FINALLY);
      const printed = await project.runWith(runtime, env, "--import", "./redirect.js", file);
      assertEquals(printed, "[ '5WT00000', '5WT00001' ]");
    }
    assert(!IN_FINALLY.includes("await using "), IN_FINALLY);
  },
});
