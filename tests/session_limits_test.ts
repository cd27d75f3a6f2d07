import {
  assert,
  assertEquals,
  assertExists,
  assertFalse,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
} from "@std/assert";
import { ApiError, NetworkError, RateLimitError, Session } from "../mod.ts";
import { startEmulator, tastytradeFaults } from "../src/emulator/emulator.ts";
import { MARKET_ORDER } from "./support/orders.ts";
import { ME, open, TOKEN_ROUTE } from "./support/session_fixtures.ts";

Deno.test("Session.refresh() refreshes a token only when it is due, or by force", async () => {
  await using opened = await open();
  const { emulator, session } = opened;
  await session.refresh();
  await session.refresh();
  assertEquals(emulator.count(TOKEN_ROUTE), 1);
  const before = await session.accessToken();
  await Promise.all(Array.from({ length: 50 }, () => session.refresh({ force: true })));
  assertEquals(emulator.count(TOKEN_ROUTE), 2);
  assert(before !== await session.accessToken());
});

Deno.test("Session makes one token request, whatever is called at once", async () => {
  await using opened = await open();
  const { emulator, session } = opened;
  await Promise.all([
    session.accessToken(),
    session.refresh(),
    session.refresh({ force: true }),
    session.get(ME),
    session.validate(),
    session.fetch(ME).then((response) => response.body?.cancel()),
  ]);
  assertEquals(emulator.count(TOKEN_ROUTE), 1);
});

Deno.test("Session.validate() is true when the broker accepts the session", async () => {
  await using opened = await open();
  assert(await opened.session.validate());
  assertEquals(opened.emulator.count(`GET ${ME}`), 1);
});

Deno.test("Session.validate() is false when the broker refuses the session", async () => {
  await using opened = await open();
  const { emulator, session } = opened;
  emulator.injectFault(`GET ${ME}`, tastytradeFaults.tokenInvalid, 2);
  assertFalse(await session.validate());
  emulator.revokeGrant();
  emulator.revokeAccessTokens();
  assertFalse(await session.validate());
});

Deno.test("Session.validate() throws when nothing is known", async () => {
  await using opened = await open();
  const { emulator, session } = opened;
  emulator.injectFault(`GET ${ME}`, tastytradeFaults.badGateway);
  await assertRejects(() => session.validate(), ApiError);
  emulator.injectFault(`GET ${ME}`, "reset", Infinity);
  await assertRejects(() => session.validate(), NetworkError);
});

Deno.test("Session reports 429 with the wait that the broker asks for", async () => {
  await using opened = await open();
  const { emulator, session } = opened;
  emulator.injectFault(`GET ${ME}`, {
    ...tastytradeFaults.tooManyRequests,
    headers: { "retry-after": "7" },
  });
  const error = await assertRejects(() => session.get(ME), RateLimitError);
  assertEquals(error.retryAfterMs, 7_000);
  emulator.injectFault(`GET ${ME}`, tastytradeFaults.tooManyRequests);
  assertEquals(
    (await assertRejects(() => session.get(ME), RateLimitError)).retryAfterMs,
    undefined,
  );
});

Deno.test("Session rejects with the caller's own reason, and lets the refresh finish for the others", async () => {
  await using opened = await open();
  const { emulator, session } = opened;
  emulator.latencyMs = 30;
  const controller = new AbortController();
  const reason = { mine: true };
  const first = session.get(ME, { signal: controller.signal }); // it starts the refresh
  const others = Array.from({ length: 5 }, () => session.get<{ id: string }>(ME));
  controller.abort(reason);
  const rejected = await first.then(() => undefined, (error: unknown) => error);
  assertStrictEquals(rejected, reason);
  for (const { id } of await Promise.all(others)) assertEquals(id, "me");
  assertEquals(emulator.count(TOKEN_ROUTE), 1);
});

Deno.test("Session sends nothing for a signal that is aborted already", async () => {
  await using opened = await open();
  const { emulator, session } = opened;
  const signal = AbortSignal.abort("too late");
  for (
    const call of [
      () => session.get(ME, { signal }),
      () => session.fetch(ME, { signal }),
      () => session.accessToken({ signal }),
      () => session.refresh({ signal }),
      () => session.items(ME, { signal }).next(),
      () => session.validate({ signal }),
    ]
  ) {
    assertEquals(await call().then(() => "went on", (error: unknown) => error), "too late");
  }
  assertEquals(emulator.requests.length, 0);
});

Deno.test("Session ends a request that is under way when its signal aborts", async () => {
  await using opened = await open();
  const { emulator, session } = opened;
  const controller = new AbortController();
  emulator.injectFault(`GET ${ME}`, "hang");
  const call = session.get(ME, { signal: controller.signal }).catch((error: unknown) => error);
  while (emulator.count(`GET ${ME}`) === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  controller.abort("enough");
  assertEquals(await call, "enough");
});

Deno.test("Session ends the reading of a body when its signal aborts", async () => {
  await using opened = await open();
  const { emulator, session } = opened;
  const controller = new AbortController();
  emulator.injectFault(`GET ${ME}`, "hangMidBody");
  const response = await session.fetch(ME, { signal: controller.signal });
  const reading = response.text().catch((error: unknown) => error);
  controller.abort("enough");
  assertEquals(await reading, "enough");
});

Deno.test("Session gives a call no more than its time, body included", async () => {
  await using opened = await open({ timeoutMs: 60 });
  const { emulator, session } = opened;
  await session.refresh();
  for (const fault of ["hang", "hangMidBody"] as const) {
    emulator.injectFault(`GET ${ME}`, fault);
    const error = await assertRejects(() => session.get(ME), NetworkError);
    assertEquals([error.kind, error.outcome], ["timeout", "unknown"]);
  }
  assertEquals((await session.get<{ id: string }>(ME, { timeoutMs: 20_000 })).id, "me");
});

Deno.test("Session says that nothing was sent when the wait for a token took all the time", async () => {
  await using opened = await open({ timeoutMs: 40 });
  const { emulator, session } = opened;
  emulator.injectFault(TOKEN_ROUTE, "hang");
  for (const call of [() => session.post(ME, {}), () => session.accessToken()]) {
    const error = await assertRejects(call, NetworkError);
    assertEquals([error.kind, error.outcome], ["timeout", "not_processed"]);
  }
  assertEquals(emulator.count(`POST ${ME}`), 0);
  session[Symbol.dispose](); // a refresh that hangs would be given 5 s
});

Deno.test("Session reports an order that may have been placed from one that was not", async () => {
  await using opened = await open();
  const { emulator, session } = opened;
  const orders = "/accounts/5WT00000/orders";
  await session.refresh();
  emulator.injectFault(`POST ${orders}`, "reset", Infinity);
  const lost = await assertRejects(() => session.post(orders, MARKET_ORDER), NetworkError);
  assertEquals([lost.kind, lost.outcome], ["reset", "unknown"]);
  assertStringIncludes(lost.message, "check that before you send it again");
  assertEquals(emulator.count(`POST ${orders}`), 1);

  await using closed = await startEmulator();
  const away = new Session({ ...closed.tastytrade, retry: false });
  await away.refresh();
  await closed.close();
  const refused = await assertRejects(() => away.post(orders, MARKET_ORDER), NetworkError);
  assertEquals([refused.kind, refused.outcome], ["refused", "not_processed"]);
  await away.close();
});

Deno.test("Session.fetch() does not limit the time of a body", async () => {
  await using opened = await open({ timeoutMs: 50 });
  const { emulator, session } = opened;
  await session.refresh();
  emulator.injectFault(`GET ${ME}`, "hangMidBody");
  const response = await session.fetch(ME);
  const reader = response.body?.getReader();
  assertExists(reader);
  const { value } = await reader.read();
  assert(value !== undefined && value.length > 0);
  const rest = reader.read().then(() => "ended", () => "ended");
  const later = new Promise((resolve) => setTimeout(resolve, 100, "open"));
  assertEquals(await Promise.race([rest, later]), "open");
  await reader.cancel();
});
