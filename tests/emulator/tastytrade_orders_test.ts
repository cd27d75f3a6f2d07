import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { startEmulator } from "../../src/emulator/emulator.ts";
import cancelled from "../../src/emulator/tastytrade/recordings/order_cancelled.json" with {
  type: "json",
};
import dryRun from "../../src/emulator/tastytrade/recordings/order_dry_run.json" with {
  type: "json",
};
import errors from "../../src/emulator/tastytrade/recordings/errors.json" with { type: "json" };
import orders from "../../src/emulator/tastytrade/recordings/orders.json" with { type: "json" };
import placed from "../../src/emulator/tastytrade/recordings/order_placed.json" with {
  type: "json",
};
import replaced from "../../src/emulator/tastytrade/recordings/order_replaced.json" with {
  type: "json",
};
import { at, listAt, sending, shapeOf, signIn } from "../support/emulator_wire.ts";
import { LIMIT_ORDER } from "../support/orders.ts";
import { atTime, EMPTY, FUNDED, RECORDED_DRY_RUN, without } from "./tastytrade_fixtures.ts";

Deno.test("emulator answers the recorded dry run as recorded, but for the account's own money", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  const path = `/accounts/${FUNDED}/orders/dry-run`;
  const { status, json } = await get(path, sending("POST", RECORDED_DRY_RUN));
  assertEquals(status, 201);
  const effect = {
    ...dryRun.data["buying-power-effect"],
    "current-buying-power": "20078.762",
    "new-buying-power": "19895.681",
  };
  assertEquals(json, { ...dryRun, data: { ...dryRun.data, "buying-power-effect": effect } });
  assertEquals(emulator.orders, []);
});

Deno.test("emulator takes an order: routed at once, then live and in the lists", async () => {
  using _time = atTime(Date.parse("2026-09-21T14:00:00.000Z"));
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  const market = { ...without("rules", RECORDED_DRY_RUN), "external-identifier": "mine" };
  const answer = await get(`/accounts/${FUNDED}/orders`, sending("POST", market));
  assertEquals(answer.status, 201);
  assertEquals(at(answer.json, "data", "order", "external-identifier"), "mine");
  const { status: _, ...recorded } = placed.data.order;
  assertEquals(
    shapeOf({
      ...Object(answer.json),
      data: {
        ...Object(at(answer.json, "data")),
        order: without(
          "ext-client-order-id",
          without("external-identifier", Object(at(answer.json, "data", "order"))),
        ),
      },
    }),
    shapeOf({ ...placed, data: { ...placed.data, order: { ...recorded, status: "" } } }),
  );
  assertEquals(at(answer.json, "data", "order", "id"), placed.data.order.id);
  assertEquals(at(answer.json, "data", "order", "status"), "Routed");
  assertEquals(at(answer.json, "data", "order", "received-at"), "2026-09-21T14:00:00.000+00:00");

  const now = await get(`/accounts/${FUNDED}/orders/270561`);
  assertEquals(at(now.json, "data", "status"), "Live");
  assert(at(now.json, "data", "cancellable"));
  const list = await get(`/accounts/${FUNDED}/orders`);
  const ids = listAt(list.json, "data", "items").map((item) => at(item, "id"));
  assertEquals(ids, [270561, 68680, 68677, 68675]);
  const live = await get(`/accounts/${FUNDED}/orders/live`);
  assertEquals(listAt(live.json, "data", "items"), [at(now.json, "data")]);

  assertEquals(emulator.orders.length, 1);
  const [seen] = emulator.orders;
  assertEquals(
    [seen?.environment, seen?.accountNumber, seen?.id, seen?.status, seen?.replaces],
    ["production", FUNDED, 270561, "Live", undefined],
  );
  assertEquals(seen?.wire, Object(at(now.json, "data")));
});

Deno.test("emulator gives each order an id of its own", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  const init = sending("POST", LIMIT_ORDER);
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => get(`/accounts/${FUNDED}/orders`, init)),
  );
  const ids = answers.map(({ json }) => at(json, "data", "order", "id"));
  assertEquals(new Set(ids).size, 20);
  assertEquals(emulator.orders.length, 20);
  assertEquals(emulator.count("POST /accounts/*/orders"), 20);
});

Deno.test("emulator lists orders as recorded, by pages, status, underlying and date", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  const path = `/accounts/${FUNDED}/orders`;
  const first = await get(`${path}?per-page=1`);
  assertEquals(at(first.json, "data"), orders.data);
  assertEquals(shapeOf(first.json), shapeOf(orders));
  const cases: readonly [string, number[]][] = [
    ["", [68680, 68677, 68675]],
    ["?sort=Asc", [68675, 68677, 68680]],
    ["?status[]=Contingent", [68675]],
    ["?status[]=Contingent&status[]=Cancelled", [68680, 68677, 68675]],
    ["?status[]=Live", []],
    ["?underlying-symbol=AAPL&underlying-instrument-type=Equity", [68680, 68677, 68675]],
    ["?underlying-symbol=TSLA", []],
    ["?start-date=2023-06-14", [68680, 68677]],
    ["?end-at=2023-06-14T01:10:00Z", [68677, 68675]],
  ];
  for (const [query, expected] of cases) {
    const { json } = await get(path + query);
    assertEquals(listAt(json, "data", "items").map((item) => at(item, "id")), expected, query);
  }
});

Deno.test("emulator searches orders since version 20261012 only with a start date", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  const path = `/accounts/${FUNDED}/orders`;
  const headers = { "accept-version": "20261012" };
  const { status, json } = await get(path, { headers });
  assertEquals([status, at(json, "error", "errors")], [
    400,
    [{ domain: "start-date", reason: "is missing" }],
  ]);
  for (const query of ["start-date=2023-06-14", "start-at=2023-06-14T00:00:00Z"]) {
    assertEquals((await get(`${path}?${query}`, { headers })).status, 200);
  }
  assertEquals((await get(path, { headers: { "accept-version": "20261011" } })).status, 200);
});

Deno.test("emulator searches the orders of a customer by account", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  for (const path of ["/customers/me/orders", "/customers/me/orders/live"]) {
    const { status, json } = await get(path);
    assertEquals([status, json], [400, errors.validation_error]);
  }
  const both = `account-numbers[]=${FUNDED}&account-numbers[]=${EMPTY}`;
  const all = await get(`/customers/me/orders?${both}`);
  assertEquals(at(all.json, "pagination", "total-items"), 3);
  const live = await get(`/customers/me/orders/live?${both}`);
  assertEquals(at(live.json, "pagination", "total-items"), 0);
});

Deno.test("emulator cancels an order: first requested, then done, and not a second time", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  const path = `/accounts/${FUNDED}/orders/68675`;
  const requested = await get(path, { method: "DELETE" });
  assertEquals(requested.status, 200);
  assertEquals(at(requested.json, "data", "status"), "Cancel Requested");
  assertEquals(at(requested.json, "context"), path);
  const done = await get(path);
  assertEquals(at(done.json, "data", "status"), "Cancelled");
  assertEquals(
    shapeOf(without("value-effect", Object(at(done.json, "data")))),
    shapeOf(cancelled.data),
  );
  const again = await get(path, { method: "DELETE" });
  assertEquals(again.status, 422);
  assertEquals(at(again.json, "error", "code"), "cannot_update_order");
});

Deno.test("emulator replaces an order by a new one, whose answer names the old one", async () => {
  await using emulator = await startEmulator();
  const get = await signIn(emulator.tastytrade);
  const path = `/accounts/${FUNDED}/orders/68675`;
  const dry = await get(`${path}/dry-run`, sending("POST", { "price": "120.00" }));
  assertEquals([dry.status, at(dry.json, "data", "order", "price")], [201, "120.00"]);
  assertEquals(emulator.orders, []);

  const { legs: _legs, ...changes } = { ...LIMIT_ORDER, "price": "123.00" };
  const put = await get(path, sending("PUT", changes));
  assertEquals(put.status, 200);
  assertEquals(at(put.json, "context"), path);
  const sent = Object(at(put.json, "data"));
  // The recording is older than these fields.
  const newer = ["global-request-id", "ext-client-order-id", "replaces-order-id"];
  const known = newer.reduce((rest, name) => without(name, rest), { ...sent });
  assertEquals(shapeOf(known), shapeOf(replaced.data));
  assertEquals(at(sent, "replaces-order-id"), 68675);
  assertEquals(at(sent, "price"), "123.00");
  assertNotEquals(at(sent, "id"), 68675);
  const old = await get(path);
  assertEquals([at(old.json, "data", "status"), at(old.json, "data", "edited")], [
    "Cancelled",
    true,
  ]);
  assertEquals(at(old.json, "data", "replacing-order-id"), at(sent, "id"));

  const second = `/accounts/${FUNDED}/orders/${at(sent, "id")}`;
  const patch = await get(second, sending("PATCH", { "price": "122.00" }));
  assertEquals(at(patch.json, "data", "price"), "122.00");
  assertEquals(emulator.orders.map(({ replaces }) => replaces), [68675, 270561]);
  assertEquals((await get(second, sending("PATCH", { "price": "1.00" }))).status, 422);
});
