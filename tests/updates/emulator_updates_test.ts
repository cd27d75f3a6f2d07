/** `account.updates()` against the emulator, at both brokers. */

import { assert, assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { SessionClosedError, TokenError } from "../../mod.ts";
import type { StreamFault } from "../../src/emulator/emulator.ts";
import { Consumer, isSame, listedBooks } from "../support/account_consumer.ts";
import { untilOpen } from "../support/emulator_streams.ts";
import { forEachBroker, type OrderFixture } from "../orders/order_fixtures.ts";

const streamsOf = ({ name }: OrderFixture) =>
  name === "tastytrade" ? "tastytrade GET /streamer" : "tradestation GET /v3/brokerage/stream/**";

forEachBroker("account.updates() tells what is there, and then each change", async (fixture) => {
  await using opened = await fixture.open();
  const { account, emulator } = opened;
  const consumer = new Consumer(account.updates());
  await consumer.untilSnapshots(3);
  assertEquals(
    consumer.events.map(({ kind, type }) => `${kind} ${type}`).toSorted(),
    ["snapshot balance", "snapshot order", "snapshot position"],
  );
  assertEquals(consumer.books, await listedBooks(account));
  const { id } = await account.placeOrder(fixture.order);
  await consumer.until(() => consumer.books.orders.some((order) => order.startsWith(`${id} `)));
  emulator.setPrice("AAPL", "0.90", "1");
  emulator.setPrice("AAPL", "0.90");
  const books = await listedBooks(account);
  await consumer.until(() => isSame(consumer.books, books));
  const order = consumer.events.findLast((event) =>
    event.kind === "update" && event.type === "order" && event.order.id === id
  );
  assert(order?.kind === "update" && order.type === "order");
  assertEquals([order.order.state, order.order.raw !== undefined], ["filled", true]);
  assertEquals(consumer.gaps, []);
});

for (
  const [fault, reason] of [
    ["end", "disconnected"],
    ["reset", "disconnected"],
    [{ send: "{broken" + "}" }, "server_error"],
  ] as const satisfies readonly (readonly [StreamFault, string])[]
) {
  const name = typeof fault === "string" ? fault : "a frame that is no JSON";
  forEachBroker(
    `account.updates() tells of a gap and what is there after ${name}`,
    async (fixture) => {
      await using opened = await fixture.open();
      const { account, emulator } = opened;
      const consumer = new Consumer(account.updates());
      await consumer.untilSnapshots(3);
      await untilOpen(emulator, streamsOf(fixture), fixture.name === "tastytrade" ? 1 : 2);
      emulator.disturbStreams(streamsOf(fixture), fault);
      await consumer.until(() => consumer.gaps.length > 0);
      assertEquals(consumer.gaps[0], reason);
      await account.placeOrder(fixture.order); // while nothing is open
      const books = await listedBooks(account);
      await consumer.until(() => isSame(consumer.books, books));
    },
  );
}

forEachBroker("account.updates() ends with break, the signal and the session", async (fixture) => {
  await using opened = await fixture.open();
  const { account, session, emulator } = opened;
  for await (const event of account.updates()) if (event.kind === "snapshot") break;
  await untilOpen(emulator, streamsOf(fixture), 0);

  const controller = new AbortController();
  const aborted = new Consumer(account.updates({ signal: controller.signal }));
  await aborted.untilSnapshots(3);
  const reason = new Error("enough");
  controller.abort(reason);
  await aborted.running;
  assert(aborted.end === reason);
  await untilOpen(emulator, streamsOf(fixture), 0);

  const stream = account.updates();
  const closed = new Consumer(stream);
  await closed.untilSnapshots(3);
  await stream.close();
  await closed.running;
  assertEquals(closed.end, "done");
  await untilOpen(emulator, streamsOf(fixture), 0);

  const last = new Consumer(account.updates());
  await last.untilSnapshots(3);
  await session.close();
  await last.running;
  assertInstanceOf(last.end, SessionClosedError);
  await untilOpen(emulator, streamsOf(fixture), 0);
  const late = new Consumer(account.updates());
  await late.running;
  assertInstanceOf(late.end, SessionClosedError);
});

forEachBroker("account.updates() ends when the grant is lost", async (fixture) => {
  await using opened = await fixture.open();
  const { account, emulator } = opened;
  const consumer = new Consumer(account.updates());
  await consumer.untilSnapshots(3);
  emulator.revokeGrant();
  emulator.revokeAccessTokens();
  emulator.disturbStreams(streamsOf(fixture), "reset");
  await consumer.running;
  assertInstanceOf(consumer.end, TokenError);
  assert(consumer.end.isPermanent);
});

forEachBroker(
  "account.updates() finds what a healthy stream has dropped, if asked to",
  async (fixture) => {
    await using opened = await fixture.open();
    const { account, emulator } = opened;
    const consumer = new Consumer(account.updates({ reconcileMs: 20 }));
    await consumer.untilSnapshots(3);
    emulator.disturbStreams(streamsOf(fixture), "drop");
    await account.placeOrder(fixture.order);
    const books = await listedBooks(account);
    await consumer.until(() => isSame(consumer.books, books));
    const gap = consumer.events.find(({ kind }) => kind === "gap");
    assertEquals(gap, { kind: "gap", reason: "dropped", type: "order" });
  },
);

forEachBroker("account.updates() refuses options that it does not know", async (fixture) => {
  await using opened = await fixture.open();
  const { account } = opened;
  const options: object = { reconcile: 1 };
  assertThrows(() => account.updates(options), TypeError, '"reconcile"');
  assertThrows(() => account.updates({ reconcileMs: 0 }), RangeError);
});
