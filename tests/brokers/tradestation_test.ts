import {
  assert,
  assertEquals,
  assertFalse,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  Account,
  ApiError,
  CredentialsError,
  Customer,
  Session,
  SessionError,
  tradestation,
} from "../../mod.ts";
import {
  startEmulator,
  tradestationFaults as tastytradeFaults,
} from "../../src/emulator/emulator.ts";
import { ACCOUNTS, open } from "./tradestation_fixtures.ts";

Deno.test("tradestation asks for a token with a form, at the sign-in host, and with the client id", async () => {
  await using emulator = await startEmulator();
  await using session = open(emulator);
  await session.get(ACCOUNTS);
  const [tokenRequest, request] = emulator.requests;
  assertEquals(
    tokenRequest?.headers["content-type"],
    "application/x-www-form-urlencoded;charset=utf-8",
  );
  assertEquals(Object.fromEntries(new URLSearchParams(tokenRequest?.body)), {
    grant_type: "refresh_token",
    client_id: emulator.tradestation.clientId,
    client_secret: emulator.tradestation.clientSecret,
    refresh_token: emulator.tradestation.refreshToken,
  });
  assert(request?.headers["authorization"]?.startsWith("Bearer "));
});

Deno.test("tradestation needs a client id", () => {
  const { clientId: _, ...rest } = { clientId: "id", clientSecret: "s", refreshToken: "r" };
  const error = assertThrows(
    () => new Session({ broker: tradestation, ...rest }),
    CredentialsError,
  );
  assertEquals(error.code, "missing_client_id");
  assertStringIncludes(error.message, "set TRADESTATION_CLIENT_ID");
});

Deno.test("tradestation has an address for real money and one for the simulator, and one sign-in", () => {
  const none = { sandbox: false, apiVersion: undefined, baseUrl: undefined, signInUrl: undefined };
  const live = tradestation.endpoints(none);
  const sim = tradestation.endpoints({ ...none, sandbox: true });
  assertEquals(live.baseUrl, "https://api.tradestation.com/v3");
  assertEquals(sim.baseUrl, "https://sim-api.tradestation.com/v3");
  assertEquals(live.tokenUrl, "https://signin.tradestation.com/oauth/token");
  assertEquals(sim.tokenUrl, live.tokenUrl);
  const legacy = tradestation.endpoints({
    ...none,
    apiVersion: "v2",
    signInUrl: "https://x.example",
  });
  assertEquals(legacy.baseUrl, "https://api.tradestation.com/v2");
  assertEquals(legacy.authorizeUrl, "https://x.example/authorize");
  assertThrows(() => tradestation.endpoints({ ...none, apiVersion: "v4" }), RangeError, '"v3"');
});

Deno.test("tradestation's simulator takes the same credentials, and has accounts of its own", async () => {
  await using emulator = await startEmulator();
  await using session = new Session({ broker: tradestation, ...emulator.tradestationSandbox });
  const accounts = await Account.get(session);
  assert(accounts.every(({ accountNumber }) => accountNumber.startsWith("SIM")));
});

Deno.test("tradestation's accounts, balances and positions come with the same lines as tastytrade's", async () => {
  await using emulator = await startEmulator();
  await using session = open(emulator);
  const accounts = await Account.get(session);
  assertEquals(accounts.map(({ accountNumber }) => accountNumber), [
    "123456789",
    "123456782",
    "123456781",
  ]);
  const account = await Account.get(session, "123456782");
  assertEquals(account.accountType, "Margin");
  assertEquals(account.marginOrCash, "Margin");
  assertFalse(account.isClosed);
  const balances = await account.balances();
  assertEquals(balances.netLiquidatingValue, "39893233.6211");
  assertEquals(balances.cashBalance, "39735538.661");
  assertEquals(balances.equityBuyingPower, "39735498.661");
  const [position] = await account.positions();
  assertEquals(position?.symbol, "MSFT");
  assertEquals(position?.instrumentType, "STOCK");
  assertEquals(position?.quantity, "10");
  assertEquals(position?.quantityDirection, "Long");
  assertEquals(position?.averageOpenPrice, "216.68");
  assertEquals(position?.createdAt, new Date("2020-11-16T16:53:37Z"));
  await account.sync();
  assertEquals(account.accountNumber, "123456782");
});

Deno.test("tradestation's short positions have an unsigned quantity", () => {
  const [position] = tradestation.accounts.readPositions({
    Positions: [{ AccountID: "1", Symbol: "MSFT", Quantity: "-10", LongShort: "Short" }],
  });
  assertEquals([position?.quantity, position?.quantityDirection], ["10", "Short"]);
});

Deno.test("tradestation says when there is no such account", async () => {
  await using emulator = await startEmulator();
  await using session = open(emulator);
  const error = await assertRejects(() => Account.get(session, "1"), SessionError);
  assertEquals(error.code, "no_such_account");
});

Deno.test("tradestation has no customers", async () => {
  await using emulator = await startEmulator();
  await using session = open(emulator);
  const error = await assertRejects(
    () => Customer.get(session),
    SessionError,
    "TradeStation has none",
  );
  assertEquals(error.code, "unsupported");
});

Deno.test("tradestation's 200 with nothing but errors is an error", async () => {
  await using emulator = await startEmulator();
  await using session = open(emulator);
  const all = await assertRejects(() => session.get(`${ACCOUNTS}/999/balances`), ApiError);
  assertEquals([all.status, all.code], [200, "Forbidden"]);
  assertEquals(all.errors[0]?.field, "999");
  assertStringIncludes(all.message, "the account is not yours");
  emulator.injectFault(`GET /v3${ACCOUNTS}`, {
    status: 200,
    body: '{"Error":"Failed","Message":"Not entitled to data for this symbol"}',
  });
  const bare = await assertRejects(() => session.get(ACCOUNTS), ApiError, "Not entitled");
  assertEquals(bare.code, "Failed");
});

Deno.test("tradestation's 200 with some errors is a response", async () => {
  await using emulator = await startEmulator();
  await using session = open(emulator);
  const answer = await session.get<{ Balances: unknown[]; Errors: unknown[] }>(
    `${ACCOUNTS}/123456789,999/balances`,
  );
  assertEquals([answer.Balances.length, answer.Errors.length], [1, 1]);
});

Deno.test("tradestation's lists are written with commas", async () => {
  await using emulator = await startEmulator();
  await using session = open(emulator);
  await session.get(`${ACCOUNTS}/123456782/positions`, { query: { symbol: ["MSFT", "AAPL"] } });
  assertStringIncludes(emulator.requests.at(-1)?.path ?? "", "?symbol=MSFT%2CAAPL");
});

Deno.test("tradestation's pages lead on with NextToken", async () => {
  await using emulator = await startEmulator();
  await using session = open(emulator);
  const path = `${ACCOUNTS}/123456782/orders`;
  const ids: string[] = [];
  for await (
    const { OrderID } of session.items<{ OrderID: string }>(path, { query: { pageSize: 2 } })
  ) {
    ids.push(OrderID);
  }
  assert(ids.length > 2);
  assertEquals(new Set(ids).size, ids.length);
  assertEquals(emulator.count(`GET /v3${path}`), Math.ceil(ids.length / 2));
});

Deno.test("tradestation's legacy API is reached with apiVersion v2, through session.get()", async () => {
  await using emulator = await startEmulator();
  await using session = open(emulator, { apiVersion: "v2" });
  assert(session.baseUrl.endsWith("/v2"));
  const accounts = await session.get<{ Key: number }[]>("/users/emulated/accounts");
  assertEquals(accounts[0]?.Key, 987654);
  const error = await assertRejects(() => Account.get(session), ApiError);
  assertStringIncludes(error.message, 'apiVersion "v2" has paths of its own');
});

for (
  const { name, fault, code, says } of [
    { name: "a 403", fault: tastytradeFaults.forbidden, code: "Forbidden", says: "scope" },
    { name: "a 404", fault: tastytradeFaults.notFound, code: "NotFound", says: "no such path" },
    {
      name: "a 503",
      fault: tastytradeFaults.serviceUnavailable,
      code: "ServiceUnavailable",
      says: "try again",
    },
  ] as const
) {
  Deno.test(`tradestation explains ${name}`, async () => {
    await using emulator = await startEmulator();
    await using session = open(emulator);
    emulator.injectFault(`GET /v3${ACCOUNTS}`, fault);
    const error = await assertRejects(() => session.get(ACCOUNTS), ApiError);
    assertEquals(error.code, code);
    assertStringIncludes(error.message, says);
  });
}

Deno.test("tradestation's key that starts to rotate is followed", async () => {
  await using emulator = await startEmulator();
  await using session = open(emulator);
  await session.refresh({ force: true });
  emulator.tradestation.rotation = true;
  for (let i = 0; i < 3; i++) await session.refresh({ force: true });
  assertEquals(emulator.tradestation.reusedRefreshTokens, 0);
});
