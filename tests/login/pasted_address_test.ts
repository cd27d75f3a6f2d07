import { assertEquals, assertThrows } from "@std/assert";
import { Authorization, type AuthorizationContext } from "../../src/login/authorization.ts";
import { tradestation } from "../../src/brokers/tradestation/tradestation.ts";
import { LoginError } from "../../src/errors.ts";
import { findCode } from "../../src/login/pasted_address.ts";

/** A request to an address with a path, at an authorization page with a query of its own. */
function request(): { authorization: Authorization; context: AuthorizationContext; state: string } {
  if (tradestation.login === undefined) throw new Error("TradeStation has a login");
  const context = {
    broker: tradestation,
    login: tradestation.login,
    authorizeUrl: "https://example.com/authorize?tenant=a",
    redirectUri: "http://localhost:3001/callback",
    isIssuer: () => true,
    scopes: ["openid"],
  };
  const client = { clientId: "a b&c", clientSecret: "secret" };
  const authorization = new Authorization(client, context);
  const { searchParams } = new URL(authorization.url);
  assertEquals([searchParams.get("tenant"), searchParams.get("client_id")], ["a", "a b&c"]);
  return { authorization, context, state: `${searchParams.get("state")}` };
}

Deno.test("findCode() finds the code in an address, in a query and alone", () => {
  const { authorization, context, state } = request();
  const query = `code=a%2Fcode-of-length%3D&state=${state}`;
  const address = `http://localhost:3001/callback?${query}`;
  for (
    const pasted of [
      address,
      `  ${address}#_=_\n`,
      `"${address}"`,
      `'${address}'\n`,
      `<${address}>`,
      `${address.slice(0, 40)}\n${address.slice(40)}`, // as a terminal breaks it
      address.replace("http://", ""), // as some browsers show it
      `?${query}`,
      query,
    ]
  ) {
    const found = { code: "a/code-of-length=", isProven: true };
    assertEquals(findCode(pasted, authorization, context), found, pasted);
  }
  for (const pasted of ["a/code-of-length=", ' "a/code-of-length="\n', '" a/code-of-length= "']) {
    const found = { code: "a/code-of-length=", isProven: false };
    assertEquals(findCode(pasted, authorization, context), found);
  }
});

Deno.test("findCode() refuses another address, and the response to another login", () => {
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
      ["two words, or three", "invalid_address"],
      ["garbage", "invalid_address"],
      ["", "invalid_address"],
      ['""', "invalid_address"],
      [`error=access_denied&state=${state}`, "access_denied"],
      ["error=access_denied", "access_denied"],
    ] as const
  ) {
    const error = assertThrows(() => findCode(pasted, authorization, context), LoginError);
    assertEquals([pasted, error.code], [pasted, code]);
  }
});
