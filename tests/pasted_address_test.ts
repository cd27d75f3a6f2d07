import { assertEquals, assertThrows } from "@std/assert";
import { Authorization, type AuthorizationContext } from "../src/authorization.ts";
import { tradestation } from "../src/brokers/tradestation.ts";
import { LoginError } from "../src/errors.ts";
import { codeIn } from "../src/pasted_address.ts";

/** A request to an address with a path, at an authorization page with a query of its own. */
function request(): { authorization: Authorization; context: AuthorizationContext; state: string } {
  if (tradestation.login === undefined) throw new Error("TradeStation has a login");
  const context = {
    broker: tradestation,
    login: tradestation.login,
    authorizeUrl: "https://example.com/authorize?tenant=a",
    redirectUri: "http://localhost:3001/callback",
    scopes: ["openid"],
  };
  const client = { clientId: "a b&c", clientSecret: "secret" };
  const authorization = new Authorization(client, context);
  const { searchParams } = new URL(authorization.url);
  assertEquals([searchParams.get("tenant"), searchParams.get("client_id")], ["a", "a b&c"]);
  return { authorization, context, state: `${searchParams.get("state")}` };
}

Deno.test("codeIn() finds the code in an address, in a query and alone", () => {
  const { authorization, context, state } = request();
  const query = `code=a%2Fb%3D&state=${state}`;
  for (
    const pasted of [
      `http://localhost:3001/callback?${query}`,
      `  http://localhost:3001/callback?${query}#_=_\\n`.replace("\\n", "\n"),
      `?${query}`,
      query,
      "a/b=",
    ]
  ) {
    assertEquals(codeIn(pasted, authorization, context), "a/b=");
  }
});

Deno.test("codeIn() refuses another address, and the answer to another login", () => {
  const { authorization, context, state } = request();
  for (
    const [pasted, code] of [
      [`http://localhost:3001/?code=x&state=${state}`, "invalid_address"],
      [`http://localhost:3000/callback?code=x&state=${state}`, "invalid_address"],
      [`https://localhost:3001/callback?code=x&state=${state}`, "invalid_address"],
      [authorization.url, "invalid_address"],
      ["http://localhost:3001/callback?code=x&state=y", "state_mismatch"],
      ["code=x", "state_mismatch"],
      [`state=${state}`, "invalid_address"],
      ["two words", "state_mismatch"],
      [`error=access_denied&state=${state}`, "access_denied"],
      ["error=access_denied", "access_denied"],
    ] as const
  ) {
    const error = assertThrows(() => codeIn(pasted, authorization, context), LoginError);
    assertEquals([pasted, error.code], [pasted, code]);
  }
});
