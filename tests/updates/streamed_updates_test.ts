/** TradeStation's streams as a test writes them, with a fake clock. */

import { assert, assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import {
  Account,
  ApiError,
  Session,
  SessionError,
  tastytrade,
  tradestation,
  type UpdateOptions,
} from "../../mod.ts";
import "../../src/streams/chunked_stream.ts"; // loaded before the clock stands still
import "../../src/streams/connection_loop.ts";
import "../../src/updates/streamed_updates.ts";
import { rest } from "../call/retry_fixtures.ts";
import { Consumer } from "../support/account_consumer.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { ScriptedBroker, signedIn, WrittenResponse } from "../support/scripted_broker.ts";

const END = { StreamStatus: "EndSnapshot" };
const ORDER = { OrderID: "7", Status: "ACK", Legs: [{ Symbol: "XYZ", ExecQuantity: "0" }] };
const POSITION = {
  PositionID: "1",
  Symbol: "XYZ",
  Quantity: "5",
  LongShort: "Long",
  AveragePrice: "10.00",
};

/** An account whose streams the test writes. */
async function opened(options: UpdateOptions = {}) {
  const clock = new FakeClock({ timers: true });
  const broker = new ScriptedBroker();
  broker.lifetimeS = 100_000;
  const session = await signedIn(broker, { retry: false });
  const streams = { orders: [] as WrittenResponse[], positions: [] as WrittenResponse[] };
  const server = {
    cash: "100",
    failure: undefined as number | undefined,
    orders: [ORDER] as object[],
    reads: 0,
  };
  broker.onRequest = ({ path, init }) => {
    const part = path.endsWith("/orders") ? "orders" : "positions";
    if (path.includes("/stream/")) {
      const written = new WrittenResponse(init);
      streams[part].push(written);
      return written.response;
    }
    if (server.failure !== undefined) return new Response("", { status: server.failure });
    if (path.endsWith("/accounts")) return Response.json({ Accounts: [{ AccountID: "A1" }] });
    if (path.includes("/balances")) {
      server.reads += 1;
      return Response.json({ Balances: [{ AccountID: "A1", CashBalance: server.cash }] });
    }
    if (path.includes("/orders")) return Response.json({ Orders: server.orders });
    return Response.json({ Positions: [] });
  };
  const account = await Account.get(session, "A1");
  const consumer = new Consumer(account.updates(options));
  await rest();
  return {
    clock,
    server,
    session,
    consumer,
    orders: (i = -1) => streams.orders.at(i),
    positions: (i = -1) => streams.positions.at(i),
    async pass(ms: number) {
      for (let passed = 0; passed < ms; passed += 1_000) {
        clock.advance(1_000);
        for (const one of [streams.orders.at(-1), streams.positions.at(-1)]) {
          one?.write({ Heartbeat: 1 });
        }
        await rest();
      }
    },
    kinds: () =>
      consumer.events.map((event) =>
        event.kind === "gap" ? `${event.reason} ${event.type}` : `${event.kind} ${event.type}`
      ),
    async [Symbol.asyncDispose]() {
      await session.close();
      await consumer.running;
      assertEquals(clock.holding, 0);
      clock[Symbol.dispose]();
    },
  };
}

Deno.test("account.updates() reads the streams of orders and positions, and balances after changes", async () => {
  await using test = await opened();
  const { orders, positions, server, consumer } = test;
  orders()?.write({ ...ORDER, Status: "OPN" }, ORDER, END);
  positions()?.write(POSITION, END);
  await rest();
  assertEquals(test.kinds().toSorted(), [
    "snapshot balance",
    "snapshot order",
    "snapshot position",
  ]);
  await test.pass(10_000); // the ends of the snapshots have it read once more
  const reads = server.reads;
  positions()?.write({ ...POSITION, Last: "11" }); // its price alone changes no balance
  await test.pass(10_000);
  assertEquals([server.reads, test.kinds().at(-1)], [reads, "update position"]);
  server.cash = "50";
  orders()?.write({ ...ORDER, Status: "FLL" });
  positions()?.write({ PositionID: "1", Deleted: true }, { PositionID: "nobody's", Deleted: true });
  await test.pass(10_000);
  assertEquals(consumer.books, { orders: ["7 FLL 0"], positions: [], cash: "50" });
  const gone = consumer.events.findLast((event) =>
    event.kind === "update" && event.type === "position"
  );
  assert(gone?.kind === "update" && gone.type === "position");
  assertEquals([gone.position.quantityDirection, gone.position.raw["Deleted"]], ["Zero", true]);
});

Deno.test("account.updates() tells which of the streams has a gap, and has its snapshot anew", async () => {
  await using test = await opened();
  const { orders, positions } = test;
  orders()?.write(ORDER, END);
  positions()?.write(POSITION, { ...POSITION, PositionID: "2", Symbol: "ABC" }, END);
  await rest();
  positions()?.write({ StreamStatus: "GoAway" });
  await test.pass(2_000);
  positions()?.write(POSITION, { PositionID: "2", Deleted: true }, END);
  await rest();
  assertEquals(test.kinds().filter((kind) => !kind.endsWith("balance")), [
    "snapshot order",
    "snapshot position",
    "server_shutdown position",
    "snapshot position",
  ]);
  assertEquals(test.consumer.books.positions, ["XYZ Long 5"]);
});

Deno.test("account.updates() goes on when the balances cannot be read for a while", async () => {
  await using test = await opened();
  const { orders, positions, server } = test;
  server.failure = 503;
  orders()?.write(ORDER, END);
  positions()?.write(END);
  await test.pass(6_000);
  server.cash = "1";
  orders()?.write({ ...ORDER, Status: "FPR" });
  server.failure = undefined;
  await test.pass(6_000);
  assertEquals(test.consumer.books.cash, "1");
  assertEquals(test.consumer.gaps, []);
});

Deno.test("account.updates() ends with an error that no other connection mends", async () => {
  await using test = await opened();
  test.orders()?.write({ Error: "Forbidden", Message: "Invalid Account ID.", AccountID: "A1" });
  await test.consumer.running;
  assertInstanceOf(test.consumer.end, ApiError);
  assertEquals([test.consumer.end.code, test.positions()?.isOver], ["Forbidden", true]);
});

Deno.test("account.updates() ends when the balances are refused", async () => {
  await using test = await opened();
  test.orders()?.write(ORDER, END);
  test.positions()?.write(END);
  test.server.failure = 403;
  await test.pass(6_000);
  await test.consumer.running;
  assertInstanceOf(test.consumer.end, ApiError);
  assertEquals(test.consumer.end.status, 403);
});

Deno.test("account.updates() finds orders that a healthy stream has dropped", async () => {
  await using test = await opened({ reconcileMs: 10_000 });
  const { orders, positions, server } = test;
  orders()?.write(ORDER, END);
  positions()?.write(END);
  await test.pass(10_000);
  server.orders = [{ ...ORDER, Status: "FLL" }];
  await test.pass(20_000);
  assertEquals(test.kinds().filter((kind) => !kind.endsWith("balance")).slice(2), [
    "dropped order",
    "snapshot order",
  ]);
  assertEquals(test.consumer.books.orders, ["7 FLL 0"]);
});

Deno.test("account.updates() says where there are none", async () => {
  using _clock = new FakeClock({ timers: true });
  const broker = new ScriptedBroker();
  broker.onRequest = () => Response.json({ Accounts: [{ AccountID: "A1" }] });
  const { updates: _, ...silent } = tradestation;
  const session = await signedIn(broker, { broker: silent });
  const account = await Account.get(session, "A1");
  const error = assertThrows(() => account.updates(), SessionError, "does not tell of changes");
  assertEquals(error.code, "unsupported");
  await session.close();
  const moved = new Session({
    broker: tastytrade,
    baseUrl: "https://api.example",
    clientSecret: "s",
    refreshToken: "r",
    fetch: (input) =>
      Promise.resolve(
        String(input).endsWith("/oauth/token")
          ? Response.json({ access_token: "a", expires_in: 900 })
          : Response.json({ data: { "account-number": "A1" } }),
      ),
  });
  const other = await Account.get(moved, "A1");
  assertThrows(() => other.updates(), SessionError, "Pass streamerUrl too");
  await moved.close();
});
