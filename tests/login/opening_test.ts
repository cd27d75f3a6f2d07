import { assertEquals, assertNotEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { createServer } from "node:net";
import { login, LoginError, tradestation } from "../../mod.ts";
import { type Emulator, startEmulator } from "../../src/emulator/emulator.ts";
import { Environment } from "../support/environment.ts";
import { arrive, begin, visit } from "../support/login.ts";
import { closedPort } from "../support/loopback.ts";
import { altered, assertPortIsFree, gatedFetch, parametersOf } from "./login_fixtures.ts";

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

/** A free port whose callback address the emulator knows. */
async function registeredPort(emulator: Emulator): Promise<number> {
  const port = await closedPort();
  emulator.tradestation.callbackUrls = [`http://localhost:${port}`];
  return port;
}

Deno.test("login() does not mind what becomes of the browser once the response is there", async () => {
  await using emulator = await startEmulator();
  const gate = gatedFetch();
  const closing = Promise.withResolvers<void>();
  const opening = Promise.withResolvers<string>();
  const port = await registeredPort(emulator);
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
  const port = await registeredPort(emulator);
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
