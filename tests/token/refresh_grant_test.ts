import {
  assert,
  assertEquals,
  assertFalse,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import process from "node:process";
import { inspect } from "node:util";
import {
  fileStore,
  NetworkError,
  Session,
  SessionClosedError,
  SessionError,
  type SessionOptions,
  TokenError,
  tradestation,
} from "../../mod.ts";
import { type Emulator, startEmulator, tastytradeFaults } from "../../src/emulator/emulator.ts";
import { RefreshGrant } from "../../src/token/refresh_grant.ts";
import { RefreshToken } from "../../src/token/refresh_token.ts";
import { readSessionOptions } from "../../src/session_options.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { idle, quiet, settle } from "../support/idle.ts";
import { MemoryStore } from "../support/memory_store.ts";
import { run, RUNTIMES } from "../support/runtimes.ts";
import { ScriptedBroker } from "../support/scripted_broker.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";

const TOKEN_ROUTE = "POST /oauth/token";

/** A session whose refresh tokens are good for one use. */
function rotating(emulator: Emulator, options: SessionOptions = {}): Session {
  emulator.tradestation.rotation = true;
  return new Session({ broker: tradestation, ...emulator.tradestation, ...options });
}

/** What the process was warned of, until the end of the scope. */
class Warnings implements Disposable {
  readonly messages: string[] = [];
  readonly #listen = (warning: Error) => this.messages.push(`${warning.name}: ${warning.message}`);

  constructor() {
    process.on("warning", this.#listen);
  }

  [Symbol.dispose](): void {
    process.off("warning", this.#listen);
  }
}

Deno.test("Grant uses each one-time refresh token once", async () => {
  await using emulator = await startEmulator();
  await using session = rotating(emulator);
  for (let i = 0; i < 1_000; i++) await session.refresh({ force: true });
  assertEquals(emulator.count(TOKEN_ROUTE), 1_000);
  assertEquals(emulator.tradestation.reusedRefreshTokens, 0);
  const sent = emulator.requests.map(({ body }) => new URLSearchParams(body).get("refresh_token"));
  assertEquals(new Set(sent).size, 1_000);
});

Deno.test("Grant starts with the live access token of the last process, without a token request", async () => {
  await using emulator = await startEmulator();
  const store = new MemoryStore();
  const first = rotating(emulator, { store });
  const accessToken = await first.accessToken();
  await first.close();
  await using second = rotating(emulator, { store });
  assertEquals(await second.accessToken(), accessToken);
  assertEquals(emulator.count(TOKEN_ROUTE), 1);
});

Deno.test("Grant goes on with the rotated refresh token of the last process", async () => {
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

Deno.test("Grant makes one token request for two processes", async () => {
  await using emulator = await startEmulator();
  const store = new MemoryStore();
  await using first = rotating(emulator, { store });
  await using second = rotating(emulator, { store });
  const tokens = await Promise.all([first.accessToken(), second.accessToken()]);
  assertEquals(tokens[0], tokens[1]);
  assertEquals(emulator.count(TOKEN_ROUTE), 1);
});

Deno.test("Grant renews a token that was refused, although it is the stored one", async () => {
  await using emulator = await startEmulator();
  const store = new MemoryStore();
  await using first = rotating(emulator, { store });
  await using second = rotating(emulator, { store });
  await first.get("/brokerage/accounts");
  await second.get("/brokerage/accounts");
  emulator.revokeAccessTokens();
  await Promise.all([first.get("/brokerage/accounts"), second.get("/brokerage/accounts")]);
  assertEquals(emulator.count(TOKEN_ROUTE), 2); // whoever comes second takes the new one
});

Deno.test("Grant saves refresh and access token as one record before anyone has them", async () => {
  await using emulator = await startEmulator();
  const store = new MemoryStore();
  await using session = rotating(emulator, { store });
  const saving = Promise.withResolvers<void>();
  store.faults.save = () => saving.promise;
  let isHandedOut = false;
  const accessToken = session.accessToken().then((token) => {
    isHandedOut = true;
    return token;
  });
  while (!store.log.includes("save")) await idle();
  assertFalse(isHandedOut);
  saving.resolve();
  const [record] = [await accessToken, ...store.tokens.values()].slice(1);
  assert(typeof record === "object");
  assertEquals(record.accessToken, await accessToken);
  assertNotEquals(record.refreshToken, emulator.tradestation.refreshToken);
  assertEquals(Date.parse(record.expiresAt) - Date.parse(record.obtainedAt), 1_200_000);
  assertEquals(store.log, ["lock", "load", "save", "saved"]);
});

Deno.test("Grant goes on from memory when a save fails, warns once, and saves again later", async () => {
  await using emulator = await startEmulator();
  using warnings = new Warnings();
  const store = new MemoryStore();
  const session = rotating(emulator, { store });
  store.faults.save = () => Promise.reject(new Error("disk full"));
  for (let i = 0; i < 3; i++) await session.refresh({ force: true });
  await session.get("/brokerage/accounts");
  assertEquals(emulator.tradestation.reusedRefreshTokens, 0);
  delete store.faults.save;
  await session.close();
  assertEquals(store.tokens.size, 1);
  await using next = rotating(emulator, { store });
  await next.refresh({ force: true }); // takes the live one: it is new to this process
  await next.refresh({ force: true });
  assertEquals(emulator.tradestation.reusedRefreshTokens, 0);
  assertEquals(warnings.messages.length, 1);
  assertMatch(warnings.messages[0] ?? "", /^TokenStoreWarning: Cannot save the tokens.*disk full/);
});

Deno.test("Session.close() says so when the tokens are still not saved", async () => {
  await using emulator = await startEmulator();
  using _warnings = new Warnings();
  const store = new MemoryStore();
  const session = rotating(emulator, { store });
  store.faults.save = () => Promise.reject(new Error("disk full"));
  await session.refresh();
  const error = await assertRejects(() => session.close(), SessionError, "Cannot save the tokens");
  assertEquals(error.code, "store_failed");
  assertStringIncludes(error.message, "disk full");
  assertStringIncludes(error.message, "refresh token may no longer work");
});

Deno.test("Grant does not wait for ever for a store that does not answer", async () => {
  await using emulator = await startEmulator();
  using _warnings = new Warnings();
  const store = new MemoryStore();
  const session = rotating(emulator, { store });
  store.faults.save = () => new Promise(() => {});
  using clock = new FakeClock({ timers: true });
  const accessToken = session.accessToken();
  while (!store.log.includes("save")) await idle();
  clock.advance(5_000);
  assert((await accessToken).length > 0);
  session[Symbol.dispose]();
});

Deno.test("Grant saves what it could not save as soon as the store lets it, without traffic", async () => {
  await using emulator = await startEmulator();
  using _warnings = new Warnings();
  const store = new MemoryStore();
  using clock = new FakeClock({ timers: true });
  await using session = rotating(emulator, { store });
  let saves = 0;
  store.faults.save = () =>
    ++saves < 4 ? Promise.reject(new Error("disk full")) : Promise.resolve();
  await session.refresh();
  assertEquals(store.tokens.size, 0);
  for (let s = 0; s < 120 && store.tokens.size === 0; s++) {
    clock.advance(1_000);
    await quiet(clock);
  }
  assertEquals(saves, 4);
  assertEquals(store.tokens.size, 1);
  assertEquals(clock.armed, 0);
});

Deno.test("Grant does not write over what another process saved later", async () => {
  await using emulator = await startEmulator();
  using _warnings = new Warnings();
  const store = new MemoryStore();
  using clock = new FakeClock({ timers: true });
  await using session = new Session({ ...emulator.tastytrade, store });
  store.faults.save = () => Promise.reject(new Error("disk full"));
  await session.refresh();
  delete store.faults.save;
  clock.advance(1);
  const other = new Session({ ...emulator.tastytrade, store });
  const accessToken = await other.accessToken();
  await other.close();
  clock.advance(30_000);
  await quiet(clock);
  assertEquals([...store.tokens.values()].map((tokens) => tokens.accessToken), [accessToken]);
});

Deno.test("Grant writes the newest tokens last, however late an earlier save ends", async () => {
  await using emulator = await startEmulator();
  using _warnings = new Warnings();
  const store = new MemoryStore();
  const session = rotating(emulator, { store });
  const late = Promise.withResolvers<void>();
  let saves = 0;
  store.faults.save = () => ++saves === 1 ? late.promise : Promise.resolve();
  using clock = new FakeClock({ timers: true });
  for (let i = 0; i < 2; i++) {
    let isDone = false;
    const refreshing = session.refresh({ force: true }).then(() => isDone = true);
    while (!isDone) {
      await idle();
      if (store.log.includes("save")) clock.advance(1_000);
    }
    await refreshing;
  }
  late.resolve();
  while (store.log.filter((entry) => entry === "saved").length < 2) await idle();
  const [saved] = store.tokens.values();
  const spent = emulator.requests.map(({ body }) => new URLSearchParams(body).get("refresh_token"));
  assertEquals(spent.length, 2);
  assertFalse(spent.includes(saved?.refreshToken ?? ""));
  assertEquals(saved?.accessToken, await session.accessToken());
  session[Symbol.dispose]();
});

Deno.test("Grant is free again after a store that did not answer", async () => {
  await using emulator = await startEmulator();
  const store = new MemoryStore();
  using session = rotating(emulator, { store });
  let loads = 0;
  store.faults.load = () => ++loads === 1 ? new Promise(() => {}) : Promise.resolve();
  using clock = new FakeClock({ timers: true });
  const first = session.accessToken().catch((error: unknown) => error);
  while (!store.log.includes("load")) await idle();
  clock.advance(5_000);
  const error = await first;
  assert(error instanceof SessionError);
  assertEquals(error.code, "store_failed");
  await idle();
  clock.advance(1_000);
  assert((await session.accessToken()).length > 0);
});

Deno.test("Grant gives up on a lock that never comes, and spends nothing if it comes later", async () => {
  await using emulator = await startEmulator();
  const store = new MemoryStore();
  using session = rotating(emulator, { store });
  const opened = Promise.withResolvers<void>();
  store.faults.lock = () => opened.promise;
  using clock = new FakeClock({ timers: true });
  const first = session.accessToken({ timeoutMs: 60_000 }).catch((error: unknown) => error);
  while (!store.log.includes("lock")) await idle();
  clock.advance(30_000);
  assert(await first instanceof SessionError);
  opened.resolve();
  await idle();
  assertEquals(emulator.count(TOKEN_ROUTE), 0);
});

Deno.test("Grant passes on a store's words without the tokens in them", async () => {
  await using emulator = await startEmulator();
  using warnings = new Warnings();
  const store = new MemoryStore();
  const session = rotating(emulator, { store });
  store.save = (_key, tokens) =>
    Promise.reject(new Error(`cannot insert ${JSON.stringify(tokens)}`));
  const accessToken = await session.accessToken();
  await idle(); // a warning comes in the next turn
  const error = await assertRejects(() => session.close(), SessionError);
  for (
    const text of [...warnings.messages, inspect(error, { depth: Infinity, showHidden: true })]
  ) {
    assertStringIncludes(text, "cannot insert");
    assertFalse(text.includes(accessToken));
  }
  assertEquals(warnings.messages.length, 1);
});

Deno.test("Grant spends nothing when the store cannot be locked or read", async () => {
  await using emulator = await startEmulator();
  for (const fault of ["lock", "load"] as const) {
    const store = new MemoryStore();
    const session = rotating(emulator, { store });
    store.faults[fault] = () => Promise.reject(new Error("no such table"));
    await assertRejects(() => session.get("/brokerage/accounts"), Error, "no such table");
    await session.close();
  }
  assertEquals(emulator.count(TOKEN_ROUTE), 0);
});

Deno.test("Grant believes no stored token from an hour that is still to come, or with no life left", async () => {
  await using emulator = await startEmulator();
  const store = new MemoryStore();
  const first = rotating(emulator, { store });
  await first.refresh();
  await first.close();
  const [[key, record] = []] = [...store.tokens];
  assert(key !== undefined && record !== undefined);
  const at = (ms: number) => new Date(Date.now() + ms).toISOString();
  for (
    const [obtainedAt, expiresAt] of [
      [at(60_000), at(1_260_000)],
      [at(-1_200_000), at(-1)],
      [at(-1_195_000), at(5_000)], // in the last ten seconds
      ["yesterday", "tomorrow"],
    ] as const
  ) {
    const { refreshToken } = store.tokens.get(key) ?? record;
    store.tokens.set(key, { ...record, refreshToken, obtainedAt, expiresAt });
    const session = rotating(emulator, { store });
    assertNotEquals(await session.accessToken(), record.accessToken);
    await session.close();
  }
  assertEquals(emulator.count(TOKEN_ROUTE), 5);
  assertEquals(emulator.tradestation.reusedRefreshTokens, 0);
});

Deno.test("Grant names its record without revealing it, one for each grant and sign-in", async () => {
  await using emulator = await startEmulator();
  const store = new MemoryStore();
  for (const options of [emulator.tastytrade, emulator.tastytradeSandbox]) {
    const session = new Session({ ...options, store });
    await session.refresh();
    await session.close();
  }
  const keys = [...store.tokens.keys()];
  assertEquals(keys.length, 2);
  for (const key of keys) assertMatch(key, /^[0-9a-f]{64}$/);
});

Deno.test("Grant keeps a refusal for good to the process that met it", async () => {
  await using emulator = await startEmulator();
  const store = new MemoryStore();
  await using session = rotating(emulator, { store });
  emulator.revokeGrant();
  await assertRejects(() => session.accessToken(), TokenError);
  assertEquals(store.tokens.size, 0); // nothing is erased, and nothing is written
});

Deno.test("Grant takes what another process saved when its own refresh token is refused", async () => {
  await using emulator = await startEmulator();
  const store = new MemoryStore();
  const first = rotating(emulator, { store });
  await first.refresh();
  await first.close();
  await using second = rotating(emulator, { store });
  const [[key, saved] = []] = [...store.tokens];
  assert(key !== undefined && saved !== undefined);
  store.tokens.delete(key); // a store without a lock: it looked before the other had saved
  let loads = 0;
  store.faults.load = () => {
    if (++loads === 2) store.tokens.set(key, saved);
    return Promise.resolve();
  };
  assertEquals(await second.accessToken(), saved.accessToken);
});

Deno.test("Grant says when a refusal may come from an answer that was lost", async () => {
  await using emulator = await startEmulator();
  using clock = new FakeClock();
  await using session = rotating(emulator);
  await session.refresh();
  emulator.injectFault(TOKEN_ROUTE, "resetMidBody"); // spent, and the new one never arrived
  await assertRejects(() => session.refresh({ force: true }), NetworkError);
  clock.advance(30_000);
  const error = await assertRejects(() => session.refresh({ force: true }), TokenError);
  assertStringIncludes(error.message, "The response to an earlier token request was lost");
  assert(error.isPermanent);
});

Deno.test("Session closes while it waits for another process's lock", async () => {
  await using emulator = await startEmulator();
  using folder = new TemporaryFolder();
  const store = fileStore(`${folder.path}/tokens.json`);
  emulator.injectFault(TOKEN_ROUTE, "hang");
  const holder = rotating(emulator, { store });
  const holding = holder.refresh().catch(() => {});
  while (emulator.count(TOKEN_ROUTE) === 0) await idle();
  const waiting = rotating(emulator, { store });
  const refreshing = waiting.refresh().catch((error: unknown) => error);
  await idle();
  waiting[Symbol.dispose]();
  assert(await refreshing instanceof SessionError);
  holder[Symbol.dispose]();
  await holding;
  const locks = `${folder.path}/tokens.json.lock`;
  const isFree = (path: string): boolean =>
    Array.from(Deno.readDirSync(path)).every(({ name, isDirectory }) =>
      isDirectory ? isFree(`${path}/${name}`) : name.endsWith(".free")
    );
  while (!isFree(locks)) await idle();
});

for (const runtime of RUNTIMES) {
  Deno.test(`Two processes with one file make one token request between them, on ${runtime.name}`, async () => {
    await using emulator = await startEmulator();
    using folder = new TemporaryFolder();
    emulator.tradestation.rotation = true;
    emulator.latencyMs = 50;
    const options = JSON.stringify({ broker: "tradestation", ...emulator.tradestation });
    const program = ["tests/support/token_process.ts", options, `${folder.path}/tokens.json`, "0"];
    const outcomes = await Promise.all([run(runtime, program), run(runtime, program)]);
    assertEquals(
      outcomes.map(({ code }) => code),
      [0, 0],
      outcomes.map(({ stderr }) => stderr).join(),
    );
    assertEquals(outcomes[0]?.stdout, outcomes[1]?.stdout);
    assertEquals(emulator.count(TOKEN_ROUTE), 1);
  });
}

Deno.test("One-time refresh tokens survive fifty kills and two competing processes without a reuse", async () => {
  await using emulator = await startEmulator();
  using folder = new TemporaryFolder();
  emulator.tradestation.rotation = true;
  const [deno] = RUNTIMES;
  assert(deno);
  const options = JSON.stringify({ broker: "tradestation", ...emulator.tradestation });
  const path = `${folder.path}/tokens.json`;
  const renew = (renewals: string, ...fate: string[]) =>
    run(deno, ["tests/support/token_process.ts", options, path, renewals, ...fate]);
  // Killed between renewals: a process renews, ends without a goodbye, and the next goes on.
  for (let kill = 0; kill < 25; kill++) {
    const outcomes = await Promise.all([renew("2", "kill-after"), renew("2", "kill-after")]);
    for (const { stdout } of outcomes) assertStringIncludes(stdout, "renewed");
  }
  const { code, stderr } = await renew("1");
  assertEquals(code, 0, stderr);
  assertEquals(emulator.tradestation.reusedRefreshTokens, 0);
  assert(emulator.count(TOKEN_ROUTE) > 25); // of 101 renewals; the others took what one had got
});

Deno.test("A process that is killed while it holds the lock leaves it to the next", async () => {
  await using emulator = await startEmulator();
  using folder = new TemporaryFolder();
  const [deno] = RUNTIMES;
  assert(deno);
  const options = JSON.stringify({ broker: "tastytrade", ...emulator.tastytrade });
  const program = ["tests/support/token_process.ts", options, `${folder.path}/tokens.json`, "1"];
  const killed = await run(deno, [...program, "die"]);
  assertNotEquals(killed.code, 0);
  const next = await run(deno, program);
  assertEquals(next.code, 0, next.stderr);
});

Deno.test("Grant survives tastytradeFaults of the token endpoint with the tokens it holds", async () => {
  await using emulator = await startEmulator();
  using clock = new FakeClock();
  const store = new MemoryStore();
  await using session = new Session({ ...emulator.tastytrade, store });
  await session.get("/customers/me");
  clock.advance(800_000); // ageing: the renewal runs behind, and fails
  emulator.injectFault(TOKEN_ROUTE, tastytradeFaults.serviceUnavailable, Infinity);
  for (let i = 0; i < 5; i++) await session.get("/customers/me");
  assert(session.isLoggedIn);
});

Deno.test("Grant saves later what could not be saved, though the lock fails once on the way", async () => {
  using clock = new FakeClock({ timers: true });
  using _warnings = new Warnings();
  const broker = new ScriptedBroker();
  broker.isRotating = true;
  const store = new MemoryStore();
  store.faults.save = () => Promise.reject(new Error("disk full"));
  await using session = new Session({ ...broker.options, store });
  await session.refresh();
  assertEquals(store.tokens.size, 0);
  delete store.faults.save;
  let locks = 0;
  store.faults.lock = () => {
    locks += 1;
    return locks === 1 ? Promise.reject(new Error("no such host")) : Promise.resolve();
  };
  for (let s = 0; s < 60 && store.tokens.size === 0; s++) {
    clock.advance(1_000);
    await settle();
  }
  assertEquals([store.tokens.size, locks], [1, 2]);
  assertEquals([...store.tokens.values()].map(({ refreshToken }) => refreshToken), ["refresh-1"]);
});

Deno.test("Grant has nothing to tell, and gets nothing, once it is over", async () => {
  const broker = new ScriptedBroker();
  const { retry: _, ...settings } = readSessionOptions(broker.options);
  const client = { clientId: "client", clientSecret: "a-client-secret" };
  const grant = new RefreshGrant(client, new RefreshToken("refresh-0"), settings, undefined);
  assertEquals(grant.secrets, ["a-client-secret", "refresh-0"]);
  grant.abort();
  assertEquals(grant.secrets, []);
  const { signal } = new AbortController();
  await assertRejects(() => grant.refresh(signal), SessionClosedError);
  assertEquals(broker.tokenRequests, 0);
});
