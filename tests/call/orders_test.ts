import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { ApiError, Session, tradestation } from "../../mod.ts";
import { startEmulator } from "../../src/emulator/emulator.ts";
import { LIMIT_ORDER } from "../support/orders.ts";

interface Order {
  readonly id: number;
  readonly status: string;
  readonly price: string;
}

Deno.test("Orders at tastytrade: tried, placed, listed, replaced and cancelled, each request once", async () => {
  await using emulator = await startEmulator();
  await using session = new Session(emulator.tastytrade);
  const path = "/accounts/5WT00000/orders";

  const { "buying-power-effect": effect } = await session.post<
    { "buying-power-effect": { impact: string } }
  >(`${path}/dry-run`, LIMIT_ORDER);
  assertEquals(effect.impact, "1.001");
  assertEquals(emulator.orders.length, 0);

  const { order } = await session.post<{ order: Order }>(path, LIMIT_ORDER);
  const listed = await Array.fromAsync(session.items<Order>(`${path}/live`));
  assertEquals(listed.map(({ id }) => id), [order.id]);

  const better = { ...LIMIT_ORDER, price: "1.05" };
  const replaced = await session.put<Order>(`${path}/${order.id}`, better);
  assertEquals(replaced.price, "1.05");
  await session.delete(`${path}/${replaced.id}`);
  const { code } = await assertRejects(() => session.delete(`${path}/${replaced.id}`), ApiError);
  assertMatch(code, /^\w+$/);

  const sent = emulator.requests.filter(({ method }) => method !== "GET").map(({ method, path }) =>
    `${method} ${path.replace(/\d{3,}$/, "…")}`
  );
  assertEquals(sent, [
    "POST /oauth/token",
    `POST ${path}/dry-run`,
    `POST ${path}`,
    `PUT ${path}/…`,
    `DELETE ${path}/…`,
    `DELETE ${path}/…`,
  ]);
});

Deno.test("Orders at TradeStation: confirmed, placed, listed, replaced and cancelled", async () => {
  await using emulator = await startEmulator();
  await using session = new Session({ broker: tradestation, ...emulator.tradestation });
  const order = {
    AccountID: "123456782",
    Symbol: "MSFT",
    Quantity: "10",
    OrderType: "Limit",
    LimitPrice: "200.00",
    TradeAction: "BUY",
    TimeInForce: { Duration: "DAY" },
    Route: "Intelligent",
  };

  const { Confirmations } = await session.post<{ Confirmations: { EstimatedCost: string }[] }>(
    "/orderexecution/orderconfirm",
    order,
  );
  assertEquals(Confirmations[0]?.EstimatedCost, "2000");
  assertEquals(emulator.orders.length, 0);

  const { Orders } = await session.post<{ Orders: { OrderID: string }[] }>(
    "/orderexecution/orders",
    order,
  );
  const id = Orders[0]?.OrderID ?? "";
  const path = "/brokerage/accounts/123456782/orders";
  const ids = await Array.fromAsync(session.items<{ OrderID: string }>(path), (one) => one.OrderID);
  assertEquals(ids.filter((one) => one === id), [id]);

  await session.put(`/orderexecution/orders/${id}`, { Quantity: "5", LimitPrice: "199.00" });
  await session.delete(`/orderexecution/orders/${id}`);
  assertEquals(emulator.orders.map(({ status }) => status), ["OUT"]);

  // TradeStation answers 200 to an order that it refuses.
  const dear = { ...order, LimitPrice: "1000000.01" };
  const refusal = await assertRejects(() => session.post("/orderexecution/orders", dear), ApiError);
  assertEquals([refusal.status, refusal.errors.length], [200, 1]);
});
