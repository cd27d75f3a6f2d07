import { assert, assertEquals, assertFalse, assertInstanceOf, assertRejects } from "@std/assert";
import { Account, ApiError, Customer, Session } from "../mod.ts";
import { startEmulator } from "../src/emulator/emulator.ts";
import { acme } from "./support/broker_fixtures.ts";

Deno.test("Account.get() returns every account", async () => {
  await using emulator = await startEmulator();
  await using session = new Session(emulator.tastytrade);
  const accounts = await Account.get(session);
  assertEquals(accounts.map(({ accountNumber }) => accountNumber), ["5WT00000", "5WT00001"]);
  const [first] = accounts;
  assert(first instanceof Account);
  assertEquals(first.accountType, "Roth IRA");
  assertEquals(first.nickname, "Roth IRA");
  assertEquals(first.marginOrCash, "Cash");
  assertEquals(first.authorityLevel, "owner");
  assertFalse(first.isClosed);
  assertEquals(first.openedAt, new Date("2022-10-27T20:49:52.790Z"));
  assertEquals(first.raw["suitable-options-level"], "Defined Risk Spreads");
});

Deno.test("Account.get() returns the account of a number", async () => {
  await using emulator = await startEmulator();
  await using session = new Session(emulator.tastytrade);
  const account = await Account.get(session, "5WT00001");
  assertEquals(account.accountNumber, "5WT00001");
  assertEquals(emulator.count("GET /customers/me/accounts/5WT00001"), 1);
  const error = await assertRejects(() => Account.get(session, "5WT/99?"), ApiError);
  assertEquals(error.status, 404);
  assertEquals(emulator.requests.at(-1)?.path, "/customers/me/accounts/5WT%2F99%3F");
});

Deno.test("Account.get() takes no number and no null for an account number", async () => {
  await using emulator = await startEmulator();
  await using session = new Session(emulator.tastytrade);
  for (const number of [123456789, null] as unknown as string[]) {
    const complaint = `Cannot get the account ${number}: an account number is a string`;
    await assertRejects(() => Account.get(session, number), TypeError, complaint);
  }
  assertEquals(emulator.requests, []);
});

Deno.test("Account.balances() holds decimal strings", async () => {
  await using emulator = await startEmulator();
  await using session = new Session(emulator.tastytrade);
  const account = await Account.get(session, "5WT00000");
  const balances = await account.balances();
  assertEquals(balances.netLiquidatingValue, "4544.727");
  assertEquals(balances.cashBalance, "51600.762");
  assertEquals(balances.currency, "USD");
  assertInstanceOf(balances.updatedAt, Date);
});

Deno.test("Account.positions() holds decimal strings, also where the wire has numbers", async () => {
  await using emulator = await startEmulator();
  await using session = new Session(emulator.tastytrade);
  const account = await Account.get(session, "5WT00000");
  const [option, stock] = await account.positions();
  assertEquals(option?.raw.quantity, 40);
  assertEquals(option?.quantity, "40");
  assertEquals(option?.quantityDirection, "Short");
  assertEquals(option?.multiplier, "100");
  assertEquals(option?.averageOpenPrice, "0.79");
  assertEquals(option?.expiresAt, new Date("2023-06-09T20:00:00Z"));
  assertEquals(stock?.symbol, "TQQQ");
  assertEquals(stock?.multiplier, "1.0");
  assertEquals(stock?.expiresAt, undefined);
});

Deno.test("Account.sync() reads the account again, and keeps what only the list tells", async () => {
  await using emulator = await startEmulator();
  await using session = new Session(emulator.tastytrade);
  const [account] = await Account.get(session);
  assert(account);
  emulator.injectFault("GET /customers/me/accounts/5WT00000", {
    status: 200,
    body: JSON.stringify({ data: { "account-number": "5WT00000", "nickname": "Renamed" } }),
  });
  await account.sync();
  assertEquals(account.nickname, "Renamed");
  assertEquals(account.accountType, undefined);
  assertEquals(account.authorityLevel, "owner");
});

Deno.test("Account.sync() forgets what the broker has left out since", async () => {
  let name: { nickname?: string } = { nickname: "Savings" };
  const accounts = {
    ...acme.accounts,
    readList: () => [{ accountNumber: "1", raw: {}, ...name }],
    read: () => ({ accountNumber: "1", raw: {}, ...name }),
  };
  await using session = new Session({
    broker: { ...acme, accounts },
    clientSecret: "acme-secret",
    refreshToken: "acme-refresh",
    fetch: () => Promise.resolve(Response.json({ "access_token": "acme-access" })),
  });
  const [account] = await Account.get(session);
  assertEquals(account?.nickname, "Savings");
  name = {};
  await account?.sync();
  assertEquals([account?.nickname, account?.accountNumber], [undefined, "1"]);
  await account?.sync(); // and still knows its number
});

Deno.test("Account survives an account of which the broker says almost nothing", async () => {
  await using emulator = await startEmulator();
  await using session = new Session(emulator.tastytrade);
  emulator.injectFault("GET /customers/me/accounts", {
    status: 200,
    body: JSON.stringify({ data: { items: [{ account: { "account-number": "1" } }] } }),
  });
  const [account] = await Account.get(session);
  assertEquals(account?.accountNumber, "1");
  assertEquals(account?.nickname, undefined);
  assertEquals(account?.openedAt, undefined);
});

Deno.test("Account prints what it holds, and not its session", async () => {
  await using emulator = await startEmulator();
  await using session = new Session(emulator.tastytrade);
  const [account] = await Account.get(session);
  const keys = Object.keys(JSON.parse(JSON.stringify(account)));
  assert(keys.includes("accountNumber") && keys.includes("raw"));
  assert(!keys.some((key) => /session/i.test(key)));
});

Deno.test("Account passes the caller's options on", async () => {
  await using emulator = await startEmulator();
  await using session = new Session(emulator.tastytrade);
  const [account] = await Account.get(session);
  assert(account);
  const signal = AbortSignal.abort("enough");
  for (
    const call of [
      () => Account.get(session, { signal }),
      () => Account.get(session, "5WT00000", { signal }),
      () => account.sync({ signal }),
      () => account.balances({ signal }),
      () => account.positions({ signal }),
    ]
  ) {
    assertEquals(await call().then(() => "went on", (error: unknown) => error), "enough");
  }
});

Deno.test("Account.get() and Customer.get() without a session say how they are called", async () => {
  for (const given of ["5WT00000", undefined, null, {}, 5] as unknown as Session[]) {
    await assertRejects(() => Account.get(given), TypeError, "write Account.get(session)");
    await assertRejects(() => Customer.get(given), TypeError, "write Customer.get(session)");
  }
});
