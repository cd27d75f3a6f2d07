import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
} from "@std/assert";
import { login, LoginError, tastytrade, tradestation } from "../../mod.ts";
import { startEmulator } from "../../src/emulator/emulator.ts";
import { arrive, begin, exchangeBytes, visit } from "../support/login.ts";
import { assertPortIsFree, gatedFetch } from "./login_fixtures.ts";

Deno.test("login() is over within 500 ms when the browser never gets the last page (scenario 84)", async () => {
  await using emulator = await startEmulator();
  const { opened, credentials, port } = await begin(emulator);
  await visit(await emulator.submitConsent(opened, "accept"));
  const answeredAt = performance.now();
  await credentials;
  assert(performance.now() - answeredAt < 500);
  await assertPortIsFree(port);
});

Deno.test("login() rejects with the reason of an abort, and frees the port (scenario 84)", async () => {
  await using emulator = await startEmulator();
  const reason = { because: "the user closed the window" };
  const stop = new AbortController();
  const { credentials, port } = await begin(emulator, { signal: stop.signal });
  const kept = await Deno.connect({ hostname: "127.0.0.1", port });
  stop.abort(reason);
  assertStrictEquals(await credentials.catch((error) => error), reason);
  await assertPortIsFree(port);
  assertEquals(await kept.read(new Uint8Array(1)).catch(() => null), null);
  kept.close();

  const before = login({ ...emulator.tradestation, broker: tradestation, signal: stop.signal });
  assertStrictEquals(await before.catch((error) => error), reason);
});

Deno.test("login() can be aborted while the code is exchanged", async () => {
  await using emulator = await startEmulator();
  const stop = new AbortController();
  emulator.injectFault("POST /oauth/token", "hang");
  const called = Promise.withResolvers<void>();
  const { opened, credentials, port } = await begin(emulator, {
    signal: stop.signal,
    fetch(input, init) {
      called.resolve();
      return fetch(input, init);
    },
  });
  const callback = visit(await emulator.submitConsent(opened, "accept")).catch(() => "no response");
  await called.promise;
  stop.abort("enough");
  assertEquals(await credentials.catch((reason) => reason), "enough");
  await assertPortIsFree(port);
  await callback;
});

Deno.test("login() says after its time what usually is wrong (scenario 84)", async () => {
  await using emulator = await startEmulator();
  const { credentials, port } = await begin(emulator, { timeoutMs: 30 });
  const error = await assertRejects(() => credentials, LoginError);
  assertEquals([error.code, error.port], ["login_timeout", port]);
  assertEquals(
    error.message,
    `Cannot log in to TradeStation: nothing came back to http://localhost:${port} in 0.03 s. If the ` +
      "browser shows an error page of TradeStation, this callback address is not registered for the " +
      `client id: register exactly http://localhost:${port}, or pass the port of one that is, by ` +
      "default 3001, 31022, 3000, 8080, 80",
  );
  assertEquals(error.ports, [3001, 31022, 3000, 8080, 80]);
  await assertPortIsFree(port);

  const pasteAddress = () => new Promise<string>(() => {});
  const loginByPaste = login({
    ...emulator.tradestation,
    broker: tradestation,
    pasteAddress,
    timeoutMs: 30,
  });
  await assertRejects(
    () => loginByPaste,
    LoginError,
    "TradeStation: nothing was pasted in 0.03 s. If the",
  );

  const onePort = login({
    ...emulator.tastytrade,
    signInUrl: emulator.tastytrade.signInUrl,
    clientId: "an-id",
    pasteAddress,
    timeoutMs: 30,
  });
  const { message } = await assertRejects(() => onePort, LoginError);
  assertStringIncludes(message, "or pass the port of one that is. tastytrade permits this login");

  const own = await begin(emulator, { broker: tastytrade, timeoutMs: 30 });
  await assertRejects(() => own.credentials, LoginError, '"trusted partners" only');
});

Deno.test("login() gives the exchange its own time", async () => {
  await using emulator = await startEmulator();
  const gate = gatedFetch();
  const { opened, credentials } = await begin(emulator, { fetch: gate.fetch, timeoutMs: 500 });
  const callback = arrive(await emulator.submitConsent(opened, "accept"));
  await gate.called;
  setTimeout(gate.open, 600); // later than timeoutMs
  await callback;
  await credentials;
});

Deno.test("login() hides itself from other pages (scenario 85)", async () => {
  await using emulator = await startEmulator();
  const { opened, credentials, origin } = await begin(emulator);
  const address = await emulator.submitConsent(opened, "accept");
  const start = await visit(`${origin}/`);
  const callback = await visit(address);
  const last = await visit(new URL(callback.location, address).href);
  assertEquals([start.status, callback.status], [303, 303]);
  assertEquals([callback.location, callback.text], ["/done", ""]); // the address bar is clean
  for (const { headers } of [start, callback, last]) {
    assertEquals(headers.get("connection"), "close");
    assertEquals(headers.get("cache-control"), "no-store");
    assertEquals(headers.get("referrer-policy"), "no-referrer");
    assertEquals(headers.get("x-content-type-options"), "nosniff");
    assertMatch(
      `${headers.get("content-security-policy")}`,
      /^default-src 'none'; base-uri 'none'; frame-ancestors 'none'; style-src 'sha256-[^']+'$/,
    );
  }
  assertEquals(last.headers.get("content-type"), "text/html; charset=utf-8");
  await credentials;
});

Deno.test("login() answers under its own name only, so that no page can be rebound to it", async () => {
  await using emulator = await startEmulator();
  const { opened, credentials, port } = await begin(emulator);
  const address = await emulator.submitConsent(opened, "accept");
  for (
    const host of [`evil.example:${port}`, "localhost", `127.0.0.1:${port}`, `localhost:${port}.x`]
  ) {
    const request = `GET /${new URL(address).search} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
    const answer = await exchangeBytes(port, request);
    assertMatch(answer, /^HTTP\/1.1 400 /);
    assertStringIncludes(answer, "Another host name");
  }
  const upper = `GET / HTTP/1.1\r\nHost: LOCALHOST:${port}\r\n\r\n`;
  assertMatch(await exchangeBytes(port, upper), /^HTTP\/1.1 303 /);
  await arrive(address);
  await credentials;
});
