import { assert, assertEquals, assertFalse, assertRejects, assertThrows } from "@std/assert";
import { fileStore, SessionError, type TokenStore } from "../../mod.ts";
import { type DenoKv, denoKvStore, encryptedStore, redisStore } from "../../src/store/stores.ts";
import { MemoryStore } from "../support/memory_store.ts";
import { ScriptedBroker, signedIn } from "../support/scripted_broker.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";

const KEY = "mB6pDKkmxmDbyJJ7mAaSKXpBIMHpxqbHD7FPUlpJ7dA=";
const OTHER_KEY = "bB6pDKkmxmDbyJJ7mAaSKXpBIMHpxqbHD7FPUlpJ7dA=";

/** What a Redis would do with the two commands that are sent. */
function redis() {
  const texts = new Map<string, string>();
  return (command: string, args: string[]): Promise<unknown> => {
    if (command === "GET") return Promise.resolve(texts.get(args[0] ?? "") ?? null);
    const [, , key = "", kind, before, after = ""] = args;
    if (texts.get(key) !== (kind === "some" ? before : undefined)) return Promise.resolve(0);
    texts.set(key, after);
    return Promise.resolve(1);
  };
}

Deno.test("redisStore() sends commands through the function that each client has", async () => {
  for (const name of ["call", "sendCommand", "send"] as const) {
    const reply = redis();
    const store = redisStore({
      call: (command: string, ...args: string[]) => reply(command, args),
      sendCommand: ([command = "", ...args]: string[]) => reply(command, args),
      send: reply,
      ...Object.fromEntries(
        ["call", "sendCommand", "send"].filter((other) => other !== name).map((
          other,
        ) => [other, 5]),
      ),
    });
    assertEquals(await store.get("a"), undefined);
    assert(await store.compareAndSet("a", undefined, "one"), name);
    assertFalse(await store.compareAndSet("a", undefined, "two"));
    assertEquals(await store.get("a"), "one");
  }
});

Deno.test("redisStore() keeps its keys below a prefix", async () => {
  const reply = redis();
  const keys: (string | undefined)[] = [];
  const client = {
    send: (command: string, args: string[]) => {
      keys.push(command === "GET" ? args[0] : args[2]);
      return reply(command, args);
    },
  };
  await redisStore(client).get("a");
  await redisStore(client, { prefix: "bot:" }).compareAndSet("a", undefined, "one");
  assertEquals(keys, ["tasty-session:a", "bot:a"]);
});

Deno.test("redisStore() and denoKvStore() refuse what is no client", () => {
  for (const client of [undefined, null, "redis://127.0.0.1", {}, { get: 5 }]) {
    assertThrows(() => redisStore(client as never), TypeError, "Cannot use this client");
    assertThrows(() => denoKvStore(client as never), TypeError, "Cannot use this Deno KV");
  }
});

/** A Deno KV whose database is locked for a while, and that fails with another error afterwards. */
function lockedKv(times: number, error: string): DenoKv {
  let calls = 0;
  const fail = () => Promise.reject(new TypeError(++calls <= times ? "database is locked" : error));
  return {
    get: fail,
    atomic: () => ({ check: () => fail, set: () => fail, commit: fail }) as never,
  };
}

Deno.test("denoKvStore() waits for a database that is locked, and not for ever", async () => {
  const { random } = Math;
  Math.random = () => 0;
  try {
    await assertRejects(
      () => denoKvStore(lockedKv(5, "no such table")).get("a"),
      TypeError,
      "no such",
    );
    await assertRejects(() => denoKvStore(lockedKv(100, "")).get("a"), TypeError, "is locked");
  } finally {
    Math.random = random;
  }
});

Deno.test("encryptedStore() hides what is stored, and finds every change", async () => {
  const plain = new MemoryStore();
  const broker = new ScriptedBroker();
  const texts = new Map<string, string>();
  const inner: TokenStore = {
    get: (key) => Promise.resolve(texts.get(key)),
    compareAndSet(key, before, after) {
      const isCurrent = texts.get(key) === before;
      if (isCurrent) texts.set(key, after);
      return Promise.resolve(isCurrent);
    },
  };
  const session = await signedIn(broker, { store: encryptedStore(inner, `  ${KEY}\n`) });
  await session.close();
  const [[key, text] = ["", ""]] = texts;
  assertFalse(/access-1|refresh-0|generation/.test(text));
  assertEquals(plain.texts.size, 0);

  const damaged = text.replace(/.$/, (end) => end === "A" ? "B" : "A");
  const bad: [string, string, string][] = [
    [key, text, OTHER_KEY],
    [key, damaged, KEY],
    [key, "not encrypted", KEY],
    [key, "aes-256-gcm:%%%", KEY],
    ["another", text, KEY],
  ];
  for (const [name, stored, secret] of bad) {
    const store = encryptedStore({ ...inner, get: () => Promise.resolve(stored) }, secret);
    for (const task of [() => store.get(name), () => store.compareAndSet(name, "a", "b")]) {
      const error = await assertRejects(task, SessionError, "Cannot decrypt the tokens");
      assertEquals(error.code, "store_invalid");
    }
  }
  // A store of the module's says by itself what is wrong, and a call does not wait for it.
  const wrong = { ...broker.options, store: encryptedStore(inner, OTHER_KEY) };
  await assertRejects(() => signedIn(broker, wrong), SessionError, "encrypted with another key");
});

Deno.test("encryptedStore() writes nothing in place of what was not expected", async () => {
  const texts = new Map<string, string>();
  const store = encryptedStore({
    get: (name) => Promise.resolve(texts.get(name)),
    compareAndSet: (name, _before, after) => Promise.resolve(texts.set(name, after).has(name)),
  }, KEY);
  assert(await store.compareAndSet("a", undefined, "one"));
  assert(!await store.compareAndSet("a", undefined, "two"));
  assert(!await store.compareAndSet("a", "two", "three"));
  assertEquals(await store.get("a"), "one");
});

Deno.test("encryptedStore() refuses what is no key", () => {
  const store = new MemoryStore();
  for (const key of ["", "password", KEY.slice(4), `${KEY}AAAA`, "%".repeat(44)]) {
    assertThrows(() => encryptedStore(store, key), TypeError, "32 random bytes as base64");
  }
});

Deno.test("fileStore() reports what cannot be made or written, and leaves nothing behind", async () => {
  using folder = new TemporaryFolder();
  const long = "x".repeat(300);
  await assertRejects(
    () => fileStore(folder.path).compareAndSet(long, undefined, "one"),
    Error,
    "ENAMETOOLONG",
  );
  const key = "a".repeat(64);
  const text = Symbol() as unknown as string;
  await assertRejects(() => fileStore(folder.path).compareAndSet(key, undefined, text));
  assertEquals(Array.from(Deno.readDirSync(`${folder.path}/${key}`)), []);
  Deno.symlinkSync("nowhere", `${folder.path}/${"b".repeat(64)}`);
  assert(await fileStore(folder.path).compareAndSet(key, undefined, "one"));
});
