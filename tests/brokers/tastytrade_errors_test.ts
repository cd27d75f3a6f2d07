import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  ApiError,
  RateLimitError,
  type Session,
  type SessionError,
  type SessionOptions,
  TokenError,
} from "../../mod.ts";
import { type Emulator, tastytradeFaults } from "../../src/emulator/emulator.ts";
import { MARKET_ORDER } from "../support/orders.ts";
import { errorAfter, ME, ORDERS } from "./tastytrade_fixtures.ts";

/** Every fault that a user meets: what it is made of, and what its error has to say. */
const FAULTS: readonly {
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
    name: "a valid grant that is refused for a while",
    prepare: (emulator) => emulator.injectFault("POST /oauth/token", tastytradeFaults.notACustomer),
    error: TokenError,
    code: "invalid_request",
    says: ["User is not a TastyTrade customer", "for valid grants", "try again later"],
  },
  {
    name: "a token endpoint that does not work",
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
    name: "an API that does not work",
    prepare: (emulator) => emulator.injectFault(`GET ${ME}`, tastytradeFaults.internalServerError),
    error: ApiError,
    code: "internal_server_error",
    says: ["500", "support identifier", "try again later"],
  },
];

function withoutUserAgent(init: RequestInit | undefined): Headers {
  const headers = new Headers(init?.headers);
  headers.set("user-agent", "x"); // the platform would add its own to a missing one
  return headers;
}

for (const { name, prepare, call, error: errorClass, code, says } of FAULTS) {
  Deno.test(`tastytrade explains ${name}`, async () => {
    const error = await errorAfter(prepare, call);
    assert(error instanceof errorClass, String(error));
    assertEquals(error.code, code);
    for (const words of says) assertStringIncludes(error.message, words);
  });
}

Deno.test("tastytrade explains every fault in other words", async () => {
  const messages = await Promise.all(FAULTS.map(async ({ prepare, call }) => {
    const { message } = await errorAfter(prepare, call);
    return message.replace(/127\.0\.0\.1:\d+/, "");
  }));
  assertEquals(new Set(messages).size, FAULTS.length);
});
