import {
  assert,
  assertEquals,
  assertFalse,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  ApiError,
  CredentialsError,
  RateLimitError,
  Session,
  type SessionError,
  type SessionOptions,
  tastytrade,
  TokenError,
} from "../../mod.ts";
import { type Emulator, startEmulator, tastytradeFaults } from "../../src/emulator/emulator.ts";
import { MARKET_ORDER } from "../support/orders.ts";

const ME = "/customers/me";
const ORDERS = "/accounts/5WT00000/orders";

/** Runs one call against the emulator and returns the error that it ends with. */
async function troubleOf(
  prepare: (emulator: Emulator) => SessionOptions | void,
  call: (session: Session) => Promise<unknown> = (session) => session.get(ME),
): Promise<SessionError> {
  await using emulator = await startEmulator();
  const options = prepare(emulator) ?? {};
  await using session = new Session({
    ...emulator.tastytrade,
    retry: false,
    ...options,
  });
  return await assertRejects(() => call(session), Error) as SessionError;
}

/** Every trouble that a user meets: what it is made of, and what its error has to say. */
const TROUBLES: readonly {
  readonly name: string;
  readonly prepare: (emulator: Emulator) => SessionOptions | void;
  readonly call?: (session: Session) => Promise<unknown>;
  readonly error: new (...parameters: never[]) => SessionError;
  readonly code: string;
  readonly says: readonly string[];
}[] = [
  {
    name: "a wrong client secret",
    prepare: () => ({ clientSecret: "somebody-elses" }),
    error: TokenError,
    code: "invalid_client",
    says: ["Client secret mismatch", "Compare TASTY_CLIENT_SECRET"],
  },
  {
    name: "a refresh token that is no JWT",
    prepare: () => ({ refreshToken: "abcdef" }),
    error: TokenError,
    code: "invalid_grant",
    says: ["Invalid JWT", "three parts joined by dots", "this one has 1 part", "Create Grant"],
  },
  {
    name: "a refresh token that was cut off",
    prepare: ({ tastytrade }) => ({ refreshToken: tastytrade.refreshToken.slice(0, -10) }),
    error: TokenError,
    code: "invalid_grant",
    says: ["Invalid JWT", "copied incompletely", "production"],
  },
  {
    name: "a revoked grant",
    prepare: (emulator) => emulator.revokeGrant(),
    error: TokenError,
    code: "invalid_grant",
    says: ["Grant revoked", "Create a new grant", "TASTY_REFRESH_TOKEN"],
  },
  {
    name: "the sandbox's credentials in production",
    prepare: ({ tastytrade, tastytradeSandbox }) => ({
      ...tastytradeSandbox,
      sandbox: false,
      baseUrl: tastytrade.baseUrl,
      clientSecret: tastytrade.clientSecret, // else the secret is refused first
    }),
    error: TokenError,
    code: "invalid_grant",
    says: ["The refresh token is for the sandbox", "Pass sandbox: true"],
  },
  {
    name: "production's credentials in the sandbox",
    prepare: ({ tastytrade, tastytradeSandbox }) => ({
      ...tastytrade,
      sandbox: true,
      baseUrl: tastytradeSandbox.baseUrl,
      clientSecret: tastytradeSandbox.clientSecret,
    }),
    error: TokenError,
    code: "invalid_grant",
    says: ["The refresh token is for production", "Leave sandbox out"],
  },
  {
    name: "a healthy grant that is refused for a while",
    prepare: (emulator) => emulator.injectFault("POST /oauth/token", tastytradeFaults.notACustomer),
    error: TokenError,
    code: "invalid_request",
    says: ["User is not a TastyTrade customer", "about valid grants", "try again later"],
  },
  {
    name: "a token endpoint out of order",
    prepare: (emulator) =>
      emulator.injectFault("POST /oauth/token", tastytradeFaults.internalServerError),
    error: TokenError,
    code: "internal_server_error",
    says: ["500", "support identifier", "is not working"],
  },
  {
    name: "a token endpoint that is asked too often",
    prepare: (emulator) =>
      emulator.injectFault("POST /oauth/token", tastytradeFaults.tooManyRequests),
    error: TokenError,
    code: "http_429",
    says: ["a web page instead of JSON", "fewer requests"],
  },
  {
    name: "a scope that is missing for reading",
    prepare: (emulator) => emulator.injectFault(`GET ${ME}`, tastytradeFaults.notPermitted),
    error: ApiError,
    code: "not_permitted",
    says: ["403", "User not permitted access", "the scope read"],
  },
  {
    name: "a scope that is missing for an order",
    prepare: (emulator) => {
      emulator.scopes = "read";
    },
    call: (session) => session.post(ORDERS, MARKET_ORDER),
    error: ApiError,
    code: "not_permitted",
    says: ["403", "the scope trade", "OAuth Applications"],
  },
  {
    name: "a User-Agent that is lost on the way",
    prepare: () => ({
      fetch: (input, init) => fetch(input, { ...init, headers: withoutUserAgent(init) }),
    }),
    error: TokenError,
    code: "http_401",
    says: ["a web page instead of JSON", "User-Agent is missing", "<product>/<version>"],
  },
  {
    name: "a User-Agent that is lost on the way to the API only",
    prepare: (emulator) => emulator.injectFault(`GET ${ME}`, tastytradeFaults.userAgentRequired, 2),
    error: ApiError,
    code: "http_401",
    says: ["a web page instead of JSON", "User-Agent is missing"],
  },
  {
    name: "an access token that is refused twice",
    prepare: (emulator) => emulator.injectFault(`GET ${ME}`, tastytradeFaults.tokenInvalid, 2),
    error: ApiError,
    code: "token_invalid",
    says: ["This token is invalid or has expired", "check that the grant still exists"],
  },
  {
    name: "an account that does not exist",
    prepare: () => {},
    call: (session) => session.get("/customers/me/accounts/5WT99999"),
    error: ApiError,
    code: "record_not_found",
    says: ["404", "no such account", "production"],
  },
  {
    name: "too many requests",
    prepare: (emulator) => emulator.injectFault(`GET ${ME}`, tastytradeFaults.tooManyRequests),
    error: RateLimitError,
    code: "http_429",
    says: ["429", "a web page instead of JSON", "fewer requests"],
  },
  {
    name: "a gateway with nothing behind it in production",
    prepare: (emulator) => emulator.injectFault(`GET ${ME}`, tastytradeFaults.badGateway),
    error: ApiError,
    code: "http_502",
    says: ["502", "a web page instead of JSON", "gateway"],
  },
  {
    name: "market data in the sandbox",
    prepare: (emulator) => emulator.tastytradeSandbox,
    call: (session) => session.get("/market-metrics", { query: { symbols: "AAPL" } }),
    error: ApiError,
    code: "http_502",
    says: ["502", "The sandbox has no market data"],
  },
  {
    name: "an API version that tastytrade does not know",
    prepare: () => ({ apiVersion: "19990101" }),
    error: ApiError,
    code: "http_406",
    says: ["406", "The requested version is not supported", '"19990101"', "leave it out"],
  },
  {
    name: "an order that fails its preflight checks",
    prepare: () => {},
    call: (session) => session.post(ORDERS, { ...MARKET_ORDER, "time-in-force": "GTC" }),
    error: ApiError,
    code: "preflight_check_failure",
    says: ["422", "One or more preflight checks failed", "GTC/GTD Market orders are not supported"],
  },
  {
    name: "a request that misses a parameter",
    prepare: (emulator) => emulator.injectFault(`GET ${ME}`, tastytradeFaults.validationError),
    error: ApiError,
    code: "validation_error",
    says: ["400", "account-numbers is missing"],
  },
  {
    name: "an API out of order",
    prepare: (emulator) => emulator.injectFault(`GET ${ME}`, tastytradeFaults.internalServerError),
    error: ApiError,
    code: "internal_server_error",
    says: ["500", "support identifier", "try again later"],
  },
];

for (const { name, prepare, call, error: errorClass, code, says } of TROUBLES) {
  Deno.test(`tastytrade explains ${name}`, async () => {
    const error = await troubleOf(prepare, call);
    assert(error instanceof errorClass, String(error));
    assertEquals(error.code, code);
    for (const words of says) assertStringIncludes(error.message, words);
  });
}

Deno.test("tastytrade explains every trouble in other words", async () => {
  const messages = await Promise.all(TROUBLES.map(async ({ prepare, call }) => {
    const { message } = await troubleOf(prepare, call);
    return message.replace(/127\.0\.0\.1:\d+/, "");
  }));
  assertEquals(new Set(messages).size, TROUBLES.length);
});

Deno.test("tastytrade tells a refusal for good from one for now", async () => {
  const isPermanent = async (prepare: (emulator: Emulator) => SessionOptions | void) =>
    (await troubleOf(prepare) as TokenError).isPermanent;
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
  const preflight = await troubleOf(
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
  const validation = await troubleOf((emulator) =>
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

function withoutUserAgent(init: RequestInit | undefined): Headers {
  const headers = new Headers(init?.headers);
  headers.set("user-agent", "x"); // the platform would add its own to a missing one
  return headers;
}
