import {
  assert,
  assertEquals,
  assertFalse,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { startEmulator } from "../../src/emulator/emulator.ts";
import { Environment } from "../support/environment.ts";
import { arrive, begin, visit } from "../support/login.ts";
import { closedPort } from "../support/loopback.ts";
import { altered, NO_CLIENT, parametersOf } from "./login_fixtures.ts";

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
