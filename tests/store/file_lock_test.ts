import { assert, assertEquals, assertRejects } from "@std/assert";
import { setImmediate } from "node:timers";
import { claim, FileLock } from "../../src/store/file_lock.ts";
import { isRunning, processIdentity } from "../../src/store/process_identity.ts";
import { CountedSignal } from "../support/counted_signal.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { idle } from "../support/idle.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";

const names = (path: string) => Array.from(Deno.readDirSync(path), ({ name }) => name).sort();

Deno.test("FileLock lets one task at a time run", async () => {
  using folder = new TemporaryFolder();
  let running = 0;
  let most = 0;
  const tasks = Array.from({ length: 20 }, () =>
    new FileLock(folder.path).run(async () => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 1));
      running -= 1;
    }));
  await Promise.all(tasks);
  assertEquals(most, 1);
});

Deno.test("FileLock returns what the task returns, and is free after it fails", async () => {
  using folder = new TemporaryFolder();
  const lock = new FileLock(folder.path);
  assertEquals(await lock.run(() => Promise.resolve(7)), 7);
  await assertRejects(() => lock.run(() => Promise.reject(new Error("mine"))), Error, "mine");
  assertEquals(await lock.run(() => Promise.resolve(8)), 8);
});

Deno.test("FileLock leaves one small file behind", async () => {
  using folder = new TemporaryFolder();
  const lock = new FileLock(folder.path);
  for (let i = 0; i < 5; i++) await lock.run(() => Promise.resolve());
  assertEquals(names(folder.path), ["5.free"]);
});

Deno.test("FileLock makes its folder, for its owner only", async () => {
  using folder = new TemporaryFolder();
  const path = `${folder.path}/a/b`;
  await new FileLock(path).run(() => Promise.resolve());
  assertEquals((Deno.statSync(path).mode ?? 0) & 0o777, 0o700);
});

/** Holds a lock until it is told to release it. */
async function hold(lock: FileLock) {
  const [entered, release] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const holder = lock.run(() => {
    entered.resolve();
    return release.promise;
  });
  await entered.promise;
  return { holder, release };
}

Deno.test("FileLock ends its wait when the signal aborts, with the signal's reason", async () => {
  using folder = new TemporaryFolder();
  const lock = new FileLock(folder.path);
  const { holder, release: held } = await hold(lock);
  const controller = new AbortController();
  const waiting = lock.run(() => Promise.resolve("ran"), controller.signal);
  controller.abort("enough");
  assertEquals(await waiting.catch((reason: unknown) => reason), "enough");
  held.resolve();
  await holder;
  assertEquals(names(folder.path), ["1.free"]);
});

Deno.test("FileLock takes the place of a process that was killed", async () => {
  using folder = new TemporaryFolder();
  const child = new Deno.Command("sleep", { args: ["60"] }).spawn();
  const identity = `${processIdentity(child.pid)}`;
  assert(isRunning(identity));
  child.kill("SIGKILL");
  await child.status;
  Deno.writeTextFileSync(`${folder.path}/41`, identity);
  assertEquals(await new FileLock(folder.path).run(() => Promise.resolve("ran")), "ran");
  assertEquals(names(folder.path), ["42.free"]);
});

Deno.test("FileLock waits for a process that lives", async () => {
  using folder = new TemporaryFolder();
  Deno.writeTextFileSync(`${folder.path}/1`, `${processIdentity(Deno.ppid)}`);
  const controller = new AbortController();
  let ran = false;
  const waiting = new FileLock(folder.path).run(() => {
    ran = true;
    return Promise.resolve();
  }, controller.signal).catch(() => {});
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setTimeout(resolve, 60)); // some polls
  assert(!ran);
  controller.abort();
  await waiting;
});

Deno.test("FileLock takes the place of a holder that it cannot ask, when its heart stands still", async () => {
  using folder = new TemporaryFolder();
  const own = `${processIdentity()}`; // of another thread
  const elsewhere = own.replace(/^\S+/, "another-boot");
  for (const content of ["", "not a process", "unknown", elsewhere, own]) {
    Deno.writeTextFileSync(`${folder.path}/${names(folder.path).length + 1}`, content);
    using clock = new FakeClock({ timers: true });
    const waiting = new FileLock(folder.path).run(() => Promise.resolve("ran"));
    let polls = 0;
    let result: string | undefined;
    waiting.then((value) => result = value);
    while (result === undefined) {
      if (clock.armed > 0) {
        polls += 1;
        clock.advance(50);
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert(polls >= 200, `${polls} polls`); // ten seconds
    for (const name of names(folder.path)) Deno.removeSync(`${folder.path}/${name}`);
  }
});

Deno.test("FileLock believes a holder that it cannot ask, as long as its heart beats", async () => {
  using folder = new TemporaryFolder();
  const path = `${folder.path}/1`;
  Deno.writeTextFileSync(path, "");
  using clock = new FakeClock({ timers: true });
  const controller = new AbortController();
  let ran = false;
  const waiting = new FileLock(folder.path).run(() => {
    ran = true;
    return Promise.resolve();
  }, controller.signal).catch(() => {});
  for (let polls = 0; polls < 500;) {
    if (clock.armed > 0) {
      if (++polls % 20 === 0) Deno.utimeSync(path, new Date(), new Date(Date.now()));
      clock.advance(50);
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert(!ran);
  controller.abort();
  await waiting;
});

Deno.test("FileLock shows a heartbeat while it is held", async () => {
  using folder = new TemporaryFolder();
  using clock = new FakeClock({ timers: true });
  const done = Promise.withResolvers<void>();
  const running = new FileLock(folder.path).run(() => done.promise);
  const path = `${folder.path}/1`;
  while (clock.armed === 0) await new Promise((resolve) => setImmediate(resolve));
  Deno.utimeSync(path, new Date(0), new Date(0));
  clock.advance(1_000);
  while (Deno.statSync(path).mtime?.getTime() === 0) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  done.resolve();
  await running;
  assertEquals(clock.armed, 0);
});

Deno.test("claim() steps back from a number that was used, and leaves no trace", async () => {
  // Who looked at the folder a while ago comes with a number that others have used and left.
  for (const found of [["1"], ["1.free"], ["2"], ["2.free"], ["1.free", "7"]]) {
    using folder = new TemporaryFolder();
    for (const name of found) Deno.writeTextFileSync(`${folder.path}/${name}`, "");
    assertEquals(await claim(folder.path, 1), undefined);
    assertEquals(names(folder.path), found);
  }
});

Deno.test("claim() reports a folder that is not there", async () => {
  using folder = new TemporaryFolder();
  await assertRejects(() => claim(`${folder.path}/nowhere`, 1), Error, "ENOENT");
});

Deno.test("claim() takes the next number, and removes those below", async () => {
  using folder = new TemporaryFolder();
  for (const name of ["1.free", "2", "3.free"]) {
    Deno.writeTextFileSync(`${folder.path}/${name}`, "");
  }
  assertEquals(await claim(folder.path, 4), `${folder.path}/4`);
  assertEquals(names(folder.path), ["4"]);
  assertEquals(Deno.readTextFileSync(`${folder.path}/4`), processIdentity());
});

Deno.test("FileLock looks again when a holder goes while it looks", async () => {
  using folder = new TemporaryFolder();
  const path = `${folder.path}/1`;
  Deno.symlinkSync("nowhere", path); // is listed, and is not there
  using clock = new FakeClock({ timers: true });
  const running = new FileLock(folder.path).run(() => Promise.resolve("ran"));
  while (clock.armed === 0) await new Promise((resolve) => setImmediate(resolve));
  Deno.removeSync(path);
  clock.advance(50);
  assertEquals(await running, "ran");
});

Deno.test("FileLock reports a holder that cannot be looked at", async () => {
  using folder = new TemporaryFolder();
  Deno.symlinkSync("1", `${folder.path}/1`); // to itself
  await assertRejects(() => new FileLock(folder.path).run(() => Promise.resolve()), Error, "ELOOP");
});

Deno.test("FileLock survives that its folder is removed under it", async () => {
  using folder = new TemporaryFolder();
  const path = `${folder.path}/lock`;
  await new FileLock(path).run(() => {
    Deno.removeSync(path, { recursive: true });
    return Promise.resolve();
  });
});

Deno.test("FileLock reports a folder that cannot be made", async () => {
  using folder = new TemporaryFolder();
  Deno.writeTextFileSync(`${folder.path}/file`, "");
  const lock = new FileLock(`${folder.path}/file/lock`);
  await assertRejects(() => lock.run(() => Promise.resolve()), Error);
});

/** Lets a lock poll once, on a clock of its own: waits for its pause, however slow the file system is. */
async function poll(clock: FakeClock, armedBefore: number, isOver: () => boolean): Promise<void> {
  while (!isOver() && clock.armed <= armedBefore) await idle();
  if (!isOver()) clock.advance(50);
}

Deno.test("FileLock believes for ten seconds in a holder that has not written who it is", async () => {
  using folder = new TemporaryFolder();
  using clock = new FakeClock({ timers: true });
  Deno.writeTextFileSync(`${folder.path}/1`, ""); // created, and then its process was killed
  let isOver = false;
  const running = new FileLock(folder.path).run(() => {
    isOver = true;
    return Promise.resolve();
  });
  let polls = 0;
  for (; !isOver; polls++) await poll(clock, 0, () => isOver);
  await running;
  assert(polls >= 200 && polls <= 203, String(polls));
});

Deno.test("FileLock hangs no more than one listener on a signal, however long it polls", async () => {
  using folder = new TemporaryFolder();
  using clock = new FakeClock({ timers: true });
  const lock = new FileLock(folder.path);
  const { holder, release } = await hold(lock);
  const heartbeats = clock.armed;
  const counted = new CountedSignal();
  let isOver = false;
  const waiting = lock.run(() => {
    isOver = true;
    return Promise.resolve();
  }, counted.signal);
  for (let polls = 0; polls < 10; polls++) {
    while (clock.armed <= heartbeats) await idle();
    assertEquals(counted.listeners, 1);
    clock.advance(50);
  }
  release.resolve();
  await holder;
  while (!isOver) await poll(clock, 0, () => isOver);
  await waiting;
  assertEquals(counted.listeners, 0);
});
