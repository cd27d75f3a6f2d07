import {
  assert,
  assertEquals,
  assertFalse,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { fileStore, SessionError } from "../../mod.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";
import { testStore } from "./store_contract.ts";

const isWindows = Deno.build.os === "windows"; // has no modes, and links for administrators only

const KEY = "0123456789abcdef".repeat(4);

function names(folder: string): string[] {
  return Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();
}

testStore("fileStore()", () => {
  const folder = new TemporaryFolder();
  return Promise.resolve({
    open: () => Promise.resolve(fileStore(`${folder.path}/tokens`)),
    [Symbol.asyncDispose]: () => Promise.resolve(folder[Symbol.dispose]()),
  });
});

Deno.test("fileStore() takes a file URL", async () => {
  using folder = new TemporaryFolder();
  const path = `${folder.path}/with a blank`;
  const store = fileStore(new URL(`file://${path.replace(" ", "%20")}`));
  assert(await store.compareAndSet(KEY, undefined, "one"));
  assertEquals(await fileStore(path).get(KEY), "one");
});

Deno.test("fileStore() takes any key for a name, and stays in its folder", async () => {
  using folder = new TemporaryFolder();
  const store = fileStore(`${folder.path}/tokens`);
  for (const key of ["../../ key / with \\ everything ? %", "..", "."]) {
    assert(await store.compareAndSet(key, undefined, key));
    assertEquals(await store.get(key), key);
  }
  assertEquals(names(folder.path), ["tokens"]);
  assertEquals(names(`${folder.path}/tokens`).length, 3);
});

Deno.test("fileStore() refuses what is no path at once", () => {
  for (const path of ["", undefined, null, 7, new URL("https://localhost/tokens")]) {
    assertThrows(() => fileStore(path as string), TypeError, "must be a path or a file: URL");
  }
});

Deno.test("fileStore() says that it needs a folder where a file is, and leaves the file alone", async () => {
  using folder = new TemporaryFolder();
  const path = `${folder.path}/diary.json`;
  Deno.writeTextFileSync(path, "Dear diary");
  const store = fileStore(path);
  for (const task of [() => store.get(KEY), () => store.compareAndSet(KEY, undefined, "one")]) {
    const error = await assertRejects(task, SessionError, path);
    assertEquals(error.code, "store_invalid");
    assertStringIncludes(error.message, "it is a file. Pass the path of a folder");
  }
  assertEquals(Deno.readTextFileSync(path), "Dear diary");
});

Deno.test({
  name: "fileStore() writes what only its owner can read, and keeps no earlier tokens",
  ignore: isWindows,
  async fn() {
    using folder = new TemporaryFolder();
    const path = `${folder.path}/new/tokens`;
    const store = fileStore(path);
    let before: string | undefined;
    for (let i = 1; i <= 50; i++) {
      assert(await store.compareAndSet(KEY, before, `text ${i}`));
      before = `text ${i}`;
    }
    const mode = (file: string) => (Deno.statSync(file).mode ?? 0) & 0o777;
    for (const made of [`${folder.path}/new`, path, `${path}/${KEY}`]) {
      assertEquals(mode(made), 0o700);
    }
    const texts = names(`${path}/${KEY}`).map((name) => {
      assertEquals(mode(`${path}/${KEY}/${name}`), 0o600);
      return Deno.readTextFileSync(`${path}/${KEY}/${name}`);
    });
    assertEquals(texts.filter((text) => text !== ""), ["text 50"]);
    assertEquals(texts.length, 20);
  },
});

Deno.test({
  name: "fileStore() follows a user's link to a folder, and none that lies where it writes",
  ignore: isWindows,
  async fn() {
    using folder = new TemporaryFolder();
    Deno.mkdirSync(`${folder.path}/real`);
    Deno.symlinkSync("real", `${folder.path}/tokens`);
    const store = fileStore(`${folder.path}/tokens`);
    assert(await store.compareAndSet(KEY, undefined, "one"));
    assert(Deno.lstatSync(`${folder.path}/tokens`).isSymlink);
    assertEquals(names(`${folder.path}/real`), [KEY]);

    const victim = `${folder.path}/victim`;
    Deno.writeTextFileSync(victim, "untouched");
    const grant = `${folder.path}/real/${KEY}`;
    Deno.symlinkSync(victim, `${grant}/planted.draft`);
    Deno.removeSync(`${grant}/1`);
    Deno.symlinkSync(victim, `${grant}/1`);
    assert(await store.compareAndSet(KEY, "untouched", "two"));
    Deno.symlinkSync(victim, `${grant}/3`); // before the store gets there
    assertFalse(await store.compareAndSet(KEY, "two", "three"));
    assertEquals(Deno.readTextFileSync(victim), "untouched");
  },
});

Deno.test("fileStore() removes grants that nobody refreshed for 400 days, and nothing else", async () => {
  using folder = new TemporaryFolder();
  const store = fileStore(folder.path);
  const keys = ["a", "b", "c"].map((digit) => digit.repeat(64)) as [string, string, string];
  const daysAgo = (days: number) => new Date(Date.now() - days * 24 * 3_600_000);
  assert(await store.compareAndSet(keys[0], undefined, "old"));
  assert(await store.compareAndSet(keys[1], undefined, "used once a year"));
  Deno.mkdirSync(`${folder.path}/photos`);
  Deno.writeTextFileSync(`${folder.path}/photos/me.jpg`, "me");
  for (const name of [keys[0], "photos"]) {
    Deno.utimeSync(`${folder.path}/${name}`, daysAgo(401), daysAgo(401));
  }
  Deno.utimeSync(`${folder.path}/${keys[1]}`, daysAgo(399), daysAgo(399));
  assert(await store.compareAndSet(keys[2], undefined, "new"));
  assertEquals(names(folder.path), [keys[1], keys[2], "photos"]);
});

Deno.test("fileStore() passes on what the file system says", async () => {
  using folder = new TemporaryFolder();
  Deno.mkdirSync(`${folder.path}/tokens/${KEY}/1`, { recursive: true });
  await assertRejects(() => fileStore(`${folder.path}/tokens`).get(KEY), Error, "EISDIR");
});
