import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import {
  Account,
  ApiError,
  type BrokerOrders,
  type DryRun,
  NetworkError,
  type Order,
  Session,
  SessionError,
} from "../../mod.ts";
import type { Fault } from "../../src/emulator/emulator.ts";
import { acme } from "../support/broker_fixtures.ts";
import { serve } from "../support/loopback.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { ScriptedBroker, signedIn } from "../support/scripted_broker.ts";
import { rest } from "../call/retry_fixtures.ts";
import { forEachBroker, ORDER_FIXTURES } from "./order_fixtures.ts";

const LOST_ANSWERS: Readonly<Record<string, Fault>> = {
  "no answer": { afterEffect: "reset" },
  "an answer that never comes": { afterEffect: "hang" },
  "half an answer": "resetMidBody",
  "a 504 of a gateway": { afterEffect: { status: 504, body: "<html>" } },
  "a page of a captive portal": { afterEffect: { status: 200, body: "<html>" } },
};

forEachBroker("cancelOrder() cancels once and returns the order", async (fixture) => {
  await using opened = await fixture.open();
  const { account, emulator } = opened;
  const { id } = await account.placeOrder(fixture.order);
  const cancelled = await account.cancelOrder(fixture.name === "tastytrade" ? Number(id) : id);
  assertEquals([cancelled.id, emulator.count(fixture.deleteRoute)], [id, 1]);
  assertEquals((await account.order(id))?.state, "cancelled");
  const again = await assertRejects(() => account.cancelOrder(id), ApiError);
  assertEquals(again.outcome, "refused");
});

for (const [name, fault] of Object.entries(LOST_ANSWERS)) {
  forEachBroker(`cancelOrder() reads the status when it gets ${name}`, async (fixture) => {
    await using opened = await fixture.open({ timeoutMs: 3_000 });
    const { account, emulator } = opened;
    const { id } = await account.placeOrder(fixture.order);
    emulator.orderDelayMs = 60_000; // it stays in "cancel requested"
    emulator.injectFault(fixture.deleteRoute, fault, 2); // Bun and Deno may send it again
    assertEquals((await account.cancelOrder(id)).state, "cancelling");
    assertEquals(emulator.count(fixture.deleteRoute), 1);
  });

  forEachBroker(`replaceOrder() finds the replacement when it gets ${name}`, async (fixture) => {
    await using opened = await fixture.open({ timeoutMs: 3_000 });
    const { account, emulator } = opened;
    const { id } = await account.placeOrder(fixture.order);
    emulator.injectFault(fixture.putRoute, fault);
    const replacement = await account.replaceOrder(id, fixture.cheaper);
    assertEquals([Number(replacement.price), emulator.count(fixture.putRoute)], [0.5, 1]);
    const keepsId = fixture.name === "TradeStation";
    assertEquals([replacement.id === id, emulator.orders.length], [keepsId, keepsId ? 1 : 2]);
    assertEquals(replacement.replacesId, keepsId ? undefined : id);
  });
}

forEachBroker("replaceOrder() replaces once and returns the order", async (fixture) => {
  await using opened = await fixture.open();
  const { account, emulator } = opened;
  const { id } = await account.placeOrder(fixture.order);
  const replacement = await account.replaceOrder(id, fixture.cheaper);
  const shown = await account.order(replacement.id);
  assertEquals([shown?.price, shown?.state], ["0.50", "open"]);
  assertEquals(emulator.count(fixture.putRoute), 1);
  if (fixture.name === "tastytrade") {
    assertEquals((await account.order(id))?.replacedById, replacement.id);
    assert(replacement.identifier !== (await account.order(id))?.identifier);
  }
});

forEachBroker(
  "a change that never arrived stays unknown while the order works",
  async (fixture) => {
    await using opened = await fixture.open({ timeoutMs: 700 });
    const { account, emulator } = opened;
    const { id } = await account.placeOrder(fixture.order);
    emulator.injectFault(fixture.deleteRoute, "reset", 2);
    const kept = await assertRejects(() => account.cancelOrder(id), NetworkError);
    assertEquals([kept.outcome, kept.identifier], ["unknown", undefined]);
    emulator.injectFault(fixture.putRoute, "reset", 2);
    const same = await assertRejects(
      () => account.replaceOrder(id, fixture.cheaper),
      NetworkError,
    );
    assertEquals(same.outcome, "unknown");
    assertEquals((await account.order(id))?.price, "1.00");
  },
);

forEachBroker(
  "a change that never arrived is refused once the order has ended",
  async (fixture) => {
    await using opened = await fixture.open();
    const { account, emulator } = opened;
    for (const [index, route] of [fixture.deleteRoute, fixture.putRoute].entries()) {
      const { id } = await account.placeOrder(fixture.order);
      emulator.injectFault(route, "reset", 2);
      emulator.setPrice("AAPL", index === 0 ? "0.90" : "0.80"); // fills it
      const call = () =>
        index === 0 ? account.cancelOrder(id) : account.replaceOrder(id, fixture.cheaper);
      if (index === 1 && fixture.name === "tastytrade") continue; // the list tells of identifiers only
      const error = await assertRejects(call, SessionError);
      assertEquals([error.code, error.outcome], ["order_ended", "refused"]);
      assertMatch(
        error.message,
        /^Cannot (cancel|replace) the order \d+: its status is (Filled|FLL)$/,
      );
    }
  },
);

Deno.test("cancelOrder() does not take a replaced order for a cancelled one", async () => {
  const [fixture] = ORDER_FIXTURES;
  assert(fixture !== undefined);
  await using opened = await fixture.open();
  const { account, emulator } = opened;
  const { id } = await account.placeOrder(fixture.order);
  const replacement = await account.replaceOrder(id, fixture.cheaper); // by another program
  emulator.injectFault(fixture.deleteRoute, "reset", 2);
  const error = await assertRejects(() => account.cancelOrder(id), SessionError);
  assertEquals([error.code, error.outcome], ["order_ended", "refused"]);
  assertEquals(error.message, `Cannot cancel the order ${id}: ${replacement.id} replaces it`);
  assertEquals((await account.order(replacement.id))?.state, "open");
});

Deno.test("A change that TradeStation's list does not show in the same form is no proof", async () => {
  const [, fixture] = ORDER_FIXTURES;
  assert(fixture !== undefined);
  await using opened = await fixture.open({ timeoutMs: 600 });
  const { account, emulator } = opened;
  const { id } = await account.placeOrder(fixture.order);
  const lose = () => emulator.injectFault(fixture.putRoute, { afterEffect: { status: 503 } });
  lose();
  const changed = await account.replaceOrder(id, { Quantity: "1", LimitPrice: "0.5" });
  assertEquals([changed.legs[0]?.quantity, changed.price], ["1", "0.5"]);
  emulator.injectFault(fixture.putRoute, { status: 503 }); // without any effect
  const different = await assertRejects(
    () => account.replaceOrder(id, { Quantity: "3" }),
    ApiError,
  );
  assertEquals(different.outcome, "unknown");
  emulator.injectFault(fixture.putRoute, { status: 503 });
  const trailing = { AdvancedOptions: { TrailingStop: { Percent: "5" } } };
  const unprovable = await assertRejects(() => account.replaceOrder(id, trailing), ApiError);
  assertEquals(unprovable.outcome, "unknown");
});

Deno.test("An order is looked for at growing pauses, for ten seconds and within the call's time", async () => {
  for (const [timeoutMs, lookForMs] of [[60_000, 10_000], [4_000, 4_000]] as const) {
    using clock = new FakeClock({ timers: true });
    const broker = new ScriptedBroker();
    await using session = await signedIn(broker, { timeoutMs });
    const account = await accountOf(session, broker);
    const at: number[] = [];
    const start = performance.now();
    broker.onRequest = ({ method }) => {
      if (method === "POST") return new Response(null, { status: 500 });
      at.push(performance.now() - start);
      return Response.json({ Orders: [] });
    };
    const order = { OrderType: "Market", TimeInForce: { Duration: "DAY" } };
    const placing = assertRejects(() => account.placeOrder(order), ApiError);
    for (let ms = 0; ms < 12_000; ms += 50) {
      await rest();
      clock.advance(50);
    }
    assertEquals((await placing).outcome, "unknown");
    const expected = [0, 250, 750, 1_750, 3_750, 5_750, 7_750, 9_750].filter((ms) =>
      ms < lookForMs
    );
    assertEquals(at.length, expected.length, String(at));
    at.forEach((ms, i) => assert(Math.abs(ms - (expected[i] ?? 0)) <= 50 * (i + 1), String(at)));
    assertEquals(clock.holding, 0);
  }
});

/** An account whose session answers from a script. */
async function accountOf(session: Session, broker: ScriptedBroker): Promise<Account> {
  broker.onRequest = () => Response.json({ Accounts: [{ AccountID: "1" }] });
  return await Account.get(session, "1");
}

Deno.test("An order leaves half of the time for a look when its answer does not come", async () => {
  using clock = new FakeClock({ timers: true });
  const broker = new ScriptedBroker();
  await using session = await signedIn(broker);
  const account = await accountOf(session, broker);
  broker.onRequest = ({ method, init }) =>
    method === "POST"
      ? new Promise((_, reject) =>
        init.signal?.addEventListener("abort", () => reject(init.signal?.reason))
      )
      : Response.json({ Orders: [] });
  const order = { OrderType: "Market", TimeInForce: { Duration: "DAY" } };
  for (const [timeoutMs, firstLookMs] of [[1_000, 500], [30_000, 20_000]] as const) {
    broker.requests.length = 0;
    const placing = assertRejects(() => account.placeOrder(order, { timeoutMs }), NetworkError);
    await rest();
    clock.advance(firstLookMs - 1);
    await rest();
    assertEquals(broker.requests.map(({ method }) => method), ["POST"]);
    clock.advance(1);
    await rest();
    assertEquals(broker.requests.map(({ method }) => method), ["POST", "GET"]);
    for (let ms = 0; ms < timeoutMs; ms += 250) {
      clock.advance(250);
      await rest();
    }
    assertEquals((await placing).kind, "timeout");
  }
});

Deno.test("A look ends quietly when the time is up in a pause", async () => {
  using clock = new FakeClock({ timers: true });
  const broker = new ScriptedBroker();
  await using session = await signedIn(broker);
  const account = await accountOf(session, broker);
  broker.onRequest = ({ method }) =>
    method === "POST" ? new Response(null, { status: 500 }) : Response.json({ Orders: [] });
  const order = { OrderType: "Market", TimeInForce: { Duration: "DAY" } };
  const placing = assertRejects(() => account.placeOrder(order), ApiError);
  await rest();
  clock.advance(60_000); // both timers fire before anything else runs
  assertEquals([(await placing).outcome, (await placing).status], ["unknown", 500]);
});

/** A third broker's orders, as a user would write them in a file of their own. */
const acmeOrders: BrokerOrders = {
  identifierOf: ({ tag }) => typeof tag === "string" ? tag : undefined,
  place: (order, { identifier }) => ({
    method: "POST",
    path: "/orders",
    body: { ...order, tag: identifier },
  }),
  replace: (changes, { orderId, identifier }) => ({
    method: "PATCH",
    path: `/orders/${orderId}`,
    body: { ...changes, tag: identifier },
  }),
  cancel: ({ orderId }) => ({ method: "DELETE", path: `/orders/${orderId}` }),
  readAnswer: readAcme,
  livePath: () => "/orders",
  path: ({ orderId }) => `/orders/${orderId}`,
  read: readAcme,
  list: () => ({ path: "/orders" }),
  readItem: (item) => readAcme(item) ?? { id: "", legs: [], warnings: [], raw: item },
};

function readAcme(data: unknown): Order | undefined {
  const { no, tag } = Object(data);
  if (no === undefined) return undefined;
  return { id: String(no), identifier: tag, legs: [], warnings: [], raw: Object(data) };
}

Deno.test("A third broker has orders with one value in a program's own file", async () => {
  const book: Record<string, unknown>[] = [];
  await using server = await serve((response, { url, method, body }) => {
    const send = (status: number, json: unknown) =>
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(json));
    if (url === "/token") return send(200, { access_token: "a", token_type: "bearer" });
    if (url === "/accounts/A1") return send(200, { id: "A1" });
    if (method === "GET") return send(200, { items: book });
    const order = { no: book.length + 1, ...JSON.parse(body || "{}") };
    book.push(order);
    return method === "POST" ? send(500, {}) : send(200, order);
  });
  const options = { baseUrl: server.url, clientSecret: "s", refreshToken: "r" };
  await using session = new Session({ ...options, broker: { ...acme, orders: acmeOrders } });
  const account = await Account.get(session, "A1");
  type AcmeOrder = { readonly give: number };
  const placed = await account.placeOrder<AcmeOrder>({ give: 3 });
  assertEquals([placed.id, placed.raw["give"]], ["1", 3]);
  const replaced = await account.replaceOrder<AcmeOrder>("1", { give: 4 });
  assertEquals([replaced.id, replaced.identifier === placed.identifier], ["2", false]);
  assertEquals((await account.orders()).length, 2);
  assertEquals((await account.findOrder(replaced.identifier ?? ""))?.id, "2");
  const dry: Promise<DryRun> = account.dryRun<AcmeOrder>({ give: 3 });
  const noDryRun = await assertRejects(() => dry, SessionError);
  assertEquals([noDryRun.code, noDryRun.outcome], ["unsupported", "not_processed"]);

  await using bare = new Session({ ...options, broker: acme });
  const other = await Account.get(bare, "A1");
  for (const call of [() => other.placeOrder<AcmeOrder>({ give: 1 }), () => other.orders()]) {
    const error = await assertRejects(call, SessionError);
    assertEquals(error.code, "unsupported");
    assertMatch(error.message, /Acme has no orders/);
  }
});
