import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import {
  type AbortedCall,
  ApiError,
  NetworkError,
  RateLimitError,
  SessionClosedError,
  SessionError,
  TokenError,
} from "../../mod.ts";
import { type Fault, tastytradeFaults } from "../../src/emulator/emulator.ts";
import { until } from "../support/idle.ts";
import { forEachBroker, ORDER_FIXTURES, type OrderFixture } from "./order_fixtures.ts";

/** Every way in which the answer to an order that was placed can be lost. */
const LOST_ANSWERS: Readonly<Record<string, Fault>> = {
  "no answer": { afterEffect: "reset" },
  "an answer that never comes": { afterEffect: "hang" },
  "half an answer": "resetMidBody",
  "an answer that stops in the middle": "hangMidBody",
  "a 502 of a gateway": { afterEffect: tastytradeFaults.badGateway },
  "a 500": { afterEffect: { status: 500, body: "{}" } },
  "a 408": { afterEffect: { status: 408 } },
  "a redirect": { afterEffect: { status: 303, headers: { location: "/" } } },
  "a page of a captive portal": { afterEffect: { status: 200, body: "<html>" } },
  "an answer of another service": { afterEffect: { status: 200, body: '{"data":{}}' } },
  "an empty answer": { afterEffect: { status: 204 } },
};

function placing(name: string, test: (fixture: OrderFixture) => Promise<void>): void {
  forEachBroker(`placeOrder() ${name}`, test);
}

placing("stamps an order, sends it once and returns it", async (fixture) => {
  await using opened = await fixture.open();
  const { account, emulator } = opened;
  const before = structuredClone(fixture.order);
  const order = await account.placeOrder(fixture.order);
  assertEquals(fixture.order, before);
  assertMatch(order.identifier ?? "", /^[\w-]{22}$/);
  const [booked] = emulator.orders;
  assertEquals([order.id, emulator.orders.length], [String(booked?.id), 1]);
  assertEquals(emulator.count(fixture.postRoute), 1);
  assertEquals(order.warnings, []);
  const found = await account.findOrder(order.identifier ?? "");
  assertEquals([found?.id, found?.state, found?.price], [order.id, "open", "1.00"]);
  assertEquals(
    found?.legs.map(({ symbol, quantity, filledQuantity }) => [
      symbol,
      Number(quantity),
      Number(filledQuantity),
    ]),
    [["AAPL", 2, 0]],
  );
  assertEquals((await account.order(order.id))?.identifier, order.identifier);
  assertEquals(await account.order("1"), undefined);
  assert((await account.orders()).some(({ id }) => id === order.id));
  const another = await account.placeOrder(fixture.order);
  assert(another.identifier !== order.identifier);
});

placing("keeps the program's own identifier", async (fixture) => {
  await using opened = await fixture.open();
  const stamp = { "external-identifier": "mine-1", OrderConfirmID: "mine-1" };
  const own = fixture.name === "tastytrade" ? "external-identifier" : "OrderConfirmID";
  const order = { ...fixture.order, [own]: stamp[own] };
  assertEquals((await opened.account.placeOrder(order)).identifier, "mine-1");
  assertEquals((await opened.account.findOrder("mine-1"))?.identifier, "mine-1");
  assertEquals(await opened.account.findOrder("mine-2"), undefined);
});

for (const [name, fault] of Object.entries(LOST_ANSWERS)) {
  placing(`finds the order when it gets ${name}`, async (fixture) => {
    const isHanging = JSON.stringify(fault).includes("hang");
    await using opened = await fixture.open({ timeoutMs: isHanging ? 3_000 : 5_000 });
    const { account, emulator } = opened;
    emulator.injectFault(fixture.postRoute, fault);
    const order = await account.placeOrder(fixture.order);
    assertEquals([order.state, emulator.orders.length], ["open", 1]);
    assertEquals(order.id, String(emulator.orders[0]?.id));
    assertEquals(emulator.count(fixture.postRoute), 1);
    assertEquals(order.response, undefined);
  });
}

placing("finds an order that shows late, and through trouble", async (fixture) => {
  await using opened = await fixture.open({ retry: false });
  const { account, emulator } = opened;
  emulator.orderListDelayMs = 60_000;
  emulator.injectFault(fixture.postRoute, { afterEffect: "reset" });
  emulator.injectFault(fixture.listRoute, { status: 502 });
  const placed = account.placeOrder(fixture.order);
  // The first look meets the fault, and the second an answer without the order.
  await until(() => emulator.count(fixture.listRoute) >= 3);
  emulator.orderListDelayMs = 0;
  const order = await placed;
  assertEquals(order.id, String(emulator.orders[0]?.id));
  assert(emulator.count(fixture.listRoute) >= 3);
});

placing(
  "says that it does not know, with the identifier, and never that it was not",
  async (fixture) => {
    await using opened = await fixture.open({ timeoutMs: 700 });
    const { account, emulator } = opened;
    emulator.injectFault(fixture.postRoute, "reset", 2); // Bun and Deno may send it again: it is lost too
    const lost = await assertRejects(() => account.placeOrder(fixture.order), NetworkError);
    assertEquals([lost.outcome, emulator.orders.length], ["unknown", 0]);
    assertMatch(
      lost.message,
      new RegExp(`Look for it later: account.findOrder\\("${lost.identifier}"\\)`),
    );
    emulator.clearFaults();

    emulator.orderListDelayMs = 60_000;
    emulator.injectFault(fixture.postRoute, { afterEffect: { status: 503 } });
    const late = await assertRejects(() => account.placeOrder(fixture.order), ApiError);
    assertEquals([late.outcome, late.status, emulator.orders.length], ["unknown", 503, 1]);
    assertEquals(await account.findOrder(late.identifier ?? ""), undefined);
    emulator.orderListDelayMs = 0;
    const found = await account.findOrder(late.identifier ?? "");
    assertEquals(found?.id, String(emulator.orders[0]?.id));
  },
);

placing(
  "tells a refusal and a request that was not processed, without a look",
  async (fixture) => {
    await using opened = await fixture.open({ retry: false });
    const { account, emulator, session } = opened;
    const type = fixture.name === "tastytrade" ? "order-type" : "OrderType";
    const free = { ...fixture.order, [type]: "Gift" };
    const refused = await assertRejects(() => account.placeOrder(free), ApiError);
    assertEquals([refused.outcome, refused.status], ["refused", 400]);
    assertMatch(refused.identifier ?? "", /^[\w-]{22}$/);
    emulator.injectFault(fixture.postRoute, { status: 429 });
    const limited = await assertRejects(() => account.placeOrder(fixture.order), RateLimitError);
    assertEquals(limited.outcome, "not_processed");
    emulator.revokeAccessTokens();
    emulator.revokeGrant();
    const revoked = await assertRejects(() => account.placeOrder(fixture.order), TokenError);
    assertEquals(revoked.outcome, "not_processed");
    assertEquals([emulator.orders.length, emulator.count(fixture.listRoute)], [0, 0]);
    await session.close();
    const closed = await assertRejects(() => account.placeOrder(fixture.order), SessionClosedError);
    assertEquals(closed.outcome, "not_processed");
  },
);

placing("stops looking when the grant is lost", async (fixture) => {
  await using opened = await fixture.open({ timeoutMs: 60_000, retry: false });
  const { account, emulator } = opened;
  emulator.injectFault(fixture.postRoute, { afterEffect: { status: 503 } });
  emulator.injectFault(fixture.listRoute, { status: 401 }, Infinity);
  emulator.revokeGrant();
  const startedAt = performance.now();
  const error = await assertRejects(() => account.placeOrder(fixture.order), ApiError);
  assertEquals([error.status, error.outcome], [503, "unknown"]);
  assertEquals(emulator.count(fixture.listRoute), 1);
  assert(performance.now() - startedAt < 8_000); // it would look for ten seconds otherwise
});

placing("tells the same when the session closes between two looks", async (fixture) => {
  await using opened = await fixture.open({ timeoutMs: 60_000 });
  const { account, emulator, session } = opened;
  emulator.orderListDelayMs = 60_000;
  emulator.injectFault(fixture.postRoute, { afterEffect: { status: 500 } });
  const placing = assertRejects(() => account.placeOrder(fixture.order), SessionClosedError);
  const looks = () => emulator.requests.filter(({ status, method }) => method === "GET" && status);
  while (looks().length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  await session.close();
  assertEquals((await placing).outcome, "unknown");
});

placing("tells an abort's outcome, before and while it looks", async (fixture) => {
  await using opened = await fixture.open({ timeoutMs: 60_000 });
  const { account, emulator } = opened;
  const reason = new Error("the user pressed Cancel");
  const told: AbortedCall[] = [];
  const place = (signal: AbortSignal) => {
    const onAbort = (call: AbortedCall) => void told.push(call);
    return assertRejects(() => account.placeOrder(fixture.order, { signal, onAbort }));
  };
  assert(await place(AbortSignal.abort(reason)) === reason);
  assertEquals(told[0]?.outcome, "not_processed");

  for (const when of ["post", "look"] as const) {
    const controller = new AbortController();
    emulator.forgetRequests();
    const [route, fault]: [string, Fault] = when === "post"
      ? [fixture.postRoute, { afterEffect: "hang" }]
      : [fixture.listRoute, "hang"];
    if (when === "look") emulator.injectFault(fixture.postRoute, { afterEffect: { status: 500 } });
    emulator.injectFault(route, fault);
    const placing = place(controller.signal);
    while (emulator.count(route) === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    controller.abort(reason);
    assert(await placing === reason);
    const { outcome, identifier = "" } = told.at(-1) ?? {};
    assertEquals(outcome, "unknown");
    assertEquals((await account.findOrder(identifier))?.identifier, identifier);
  }
  assertEquals(told.length, 3);
});

placing("tells what is known when the session closes while it looks", async (fixture) => {
  await using opened = await fixture.open({ timeoutMs: 60_000 });
  const { account, emulator, session } = opened;
  emulator.injectFault(fixture.postRoute, { afterEffect: { status: 500 } });
  emulator.injectFault(fixture.listRoute, "hang");
  const placing = assertRejects(() => account.placeOrder(fixture.order), SessionClosedError);
  while (emulator.count(fixture.listRoute) === 0) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await session.close();
  const { outcome, identifier, message } = await placing;
  assertEquals(outcome, "unknown");
  assertMatch(message, /^The session was closed during this call\. .*findOrder\("/);
  assertMatch(identifier ?? "", /^[\w-]{22}$/);
});

placing(
  "takes no other order for its own, although it has the same identifier",
  async (fixture) => {
    await using opened = await fixture.open({ timeoutMs: 700 });
    const { account, emulator } = opened;
    const own = fixture.name === "tastytrade" ? "external-identifier" : "OrderConfirmID";
    const order = { ...fixture.order, [own]: "twice" };
    await account.placeOrder(order);
    emulator.injectFault(fixture.postRoute, { afterEffect: { status: 500 } });
    const call = () => account.placeOrder(order);
    if (fixture.name === "tastytrade") { // it takes both
      assertEquals((await assertRejects(call, SessionError)).outcome, "unknown");
      assertEquals(emulator.orders.length, 2);
      assertEquals((await account.findOrder("twice"))?.id, String(emulator.orders[1]?.id));
    }
    emulator.clearFaults();
  },
);

Deno.test("placeOrder() says unknown at TradeStation if its lists have no identifier", async () => {
  const [, fixture] = ORDER_FIXTURES;
  assert(fixture !== undefined);
  await using opened = await fixture.open({ timeoutMs: 600 });
  const { account, emulator } = opened;
  emulator.tradestation.listsConfirmIds = false;
  assertMatch((await account.placeOrder(fixture.order)).identifier ?? "", /^[\w-]{22}$/);
  emulator.injectFault(fixture.postRoute, { afterEffect: { status: 500 } });
  const error = await assertRejects(() => account.placeOrder(fixture.order), ApiError);
  assertEquals([error.outcome, emulator.orders.length], ["unknown", 2]);
});

Deno.test("placeOrder() fills in TradeStation's account, in the orders that an order sends too", async () => {
  const [, fixture] = ORDER_FIXTURES;
  assert(fixture !== undefined);
  await using opened = await fixture.open();
  const { account, emulator } = opened;
  const order = await account.placeOrder({
    ...fixture.order,
    OSOs: [{
      Type: "NORMAL",
      Orders: [{ ...fixture.order, TradeAction: "SELL", LimitPrice: "2.00" }],
    }],
  });
  assertEquals(emulator.orders.map(({ accountNumber }) => accountNumber), [
    "123456782",
    "123456782",
  ]);
  assertEquals([order.id, order.status], [String(emulator.orders[0]?.id), undefined]);
  const { Orders: all } = order.response as { Orders: unknown[] };
  assertEquals(all.length, 2);
  assertEquals((await account.order(order.id))?.status, "ACK");
});

Deno.test("placeOrder() says what TradeStation refused of an order that it has placed", async () => {
  const [, fixture] = ORDER_FIXTURES;
  assert(fixture !== undefined);
  await using opened = await fixture.open();
  const { account, emulator } = opened;
  const body = JSON.stringify({
    Orders: [{ OrderID: "7", Message: "Sent order" }],
    Errors: [{ OrderID: "8", Error: "FAILED", Message: "No stop for you" }],
  });
  const headers = { "content-type": "application/json" };
  emulator.injectFault(fixture.postRoute, { status: 200, headers, body });
  const order = await account.placeOrder(fixture.order);
  assertEquals([order.id, order.warnings], ["7", [
    { code: "FAILED", message: "No stop for you", field: "8" },
  ]]);
});

Deno.test("placeOrder() hands on tastytrade's warnings", async () => {
  const [fixture] = ORDER_FIXTURES;
  assert(fixture !== undefined);
  await using opened = await fixture.open();
  const { account, emulator } = opened;
  const warnings = [{
    code: "tif_next_valid_sesssion",
    message: "It begins with the next session",
  }];
  const body = JSON.stringify({ data: { order: { id: 7, status: "Received" }, warnings } });
  const headers = { "content-type": "application/json" };
  emulator.injectFault(fixture.postRoute, { status: 201, headers, body });
  const order = await account.placeOrder(fixture.order);
  assertEquals([order.id, order.state, order.warnings], ["7", "pending", warnings]);
});

placing("finds by its identifier no order that is older than asked for", async (fixture) => {
  await using opened = await fixture.open({ retry: false });
  const { account, emulator } = opened;
  const { identifier = "" } = await account.placeOrder(fixture.order);
  await account.placeOrder(fixture.order);
  const since = new Date(Date.now() + 60_000);
  // TradeStation's list is that of today, whatever is asked for.
  const isFound = fixture.name === "TradeStation";
  assertEquals((await account.findOrder(identifier, { since })) !== undefined, isFound);
  assertEquals(
    (await account.findOrder(identifier, { since: new Date(0) }))?.identifier,
    identifier,
  );
  emulator.injectFault(fixture.idRoute, { status: 403 });
  assertEquals((await assertRejects(() => account.order("1"), ApiError)).status, 403);
});

Deno.test("orders and their options are checked before anything is sent", async () => {
  const [fixture] = ORDER_FIXTURES;
  assert(fixture !== undefined);
  await using opened = await fixture.open();
  const { account, emulator } = opened;
  const order = fixture.order;
  await using other = await ORDER_FIXTURES[1]?.open();
  const tradestation = other?.account ?? account;
  const cases: readonly [() => Promise<unknown>, RegExp][] = [
    [() => account.placeOrder("buy" as never), /must be the broker's order object/],
    [() => account.placeOrder([order] as never), /must be the broker's order object/],
    [() => account.placeOrder({ type: "OCO", orders: [order] } as never), /complex-orders/],
    [
      () => tradestation.placeOrder({ Type: "OCO", Orders: [order] } as never),
      /\/orderexecution\/ordergroups/,
    ],
    [() => account.placeOrder(order, { timeout: 1 } as never), /It is called timeoutMs here/],
    [() => account.placeOrder(order, { idempotent: true } as never), /no option "idempotent"/],
    [() => account.placeOrder(order, { timeoutMs: -1 }), /Cannot use timeoutMs -1/],
    [() => account.placeOrder(order, { onAbort: 1 } as never), /onAbort: it must be a function/],
    [() => account.cancelOrder(""), /order id/],
    [() => account.cancelOrder(1.5), /order id/],
    [() => account.replaceOrder(undefined as never, order), /order id undefined/],
    [() => account.order(null as never), /order id null/],
    [() => account.findOrder(""), /without its identifier/],
    [() => account.findOrder("x", { since: new Date(NaN) }), /since: it must be a Date/],
    [() => account.findOrder("x", { since: "2026-01-01" } as never), /must be a Date/],
    [() => account.dryRun(1 as never), /must be the broker's order object/],
  ];
  for (const [call, message] of cases) {
    const error = await assertRejects(call);
    assert(error instanceof TypeError || error instanceof RangeError, String(error));
    assertMatch(error.message, message);
  }
  assertEquals(emulator.requests, []);
});

placing("tells beforehand what an order would cost", async (fixture) => {
  await using opened = await fixture.open();
  const { account, emulator } = opened;
  emulator.injectFault("POST /**", { status: 503, headers: { "retry-after": "0" } }); // it is retried
  const { fees, estimatedCost, changeInBuyingPower, warnings } = await account.dryRun(
    fixture.order,
  );
  assertEquals(
    [fees, estimatedCost, changeInBuyingPower],
    fixture.name === "tastytrade" ? ["0.001", undefined, "-2.001"] : ["0", "2", undefined],
  );
  assertEquals([warnings, emulator.orders], [[], []]);
});
