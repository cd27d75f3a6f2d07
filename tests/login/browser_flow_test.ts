import {
  assert,
  assertEquals,
  assertFalse,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import type { Authorization } from "../../src/login/authorization.ts";
import { BrowserFlow } from "../../src/login/browser_flow.ts";
import { tradestation } from "../../src/brokers/tradestation/tradestation.ts";
import type { CallbackRequest } from "../../src/login/callback_server.ts";
import { Credentials } from "../../src/credentials.ts";

const CLIENT = { clientId: "id", clientSecret: "secret" };

/** A login whose exchange ends when the test says so. */
function begin(): {
  login: BrowserFlow;
  exchanged: string[];
  tokens: PromiseWithResolvers<Credentials>;
  callback: (code: string) => CallbackRequest;
} {
  if (tradestation.login === undefined) throw new Error("TradeStation has a login");
  const exchanged: string[] = [];
  const tokens = Promise.withResolvers<Credentials>();
  const context = {
    broker: tradestation,
    login: tradestation.login,
    authorizeUrl: "https://example.com/authorize",
    redirectUri: "http://localhost:3001",
    isIssuer: () => true,
    scopes: ["openid"],
  };
  const login = new BrowserFlow(CLIENT, context, (_: Authorization, code) => {
    exchanged.push(code);
    return tokens.promise;
  });
  const state = `${new URL(login.startUrl).searchParams.get("state")}`;
  const callback = (code: string) => visit("/", new URLSearchParams({ code, state }));
  return { login, exchanged, tokens, callback };
}

function visit(path: string, query: URLSearchParams = new URLSearchParams()): CallbackRequest {
  const form = new URLSearchParams();
  return { method: "GET", path, query, isNavigation: true, origin: undefined, form };
}

Deno.test("BrowserFlow answers every tab that comes before the end when it is there, and exchanges one code", async () => {
  const { login, exchanged, tokens, callback } = begin();
  assertFalse(login.isAnswered);
  const tabs = [login.answer(callback("one")), login.answer(callback("two"))];
  assert(login.isAnswered);
  assertEquals((await login.answer(visit("/"))).status, 410);
  const refusal = new URLSearchParams({ error: "access_denied" });
  assertEquals((await login.answer(visit("/", refusal))).status, 410);
  assertEquals((await login.answer(visit("/done"))).status, 404); // not yet
  const credentials = new Credentials({ ...CLIENT, broker: tradestation, refreshToken: "refresh" });
  tokens.resolve(credentials);
  for (const { status, headers } of await Promise.all(tabs)) {
    assertEquals([status, headers?.location], [303, "/done"]);
  }
  assertEquals(await login.credentials, credentials);
  assertEquals((await login.answer(callback("three"))).status, 410);
  assert((await login.answer(visit("/done"))).isLast);
  assertEquals(exchanged, ["one"]);
});

Deno.test("BrowserFlow shows no words of an error that is not ours", async () => {
  const { login, tokens, callback } = begin();
  tokens.reject(new Error("<secret words>"));
  await login.answer(callback("one"));
  const { page } = await login.answer(visit("/done"));
  assertFalse(page?.html.includes("secret words"));
  assertStringIncludes(`${page?.html}`, "The program ended the login");
  await assertRejects(() => login.credentials, Error, "<secret words>");
});
