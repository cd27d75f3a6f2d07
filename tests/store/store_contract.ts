/**
 * What every token store must do, whatever its engine.
 *
 * @module
 */

import { assert, assertEquals, assertFalse } from "@std/assert";
import type { TokenStore } from "../../mod.ts";

/** Stores over one engine, each with a connection of its own. */
export interface Stores extends AsyncDisposable {
  /** Another store, as another process would make it. */
  open(): Promise<TokenStore>;
}

/** Tests a kind of store. */
export function testStore(name: string, start: () => Promise<Stores>, ignore = false): void {
  Deno.test({
    name: `${name} holds what was written last, for each key`,
    ignore,
    async fn() {
      await using stores = await start();
      const [first, second] = [await stores.open(), await stores.open()];
      const key = newKey();
      assertEquals(await first.get(key), undefined);
      assert(await first.compareAndSet(key, undefined, "one"));
      assertEquals(await second.get(key), "one");
      assert(await second.compareAndSet(key, "one", "two"));
      assertEquals(await first.get(key), "two");
      assertEquals(await first.get(newKey()), undefined);
    },
  });

  Deno.test({
    name: `${name} writes nothing in place of what was not expected`,
    ignore,
    async fn() {
      await using stores = await start();
      const store = await stores.open();
      const key = newKey();
      assertFalse(await store.compareAndSet(key, "one", "two"));
      assertEquals(await store.get(key), undefined);
      assert(await store.compareAndSet(key, undefined, "one"));
      for (const before of [undefined, "", "on", "one ", "ONE", "two"]) {
        assertFalse(await store.compareAndSet(key, before, "three"), before);
      }
      assertEquals(await store.get(key), "one");
    },
  });

  Deno.test({
    name: `${name} keeps a text as it is`,
    ignore,
    async fn() {
      await using stores = await start();
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
        assertEquals(await store.get(key), text);
        before = text;
      }
    },
  });

  Deno.test({
    name: `${name} has one winner among those who write at once`,
    ignore,
    async fn() {
      await using stores = await start();
      const all = await Promise.all(Array.from({ length: 8 }, () => stores.open()));
      const key = newKey();
      const created = await Promise.all(
        all.map((store, i) => store.compareAndSet(key, undefined, `0 ${i}`)),
      );
      assertEquals(created.filter(Boolean).length, 1);
      // Each adds one until it has done so ten times.
      await Promise.all(all.map(async (store, i) => {
        for (let added = 0; added < 10;) {
          const before = await store.get(key) ?? "";
          const after = `${parseInt(before) + 1} ${i}`;
          if (await store.compareAndSet(key, before, after)) added += 1;
        }
      }));
      assertEquals(parseInt(await all[0]?.get(key) ?? ""), 80);
    },
  });
}

/** As the module makes them. */
function newKey(): string {
  return crypto.randomUUID().replaceAll("-", "").repeat(2);
}
