import { assert, assertEquals, assertFalse, assertRejects } from "@std/assert";
import { Session, SessionClosedError } from "../mod.ts";
import { startEmulator } from "../src/emulator/emulator.ts";
import { run } from "./support/runtimes.ts";
import { ME, open, TOKEN_ROUTE } from "./support/session_fixtures.ts";

Deno.test("Session.close() ends what runs, refuses what comes, and may be called twice", async () => {
  await using opened = await open();
  const { emulator, session } = opened;
  await session.refresh();
  emulator.injectFault(`GET ${ME}`, "hang", 2);
  const running = [session.get(ME), session.fetch(ME)].map((call) =>
    assertRejects(() => call, SessionClosedError)
  );
  const closing = session.close();
  await Promise.all(running);
  await closing;
  await session.close();
  assertFalse(session.isLoggedIn);
  for (
    const call of [
      () => session.get(ME),
      () => session.fetch(ME),
      () => session.accessToken(),
      () => session.refresh(),
      () => session.items(ME).next(),
    ]
  ) {
    await assertRejects(call, SessionClosedError, "the session is closed");
  }
});

Deno.test("Session.close() ends the reading of a body", async () => {
  await using opened = await open();
  opened.emulator.injectFault(`GET ${ME}`, "hangMidBody");
  const response = await opened.session.fetch(ME);
  const reading = assertRejects(() => response.text(), SessionClosedError);
  await opened.session.close();
  await reading;
});

Deno.test("Session.fetch() releases the caller's signal when a response is forgotten unread", async () => {
  await using emulator = await startEmulator();
  const runtime = {
    name: "Deno",
    command: [Deno.execPath(), "run", "--allow-all", "--v8-flags=--expose-gc"],
  } as const;
  const { stdout, stderr } = await run(runtime, [
    "tests/support/unread_bodies.ts",
    JSON.stringify(emulator.tastytrade),
  ]);
  const { most, left } = JSON.parse(stdout || stderr);
  assert(most > 100, stdout);
  assertEquals(left, 0);
});

Deno.test("await using lets a refresh that runs finish", async () => {
  await using emulator = await startEmulator();
  emulator.latencyMs = 20;
  {
    await using session = new Session(emulator.tastytrade);
    session.refresh().catch(() => {}); // its caller is told that the session was closed
  }
  assertEquals(emulator.requests[0]?.status, 200);
});

Deno.test("using cancels a refresh that runs", async () => {
  await using emulator = await startEmulator();
  emulator.injectFault(TOKEN_ROUTE, "hang");
  let refreshing: Promise<unknown>;
  {
    using session = new Session(emulator.tastytrade);
    refreshing = assertRejects(() => session.refresh(), SessionClosedError);
  }
  await refreshing;
});

Deno.test("Session adopts a refresh token that comes with an access token", async () => {
  await using opened = await open();
  const { emulator, session } = opened;
  const { refreshToken } = emulator.tastytrade;
  const answer = { "access_token": "first", "token_type": "Bearer", "expires_in": 900 };
  const rotated = (token: unknown) => ({
    status: 200,
    body: JSON.stringify({ ...answer, "refresh_token": token }),
  });
  for (const token of ["rotated", "", null]) emulator.injectFault(TOKEN_ROUTE, rotated(token));
  for (let i = 0; i < 4; i++) await session.refresh({ force: true }).catch(() => {});
  const sent = emulator.requests.map(({ body }) => JSON.parse(body).refresh_token);
  assertEquals(sent, [refreshToken, "rotated", "rotated", "rotated"]);
});

Deno.test("Session asks for the API version that it was given", async () => {
  await using opened = await open({ apiVersion: "20251101" });
  await opened.session.get(ME);
  const [tokenRequest, request] = opened.emulator.requests;
  assertEquals(tokenRequest?.headers["accept-version"], undefined);
  assertEquals(request?.headers["accept-version"], "20251101");
});
