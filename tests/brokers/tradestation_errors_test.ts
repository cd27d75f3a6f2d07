import {
  assert,
  assertEquals,
  assertFalse,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { RateLimitError, TokenError, tradestation } from "../../mod.ts";
import {
  startEmulator,
  tradestationFaults as tastytradeFaults,
} from "../../src/emulator/emulator.ts";
import { ACCOUNTS, open } from "./tradestation_fixtures.ts";

const TOKEN_ROUTE = "POST /oauth/token";

Deno.test("tradestation wants fewer requests with a 429, and with v2's web page", async () => {
  await using emulator = await startEmulator();
  await using session = open(emulator);
  emulator.injectFault(`GET /v3${ACCOUNTS}`, tastytradeFaults.tooManyRequests);
  await assertRejects(() => session.get(ACCOUNTS), RateLimitError, "fewer requests");
  await using legacy = open(emulator, { apiVersion: "v2" });
  emulator.injectFault("GET /v2/users/emulated/accounts", tastytradeFaults.legacyQuotaExceeded);
  const error = await assertRejects(() => legacy.get("/users/emulated/accounts"), RateLimitError);
  assertEquals(error.status, 403);
});

for (
  const { name, options, code, says } of [
    {
      name: "a refresh token that is none",
      options: { refreshToken: "x" },
      code: "invalid_grant",
      says: "Log in again",
    },
    {
      name: "a wrong client secret",
      options: { clientSecret: "x" },
      code: "access_denied",
      says: "TRADESTATION_CLIENT_SECRET",
    },
  ] as const
) {
  Deno.test(`tradestation explains ${name}, and asks no more`, async () => {
    await using emulator = await startEmulator();
    await using session = open(emulator, options);
    const error = await assertRejects(() => session.get(ACCOUNTS), TokenError);
    assertEquals([error.code, error.isPermanent], [code, true]);
    assertStringIncludes(error.message, says);
    await assertRejects(() => session.get(ACCOUNTS), TokenError);
    assertEquals(emulator.count(TOKEN_ROUTE), 1);
    assertFalse(await session.validate());
  });
}

Deno.test("tradestation's sign-in may not work for a while", () => {
  const refusal = { isHtml: false, sandbox: false, refreshToken: "x" };
  for (
    const [status, body] of [[429, { error: "too_many_requests" }], [503, undefined], [400, {}], [
      400,
      { error: "invalid_request" },
    ]] as const
  ) {
    const problem = tradestation.parseTokenError?.({ ...refusal, status, body });
    assert(problem?.isPermanent === false);
  }
  for (const error of ["invalid_grant", "invalid_client", "unauthorized_client"]) {
    const problem = tradestation.parseTokenError?.({ ...refusal, status: 403, body: { error } });
    assert(problem?.isPermanent);
  }
  const page = tradestation.parseTokenError?.({
    ...refusal,
    status: 502,
    body: undefined,
    isHtml: true,
  });
  assertEquals(page?.message, "a web page instead of JSON");
});
