/** The npm package, installed into an empty project as its users do it. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { fileURLToPath } from "node:url";
import { askForToken } from "../support/emulator_wire.ts";
import { RunningProgram } from "../support/running_program.ts";
import { fromNpm, type Runtime } from "../support/runtimes.ts";
import { canInstall, InstalledProject } from "./installed_project.ts";

const ignore = !(await canInstall());

const NODE_20: Runtime = { name: "Node 20", command: await fromNpm("node@20") };
const RUNTIMES: readonly Runtime[] = [
  NODE_20,
  { name: "Node 22", command: await fromNpm("node@22") },
  { name: "Node 24", command: await fromNpm("node@24") },
  { name: "Bun", command: await fromNpm("bun@1") },
];

const RESULTS = {
  accounts: [9, "5WT00000", 2],
  order: [true, "timeout", "unknown", 1],
  byPaste: [3, 4],
  inBrowser: [3, 4],
};

Deno.test({
  name: "The npm package runs on Node 20, 22 and 24 and on Bun, by itself and bundled",
  ignore,
  async fn(t) {
    using project = await InstalledProject.create("esbuild@0.25");
    await project.add("program.js");
    for (const runtime of RUNTIMES) {
      await t.step(runtime.name, async () => {
        assertEquals(JSON.parse(await project.runWith(runtime, {}, "program.js")), RESULTS);
      });
    }
    for (const [format, file] of [["esm", "bundle.mjs"], ["cjs", "bundle.cjs"]] as const) {
      await t.step(`bundled as ${format}`, async () => {
        const flags = ["--bundle", "--platform=node", "--log-level=warning"];
        const out = [`--format=${format}`, `--outfile=${file}`];
        assertEquals(await project.npx("esbuild", "program.js", ...flags, ...out), "");
        assertEquals(JSON.parse(await project.runWith(NODE_20, {}, file)), RESULTS);
      });
    }
    await t.step("It depends on nothing, and its files are JavaScript", async () => {
      const list: unknown = JSON.parse(
        await project.runWith({ name: "npm", command: ["npm"] }, {}, "ls", "--all", "--json"),
      );
      const installed = Reflect.get(Object(list), "dependencies")["@tasty/session"];
      assertEquals(installed.dependencies, undefined);
      for await (const name of filesBelow(`${project.path}/node_modules/@tasty/session`)) {
        assertMatch(name, /\.(js|d\.ts|json|md)$|LICENSE$/);
      }
    });
  },
});

/** What only a part of the programs need, by words that stand in that part alone. */
const PARTS = {
  login: "Not the response to this login",
  credentials: "programs read some of its characters differently",
  fileStore: ".draft",
  tradestation: "signin.tradestation.com",
  customer: "Customer",
  rateLimiter: "admit",
};

Deno.test({
  name: "A bundle with Session alone carries no other part of the module",
  ignore,
  async fn() {
    using project = await InstalledProject.create("esbuild@0.25");
    const partsOf = async (program: string) => {
      await project.write("entry.js", program);
      // With chunks for what is loaded later, as bundlers for the web make them.
      const flags = ["--bundle", "--minify", "--splitting", "--format=esm", "--platform=node"];
      await project.npx("esbuild", "entry.js", ...flags, "--outdir=out", "--log-level=warning");
      const text = await withImports(`${project.path}/out/entry.js`);
      return Object.entries(PARTS).filter(([, words]) => text.includes(words)).map(([name]) =>
        name
      );
    };
    const session = 'import { Session } from "@tasty/session";';
    assertEquals(await partsOf(`${session} new Session();`), []);
    assertEquals(
      await partsOf(`${session} import { tradestation } from "@tasty/session";
      new Session({ broker: tradestation });`),
      ["tradestation"],
    );
    const all = await partsOf('export * from "@tasty/session";'); // the search finds what is there
    assertEquals(all, ["credentials", "tradestation", "customer"]);
  },
});

/** A file, and those that it imports before it runs. */
async function withImports(path: string): Promise<string> {
  const text = await Deno.readTextFile(path);
  const imported = [...text.matchAll(/(?:from|import)"(\.\/[\w.-]+)"/g)].map(([, file]) =>
    withImports(path.replace(/[^/]+$/, `${file}`))
  );
  return [text, ...await Promise.all(imported)].join("\n");
}

/** Checks types. The options are in a file, because a lost `noEmit` would write into the sources. */
async function checkTypes(project: InstalledProject, options: object, files: readonly string[]) {
  const compilerOptions = {
    strict: true,
    noEmit: true,
    target: "ES2022",
    types: ["node"],
    ...options,
  };
  await project.write("tsconfig.json", JSON.stringify({ compilerOptions, files }));
  assertEquals(await project.npx("tsc", "--project", "tsconfig.json"), "");
}

for (const version of ["20", "24"]) {
  Deno.test({
    name: `The npm package has types that pass without those of browsers (Node ${version})`,
    ignore,
    async fn() {
      using project = await InstalledProject.create("typescript@5", `@types/node@${version}`);
      await project.add("types.ts");
      const lib = ["ES2022"];
      for (const resolution of ["nodenext", "bundler"]) {
        const module = resolution === "bundler" ? "esnext" : resolution;
        await checkTypes(project, { lib, module, moduleResolution: resolution }, ["types.ts"]);
      }
    },
  });
}

Deno.test({
  name: "The module uses nothing that Node 20 lacks",
  ignore,
  async fn() {
    using project = await InstalledProject.create("typescript@5", "@types/node@20");
    const root = new URL("../../", import.meta.url);
    await checkTypes(project, {
      // What Node 20 has, and the types of `using`, which is not in the module itself.
      lib: ["ES2023", "ES2024.String", "ESNext.Disposable"],
      typeRoots: ["node_modules/@types"],
      skipLibCheck: true,
      module: "esnext",
      moduleResolution: "bundler",
      allowImportingTsExtensions: true,
      resolveJsonModule: true,
    }, ["mod.ts", "src/emulator/main.ts"].map((file) => fileURLToPath(new URL(file, root))));
  },
});

Deno.test({
  name: "npx starts the emulator from the npm package, with chosen credentials",
  ignore,
  async fn() {
    using project = await InstalledProject.create();
    const credentials = { clientSecret: "chosen-secret", refreshToken: "chosen-token" };
    assertStringIncludes(await project.npx("tasty-emulator", "--help"), "--client-secret=SECRET");
    // What npx starts, without it, because the emulator would survive the end of npx.
    await using program = new RunningProgram(NODE_20, [
      `${project.path}/node_modules/@tasty/session/src/emulator/main.js`,
      "--port=0",
      `--client-secret=${credentials.clientSecret}`,
      `--refresh-token=${credentials.refreshToken}`,
    ]);
    const [, url = ""] = /on (http:\S+);/.exec(`${await program.nextLine()}`) ?? [];
    const { status } = await askForToken({ baseUrl: `${url}/tastytrade`, ...credentials });
    assertEquals(status, 200);
    assert(await program.nextLine() !== undefined);
  },
});

async function* filesBelow(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) yield* filesBelow(`${folder}/${name}`);
    else yield name;
  }
}
