import {
  assert,
  assertEquals,
  assertFalse,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { NetworkError, Session, SessionClosedError, TokenError } from "../../mod.ts";
import { startEmulator, tastytradeFaults } from "../../src/emulator/emulator.ts";
import { RefreshGrant } from "../../src/token/refresh_grant.ts";
import { RefreshToken } from "../../src/token/shared_refresh_token.ts";
import { readSessionOptions } from "../../src/session_options.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { idle } from "../support/idle.ts";
import { MemoryStore } from "../support/memory_store.ts";
import { ScriptedBroker } from "../support/scripted_broker.ts";
import { rotating, TOKEN_ROUTE } from "./refresh_grant_fixtures.ts";

Deno.test("RefreshGrant uses each one-time refresh token once", async () => {
  await using emulator = await startEmulator();
  await using session = rotating(emulator);
  for (let i = 0; i < 1_000; i++) await session.refresh({ force: true });
  assertEquals(emulator.count(TOKEN_ROUTE), 1_000);
  assertEquals(emulator.tradestation.reusedRefreshTokens, 0);
  const sent = emulator.requests.map(({ body }) => new URLSearchParams(body).get("refresh_token"));
  assertEquals(new Set(sent).size, 1_000);
});

Deno.test("RefreshGrant starts with the live access token of the last process, without a token request", async () => {
  await using emulator = await startEmulator();
  const store = new MemoryStore();
  const first = rotating(emulator, { store });
  const accessToken = await first.accessToken();
  await first.close();
  await using second = rotating(emulator, { store });
  assertEquals(await second.accessToken(), accessToken);
  assertEquals(emulator.count(TOKEN_ROUTE), 1);
});

Deno.test("RefreshGrant goes on with the rotated refresh token of the last process", async () => {
  await using emulator = await startEmulator();
  using clock = new FakeClock();
  const store = new MemoryStore();
  for (let process = 0; process < 4; process++) {
    const session = rotating(emulator, { store }); // with the first refresh token of all
    await session.get("/brokerage/accounts");
    await session.close();
    clock.advance(1_200_000);
  }
  assertEquals(emulator.count(TOKEN_ROUTE), 4);
  assertEquals(emulator.tradestation.reusedRefreshTokens, 0);
});

Deno.test("RefreshGrant makes one token request for two processes", async () => {
  await using emulator = await startEmulator();
  const store = new MemoryStore();
  await using first = rotating(emulator, { store });
  await using second = rotating(emulator, { store });
  const tokens = await Promise.all([first.accessToken(), second.accessToken()]);
  assertEquals(tokens[0], tokens[1]);
  assertEquals(emulator.count(TOKEN_ROUTE), 1);
});

Deno.test("RefreshGrant refreshes a token that was refused, although it is the stored one", async () => {
  await using emulator = await startEmulator();
  const store = new MemoryStore();
  await using first = rotating(emulator, { store });
  await using second = rotating(emulator, { store });
  await first.get("/brokerage/accounts");
  await second.get("/brokerage/accounts");
  emulator.revokeAccessTokens();
  await Promise.all([first.get("/brokerage/accounts"), second.get("/brokerage/accounts")]);
  assertEquals(emulator.count(TOKEN_ROUTE), 2); // for every caller second takes the new one
});

Deno.test("RefreshGrant saves refresh and access token as one record before anyone has them", async () => {
  await using emulator = await startEmulator();
  const store = new MemoryStore();
  await using session = rotating(emulator, { store });
  const saving = Promise.withResolvers<void>();
  store.faults.tokens = () => saving.promise;
  let isHandedOut = false;
  const accessToken = session.accessToken().then((token) => {
    isHandedOut = true;
    return token;
  });
  while (!store.log.includes("tokens")) await idle();
  assertFalse(isHandedOut);
  saving.resolve();
  await accessToken;
  const { refreshToken, token, generation, isRotating, intent, failure } = store.record;
  assert(token);
  assertEquals(token.accessToken, await accessToken);
  assertNotEquals(refreshToken, emulator.tradestation.refreshToken);
  assertEquals(Date.parse(token.expiresAt) - Date.parse(token.obtainedAt), 1_200_000);
  assertEquals([generation, isRotating, intent, failure], [1, true, undefined, undefined]);
  assertEquals(store.log, ["get", "intent", "tokens"]);
});

Deno.test("RefreshGrant ignores a stored token from an hour that is still to come, or without any lifetime left", async () => {
  await using emulator = await startEmulator();
  const store = new MemoryStore();
  const first = rotating(emulator, { store });
  await first.refresh();
  await first.close();
  const { token } = store.record;
  assert(token);
  const at = (ms: number) => new Date(Date.now() + ms).toISOString();
  for (
    const [obtainedAt, expiresAt] of [
      [at(60_000), at(1_260_000)],
      [at(-1_200_000), at(-1)],
      [at(-1_195_000), at(5_000)], // in the last ten seconds
      ["yesterday", "tomorrow"],
    ] as const
  ) {
    store.edit({ token: { ...token, obtainedAt, expiresAt } });
    const session = rotating(emulator, { store });
    assertNotEquals(await session.accessToken(), token.accessToken);
    await session.close();
  }
  assertEquals(emulator.count(TOKEN_ROUTE), 5);
  assertEquals(emulator.tradestation.reusedRefreshTokens, 0);
});

Deno.test("RefreshGrant names its record without revealing it, one for each grant and sign-in", async () => {
  await using emulator = await startEmulator();
  const store = new MemoryStore();
  for (const options of [emulator.tastytrade, emulator.tastytradeSandbox]) {
    const session = new Session({ ...options, store });
    await session.refresh();
    await session.close();
  }
  const keys = [...store.texts.keys()];
  assertEquals(keys.length, 2);
  for (const key of keys) assertMatch(key, /^[0-9a-f]{64}$/);
});

Deno.test("RefreshGrant says when a refusal may come from a response that was lost", async () => {
  await using emulator = await startEmulator();
  using clock = new FakeClock();
  await using session = rotating(emulator);
  await session.refresh();
  emulator.injectFault(TOKEN_ROUTE, "resetMidBody"); // used up, and the new one never arrived
  await assertRejects(() => session.refresh({ force: true }), NetworkError);
  clock.advance(30_000);
  const error = await assertRejects(() => session.refresh({ force: true }), TokenError);
  assertStringIncludes(error.message, "The response to an earlier token request was lost");
  assert(error.isPermanent);
});

Deno.test("RefreshGrant survives tastytradeFaults of the token endpoint with the tokens it holds", async () => {
  await using emulator = await startEmulator();
  using clock = new FakeClock();
  const store = new MemoryStore();
  await using session = new Session({ ...emulator.tastytrade, store });
  await session.get("/customers/me");
  clock.advance(800_000); // ageing: the refresh runs behind, and fails
  emulator.injectFault(TOKEN_ROUTE, tastytradeFaults.serviceUnavailable, Infinity);
  for (let i = 0; i < 5; i++) await session.get("/customers/me");
  assert(session.isLoggedIn);
});

Deno.test("RefreshGrant has nothing to tell, and gets nothing, once it is over", async () => {
  const broker = new ScriptedBroker();
  const { retry: _, ...settings } = readSessionOptions(broker.options);
  const client = { clientId: "client", clientSecret: "a-client-secret" };
  const grant = new RefreshGrant(client, new RefreshToken("refresh-0"), settings, undefined);
  assertEquals(grant.secrets, ["a-client-secret", "refresh-0"]);
  grant.abort();
  assertEquals(grant.secrets, []);
  const { signal } = new AbortController();
  await assertRejects(() => grant.refresh(signal, () => false), SessionClosedError);
  assertEquals(broker.tokenRequests, 0);
});
