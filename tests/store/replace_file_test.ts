import { assert, assertEquals, assertRejects } from "@std/assert";
import { replaceFile } from "../../src/store/replace_file.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";

const ignore = Deno.build.os === "windows"; // has no modes, and links for administrators only

function names(folder: string): string[] {
  return Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();
}

Deno.test({
  name: "replaceFile() writes a file that only its owner can read, in folders of its own",
  ignore,
  async fn() {
    using folder = new TemporaryFolder();
    const path = `${folder.path}/a/b/tokens.json`;
    await replaceFile(path, "old");
    Deno.chmodSync(path, 0o644);
    await replaceFile(path, "new");
    assertEquals(Deno.readTextFileSync(path), "new");
    assertEquals((Deno.statSync(path).mode ?? 0) & 0o777, 0o600);
    assertEquals((Deno.statSync(`${folder.path}/a`).mode ?? 0) & 0o777, 0o700);
    assertEquals(names(`${folder.path}/a/b`), ["tokens.json"]);
  },
});

Deno.test({
  name: "replaceFile() leaves a user's link, and replaces what it leads to",
  ignore,
  async fn() {
    using folder = new TemporaryFolder();
    Deno.mkdirSync(`${folder.path}/real`);
    const link = `${folder.path}/tokens.json`;
    Deno.symlinkSync("real/tokens.json", link); // which is not there yet
    for (const text of ["first", "second"]) {
      await replaceFile(link, text);
      assert(Deno.lstatSync(link).isSymlink);
      assertEquals(Deno.readTextFileSync(`${folder.path}/real/tokens.json`), text);
    }
    assertEquals(names(`${folder.path}/real`), ["tokens.json"]);
  },
});

Deno.test({
  name: "replaceFile() follows no link that lies where it writes",
  ignore,
  async fn() {
    using folder = new TemporaryFolder();
    const path = `${folder.path}/tokens.json`;
    const victim = `${folder.path}/victim`;
    Deno.writeTextFileSync(victim, "untouched");
    const planted = `${path}.${crypto.randomUUID()}.next`;
    for (const name of [`${path}.next`, planted]) Deno.symlinkSync(victim, name);
    await replaceFile(path, "tokens");
    assertEquals(Deno.readTextFileSync(victim), "untouched");
    assertEquals(Deno.readTextFileSync(path), "tokens");
    // What killed writers leave behind is removed, and nothing else.
    assertEquals(names(folder.path), ["tokens.json", "tokens.json.next", "victim"]);
  },
});

Deno.test({
  name: "replaceFile() refuses a link that leads to itself",
  ignore,
  async fn() {
    using folder = new TemporaryFolder();
    const path = `${folder.path}/tokens.json`;
    Deno.symlinkSync("tokens.json", path);
    await assertRejects(() => replaceFile(path, "tokens"), Error, "ELOOP");
    assertEquals(names(folder.path), ["tokens.json"]);
  },
});

Deno.test("replaceFile() leaves nothing behind if it fails", async () => {
  using folder = new TemporaryFolder();
  const path = `${folder.path}/tokens.json`;
  Deno.mkdirSync(path); // a folder cannot be replaced by a file
  await assertRejects(() => replaceFile(path, "tokens"));
  assertEquals(names(folder.path), ["tokens.json"]);
});
