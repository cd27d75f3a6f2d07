import { assert, assertEquals, assertRejects } from "@std/assert";
import { VersionedFile } from "../../src/store/versioned_file.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";

function names(folder: string): string[] {
  return Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();
}

Deno.test("VersionedFile holds the old text or the new one, whenever its process is killed", async () => {
  using folder = new TemporaryFolder();
  const script = `
    import { VersionedFile } from ${
    JSON.stringify(new URL("../../src/store/versioned_file.ts", import.meta.url).href)
  };
    const file = new VersionedFile(${JSON.stringify(folder.path)});
    let { number, text } = await file.read();
    console.log("ready");
    for (;;) {
      const next = "x".repeat(10_000) + (number + 1);
      number = await file.compareAndSet(text, next);
      text = next;
    }`;
  const file = new VersionedFile(folder.path);
  for (let round = 0; round < 8; round++) {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["eval", script],
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const reader = child.stdout.getReader();
    await reader.read(); // ready
    // At any moment of a write, so a different one each time: there is nothing to wait for.
    await new Promise((resolve) => setTimeout(resolve, 3 + Math.random() * 20));
    child.kill("SIGKILL");
    await child.status;
    await reader.cancel();
    const { number, text } = await file.read();
    assertEquals(text, number === 0 ? undefined : "x".repeat(10_000) + number);
  }
  const { number, text } = await file.read();
  assert(number > 0);
  // What the killed ones left behind goes with the next writes.
  await file.compareAndSet(text, "last");
  for (const name of names(folder.path)) {
    assert(/^\d+$/.test(name) && Number(name) > number + 1 - 20, name);
  }
});

Deno.test("VersionedFile notices that its process was stopped while others wrote", async () => {
  using folder = new TemporaryFolder();
  const file = new VersionedFile(folder.path);
  for (let i = 0; i < 30; i++) await file.compareAndSet(i === 0 ? undefined : `${i - 1}`, `${i}`);
  // It has read version 2 long ago, and goes on with number 3, which is free again.
  const late = new VersionedFile(folder.path);
  late.read = () => Promise.resolve({ number: 2, text: "1" });
  await assertRejects(() => late.compareAndSet("1", "late"), Error, "was stopped while it wrote");
  assertEquals(await file.read(), { number: 30, text: "29" });
  assertEquals(names(folder.path).length, 20);
  // A number that is still remembered cannot be taken.
  late.read = () => Promise.resolve({ number: 20, text: "19" });
  assertEquals(await late.compareAndSet("19", "late").catch(String), undefined);
});

Deno.test("VersionedFile takes a link of its own for a success, though the answer was lost", async () => {
  using folder = new TemporaryFolder();
  const file = new VersionedFile(folder.path);
  Deno.writeTextFileSync(`${folder.path}/1`, "mine"); // as the first try of the network left it
  const { read } = VersionedFile.prototype;
  let reads = 0;
  file.read = () =>
    ++reads === 1 ? Promise.resolve({ number: 0, text: undefined }) : read.call(file);
  assertEquals(await file.compareAndSet(undefined, "mine"), 1);
});

Deno.test("VersionedFile writes again what another writer has swept away", async () => {
  using folder = new TemporaryFolder();
  const file = new VersionedFile(folder.path);
  let isSwept = false;
  const sweep = (async () => {
    while (!isSwept) {
      for (const name of names(folder.path).filter((name) => name.endsWith(".draft"))) {
        Deno.removeSync(`${folder.path}/${name}`);
        isSwept = true;
      }
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  })();
  for (let i = 1; !isSwept; i++) {
    assertEquals(await file.compareAndSet(i === 1 ? undefined : `${i - 1}`, `${i}`), i);
  }
  await sweep;
});

Deno.test("VersionedFile returns an empty text as it is", async () => {
  using folder = new TemporaryFolder();
  const file = new VersionedFile(folder.path);
  assertEquals(await file.compareAndSet(undefined, ""), 1);
  assertEquals(await file.read(), { number: 1, text: "" });
});

Deno.test("VersionedFile reports a folder that cannot be made", async () => {
  using folder = new TemporaryFolder();
  Deno.writeTextFileSync(`${folder.path}/file`, "");
  const file = new VersionedFile(`${folder.path}/file/below`);
  file.read = () => Promise.resolve({ number: 0, text: undefined });
  await assertRejects(() => file.compareAndSet(undefined, "one"), Error, "ENOTDIR");
});
