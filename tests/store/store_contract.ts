/**
 * What every token store must do, whatever its engine, on every runtime.
 *
 * @module
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { TokenStore } from "../../mod.ts";

/** Stores over one engine, each with a connection of its own. */
export interface Stores extends AsyncDisposable {
  /** Another store, as another process would make it. */
  open(): Promise<TokenStore>;
}

/** Tests a kind of store. */
export function testStore(name: string, start: () => Promise<Stores>, ignore = false): void {
  for (const [what, check] of Object.entries(CONTRACT)) {
    test(`${name} ${what}`, { skip: ignore }, async () => {
      await using stores = await start();
      await check(stores);
    });
  }
}

const CONTRACT: Readonly<Record<string, (stores: Stores) => Promise<void>>> = {
  "holds what was written last, for each key": keepsWhatWasWritten,
  "writes nothing in place of what was not expected": refusesTheUnexpected,
  "keeps a text as it is": keepsTexts,
  "has one winner among those who write at once": hasOneWinner,
};

async function keepsWhatWasWritten(stores: Stores): Promise<void> {
  const [first, second] = [await stores.open(), await stores.open()];
  const key = newKey();
  assert.equal(await first.get(key), undefined);
  assert(await first.compareAndSet(key, undefined, "one"));
  assert.equal(await second.get(key), "one");
  assert(await second.compareAndSet(key, "one", "two"));
  assert.equal(await first.get(key), "two");
  assert.equal(await first.get(newKey()), undefined);
}

async function refusesTheUnexpected(stores: Stores): Promise<void> {
  const store = await stores.open();
  const key = newKey();
  assert(!await store.compareAndSet(key, "one", "two"));
  assert.equal(await store.get(key), undefined);
  assert(await store.compareAndSet(key, undefined, "one"));
  for (const before of [undefined, "", "on", "one ", "ONE", "two"]) {
    assert(!await store.compareAndSet(key, before, "three"), before);
  }
  assert.equal(await store.get(key), "one");
}

async function keepsTexts(stores: Stores): Promise<void> {
  const store = await stores.open();
  const key = newKey();
  let before: string | undefined;
  for (
    const text of [
      "'\"\\ $1 %s :x ?",
      "line\r\n\ttab\u0001",
      "žluťoučký 🐎",
      "x".repeat(40_000),
    ]
  ) {
    assert(await store.compareAndSet(key, before, text));
    assert.equal(await store.get(key), text);
    before = text;
  }
}

async function hasOneWinner(stores: Stores): Promise<void> {
  const all = await Promise.all(Array.from({ length: 8 }, () => stores.open()));
  const key = newKey();
  const created = await Promise.all(
    all.map((store, i) => store.compareAndSet(key, undefined, `0 ${i}`)),
  );
  assert.equal(created.filter(Boolean).length, 1);
  // Each adds one until it has done so ten times.
  await Promise.all(all.map(async (store, i) => {
    for (let added = 0; added < 10;) {
      const before = await store.get(key) ?? "";
      const after = `${parseInt(before) + 1} ${i}`;
      if (await store.compareAndSet(key, before, after)) added += 1;
    }
  }));
  assert.equal(parseInt(await all[0]?.get(key) ?? ""), 80);
}

/** As the module makes them. */
function newKey(): string {
  return crypto.randomUUID().replaceAll("-", "").repeat(2);
}
