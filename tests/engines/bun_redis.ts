/**
 * Tests `redisStore()` with the client of Bun. Runs on Bun, with the URL of a server in `STORE_URL`.
 *
 * @module
 */

import process from "node:process";
import { testStore } from "../store/store_contract.ts";
import { type OpenStore, openStore } from "./open_store.ts";

testStore("redisStore() with Bun's client", () => {
  const opened: OpenStore[] = [];
  return Promise.resolve({
    async open() {
      const store = await openStore(process.env.STORE_URL ?? "", "Bun");
      opened.push(store);
      return store.store;
    },
    async [Symbol.asyncDispose]() {
      for (const { close } of opened) await close();
    },
  });
});
