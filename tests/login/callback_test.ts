import {
  assertEquals,
  assertFalse,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { LoginError } from "../../mod.ts";
import { startEmulator } from "../../src/emulator/emulator.ts";
import { arrive, begin, exchangeBytes, visit } from "../support/login.ts";
import { printed } from "../support/printed_secrets.ts";
import {
  altered,
  assertPortIsFree,
  changed,
  gatedFetch,
  parametersOf,
  reset,
} from "./login_fixtures.ts";

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
  const declined = await visit(await emulator.submitConsent(strict.opened, "decline"));
  assertEquals([declined.status, declined.title], [400, "Not the response to this login"]);
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

Deno.test("login() repeats no words of a page that sent the browser here, even if the user confirms", async () => {
  await using emulator = await startEmulator();
  const { credentials, origin } = await begin(emulator);
  const refused = assertRejects(() => credentials, LoginError);
  const { text } = await visit(`${origin}/?error=Call_555&error_description=Call+555-0100+at+once`);
  const token = /name="token" value="([^"]+)"/.exec(text)?.[1] ?? "";
  const { location } = await visit(`${origin}/declined`, {
    method: "POST",
    body: new URLSearchParams({ token }),
    headers: { origin },
  });
  const shown = await visit(origin + location);
  assertFalse(shown.text.includes("555"), shown.text);
  assertFalse((await refused).message.includes("555"), (await refused).message);
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
    assertFalse(answer.includes("<form"), answer); // an image cannot confirm anything
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
