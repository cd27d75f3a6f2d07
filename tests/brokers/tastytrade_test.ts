import { assert, assertEquals, assertFalse, assertStringIncludes, assertThrows } from "@std/assert";
import {
  type ApiError,
  CredentialsError,
  Session,
  type SessionOptions,
  tastytrade,
  type TokenError,
} from "../../mod.ts";
import { type Emulator, startEmulator, tastytradeFaults } from "../../src/emulator/emulator.ts";
import { MARKET_ORDER } from "../support/orders.ts";
import { errorAfter, ME, ORDERS } from "./tastytrade_fixtures.ts";

Deno.test("tastytrade tells a permanent refusal from a temporary one", async () => {
  const isPermanent = async (prepare: (emulator: Emulator) => SessionOptions | void) =>
    (await errorAfter(prepare) as TokenError).isPermanent;
  assert(await isPermanent((emulator) => emulator.revokeGrant()));
  assert(await isPermanent(() => ({ clientSecret: "wrong" })));
  assert(await isPermanent(() => ({ refreshToken: "wrong" })));
  for (
    const { status, body } of [{ status: 400, body: '{"error":"Grant revoked"}' }, {
      status: 403,
      body: '{"error":"unauthorized_client"}',
    }]
  ) {
    assert(
      await isPermanent((emulator) => emulator.injectFault("POST /oauth/token", { status, body })),
    );
  }
  for (
    const { status, body } of [
      tastytradeFaults.notACustomer,
      tastytradeFaults.tooManyRequests,
      tastytradeFaults.badGateway,
      {
        status: 400,
        body: "",
      },
      { status: 400, body: '{"error":{"code":"strange","message":"Nested"}}' },
    ]
  ) {
    assertFalse(
      await isPermanent((emulator) =>
        emulator.injectFault(
          "POST /oauth/token",
          body === undefined ? { status } : { status, body },
        )
      ),
    );
  }
});

Deno.test("tastytrade's API errors list the single faults, and keep the data beside the error", async () => {
  const preflight = await errorAfter(
    (emulator) => emulator.injectFault(`POST ${ORDERS}`, tastytradeFaults.marginCheckFailed),
    (session) => session.post(ORDERS, MARKET_ORDER),
  ) as ApiError;
  assertEquals(preflight.errors, [{
    code: "margin_check_failed",
    message: "Account does not have sufficient buying power available for this order.",
  }]);
  assertEquals(
    (preflight.data as { "buying-power-effect": { impact: string } })["buying-power-effect"].impact,
    "1829.008",
  );
  const validation = await errorAfter((emulator) =>
    emulator.injectFault(`GET ${ME}`, tastytradeFaults.validationError)
  ) as ApiError;
  assertEquals(validation.errors, [{ field: "account-numbers", message: "is missing" }]);
  assertEquals(validation.method, "GET");
  assert(validation.url.endsWith("/tastytrade/customers/me"));
});

Deno.test("tastytrade sees before any network that a refresh token is of the other environment", async () => {
  await using emulator = await startEmulator();
  const { clientSecret, refreshToken } = emulator.tastytradeSandbox;
  const error = assertThrows(() => new Session({ clientSecret, refreshToken }), CredentialsError);
  assertEquals(error.code, "wrong_environment");
  assertStringIncludes(error.message, "Pass sandbox: true");
  new Session({ clientSecret, refreshToken, sandbox: true });
  const production = emulator.tastytrade.refreshToken;
  new Session({ clientSecret, refreshToken: production });
  assertThrows(
    () => new Session({ clientSecret, refreshToken: production, sandbox: true }),
    CredentialsError,
    "Leave sandbox out",
  );
});

Deno.test("tastytrade sees before any network that a refresh token is an access token", async () => {
  await using emulator = await startEmulator();
  await using session = new Session(emulator.tastytrade);
  const refreshToken = await session.accessToken();
  const error = assertThrows(
    () => new Session({ clientSecret: "secret", refreshToken }),
    CredentialsError,
    "is an access token",
  );
  assertEquals(error.code, "malformed_credential");
});

Deno.test("tastytrade has a production and a sandbox, and moves the token endpoint with baseUrl", () => {
  const none = { sandbox: false, apiVersion: undefined, baseUrl: undefined, signInUrl: undefined };
  assertEquals(tastytrade.endpoints(none), {
    baseUrl: "https://api.tastyworks.com",
    streamerUrl: "wss://streamer.tastyworks.com",
    tokenUrl: "https://api.tastyworks.com/oauth/token",
    authorizeUrl: "https://my.tastytrade.com/auth.html",
    validatePath: "/customers/me",
    headers: {},
  });
  assertEquals(
    tastytrade.endpoints({ ...none, sandbox: true }).tokenUrl,
    "https://api.cert.tastyworks.com/oauth/token",
  );
  assertEquals(
    tastytrade.endpoints({ ...none, baseUrl: "https://proxy.example/x" }).tokenUrl,
    "https://proxy.example/x/oauth/token",
  );
});

Deno.test("tastytrade refuses an API version that is not a date", () => {
  for (const apiVersion of ["v2", "2025-11-01", ""]) {
    assertThrows(
      () => new Session({ clientSecret: "a", refreshToken: "b", apiVersion }),
      RangeError,
      "YYYYMMDD",
    );
  }
});

Deno.test("tastytrade reads balances with and without the list around them", async () => {
  await using emulator = await startEmulator();
  for (const apiVersion of ["20251101", undefined]) {
    await using session = new Session({
      ...emulator.tastytrade,
      ...(apiVersion === undefined ? {} : { apiVersion }),
    });
    const { accounts } = tastytrade;
    const data = await session.get<Record<string, unknown>>(accounts.balancesPath("5WT00000"));
    assertEquals("items" in data, apiVersion !== undefined);
    const balances = accounts.readBalances(data);
    assertEquals(balances.cashBalance, "51600.762");
    assertEquals(balances.raw["account-number"], "5WT00000");
  }
});

Deno.test("tastytrade's readers survive whatever they are given", () => {
  const { accounts, customers } = tastytrade;
  for (const data of [undefined, null, [], "text", 7, {}, { items: {} }, { items: [null, 3] }]) {
    accounts.readList(data);
    accounts.read(data, "1");
    accounts.readBalances(data);
    accounts.readPositions(data);
    customers?.read(data);
    tastytrade.readPage(data);
    tastytrade.unwrap?.(data);
    const refusal = { status: 500, body: data, isHtml: false, sandbox: false };
    tastytrade.parseTokenError?.({ ...refusal, refreshToken: "a.b.c" });
    tastytrade.parseApiError?.({ ...refusal, method: "GET", apiVersion: undefined });
  }
});

Deno.test("tastytrade takes no valid grant for revoked that it refuses for a while", () => {
  const message = "User is not a TastyTrade customer";
  const bodies = [
    { error: message, error_description: "Grant revoked" },
    { error: "invalid_grant", error_description: message },
    { error: { code: "grant_revoked", message } },
  ];
  for (const body of bodies) {
    const response = { status: 400, body, isHtml: false, sandbox: false, refreshToken: "a.b.c" };
    const problem = tastytrade.parseTokenError?.(response);
    assert(problem?.isPermanent === false, JSON.stringify(body));
    assertStringIncludes(problem.advice ?? "", "temporarily");
  }
});
