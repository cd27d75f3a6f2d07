import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { fileStore, SessionError, type StoredTokens } from "../../mod.ts";
import { fromNpm, isAvailable, run, type Runtime } from "../support/runtimes.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";

function tokens(refreshToken: string): StoredTokens {
  return {
    refreshToken,
    accessToken: `access for ${refreshToken}`,
    obtainedAt: "2026-01-01T00:00:00.000Z",
    expiresAt: "2026-01-01T00:20:00.000Z",
  };
}

Deno.test("fileStore() keeps the tokens of several grants", async () => {
  using folder = new TemporaryFolder();
  const path = `${folder.path}/tokens.json`;
  const store = fileStore(path);
  assertEquals(await store.load("a"), undefined);
  await store.save("a", tokens("a1"));
  await store.save("b", tokens("b1"));
  await store.save("a", tokens("a2"));
  assertEquals(await fileStore(path).load("a"), tokens("a2"));
  assertEquals(await fileStore(path).load("b"), tokens("b1"));
  assertEquals(await store.load("c"), undefined);
});

Deno.test("fileStore() takes a file URL", async () => {
  using folder = new TemporaryFolder();
  const path = `${folder.path}/with a blank.json`;
  await fileStore(new URL(`file://${path.replace(" ", "%20")}`)).save("a", tokens("a1"));
  assertEquals(await fileStore(path).load("a"), tokens("a1"));
});

Deno.test("fileStore() makes a file that only its owner can read, and narrows one that is wider", async () => {
  using folder = new TemporaryFolder();
  const path = `${folder.path}/new/folder/tokens.json`;
  const store = fileStore(path);
  const mode = (file: string) => (Deno.statSync(file).mode ?? 0) & 0o777;
  await store.save("a", tokens("a1"));
  assertEquals(mode(path), 0o600);
  assertEquals(mode(`${folder.path}/new/folder`), 0o700);
  Deno.chmodSync(path, 0o644);
  Deno.writeTextFileSync(`${path}.next`, "left over", { mode: 0o666 });
  await store.save("a", tokens("a2"));
  assertEquals(mode(path), 0o600);
});

Deno.test("fileStore() loses nothing when two write at once", async () => {
  using folder = new TemporaryFolder();
  const path = `${folder.path}/tokens.json`;
  const keys = Array.from({ length: 20 }, (_, i) => `key ${i}`);
  await Promise.all(keys.map((key) => fileStore(path).save(key, tokens(key))));
  for (const key of keys) assertEquals(await fileStore(path).load(key), tokens(key));
});

Deno.test("fileStore() may save while it holds a lock, and locks each key by itself", async () => {
  using folder = new TemporaryFolder();
  const store = fileStore(`${folder.path}/tokens.json`);
  await store.lock("a", () => store.lock("b", () => store.save("a", tokens("a1"))));
  assertEquals(await store.load("a"), tokens("a1"));
});

Deno.test("fileStore() takes any key for a name", async () => {
  using folder = new TemporaryFolder();
  const store = fileStore(`${folder.path}/tokens.json`);
  const key = "../../ key / with \\ everything ? %";
  await store.lock(key, () => store.save(key, tokens("a1")));
  assertEquals(await store.load(key), tokens("a1"));
  assertEquals(Array.from(Deno.readDirSync(folder.path), ({ name }) => name).sort(), [
    "tokens.json",
    "tokens.json.lock",
  ]);
});

Deno.test("fileStore() refuses a file that holds something else, and leaves it alone", async () => {
  using folder = new TemporaryFolder();
  const path = `${folder.path}/diary.json`;
  for (
    const content of [
      "",
      "Dear diary",
      "[]",
      '{"version":2,"tokens":{}}',
      '{"version":1,"tokens":{"a":{}}}',
    ]
  ) {
    Deno.writeTextFileSync(path, content);
    const error = await assertRejects(() => fileStore(path).load("a"), SessionError, path);
    assertEquals(error.code, "store_failed");
    await assertRejects(() => fileStore(path).save("a", tokens("a1")), SessionError);
    assertEquals(Deno.readTextFileSync(path), content);
  }
});

Deno.test("fileStore() refuses what is no path at once", () => {
  for (const path of ["", undefined, null, 7, new URL("https://localhost/tokens.json")]) {
    assertThrows(() => fileStore(path as string), TypeError, "must be a path or a file: URL");
  }
});

Deno.test("fileStore() passes on what the file system says", async () => {
  using folder = new TemporaryFolder();
  await assertRejects(() => fileStore(folder.path).load("a"), Error, "EISDIR");
});

Deno.test("fileStore() holds old or new tokens, whenever its process is killed", async () => {
  using folder = new TemporaryFolder();
  const path = `${folder.path}/tokens.json`;
  const script = `
    import { fileStore } from ${JSON.stringify(new URL("../../mod.ts", import.meta.url).href)};
    const store = fileStore(${JSON.stringify(path)});
    await store.load("a"); // loads what it needs
    console.log("ready");
    for (let i = 1;; i++) {
      await store.save("a", { refreshToken: String(i), accessToken: "x".repeat(10_000),
        obtainedAt: "2026-01-01T00:00:00.000Z", expiresAt: "2026-01-01T00:20:00.000Z" });
    }`;
  let last = 0;
  for (let round = 0; round < 8; round++) {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["eval", script],
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const reader = child.stdout.getReader();
    await reader.read(); // ready
    // At any moment of a save, so a different one each time: there is nothing to wait for.
    await new Promise((resolve) => setTimeout(resolve, 3 + Math.random() * 20));
    child.kill("SIGKILL");
    await child.status;
    await reader.cancel();
    const held = await fileStore(path).load("a");
    if (held === undefined) continue; // killed before its first save
    assert(/^\d+$/.test(held.refreshToken));
    assertEquals(held.accessToken.length, 10_000);
    last = Number(held.refreshToken);
  }
  assert(last > 0);
});

const node: Runtime = { name: "Node 24", command: await fromNpm("node@24") };

Deno.test({
  name: "fileStore() has saved when it says so, however slow the file system is, on Node",
  ignore: !(await isAvailable(node)),
  async fn() {
    using folder = new TemporaryFolder();
    const args = ["tests/support/slow_rename_process.ts", `${folder.path}/tokens.json`];
    assertEquals((await run(node, args)).stdout, "renamed\nsaved\n");
  },
});
