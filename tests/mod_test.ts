import { assert, assertEquals, assertMatch } from "@std/assert";
import * as mod from "../mod.ts";
import { VERSION } from "../src/version.ts";

const ROOT = new URL("../", import.meta.url);

interface Imported {
  readonly specifier: string;
}

interface Graph {
  readonly modules: readonly {
    readonly specifier: string;
    readonly dependencies?: readonly { readonly code?: Imported; readonly type?: Imported }[];
  }[];
}

/** Everything that an entry reaches, and what each module imports, types included. */
async function importsFrom(entry: string): Promise<ReadonlyMap<string, readonly string[]>> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", new URL(entry, ROOT).href],
    cwd: ROOT,
    stderr: "null",
  }).output();
  const { modules }: Graph = JSON.parse(new TextDecoder().decode(stdout));
  const short = (specifier: string) => specifier.replace(ROOT.href, "");
  return new Map(modules.map(({ specifier, dependencies = [] }) => [
    short(specifier),
    dependencies.flatMap(({ code, type }) => [code, type])
      .filter((imported) => imported !== undefined)
      .map((imported) => short(imported.specifier)),
  ]));
}

/** The TypeScript files in a folder and in all folders below it. */
async function sourcesBelow(folder: string): Promise<string[]> {
  const sources: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(new URL(folder, ROOT))) {
    if (isDirectory) sources.push(...await sourcesBelow(`${folder}${name}/`));
    else if (name.endsWith(".ts")) sources.push(folder + name);
  }
  return sources;
}

/** A way from a module back to itself. */
function cycleIn(imports: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const finished = new Set<string>();
  const visit = (module: string, path: readonly string[]): string[] | undefined => {
    if (path.includes(module)) return [...path, module];
    if (finished.has(module)) return undefined;
    for (const next of imports.get(module) ?? []) {
      const cycle = visit(next, [...path, module]);
      if (cycle !== undefined) return cycle;
    }
    finished.add(module);
    return undefined;
  };
  for (const module of imports.keys()) {
    const cycle = visit(module, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

Deno.test("mod.ts exports these values and no others", () => {
  assertEquals(
    Object.keys(mod).sort(),
    [
      "Account",
      "ApiError",
      "AutoRefreshSession",
      "Credentials",
      "Customer",
      "CredentialsError",
      "LoginError",
      "NetworkError",
      "RateLimitError",
      "Session",
      "SessionClosedError",
      "SessionError",
      "TokenError",
      "fileStore",
      "login",
      "tastytrade",
      "tradestation",
    ].sort(),
  );
});

Deno.test("mod.ts reaches its own sources and node: only, and nothing of the emulator", async () => {
  const imports = await importsFrom("mod.ts");
  assert(imports.has("src/session.ts"), "deno info found nothing");
  for (const module of [...imports.keys(), ...[...imports.values()].flat()]) {
    assertMatch(module, /^(mod\.ts|src\/(?!emulator\/)[\w/]+\.ts|node:[\w/]+)$/);
  }
});

Deno.test("mod.ts reaches every source but the emulator's", async () => {
  const imports = await importsFrom("mod.ts");
  assertEquals(
    [...imports.keys()].filter((module) => module.startsWith("src/")).sort(),
    (await sourcesBelow("src/")).filter((path) => !path.startsWith("src/emulator/")).sort(),
  );
});

Deno.test("imports of mod.ts form no cycle, types included", async () => {
  assertEquals(cycleIn(await importsFrom("mod.ts")), undefined);
});

Deno.test("imports of mod.ts point one way", async () => {
  const imports = await importsFrom("mod.ts");
  const importersOf = (module: string) =>
    [...imports].filter(([, imported]) => imported.includes(module)).map(([importer]) => importer);

  assertEquals(imports.get("src/errors.ts"), []);
  assertEquals(imports.get("src/brokers/records.ts"), []);
  assertEquals(importersOf("mod.ts"), []);
  for (const [module, imported] of imports) {
    if (!module.startsWith("src/brokers/")) continue;
    for (const other of imported) assertMatch(other, /^src\/(brokers\/\w+|errors)\.ts$/, module);
  }
  // What is opened with a session stands on it, and it stands on none of that.
  assertEquals(importersOf("src/session.ts").sort(), [
    "mod.ts",
    "src/account.ts",
    "src/auto_refresh_session.ts",
    "src/customer.ts",
  ]);
  assertEquals(importersOf("src/account.ts"), ["mod.ts"]);
  assertEquals(importersOf("src/customer.ts"), ["mod.ts"]);
  // One place knows which broker is the default; nobody else knows any by name.
  assertEquals(importersOf("src/brokers/tastytrade.ts").sort(), [
    "mod.ts",
    "src/session_options.ts",
  ]);
  assertEquals(importersOf("src/brokers/tradestation.ts"), ["mod.ts"]);
});

Deno.test("One file of the module reads the environment", async () => {
  const readers: string[] = [];
  for (const module of (await importsFrom("mod.ts")).keys()) {
    if (!module.startsWith("src/")) continue;
    const source = await Deno.readTextFile(new URL(module, ROOT));
    if (/process\.env\b|Deno\.env\b/.test(source)) readers.push(module);
  }
  assertEquals(readers, ["src/environment.ts"]);
});

Deno.test("imports of the emulator reach nothing of the module's", async () => {
  for (const module of (await importsFrom("src/emulator/emulator.ts")).keys()) {
    assertMatch(module, /^(src\/emulator\/[\w/]+\.(ts|json)|node:[\w/]+)$/);
  }
});

Deno.test("VERSION is that of deno.json and of the newest changelog entry", async () => {
  const config: unknown = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
  assertEquals(Reflect.get(Object(config), "version"), VERSION);
  const changelog = await Deno.readTextFile(new URL("CHANGELOG.md", ROOT));
  assertEquals(/^## \[(\d[^\]]*)\]/m.exec(changelog)?.[1], VERSION);
});
