import { assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { Account, ApiError, Customer, Session, tradestation } from "../../mod.ts";
import { startEmulator } from "../../src/emulator/emulator.ts";
import { at, call, listAt, sending } from "../support/emulator_wire.ts";
import { LIMIT_ORDER, MARKET_ORDER } from "../support/orders.ts";
import { FUNDED } from "./tastytrade_fixtures.ts";
import { CASH, MARKET_ORDER as TRADESTATION_ORDER } from "./tradestation_fixtures.ts";

Deno.test("Two users of the emulated tastytrade see only their own accounts", async () => {
  await using emulator = await startEmulator();
  const user = emulator.addUser([
    { accountNumber: "5WX00001", cash: "25000.00" },
    { accountNumber: "5WX00002" },
  ]);
  for (const environment of ["tastytrade", "tastytradeSandbox"] as const) {
    using first = new Session(emulator[environment]);
    using second = new Session(user[environment]);
    assertEquals((await Account.get(second)).map((account) => account.accountNumber), [
      "5WX00001",
      "5WX00002",
    ]);
    assertEquals((await Account.get(first)).length, 2);
    assertEquals((await Account.get(second, "5WX00002")).accountNumber, "5WX00002");
    for (
      const path of [`/accounts/${FUNDED}/balances`, `/margin/accounts/${FUNDED}/requirements`]
    ) {
      assertEquals((await assertRejects(() => second.get(path), ApiError)).status, 404);
    }
    await assertRejects(() => first.get("/accounts/5WX00001/orders"), ApiError);
    await assertRejects(() => Account.get(first, "5WX00001"), ApiError);
    const asked = { "account-numbers": ["5WX00001", FUNDED] };
    await first.post(`/accounts/${FUNDED}/orders`, LIMIT_ORDER);
    assertEquals(await second.get("/customers/me/orders", { query: asked }), { items: [] });
    assertMatch((await Customer.get(second)).lastName ?? "", /^U\d+$/);
    assertEquals((await Customer.get(first)).lastName, "Doe");
  }
  assertEquals(emulator.unserved, []);
});

Deno.test("An account of an added user begins with its cash, and trades", async () => {
  await using emulator = await startEmulator();
  const user = emulator.addUser([{ accountNumber: "5WX00001", cash: "1000.00" }]);
  using session = new Session(user.tastytrade);
  const account = await Account.get(session, "5WX00001");
  assertEquals(await account.positions(), []);
  assertEquals(await Array.fromAsync(session.items("/accounts/5WX00001/transactions")), []);
  const before = await account.balances();
  assertEquals([before.cashBalance, before.netLiquidatingValue], ["1000.0", "1000.0"]);
  emulator.setPrice("AAPL", "200.00");
  await session.post("/accounts/5WX00001/orders", MARKET_ORDER);
  const [position] = await account.positions();
  assertEquals([position?.symbol, position?.quantity], ["AAPL", "1"]);
  assertEquals((await account.balances()).cashBalance, "799.999");
  emulator.reset();
  assertEquals((await account.balances()).cashBalance, "1000.0");
});

Deno.test("Two users of the emulated TradeStation see only their own accounts", async () => {
  await using emulator = await startEmulator();
  const user = emulator.addUser([{ accountNumber: "555000111", cash: "5000.00" }]);
  for (const environment of ["tradestation", "tradestationSandbox"] as const) {
    using first = new Session({ broker: tradestation, ...emulator[environment] });
    using second = new Session({ broker: tradestation, ...user[environment] });
    const [account] = await Account.get(second);
    assertEquals(account?.accountNumber, "555000111");
    assertEquals((await Account.get(first)).length, 3);
    const balances = await account?.balances();
    assertEquals([balances?.cashBalance, balances?.raw["Equity"]], ["5000", "5000"]);
    const { Errors: errors, Balances: found } = await second.get<Record<string, unknown[]>>(
      `/brokerage/accounts/555000111,${CASH}/balances`,
    );
    assertEquals([found?.length, at(errors, 0, "AccountID")], [1, CASH]);
    const order = { ...TRADESTATION_ORDER, AccountID: "555000111" };
    await assertRejects(() => first.post("/orderexecution/orders", order), ApiError);
    emulator.setPrice(`${TRADESTATION_ORDER?.Symbol}`, "10.00");
    await second.post("/orderexecution/orders", { ...order, Quantity: "3" });
    assertEquals((await account?.balances())?.cashBalance, "4970");
    assertEquals((await account?.positions())?.map(({ quantity }) => quantity), ["3"]);
  }
  assertEquals(emulator.unserved, []);
  using legacy = new Session({ broker: tradestation, ...user.tradestation, apiVersion: "v2" });
  await assertRejects(() => legacy.get("/users/me/accounts"), ApiError);
  await assertRejects(() => legacy.get("/accounts/555000111/balances"), ApiError);
  assertEquals(
    emulator.unserved.map(({ what }) => what),
    Array(2).fill(
      "v2 for a user who was added",
    ),
  );
});

Deno.test("addUser refuses numbers that are taken or wrong, and no number of it remains", async () => {
  await using emulator = await startEmulator();
  emulator.addUser([{ accountNumber: "5WX00001" }]);
  const cases: readonly (readonly [Parameters<typeof emulator.addUser>[0], RegExp])[] = [
    [[{ accountNumber: "5WX00001" }], /there is an account 5WX00001 already/],
    [[{ accountNumber: FUNDED }], /there is an account 5WT00000 already/],
    [[{ accountNumber: "SIM3113502M" }], /already/],
    [[{ accountNumber: "A1" }, { accountNumber: "A1" }], /there is an account A1 already/],
    [[{ accountNumber: "" }], /"" is not an account number/],
    [[{ accountNumber: "A/2" }], /not an account number/],
    [[{ accountNumber: "A3", cash: "-1" }], /"-1" is not an amount of cash/],
    [[{ accountNumber: "A3", cash: "much" }], /not an amount of cash/],
  ];
  for (const [accounts, message] of cases) {
    assertMatch(assertThrows(() => emulator.addUser(accounts), TypeError).message, message);
  }
  emulator.addUser([{ accountNumber: "A1" }, { accountNumber: "A3", cash: "0.5" }]);
});

Deno.test("The control API adds users", async () => {
  await using emulator = await startEmulator({ control: true });
  const add = (body: unknown) => call(`${emulator.url}/control/users`, sending("POST", body));
  const { status, json } = await add({ accounts: [{ accountNumber: "5WX1", cash: "10.00" }] });
  assertEquals(status, 200);
  const refreshToken = `${at(json, "tastytrade", "refreshToken")}`;
  using session = new Session({ ...emulator.tastytrade, refreshToken });
  assertEquals((await Account.get(session))[0]?.accountNumber, "5WX1");
  assertEquals((await add({})).status, 400);
  assertEquals((await add({ accounts: [1] })).status, 400);
  assertEquals(listAt((await add({ accounts: [] })).json).length, 0);
});
