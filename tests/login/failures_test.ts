import {
  assert,
  assertEquals,
  assertFalse,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import {
  CredentialsError,
  type EndpointOptions,
  login,
  LoginError,
  type LoginOptions,
  NetworkError,
  TokenError,
  tradestation,
} from "../../mod.ts";
import { startEmulator } from "../../src/emulator/emulator.ts";
import { arrive, begin, visit } from "../support/login.ts";
import { printed } from "../support/printed_secrets.ts";
import { altered, changed, exchangeOf, parametersOf } from "./login_fixtures.ts";

Deno.test("login() hands on what the token endpoint says, and shows it", async () => {
  await using emulator = await startEmulator();
  const { opened, credentials } = await begin(emulator, { clientSecret: "wrong-secret" });
  const refused = assertRejects(() => credentials, TokenError);
  const { title, text } = await arrive(await emulator.submitConsent(opened, "accept"));
  const { code, isPermanent } = await refused;
  assertEquals([code, isPermanent], ["access_denied", true]);
  assertEquals(title, "Not signed in to TradeStation");
  assertStringIncludes(
    text,
    "Cannot exchange the code for tokens: 401 access_denied: Unauthorized",
  );
  assertEquals(emulator.count("POST /oauth/token"), 1);
});

Deno.test("login() says of a used code that it is used up", async () => {
  await using emulator = await startEmulator();
  const places = [
    { ...emulator.tradestation, broker: tradestation },
    {
      ...emulator.tastytrade,
      clientId: emulator.tastytrade.clientId,
      signInUrl: emulator.tastytrade.signInUrl,
    },
  ];
  for (const place of places) {
    const proven = login({
      ...place,
      pasteAddress: async (url) =>
        changed(await emulator.submitConsent(url, "accept"), { code: "spent" }),
    });
    const { isPermanent } = await assertRejects(
      () => proven,
      TokenError,
      "The code was used before",
    );
    assert(isPermanent);
    const bare = login({ ...place, pasteAddress: () => "a-code-of-old" });
    const { code } = await assertRejects(
      () => bare,
      LoginError,
      "does not know it, or it was used",
    );
    assertEquals(code, "invalid_address");
  }
});

Deno.test("login() never sends a code twice, not even when nobody answers", async () => {
  await using emulator = await startEmulator();
  emulator.injectFault("POST /oauth/token", "reset", Infinity);
  const { opened, credentials } = await begin(emulator);
  const failed = assertRejects(() => credentials, NetworkError);
  await arrive(await emulator.submitConsent(opened, "accept"));
  await failed;
  assertEquals(emulator.count("POST /oauth/token"), 1);
});

Deno.test("login() says so when there is no refresh token", async () => {
  await using emulator = await startEmulator();
  for (
    const [scopes, advice] of [
      [["openid"], "Add offline_access to scopes"],
      [["openid", "offline_access"], "Ask the broker whether this client may have one"],
    ] as const
  ) {
    emulator.scopes = "openid";
    const { opened, credentials } = await begin(emulator, { scopes });
    const failed = assertRejects(() => credentials, LoginError, advice);
    const { text } = await arrive(await emulator.submitConsent(opened, "accept"));
    assertEquals((await failed).code, "no_refresh_token");
    assertStringIncludes(text, "it sent no refresh token");
  }
});

Deno.test("login() compares the issuer, if the broker has one and the response names one (RFC 9207)", async () => {
  await using emulator = await startEmulator();
  const issuer = "https://signin.example";
  const endpoints = (options: EndpointOptions) => ({ ...tradestation.endpoints(options), issuer });
  const { opened, credentials } = await begin(emulator, { broker: { ...tradestation, endpoints } });
  const address = await emulator.submitConsent(opened, "accept");
  assertEquals((await visit(changed(address, { iss: "https://evil.example" }))).status, 400);
  const state = `${parametersOf(opened).get("state")}`;
  const refusal = { state, code: undefined, error: "access_denied", iss: "https://evil.example" };
  assertEquals((await visit(changed(address, refusal))).status, 400);
  await arrive(changed(address, { iss: issuer }));
  await credentials;

  // Auth0's issuer is the sign-in's address with a slash.
  const own = await begin(emulator);
  const end = await emulator.submitConsent(own.opened, "accept");
  assertEquals((await visit(changed(end, { iss: "https://evil.example/" }))).status, 400);
  await arrive(changed(end, { iss: `${emulator.tradestation.signInUrl}/` }));
  await own.credentials;

  // Where none is stated, it is the origin of the authorization page or of the token endpoint.
  const silent = (options: EndpointOptions) => {
    const { issuer: _, ...rest } = tradestation.endpoints(options);
    return rest;
  };
  const unstated = await begin(emulator, { broker: { ...tradestation, endpoints: silent } });
  const last = await emulator.submitConsent(unstated.opened, "accept");
  assertEquals((await visit(changed(last, { iss: "https://evil.example" }))).status, 400);
  await arrive(changed(last, { iss: `${emulator.url}/realms/main` }));
  await unstated.credentials;
});

Deno.test("login() refuses what cannot be right before it opens anything", async () => {
  const ask = { broker: tradestation, clientId: "id", clientSecret: "secret", openBrowser: false };
  const noOptions: LoginOptions = JSON.parse("null");
  await assertRejects(() => login(noOptions), TypeError, "the options must be an object");
  const { login: _, ...without } = tradestation;
  await assertRejects(() => login({ ...ask, broker: without }), TypeError, "it has no login");
  for (const port of [0, -1, 65_536, 1.5, NaN]) {
    await assertRejects(() => login({ ...ask, port }), RangeError, "registered with TradeStation");
  }
  await assertRejects(() => login({ ...ask, scopes: ["a b"] }), TypeError, "a scope is one word");
  await assertRejects(() => login({ ...ask, timeoutMs: 0 }), RangeError, "timeoutMs");
  await assertRejects(() => login({ ...ask, signInUrl: "http://x" }), TypeError, "signInUrl");
  const { code } = await assertRejects(
    () => login({ ...ask, clientSecret: "two words" }),
    CredentialsError,
    "Cannot log in to TradeStation: the client secret in clientSecret has white space in it",
  );
  assertEquals(code, "malformed_credential");
});

Deno.test("login() prints neither code nor state, verifier or secret", async () => {
  await using emulator = await startEmulator();
  const secrets: string[] = [];
  const values: unknown[] = [];
  const options = { broker: altered({ usesPkce: true }) };
  for (const fault of ["none", "refused", "reset"] as const) {
    emulator.forgetRequests();
    if (fault === "reset") emulator.injectFault("POST /oauth/token", "reset");
    const clientSecret = fault === "refused" ? "wrong-secret" : emulator.tradestation.clientSecret;
    const { opened, credentials } = await begin(emulator, { ...options, clientSecret });
    values.push(credentials.catch((error) => error));
    const address = await emulator.submitConsent(opened, "accept");
    await arrive(address);
    const sent = exchangeOf(emulator);
    secrets.push(clientSecret, ...parametersOf(address).values());
    secrets.push(`${sent.get("code")}`, `${sent.get("code_verifier")}`);
  }
  const credentials = await values[0];
  secrets.push(`${Reflect.get(Object(credentials), "refreshToken")}`);
  for (const value of await Promise.all(values)) {
    const text = printed(value);
    for (const secret of secrets) assertFalse(text.includes(secret), text);
  }
});

Deno.test("login() takes for a code of the broker's only what is one from end to end", async () => {
  await using emulator = await startEmulator();
  const rows = [
    ["invalid_scope", "invalid_scope"],
    ["!!access_denied", "login_refused"],
    ["access_denied!!", "login_refused"],
    ["a b", "login_refused"],
    ["x".repeat(65), "login_refused"],
  ] as const;
  for (const [error, code] of rows) {
    const failed = login({
      ...emulator.tradestation,
      broker: tradestation,
      pasteAddress: (url) => {
        const state = parametersOf(url).get("state") ?? "";
        return `?${new URLSearchParams({ error, state })}`;
      },
    });
    assertEquals((await assertRejects(() => failed, LoginError)).code, code, error);
  }
});
