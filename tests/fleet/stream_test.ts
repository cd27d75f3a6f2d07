/** A stream while other processes renew the grant that it lives on. */

import { assertEquals } from "@std/assert";
import { fileStore } from "../../mod.ts";
import { forEachBroker } from "../orders/order_fixtures.ts";
import { Consumer, isSame, listedBooks } from "../support/account_consumer.ts";
import { untilOpen } from "../support/emulator_streams.ts";
import { run, RUNTIMES } from "../support/runtimes.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";

forEachBroker("A stream goes on while other processes renew its grant", async (fixture) => {
  using folder = new TemporaryFolder();
  const path = `${folder.path}/tokens`;
  await using opened = await fixture.open({ store: fileStore(path) });
  const { account, emulator } = opened;
  emulator.tradestation.rotation = true; // from now on each refresh token works once
  const isTastytrade = fixture.name === "tastytrade";
  const route = isTastytrade
    ? "tastytrade GET /streamer"
    : "tradestation GET /v3/brokerage/stream/**";
  const access = isTastytrade ? emulator.tastytrade : emulator.tradestation;
  const args = [JSON.stringify({ broker: fixture.name.toLowerCase(), ...access }), path, "3"];

  const consumer = new Consumer(account.updates());
  await consumer.untilSnapshots(3);
  for (const runtime of RUNTIMES) {
    const { code, stderr } = await run(runtime, ["tests/support/token_process.ts", ...args]);
    assertEquals(code, 0, stderr);
    await account.placeOrder(fixture.order);
    const books = await listedBooks(account);
    await consumer.until(() => isSame(consumer.books, books));
  }
  assertEquals(consumer.gaps, []);

  // It opens again with the token that the last process left in the store.
  await untilOpen(emulator, route, isTastytrade ? 1 : 2);
  const [deno] = RUNTIMES;
  emulator.revokeAccessTokens();
  if (deno !== undefined) await run(deno, ["tests/support/token_process.ts", ...args]);
  const requests = emulator.count("POST /oauth/token");
  emulator.disturbStreams(route, "end");
  await consumer.until(() => consumer.gaps.length > 0);
  await account.placeOrder(fixture.order);
  const books = await listedBooks(account);
  await consumer.until(() => isSame(consumer.books, books));
  assertEquals(emulator.count("POST /oauth/token"), requests);
  assertEquals(emulator.tradestation.reusedRefreshTokens, 0);
});
