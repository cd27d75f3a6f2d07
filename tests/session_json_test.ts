import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { ApiError } from "../mod.ts";
import { MARKET_ORDER } from "./support/orders.ts";
import { ME, open } from "./support/session_fixtures.ts";

Deno.test("Session.put(), patch() and delete() send their method and their value", async () => {
  await using opened = await open();
  const { emulator, session } = opened;
  const orders = "/accounts/5WT00000/orders";
  const limit = {
    ...MARKET_ORDER,
    "order-type": "Limit",
    "price": "1.00",
    "price-effect": "Debit",
  };
  const { order } = await session.post<{ order: { id: number } }>(orders, limit);
  const replaced = await session.put<{ id: number }>(`${orders}/${order.id}`, {
    ...limit,
    "price": "1.01",
  });
  const edited = await session.patch<{ id: number; price: string }>(`${orders}/${replaced.id}`, {
    "order-type": "Limit",
    "time-in-force": "Day",
    "price": "1.02",
    "price-effect": "Debit",
  });
  assertEquals(edited.price, "1.02");
  const cancelled = await session.delete<{ status: string }>(`${orders}/${edited.id}`);
  assertEquals(cancelled.status, "Cancel Requested");
  assertEquals(emulator.requests.slice(1).map(({ method }) => method), [
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
  ]);
});

Deno.test("Session.get() writes a query the broker's way", async () => {
  await using opened = await open();
  const { emulator, session } = opened;
  await session.get("/accounts/5WT00000/orders", {
    query: {
      status: ["Live", "Filled"],
      "per-page": 5,
      "underlying-symbol": "RIVN  230609P00014000",
      x: undefined,
    },
  });
  assertStringIncludes(
    emulator.requests.at(-1)?.path ?? "",
    "?status%5B%5D=Live&status%5B%5D=Filled&per-page=5&underlying-symbol=RIVN%20%20230609P00014000",
  );
});

Deno.test("Session.get() returns undefined for an empty answer", async () => {
  await using opened = await open();
  opened.emulator.injectFault(`GET ${ME}`, { status: 204 });
  assertEquals(await opened.session.get(ME), undefined);
});

Deno.test("Session.get() refuses a good status with a body that is not JSON", async () => {
  await using opened = await open();
  const { emulator, session } = opened;
  for (const body of ["<html><body>Sign in to this wi-fi</body></html>", '{"data": {'] as const) {
    emulator.injectFault(`GET ${ME}`, { status: 200, body });
    const error = await assertRejects(() => session.get(ME), ApiError);
    assertEquals([error.code, error.status], ["invalid_response", 200]);
  }
});
