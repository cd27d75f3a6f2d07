import {
  assert,
  assertEquals,
  assertFalse,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
} from "@std/assert";
import { connect, createServer } from "node:net";
import {
  type Broker,
  CredentialsError,
  type EndpointOptions,
  login,
  LoginError,
  NetworkError,
  Session,
  tastytrade,
  TokenError,
  tradestation,
} from "../../mod.ts";
import { type Emulator, startEmulator } from "../../src/emulator/emulator.ts";
import { codeChallenge } from "../../src/login/pkce.ts";
import { Environment } from "../support/environment.ts";
import { arrive, begin, exchangeBytes, printed, visit } from "../support/login.ts";
import { closedPort } from "../support/loopback.ts";

const NO_CLIENT = {
  TASTY_CLIENT_ID: undefined,
  TASTY_CLIENT_SECRET: undefined,
  TRADESTATION_CLIENT_ID: undefined,
  TRADESTATION_CLIENT_SECRET: undefined,
};

/** The fields of the only code exchange. */
function exchangeOf(emulator: Emulator): URLSearchParams {
  const [request, ...more] = emulator.requests.filter(({ path }) => path.endsWith("/oauth/token"));
  assertEquals(more, []);
  return new URLSearchParams(request?.body);
}

/** A broker with something else about its login. */
function altered(login: Partial<NonNullable<Broker["login"]>>, broker = tradestation): Broker {
  if (broker.login === undefined) throw new Error(`${broker.name} has a login`);
  return { ...broker, login: { ...broker.login, ...login } };
}

function parametersOf(url: string): URLSearchParams {
  return new URL(url).searchParams;
}

/** The address on which the browser would end, with other parameters. */
function changed(address: string, parameters: Record<string, string | undefined>): string {
  const url = new URL(address);
  for (const [name, value] of Object.entries(parameters)) {
    if (value === undefined) url.searchParams.delete(name);
    else url.searchParams.set(name, value);
  }
  return url.href;
}

/** Listens for a moment where a login has been. */
async function assertPortIsFree(port: number): Promise<void> {
  for (const host of ["127.0.0.1", "::1"]) {
    await new Promise<void>((resolve, reject) => {
      const server = createServer().once("error", reject);
      server.listen(port, host, () => server.close(() => resolve()));
    });
  }
}

/** A `fetch` that waits until the test lets it go on. */
function gatedFetch(): { fetch: typeof fetch; called: Promise<void>; open: () => void } {
  const called = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  return {
    called: called.promise,
    open: gate.resolve,
    async fetch(input, init) {
      called.resolve();
      await gate.promise;
      return await fetch(input, init);
    },
  };
}

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

Deno.test("login() by hand says where a client id that is missing is found, or how credentials are got", async () => {
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

Deno.test("login() is not ended by strays (scenario 80)", async () => {
  await using emulator = await startEmulator();
  const { opened, credentials, origin, port } = await begin(emulator);
  const address = await emulator.submitConsent(opened, "accept");
  const { search } = new URL(address);
  for (const path of ["/favicon.ico", "/done", "/callback", "//", `/callback${search}`]) {
    assertEquals([path, (await visit(origin + path)).status], [path, 404]);
  }
  for (const method of ["HEAD", "POST", "PUT", "OPTIONS"]) {
    const { status, headers } = await visit(address, { method });
    assertEquals([method, status, headers.get("allow")], [method, 405, "GET"]);
    assertEquals((await visit(`${origin}/`, { method })).status, 405);
  }
  assertEquals((await visit(`${origin}/?utm_source=x`)).status, 400);
  assertEquals((await visit(`${origin}/`)).location, opened);
  assertEquals(emulator.count("POST /oauth/token"), 0);

  await using preconnects = new AsyncDisposableStack();
  for (let i = 0; i < 10; i++) {
    const idle = await Deno.connect({ hostname: "127.0.0.1", port });
    preconnects.defer(() => idle.close());
  }
  const slow = await Deno.connect({ hostname: "127.0.0.1", port });
  await slow.write(new TextEncoder().encode("GET /?code=half"));
  preconnects.defer(() => slow.close());
  await reset(port, `GET ${address.slice(origin.length)} HTTP/1.1\r\nHost: loc`);
  assertEquals((await arrive(address)).status, 200);
  await credentials;
  await assertPortIsFree(port);
});

/** Breaks a connection in the middle of a request, the hard way. */
function reset(port: number, text: string): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("close", () => resolve());
    socket.write(text, () => socket.resetAndDestroy());
  });
}

Deno.test("login() goes on waiting after a wrong or missing state (scenario 81)", async () => {
  await using emulator = await startEmulator();
  const { opened, credentials } = await begin(emulator);
  const address = await emulator.submitConsent(opened, "accept");
  const state = `${parametersOf(address).get("state")}`;
  for (const wrong of [undefined, "", "x", state.slice(1), `${state}x`, state.toLowerCase()]) {
    const { status, title, text } = await visit(changed(address, { state: wrong }));
    assertEquals([status, title], [400, "Not the response to this login"]);
    assertFalse(text.includes(state));
  }
  for (const twice of [`${address}&state=${state}`, `${address}&code=other`, `${address}&code`]) {
    assertEquals((await visit(twice)).status, 400);
  }
  assertEquals((await visit(changed(address, { code: "" }))).status, 400);
  assertEquals((await visit(changed(address, { error: "access_denied" }))).status, 400);
  assertEquals((await arrive(address)).status, 200);
  await credentials;
  assertEquals(emulator.count("POST /oauth/token"), 1);
});

Deno.test("login() ends with the broker's no (scenario 82)", async () => {
  await using emulator = await startEmulator();
  const { opened, credentials, port } = await begin(emulator);
  const refused = assertRejects(() => credentials, LoginError);
  const { title, text } = await arrive(await emulator.submitConsent(opened, "decline"));
  const { code, message } = await refused;
  assertEquals(title, "Not signed in to TradeStation");
  assertStringIncludes(text, "User did not authorize the request");
  assertEquals(
    [code, message],
    [
      "access_denied",
      "Cannot log in to TradeStation: access_denied: User did not authorize the request. " +
      "Log in again and accept what the page asks for",
    ],
  );
  await assertPortIsFree(port);
  assertEquals(emulator.count("POST /oauth/token"), 0);
});

Deno.test("login() ignores a no with a wrong state (scenario 82)", async () => {
  await using emulator = await startEmulator();
  const { opened, credentials, origin } = await begin(emulator);
  assertEquals((await visit(`${origin}/?error=access_denied&state=x`)).status, 400);
  assertEquals((await arrive(await emulator.submitConsent(opened, "accept"))).status, 200);
  await credentials;
});

Deno.test("login() lets the user confirm a no without a state where the broker loses it, and nowhere else", async () => {
  await using emulator = await startEmulator();
  emulator.tradestation.isStateKeptOnDecline = false;
  const { opened, credentials, origin } = await begin(emulator);
  const refused = assertRejects(() => credentials, LoginError);
  const asked = await visit(await emulator.submitConsent(opened, "decline"));
  assertEquals([asked.status, asked.title], [400, "Did TradeStation refuse?"]);
  const token = /name="token" value="([^"]+)"/.exec(asked.text)?.[1] ?? "";
  const confirm = (body: string, from: string) =>
    visit(`${origin}/declined`, {
      method: "POST",
      body: new URLSearchParams(body),
      headers: { origin: from },
    });
  assertEquals((await visit(`${origin}/declined`)).status, 405);
  assertEquals((await confirm("token=guessed", origin)).status, 403);
  assertEquals((await confirm(`token=${token}`, "https://evil.example")).status, 403);
  const { location } = await confirm(`token=${token}`, origin);
  assertEquals((await visit(origin + location)).title, "Not signed in to TradeStation");
  assertEquals((await refused).code, "access_denied");

  const strict = await begin(emulator, { broker: altered({ mayLoseState: false }) });
  assertEquals((await visit(await emulator.submitConsent(strict.opened, "decline"))).status, 400);
  await arrive(await emulator.submitConsent(strict.opened, "accept"));
  await strict.credentials;
});

Deno.test("login() is not ended, nor are its words chosen, by a page that sends the browser here", async () => {
  await using emulator = await startEmulator();
  const { opened, credentials, origin } = await begin(emulator);
  const address = `${origin}/?error=access_denied&error_description=Call+555-0100+at+once`;
  const shown = await visit(address);
  assertEquals(shown.status, 400);
  assertFalse(shown.text.includes("555-0100"));
  assertEquals((await visit(`${origin}/?error=access_denied&code=x`)).status, 400);
  await arrive(await emulator.submitConsent(opened, "accept"));
  await credentials;
  assertEquals((await visit(address).catch(() => undefined))?.status, undefined); // it is gone
});

Deno.test("login() is not ended by an image on another page, where a no needs no state", async () => {
  await using emulator = await startEmulator();
  const { opened, credentials, port } = await begin(emulator);
  for (const destination of ["image", "iframe", "empty"]) {
    const lines = [
      "GET /?error=access_denied HTTP/1.1",
      `Host: localhost:${port}`,
      `Sec-Fetch-Dest: ${destination}`,
    ];
    const answer = await exchangeBytes(port, `${lines.join("\r\n")}\r\n\r\n`);
    assertMatch(answer, /^HTTP\/1.1 400 /);
  }
  await arrive(await emulator.submitConsent(opened, "accept"));
  await credentials;
});

Deno.test("login() shows the broker's words as words, and only their beginning (scenario 85)", async () => {
  await using emulator = await startEmulator();
  const { opened, credentials, origin } = await begin(emulator);
  const refused = assertRejects(() => credentials, LoginError);
  const state = `${parametersOf(opened).get("state")}`;
  const { clientSecret } = emulator.tradestation;
  const { text } = await arrive(
    `${origin}/?${new URLSearchParams({
      state,
      error: "<b>server_error</b>",
      error_description: `<script>alert(1)</script>\x1b[2J\n${state} ${clientSecret} ${
        "x".repeat(9e3)
      }`,
    })}`,
  );
  const { code, message } = await refused;
  assertEquals(code, "login_refused");
  assertStringIncludes(
    text,
    "&#60;script&#62;alert(1)&#60;/script&#62; [2J [redacted] [redacted] xxx",
  );
  assertFalse(/<script|<b>/.test(text));
  assertMatch(message, /^[\x20-\x7e…]{0,600}$/);
  assertFalse(printed(message).includes(state));
});

Deno.test("login() answers a second tab while the code is exchanged, and exchanges it once (scenario 83)", async () => {
  await using emulator = await startEmulator();
  const gate = gatedFetch();
  const { opened, credentials } = await begin(emulator, { fetch: gate.fetch });
  const address = await emulator.submitConsent(opened, "accept");
  const tabs = [arrive(address)];
  await gate.called;
  tabs.push(arrive(address), arrive(changed(address, { code: "another" })));
  assertEquals((await visit(new URL("/", address).href)).title, "Already done");
  gate.open();
  const [first, ...others] = await Promise.all(tabs);
  assertEquals(first?.title, "Signed in to TradeStation");
  for (const { title } of others) assertMatch(title, /^(Signed in to TradeStation|Already done)$/);
  await credentials;
  assertEquals(emulator.count("POST /oauth/token"), 1);
});

Deno.test("login() tells a reload that it is already done (scenario 83)", async () => {
  await using emulator = await startEmulator();
  for (const decision of ["accept", "decline"] as const) {
    emulator.forgetRequests();
    const { opened, credentials } = await begin(emulator);
    credentials.catch(() => {});
    const address = await emulator.submitConsent(opened, decision);
    const { location } = await visit(address);
    for (const again of [address, new URL("/", address).href]) {
      const { status, title } = await visit(again);
      assertEquals([status, title], [410, "Already done"]);
    }
    const last = new URL(location, address).href;
    assertEquals((await visit(last, { method: "POST" })).status, 405);
    assertEquals((await visit(last)).status, 200);
    await credentials.catch(() => {});
    assertEquals(emulator.count("POST /oauth/token"), decision === "accept" ? 1 : 0);
  }
});

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

Deno.test("login() twice at once does not mix the two (scenario 86)", async () => {
  await using emulator = await startEmulator();
  const one = await begin(emulator);
  const two = await begin(emulator);
  assertNotEquals(
    parametersOf(one.opened).get("state"),
    parametersOf(two.opened).get("state"),
  );
  const addressOfOne = await emulator.submitConsent(one.opened, "accept");
  const crossed = new URL(addressOfOne);
  crossed.port = String(two.port);
  assertEquals((await visit(crossed.href)).status, 400);
  await arrive(await emulator.submitConsent(two.opened, "accept"));
  await arrive(addressOfOne);
  const tokens = [(await one.credentials).refreshToken, (await two.credentials).refreshToken];
  assertNotEquals(tokens[0], tokens[1]);
});

Deno.test("login() names the other registered ports when one is taken", async () => {
  await using emulator = await startEmulator();
  for (const host of ["127.0.0.1", "::1"]) {
    const port = await closedPort();
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(port, host, resolve));
    const broker = altered({ ports: [port, 31022, 3000] });
    const error = await assertRejects(
      () => login({ ...emulator.tradestation, broker, openBrowser: false, timeoutMs: 5_000 }),
      LoginError,
    );
    assertEquals([error.code, error.port, error.ports], ["port_taken", port, [31022, 3000]]);
    assertEquals(
      error.message,
      `Cannot log in to TradeStation: cannot listen on port ${port}: another program listens there. ` +
        "Pass another registered port: 31022, 3000",
    );
    const only = altered({ ports: [port] });
    await assertRejects(
      () => login({ ...emulator.tradestation, broker: only, openBrowser: false, timeoutMs: 5_000 }),
      LoginError,
      "End that program, or register another callback address and pass its port",
    );
    await new Promise<void>((resolve) => server.close(() => resolve()));
    await assertPortIsFree(port);
  }
});

Deno.test({
  name: "login() opens the system's browser",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using emulator = await startEmulator();
    const port = await closedPort();
    emulator.tradestation.callbackUrls = [`http://localhost:${port}`];
    const folder = await Deno.makeTempDir();
    await Deno.writeTextFile(
      `${folder}/accept.ts`,
      `const body = new URLSearchParams({ decision: "accept" });
       await (await fetch(Deno.args[0] ?? "", { method: "POST", body })).text();`,
    );
    const accept = `exec "${Deno.execPath()}" run --allow-net --no-lock "${folder}/accept.ts" "$1"`;
    await Deno.writeTextFile(`${folder}/xdg-open`, `#!/bin/sh\n${accept}\n`, { mode: 0o700 });
    {
      using _environment = new Environment({ PATH: `${folder}:${Deno.env.get("PATH")}` });
      await login({ ...emulator.tradestation, broker: tradestation, port });
    }
    await Deno.remove(folder, { recursive: true });
  },
});

Deno.test({
  name: "login() says what to do when no browser can be opened",
  ignore: Deno.build.os !== "linux",
  async fn() {
    using _environment = new Environment({ PATH: "/nowhere" });
    await using emulator = await startEmulator();
    const port = await closedPort();
    const error = await assertRejects(
      () => login({ ...emulator.tradestation, broker: tradestation, port }),
      LoginError,
      "or pass pasteAddress if the browser is on another machine",
    );
    assertEquals(error.code, "no_browser");
    await assertPortIsFree(port);
  },
});

Deno.test("login() ends with what openBrowser throws", async () => {
  await using emulator = await startEmulator();
  const failure = new Error("no screen");
  const port = await closedPort();
  const openBrowser = () => {
    throw failure;
  };
  const attempt = login({ ...emulator.tradestation, broker: tradestation, port, openBrowser });
  assertStrictEquals(await attempt.catch((error) => error), failure);
  await assertPortIsFree(port);
});

Deno.test("login() does not mind what becomes of the browser once the answer is there", async () => {
  await using emulator = await startEmulator();
  const gate = gatedFetch();
  const closing = Promise.withResolvers<void>();
  const opening = Promise.withResolvers<string>();
  const port = await closedPort();
  emulator.tradestation.callbackUrls = [`http://localhost:${port}`];
  const credentials = login({
    ...emulator.tradestation,
    broker: tradestation,
    port,
    fetch: gate.fetch,
    openBrowser(url) {
      opening.resolve(url);
      return closing.promise;
    },
  });
  const callback = arrive(await emulator.submitConsent(await opening.promise, "accept"));
  await gate.called;
  closing.reject(new Error("the browser was closed"));
  await closing.promise.catch(() => {});
  gate.open();
  await callback;
  await credentials;
});

Deno.test("login() with openBrowser: false leaves it to the user to visit the local page", async () => {
  await using emulator = await startEmulator();
  const port = await closedPort();
  emulator.tradestation.callbackUrls = [`http://localhost:${port}`];
  const credentials = login({
    ...emulator.tradestation,
    broker: tradestation,
    port,
    openBrowser: false,
  });
  let start = await visit(`http://localhost:${port}/`).catch(() => undefined);
  while (start === undefined) {
    start = await visit(`http://localhost:${port}/`).catch(() => undefined);
  }
  await arrive(await emulator.submitConsent(start.location, "accept"));
  await credentials;
});

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

Deno.test("login() says of a spent code that it is spent", async () => {
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

Deno.test("login() by hand asks again, and says what was wrong", async () => {
  await using emulator = await startEmulator();
  const pastes = ["", "garbage", "https://example.com/?code=x", "a-code-of-old"];
  const problems: string[] = [];
  const credentials = await login({
    ...emulator.tradestation,
    broker: tradestation,
    pasteAddress: async (url, problem) => {
      if (problem !== undefined) problems.push(problem.message);
      return pastes.shift() ?? `"${await emulator.submitConsent(url, "accept")}"`;
    },
  });
  assertEquals(credentials.broker, tradestation);
  const reasons = [
    "nothing was pasted",
    "it is neither an address nor a code",
    "it is not the callback address",
    "TradeStation does not know it, or it was used before",
  ];
  assertEquals(problems.map((problem) => /pasted: (.*?)\. Log in/.exec(problem)?.[1]), reasons);
});

Deno.test("login() by hand asks five times at the most, each time for as long as the first", async () => {
  await using emulator = await startEmulator();
  const options = { ...emulator.tradestation, broker: tradestation };
  let asked = 0;
  const pasteAddress = () => {
    asked += 1;
    return "garbage";
  };
  await assertRejects(() => login({ ...options, pasteAddress }), LoginError, "neither an address");
  assertEquals(asked, 5);
  const late = login({
    ...options,
    timeoutMs: 200,
    pasteAddress: (_, problem) => problem ? new Promise(() => {}) : "a-code-of-old",
  });
  assertEquals((await assertRejects(() => late, LoginError)).code, "login_timeout");
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

Deno.test("login() compares the issuer, if the broker has one and the answer names one (RFC 9207)", async () => {
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

Deno.test("login() asks on a page of its own for what is nowhere", async () => {
  using _environment = new Environment(NO_CLIENT);
  await using emulator = await startEmulator();
  const { clientId, clientSecret } = emulator.tradestation;
  const { opened, credentials, origin } = await begin(emulator, {
    clientId: undefined,
    clientSecret: undefined,
  });
  assertEquals(opened, `${origin}/`);
  assertEquals((await visit(`${origin}/?code=x&state=y`)).status, 400); // nothing was asked yet

  const asked = await visit(opened);
  assertEquals([asked.status, asked.title], [200, "Log in to TradeStation"]);
  assertEquals(asked.headers.get("referrer-policy"), "same-origin");
  assertMatch(asked.text, /<input name="clientSecret" type="password"/);
  const token = `${/name="token" value="([\w-]{43})"/.exec(asked.text)?.[1]}`;
  const send = (fields: Record<string, string>, from = origin) =>
    visit(opened, {
      method: "POST",
      headers: { origin: from },
      body: new URLSearchParams({ token, clientId, clientSecret, ...fields }),
    });

  assertEquals((await send({ token: "x" })).status, 403);
  assertEquals((await send({}, "http://evil.example")).status, 403);
  assertEquals((await send({}, "null")).status, 403);
  assertEquals((await send({ clientSecret: "x".repeat(20_000) })).status, 403);
  assertEquals((await visit(opened, { method: "PUT" })).headers.get("allow"), "GET, POST");
  const flawed = await send({ clientId: "<b>", clientSecret: "two words" });
  assertEquals(flawed.status, 400);
  assertStringIncludes(flawed.text, "The client secret has white space in it. Copy it again");
  assertStringIncludes((await send({ clientId: " " })).text, "The client id has nothing in it");

  const wrong = await send({ clientId: "mistyped" });
  await assertRejects(
    () => emulator.submitConsent(wrong.location, "accept"),
    Error,
    "Unknown client",
  );
  const again = await visit(opened);
  assertStringIncludes(again.text, 'value="mistyped"');
  assertFalse(again.text.includes(clientSecret));

  const sent = await send({ clientSecret: ` ${clientSecret}\n` });
  assertEquals([sent.status, parametersOf(sent.location).get("client_id")], [303, clientId]);
  await arrive(await emulator.submitConsent(sent.location, "accept"));
  assertEquals((await credentials).clientSecret, clientSecret);
  assertEquals((await credentials).clientId, clientId);
});

Deno.test("login() asks for nothing that the environment has", async () => {
  await using emulator = await startEmulator();
  const { clientId, clientSecret } = emulator.tradestation;
  const nothing = { clientId: undefined, clientSecret: undefined };
  {
    using _environment = new Environment({
      TRADESTATION_CLIENT_ID: clientId,
      TRADESTATION_CLIENT_SECRET: clientSecret,
    });
    const { opened, credentials } = await begin(emulator, nothing);
    await arrive(await emulator.submitConsent(opened, "accept"));
    assertEquals((await credentials).clientSecret, clientSecret);
  }
  using _environment = new Environment({ ...NO_CLIENT, TRADESTATION_CLIENT_SECRET: clientSecret });
  const stop = new AbortController();
  const { opened, credentials } = await begin(emulator, { ...nothing, signal: stop.signal });
  const { text } = await visit(opened);
  assert(text.includes('name="clientId"') && !text.includes('name="clientSecret"'));
  stop.abort("enough");
  await credentials.catch(() => {});
});

Deno.test("login() takes a callback address with a path, and that path only", async () => {
  await using emulator = await startEmulator();
  for (const path of ["/oauth/callback", "/done"]) {
    const port = await closedPort();
    const redirectUri = `http://localhost:${port}${path}`;
    emulator.tradestation.callbackUrls = [redirectUri];
    const { opened, credentials, origin } = await begin(emulator, {
      port,
      broker: altered({ redirectUri: () => redirectUri }),
    });
    emulator.tradestation.callbackUrls = [redirectUri];
    const address = await emulator.submitConsent(opened, "accept");
    assertEquals((await visit(`${origin}/${new URL(address).search}`)).location, opened);
    assertEquals((await visit(redirectUri)).status, path === "/done" ? 404 : 400);
    assertEquals((await visit(`${redirectUri}/${new URL(address).search}`)).status, 404);
    assertEquals((await arrive(address)).status, 200);
    await credentials;
  }
});

Deno.test("login() by hand takes the pasted address, or a bare code (scenario 87)", async () => {
  await using emulator = await startEmulator();
  const options = { ...emulator.tradestation, broker: tradestation };
  const paths: ((address: string) => string)[] = [
    (address) => address,
    (address) => ` ${address}\n`,
    (address) => address.replace("?", "/?"),
    (address) => `${parametersOf(address).get("code")}`,
    (address) => new URL(address).search,
    (address) => new URL(address).search.slice(1),
  ];
  for (const take of paths) {
    const shown: string[] = [];
    const credentials = await login({
      ...options,
      async pasteAddress(url) {
        shown.push(url);
        return take(await emulator.submitConsent(url, "accept"));
      },
    });
    assertEquals(shown.length, 1);
    assertEquals(parametersOf(`${shown[0]}`).get("redirect_uri"), "http://localhost:3001");
    await using session = new Session(credentials);
    assert(await session.validate());
  }
});

Deno.test("login() by hand checks what was pasted as it checks a callback (scenario 87)", async () => {
  await using emulator = await startEmulator();
  const refusal = async (change: (address: string) => string) => {
    const { code, message } = await assertRejects(() =>
      login({
        ...emulator.tradestation,
        broker: tradestation,
        pasteAddress: async (url) => change(await emulator.submitConsent(url, "accept")),
      }), LoginError);
    assertStringIncludes(message, "Cannot log in to TradeStation with what was pasted: ");
    assertStringIncludes(message, "whole address at which the browser ends");
    return code;
  };
  assertEquals(await refusal((address) => changed(address, { state: "x" })), "state_mismatch");
  assertEquals(
    await refusal((address) => changed(address, { state: undefined })),
    "state_mismatch",
  );
  assertEquals(await refusal((address) => `${address}&code=x`), "invalid_address");
  assertEquals(
    await refusal((address) => changed(address, { code: undefined })),
    "invalid_address",
  );
  assertEquals(await refusal((address) => address.replace("3001", "3000")), "invalid_address");
  assertEquals(await refusal((address) => address.replace("?", "/x?")), "invalid_address");
  assertEquals(await refusal(() => "https://"), "invalid_address");
  assertEquals(await refusal(() => ""), "invalid_address");
  assertEquals(await refusal(() => "garbage"), "invalid_address");
  assertEquals(emulator.count("POST /oauth/token"), 0);
});

Deno.test("login() by hand ends with the broker's no, a timeout, an abort, or what was thrown", async () => {
  await using emulator = await startEmulator();
  const options = { ...emulator.tradestation, broker: tradestation };
  const declined = login({
    ...options,
    pasteAddress: (url) => emulator.submitConsent(url, "decline"),
  });
  assertEquals((await assertRejects(() => declined, LoginError)).code, "access_denied");

  const never = new Promise<string>(() => {});
  const late = login({ ...options, pasteAddress: () => never, timeoutMs: 20 });
  assertEquals((await assertRejects(() => late, LoginError)).code, "login_timeout");

  const stop = new AbortController();
  const aborted = login({ ...options, pasteAddress: () => never, signal: stop.signal });
  stop.abort("enough");
  assertEquals(await aborted.catch((reason) => reason), "enough");

  const thrown = new Error("the terminal is gone");
  const failed = login({
    ...options,
    pasteAddress() {
      throw thrown;
    },
  });
  assertStrictEquals(await failed.catch((error) => error), thrown);
});

Deno.test("login() by hand needs client id and secret, and says where they come from", async () => {
  using _environment = new Environment(NO_CLIENT);
  const ask = { broker: tradestation, pasteAddress: () => "" };
  const { code, message } = await assertRejects(() => login(ask), CredentialsError);
  assertEquals(code, "missing_client_id");
  assertStringIncludes(
    message,
    "Cannot log in to TradeStation: no client id and no client secret. Pass clientId and clientSecret",
  );
  const half = await assertRejects(() => login({ ...ask, clientId: "id" }), CredentialsError);
  assertEquals(half.code, "missing_client_secret");
});

Deno.test("login() refuses what cannot be right before it opens anything", async () => {
  const ask = { broker: tradestation, clientId: "id", clientSecret: "secret", openBrowser: false };
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
  for (const trouble of ["none", "refused", "reset"] as const) {
    emulator.forgetRequests();
    if (trouble === "reset") emulator.injectFault("POST /oauth/token", "reset");
    const clientSecret = trouble === "refused"
      ? "wrong-secret"
      : emulator.tradestation.clientSecret;
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
