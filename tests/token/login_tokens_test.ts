import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { type Credentials, login, Session, type SessionOptions, tradestation } from "../../mod.ts";
import { startEmulator } from "../../src/emulator/emulator.ts";
import { MemoryStore } from "../support/memory_store.ts";
import { isAlive, logIn, TOKEN_ROUTE, written } from "./shared_refresh_token_fixtures.ts";

Deno.test("A session starts with the access token that the login has brought", async () => {
  await using emulator = await startEmulator();
  const credentials = await logIn(emulator);
  emulator.forgetRequests();
  await using session = new Session(credentials);
  assert(session.isLoggedIn);
  await session.get("/brokerage/accounts");
  await using second = new Session({ ...credentials });
  await second.get("/brokerage/accounts");
  assertEquals(emulator.count(TOKEN_ROUTE), 0);
});

Deno.test("What a login's credentials write is what lives, before and after each refresh", async () => {
  await using emulator = await startEmulator();
  const credentials = await logIn(emulator);
  const first = written(credentials);
  {
    await using session = new Session(credentials);
    await session.get("/brokerage/accounts");
    assertEquals(written(credentials), first);
    for (let count = 0; count < 3; count++) await session.refresh({ force: true });
  }
  assertNotEquals(written(credentials), first);
  assertEquals(credentials.refreshToken, written(credentials));
  assert(await isAlive(emulator, written(credentials)));
  assertEquals(emulator.tradestation.reusedRefreshTokens, 0);
});

Deno.test("Any number of sessions from the same credentials spend no refresh token twice", async () => {
  await using emulator = await startEmulator();
  const credentials = await logIn(emulator);
  await using first = new Session(credentials);
  await using second = new Session(credentials);
  for (let count = 0; count < 5; count++) {
    await Promise.all([first.refresh({ force: true }), second.refresh({ force: true })]);
  }
  await using third = new Session(credentials);
  await third.refresh({ force: true });
  assertEquals(emulator.tradestation.reusedRefreshTokens, 0);
  assert(await isAlive(emulator, written(credentials)));
});

Deno.test("Credentials whose session has a store write by what the store finds the grant", async () => {
  await using emulator = await startEmulator();
  const credentials = await logIn(emulator);
  const store = new MemoryStore();
  const session = new Session({ ...credentials, store });
  await session.refresh({ force: true });
  const refreshToken = written(credentials);
  await session.refresh({ force: true }); // after it was written
  await session.close();
  const options = { ...emulator.tradestation, broker: tradestation, refreshToken, store };
  await using next = new Session({ ...options, fetch: (input, init) => fetch(input, init) });
  await next.refresh({ force: true });
  await next.refresh({ force: true });
  assertEquals([store.texts.size, emulator.tradestation.reusedRefreshTokens], [1, 0]);
});

Deno.test("Credentials of an address with a slash at the end are the same", async () => {
  await using emulator = await startEmulator();
  emulator.tradestation.rotation = true;
  const { signInUrl, baseUrl, ...rest } = emulator.tradestation;
  const credentials = await login({
    ...rest,
    baseUrl: `${baseUrl}/`,
    signInUrl: `${signInUrl}/`,
    broker: tradestation,
    pasteAddress: (url) => emulator.submitConsent(url, "accept"),
  });
  await using session = new Session(credentials);
  assert(session.isLoggedIn);
  await session.refresh({ force: true });
  assert(await isAlive(emulator, written(credentials)));
});

Deno.test("A session that replaces one of a login's credentials does not take its access token", async () => {
  await using emulator = await startEmulator();
  const credentials = await logIn(emulator);
  const { refreshToken } = emulator.tradestation;
  const { tradestationSandbox: { baseUrl, sandbox } } = emulator;
  const rows: readonly [SessionOptions, boolean][] = [
    [{ credentials, refreshToken }, false],
    [{ credentials, clientId: "another" }, false],
    [{ credentials, signInUrl: `${emulator.url}/elsewhere` }, false],
    [{ credentials, baseUrl, sandbox }, true], // the simulator takes the same tokens
  ];
  for (const [options, isLoggedIn] of rows) {
    await using session = new Session(options);
    assertEquals(session.isLoggedIn, isLoggedIn);
  }
  await assertRejects(
    async () => await new Session({ credentials: { ...credentials } as Credentials }).close(),
    TypeError,
    "Cannot use these credentials",
  );
});
