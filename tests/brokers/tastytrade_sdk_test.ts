/**
 * The proof that the emulator is true: the client that tastytrade itself publishes works against it, as
 * it comes from npm, with nothing patched.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertObjectMatch, assertRejects } from "@std/assert";
// deno-lint-ignore no-import-prefix -- used by this one test; the module itself has no dependency
import TastytradeClient from "npm:@tastytrade/api@7.0.2";
import { type Emulator, startEmulator } from "../../src/emulator/emulator.ts";
import accounts from "../../src/emulator/tastytrade/recordings/accounts.json" with { type: "json" };
import customer from "../../src/emulator/tastytrade/recordings/customer.json" with { type: "json" };
import quoteToken from "../../src/emulator/tastytrade/recordings/quote_token.json" with {
  type: "json",
};
import { at } from "../support/emulator_wire.ts";
import { LIMIT_ORDER } from "../support/orders.ts";
import { run, type Runtime } from "../support/runtimes.ts";

const FUNDED = "5WT00000";

function connect(credentials: Emulator["tastytrade"]): TastytradeClient {
  return new TastytradeClient({
    ...credentials,
    accountStreamerUrl: "wss://127.0.0.1",
    oauthScopes: ["read", "trade"],
  });
}

Deno.test("official SDK reads customer and accounts from the emulator", async () => {
  await using emulator = await startEmulator();
  const { accountsAndCustomersService: service } = connect(emulator.tastytrade);
  assertEquals(await service.getCustomerResource(), customer.data);
  assertEquals(await service.getCustomerAccounts(), accounts.data.items);
  assertEquals(
    await service.getFullCustomerAccountResource(FUNDED),
    accounts.data.items[0]?.account,
  );
  const { level } = quoteToken.data;
  const socketUrl = emulator.url.replace("http", "ws");
  assertObjectMatch(await service.getApiQuoteToken(), {
    level,
    "dxlink-url": `${socketUrl}/tastytrade/realtime`,
  });
  assertEquals(emulator.count("POST /oauth/token"), 1);
  const [login] = emulator.requests;
  assertEquals(login?.headers["user-agent"], "tastytrade-sdk-js");
  assertEquals(login?.headers["authorization"], undefined);
});

Deno.test("official SDK reads balances, positions and transactions from the emulator", async () => {
  await using emulator = await startEmulator();
  const client = connect(emulator.tastytrade);
  const { balancesAndPositionsService, transactionsService } = client;
  const balances = await balancesAndPositionsService.getAccountBalanceValues(FUNDED);
  assertEquals(balances["net-liquidating-value"], "4544.727");
  const positions = await balancesAndPositionsService.getPositionsList(FUNDED);
  assertEquals(positions.map((item: unknown) => at(item, "underlying-symbol")), ["RIVN", "TQQQ"]);
  const snapshots = await balancesAndPositionsService.getBalanceSnapshots(FUNDED);
  assertEquals(snapshots.length, 1);
  const page = { "per-page": 100, "page-offset": 6 };
  const transactions = await transactionsService.getAccountTransactions(FUNDED, page);
  assertEquals(transactions.length, 12);
  const chosen = { "sub-type": ["Assignment"] };
  const assigned = await transactionsService.getAccountTransactions(FUNDED, chosen);
  assertEquals(assigned.length, 204);
  const one = await transactionsService.getTransaction(FUNDED, "2455333333");
  assertEquals(one["id"], 2455333333);
  assertEquals((await transactionsService.getTotalFees(FUNDED))["total-fees"], "0.0");
});

Deno.test("official SDK checks, places, replaces and cancels an order at the emulator", async () => {
  await using emulator = await startEmulator();
  const { orderService } = connect(emulator.tastytrade);
  const dryRun = await orderService.postOrderDryRun(FUNDED, LIMIT_ORDER);
  assertEquals(dryRun["buying-power-effect"]["impact"], "1.001");
  assertEquals(emulator.orders, []);
  const { order } = await orderService.createOrder(FUNDED, LIMIT_ORDER);
  assertEquals(order["status"], "Routed");
  assertEquals((await orderService.getLiveOrders(FUNDED)).length, 1);
  const { id } = await orderService.replaceOrder(FUNDED, order["id"], {
    ...LIMIT_ORDER,
    price: "1.10",
  });
  assertEquals((await orderService.cancelOrder(FUNDED, id))["status"], "Cancel Requested");
  assertEquals((await orderService.getOrder(FUNDED, id))["status"], "Cancelled");
  assertEquals(emulator.orders.map(({ status }) => status), ["Cancelled", "Cancelled"]);
  assertEquals((await orderService.getOrders(FUNDED, { status: ["Contingent"] })).length, 1);
});

Deno.test("official SDK places a complex order, and reads metrics, instruments and history", async () => {
  await using emulator = await startEmulator();
  const client = connect(emulator.tastytrade);
  const { orderService, marketMetricsService, instrumentsService } = client;
  const oco = { "type": "OCO", "orders": [LIMIT_ORDER, LIMIT_ORDER] };
  const placed = await orderService.createComplexOrder(FUNDED, oco);
  const { id } = placed["complex-order"];
  const cancelled = await orderService.cancelComplexOrder(FUNDED, id);
  assertEquals(at(cancelled, "orders", 1, "status"), "Cancelled");
  const metrics = await marketMetricsService.getMarketMetrics({ symbols: "AAPL" });
  assertEquals(metrics.map((item: unknown) => at(item, "symbol")), ["AAPL"]);
  assert((await instrumentsService.getSingleEquity("SPY"))["is-etf"]);
  const chain = await instrumentsService.getNestedOptionChain("AAPL");
  assertEquals(at(chain, 0, "expirations", 3, "strikes", 0, "strike-price"), "60.0");
  const history = await client.netLiquidatingValueHistoryService
    .getNetLiquidatingValueHistory(FUNDED, { "time-back": "1m" });
  assertEquals(history.length, 30);
  const report = await client.marginRequirementsService.getMarginRequirements(FUNDED);
  assertEquals(at(report, "account-number"), FUNDED);
  assertEquals(emulator.unserved, []);
});

Deno.test("official SDK works in the emulator's sandbox, where there is no market data", async () => {
  await using emulator = await startEmulator();
  const { accountsAndCustomersService, marketMetricsService } = connect(emulator.tastytradeSandbox);
  assertEquals((await accountsAndCustomersService.getCustomerAccounts()).length, 2);
  const error = await assertRejects(() =>
    marketMetricsService.getMarketMetrics({ symbols: "AAPL" })
  );
  assertEquals(at(error, "response", "status"), 502);
});

Deno.test("official SDK asks for a token once for each of 300 concurrent first calls", async () => {
  await using emulator = await startEmulator();
  const { accountsAndCustomersService } = connect(emulator.tastytrade);
  const calls = Array.from(
    { length: 300 },
    () => accountsAndCustomersService.getCustomerResource(),
  );
  await Promise.all(calls);
  assertEquals(emulator.count("POST /oauth/token"), 300);
});

Deno.test("official SDK does not refresh a token that the service refuses", async () => {
  await using emulator = await startEmulator();
  const { accountsAndCustomersService } = connect(emulator.tastytrade);
  await accountsAndCustomersService.getCustomerResource();
  emulator.revokeAccessTokens();
  for (let n = 0; n < 2; n++) {
    const error = await assertRejects(() => accountsAndCustomersService.getCustomerResource());
    assertEquals(at(error, "response", "status"), 401);
  }
  assertEquals(emulator.count("POST /oauth/token"), 1);
});

Deno.test("official SDK carries the client secret in the errors that it throws", async () => {
  await using emulator = await startEmulator();
  const { accountsAndCustomersService } = connect(emulator.tastytrade);
  emulator.revokeGrant();
  const error = await assertRejects(() => accountsAndCustomersService.getCustomerResource());
  assertMatch(String(at(error, "response", "data", "error_description")), /Grant revoked/);
  assert(String(at(error, "config", "data")).includes(emulator.tastytrade.clientSecret));
});

Deno.test("official SDK's streamers tell of orders, positions, balances and quotes", async () => {
  const runtime: Runtime = { name: "Deno", command: [Deno.execPath(), "run", "--allow-all"] };
  const { code, stdout, stderr } = await run(runtime, ["tests/brokers/sdk_streamers.ts"]);
  assertEquals(code, 0, stderr);
  const { status, told, unserved } = JSON.parse(stdout);
  assertEquals([status, unserved], ["connect", []]);
  const types = ["AccountBalance", "CurrentPosition", "Order Filled", "Order Live", "Quote"];
  assertEquals(told.filter((type: string) => type !== "").toSorted(), types);
});
