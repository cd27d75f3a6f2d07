import { assert, assertEquals, assertMatch } from "@std/assert";
import * as mod from "../mod.ts";
import { VERSION } from "../src/version.ts";

const ROOT = new URL("../", import.meta.url);

/** The entry of the stores for more than one machine. */
const STORES = "src/store/stores.ts";

interface Imported {
  readonly specifier: string;
}

interface Dependency {
  readonly code?: Imported;
  readonly type?: Imported;
  /** Whether it is loaded by `import()`. */
  readonly isDynamic?: boolean;
}

interface Graph {
  readonly modules: readonly {
    readonly specifier: string;
    readonly dependencies?: readonly Dependency[];
  }[];
}

/** Everything that an entry reaches, and what each module imports, by default types included. */
async function importsFrom(
  entry: string,
  importedBy: (dependency: Dependency) => (Imported | undefined)[] = (
    { code, type },
  ) => [code, type],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", new URL(entry, ROOT).href],
    cwd: ROOT,
    stderr: "null",
  }).output();
  const { modules }: Graph = JSON.parse(new TextDecoder().decode(stdout));
  const short = (specifier: string) => specifier.replace(ROOT.href, "");
  return new Map(modules.map(({ specifier, dependencies = [] }) => [
    short(specifier),
    dependencies.flatMap(importedBy)
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

Deno.test("mod.ts loads no node: module until a file or a login needs one", async () => {
  const imports = await importsFrom("mod.ts", ({ code, isDynamic }) => isDynamic ? [] : [code]);
  const loaded = new Set(["mod.ts"]);
  for (const module of loaded) for (const next of imports.get(module) ?? []) loaded.add(next);
  assert(loaded.has("src/token/token_endpoint.ts"));
  assertEquals([...loaded].filter((module) => !module.endsWith(".ts")), []);
});

Deno.test("mod.ts and the stores reach every source but the emulator's", async () => {
  const imports = new Map([...await importsFrom("mod.ts"), ...await importsFrom(STORES)]);
  assertEquals(
    [...imports.keys()].filter((module) => module.startsWith("src/")).sort(),
    (await sourcesBelow("src/")).filter((path) => !path.startsWith("src/emulator/")).sort(),
  );
});

Deno.test("The stores import no client, no node: module and nothing of the sessions", async () => {
  for (const module of (await importsFrom(STORES)).keys()) {
    assertMatch(module, /^src\/(store\/\w+|errors)\.ts$/);
  }
});

for (const entry of ["mod.ts", STORES, "src/emulator/emulator.ts"]) {
  Deno.test(`imports of ${entry} form no cycle, types included`, async () => {
    assertEquals(cycleIn(await importsFrom(entry)), undefined);
  });
}

/**
 * The rooms and files of the module, from the top down. A file may import from its own room and from
 * lower levels, not from another room of its level.
 */
const LEVELS: readonly (readonly string[])[] = [
  ["mod.ts"],
  ["src/account.ts", "src/customer.ts", "src/auto_refresh_session.ts"],
  ["src/updates/"],
  ["src/orders/"],
  ["src/resource.ts"],
  ["src/session.ts"],
  ["src/session_options.ts"],
  ["src/call/", "src/login/", "src/streams/"],
  ["src/connection.ts", "src/credentials.ts"],
  ["src/credential_options.ts", "src/env_file.ts"],
  ["src/token/"],
  ["src/store/"],
  ["src/tracing/"],
  ["src/brokers/"],
  ["src/net/"],
  ["src/unknown_options.ts", "src/env_variables.ts", "src/error_message.ts"],
  [
    "src/errors.ts",
    "src/deno_permissions.ts",
    "src/gap.ts",
    "src/node_process.ts",
    "src/weak_references.ts",
    "src/version.ts",
  ],
];

/** The level of a module, and its room at that level. */
function placeOf(module: string): { level: number; room: string } {
  const isPlace = (room: string) => room.endsWith("/") ? module.startsWith(room) : module === room;
  const level = LEVELS.findIndex((rooms) => rooms.some(isPlace));
  return { level, room: LEVELS[level]?.find(isPlace) ?? `nowhere: ${module}` };
}

Deno.test("imports of mod.ts point down only", async () => {
  for (const [module, imported] of await importsFrom("mod.ts")) {
    if (module.startsWith("node:")) continue;
    const from = placeOf(module);
    assert(from.level >= 0, `${module} has no place in LEVELS`);
    for (const other of imported.filter((one) => !one.startsWith("node:"))) {
      const to = placeOf(other);
      assert(to.room === from.room || to.level > from.level, `${module} imports ${other}`);
    }
  }
});

Deno.test("One file knows the default broker, and mod.ts alone knows the others", async () => {
  const imports = await importsFrom("mod.ts");
  const importersOf = (module: string) =>
    [...imports].filter(([, imported]) => imported.includes(module)).map(([importer]) => importer);
  const folder = "src/brokers";
  assertEquals(importersOf(`${folder}/tastytrade/tastytrade.ts`).sort(), [
    "mod.ts",
    "src/connection.ts",
  ]);
  assertEquals(importersOf(`${folder}/tradestation/tradestation.ts`), ["mod.ts"]);
});

Deno.test("One file of the module reads the environment", async () => {
  const readers: string[] = [];
  for (const module of (await importsFrom("mod.ts")).keys()) {
    if (!module.startsWith("src/")) continue;
    const source = await Deno.readTextFile(new URL(module, ROOT));
    if (/process(\(\))?\??\.env\b|Deno\.env\b/i.test(source)) readers.push(module);
  }
  assertEquals(readers, ["src/env_variables.ts"]);
});

Deno.test("imports of the emulator reach nothing of the module's", async () => {
  const imports = await importsFrom("src/emulator/emulator.ts");
  assert(imports.has("src/emulator/route.ts"), "deno info found nothing");
  for (const module of imports.keys()) {
    assertMatch(module, /^(src\/emulator\/[\w/]+\.(ts|json)|node:[\w/]+)$/);
  }
});

Deno.test("each emulated broker knows itself only, and what both share knows neither", async () => {
  const brokers = ["src/emulator/tastytrade/", "src/emulator/tradestation/"];
  const brokerOf = (module: string) => brokers.find((folder) => module.startsWith(folder));
  // These put the brokers together.
  const assembly = [
    "emulator.ts",
    "local_emulator.ts",
    "emulator_settings.ts",
    "emulated_user.ts",
    "control.ts",
  ].map((name) => `src/emulator/${name}`);
  for (const [module, imported] of await importsFrom("src/emulator/emulator.ts")) {
    if (assembly.includes(module)) continue;
    for (const other of imported) {
      const broker = brokerOf(other);
      assert(broker === undefined || broker === brokerOf(module), `${module} imports ${other}`);
    }
  }
});

Deno.test("VERSION is that of deno.json and of the newest changelog entry", async () => {
  const config: unknown = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
  assertEquals(Reflect.get(Object(config), "version"), VERSION);
  const changelog = await Deno.readTextFile(new URL("CHANGELOG.md", ROOT));
  assertEquals(/^## \[(\d[^\]]*)\]/m.exec(changelog)?.[1], VERSION);
});
