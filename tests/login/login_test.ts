import {
  assert,
  assertEquals,
  assertFalse,
  assertMatch,
  assertNotEquals,
  assertRejects,
} from "@std/assert";
import {
  type Broker,
  CredentialsError,
  login,
  Session,
  tastytrade,
  tradestation,
} from "../../mod.ts";
import { startEmulator } from "../../src/emulator/emulator.ts";
import { codeChallenge } from "../../src/login/pkce.ts";
import { arrive, begin, exchangeBytes } from "../support/login.ts";
import { altered, assertPortIsFree, exchangeOf, parametersOf } from "./login_fixtures.ts";

Deno.test("login() at TradeStation ends in a session (scenario 79)", async () => {
  await using emulator = await startEmulator();
  const { opened, credentials, port } = await begin(emulator);
  const { status, title } = await arrive(await emulator.submitConsent(opened, "accept"));
  const shownAt = performance.now();
  assertEquals([status, title], [200, "Signed in to TradeStation"]);

  await using session = new Session(await credentials);
  assert(performance.now() - shownAt < 500, "The server is gone within 500 ms");
  await assertPortIsFree(port);
  assert(await session.validate());
  assertEquals([session.broker, session.sandbox], [tradestation, false]);
});

Deno.test("login() asks as the broker wants it", async () => {
  await using emulator = await startEmulator();
  const stop = new AbortController();
  const { opened, credentials, port } = await begin(emulator, { signal: stop.signal });
  const { state, ...asked } = Object.fromEntries(parametersOf(opened));
  assertEquals(asked, {
    response_type: "code",
    client_id: emulator.tradestation.clientId,
    redirect_uri: `http://localhost:${port}`,
    scope: "openid offline_access profile MarketData ReadAccount Trade OptionSpreads Matrix",
    audience: "https://api.tradestation.com",
  });
  assertMatch(`${state}`, /^[\w-]{43}$/); // 256 bits
  assertFalse(opened.includes("+"), "Spaces are %20, which everybody reads");
  stop.abort("enough");
  assertEquals(await credentials.catch((reason) => reason), "enough");
});

Deno.test("login() asks for no scope where the broker has none and none is given", async () => {
  const { scopes: _, ...rest } = altered({}).login ?? {};
  const broker = { ...tradestation, login: rest as NonNullable<Broker["login"]> };
  const shown = Promise.withResolvers<string>();
  const stop = new AbortController();
  const credentials = login({
    broker,
    clientId: "an-id",
    clientSecret: "a-secret",
    signal: stop.signal,
    pasteAddress: (url) => {
      shown.resolve(url);
      return new Promise<string>(() => {});
    },
  });
  assertFalse(parametersOf(await shown.promise).has("scope"));
  stop.abort("enough");
  assertEquals(await credentials.catch((reason) => reason), "enough");
});

Deno.test("login() with pasteAddress says where a client id that is missing is found, or how credentials are got", async () => {
  const pasteAddress = () => "";
  const missing = { clientId: "", pasteAddress };
  const words = tradestation.login?.clientHelp ?? "";
  const told = () => login({ broker: tradestation, ...missing });
  await assertRejects(told, CredentialsError, `and TRADESTATION_CLIENT_SECRET. ${words}`);
  const { clientHelp: _, ...rest } = altered({}).login ?? {};
  const broker = { ...tradestation, login: rest as NonNullable<Broker["login"]> };
  const untold = () => login({ broker, ...missing });
  await assertRejects(untold, CredentialsError, tradestation.credentialsHelp);
});

Deno.test("login() exchanges the code once, with the redirect URI to the letter (scenario 79)", async () => {
  await using emulator = await startEmulator();
  const { opened, credentials, port } = await begin(emulator);
  const address = await emulator.submitConsent(opened, "accept");
  await arrive(address);
  const { clientId, clientSecret, refreshToken } = await credentials;
  assertEquals(Object.fromEntries(exchangeOf(emulator)), {
    grant_type: "authorization_code",
    code: `${parametersOf(address).get("code")}`,
    redirect_uri: `http://localhost:${port}`,
    client_id: clientId,
    client_secret: clientSecret,
  });
  assertNotEquals(refreshToken, emulator.tradestation.refreshToken);
});

Deno.test("login() proves with S256 that it asked, where the broker takes PKCE (scenario 79)", async () => {
  await using emulator = await startEmulator();
  const { opened, credentials } = await begin(emulator, { broker: altered({ usesPkce: true }) });
  const asked = parametersOf(opened);
  assertEquals(asked.get("code_challenge_method"), "S256");
  await arrive(await emulator.submitConsent(opened, "accept"));
  await credentials;
  const verifier = `${exchangeOf(emulator).get("code_verifier")}`;
  assertMatch(verifier, /^[\w-]{43}$/);
  assertEquals(asked.get("code_challenge"), codeChallenge(verifier));
});

Deno.test("login() at tastytrade ends in a session, in production and in the sandbox", async () => {
  await using emulator = await startEmulator();
  for (
    const [clientId, signInUrl, environment] of [
      [emulator.tastytrade.clientId, emulator.tastytrade.signInUrl, emulator.tastytrade],
      [
        emulator.tastytradeSandbox.clientId,
        emulator.tastytradeSandbox.signInUrl,
        emulator.tastytradeSandbox,
      ],
    ] as const
  ) {
    const { refreshToken: _, ...rest } = environment;
    const { opened, credentials } = await begin(emulator, {
      ...rest,
      broker: undefined,
      clientId,
      signInUrl,
      scopes: ["read"],
    });
    assertEquals(parametersOf(opened).get("scope"), "read");
    await arrive(await emulator.submitConsent(opened, "accept"));
    const { broker, sandbox, baseUrl } = await credentials;
    assertEquals([broker, sandbox, baseUrl], [tastytrade, "sandbox" in rest, rest.baseUrl]);
    await using session = new Session(await credentials);
    assert(await session.validate());
  }
});

Deno.test("login() listens on 127.0.0.1 and on [::1], and nowhere else", async () => {
  await using emulator = await startEmulator();
  const stop = new AbortController();
  const { credentials, port, origin } = await begin(emulator, { signal: stop.signal });
  const request = `GET /favicon.ico HTTP/1.1\r\nHost: ${origin.slice(7)}\r\n\r\n`;
  for (const host of ["127.0.0.1", "::1"]) {
    assertMatch(await exchangeBytes(port, request, host), /^HTTP\/1.1 404 /);
  }
  for (const { family, address } of Deno.networkInterfaces()) {
    if (family !== "IPv4" || address.startsWith("127.")) continue;
    await assertRejects(() => exchangeBytes(port, request, address), Error, "ECONNREFUSED");
  }
  stop.abort("enough");
  await credentials.catch(() => {});
});
