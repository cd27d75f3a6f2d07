/**
 * A program that Deno permits less than it needs: it is told what to permit, and it ends.
 *
 * @module
 */

import { assert, assertEquals, assertFalse, assertStringIncludes } from "@std/assert";
import { startEmulator } from "../../src/emulator/emulator.ts";
import { closedPort } from "../support/loopback.ts";

const ROOT = new URL("../../", import.meta.url);

/** Runs a program with these permissions, and tells what it printed, if it ended by itself. */
async function program(source: string, ...permissions: string[]): Promise<string> {
  const code = `
    import { AutoRefreshSession, login, Session, tradestation } from "${ROOT.href}mod.ts";
    try { ${source}; console.log("done"); }
    catch (error) { console.log(error.name, error.code, "-", error.message); }`;
  const url = `data:application/typescript,${encodeURIComponent(code)}`;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "--no-prompt", ...permissions, url],
    stdin: "null",
    env: { NO_COLOR: "1" },
    signal: AbortSignal.timeout(20_000),
  });
  const { stdout, stderr, signal } = await child.output();
  assertEquals(signal, null, "it never ended");
  const decoder = new TextDecoder();
  return decoder.decode(stdout).trim() || decoder.decode(stderr).trim();
}

const OPTIONS = '{ clientSecret: "secret", refreshToken: "refresh" }';

Deno.test("Without --allow-net, every call names the hosts to allow, and the program ends", async () => {
  const told =
    "SessionError network_denied - Cannot reach api.tastyworks.com: Deno does not permit it. " +
    "Run with --allow-net=api.tastyworks.com";
  assertEquals(
    await program(`globalThis.fetch = () => Promise.resolve(new Response("", { status: 503 }));
      await new Session({ ...${OPTIONS}, retry: false }).get("/a").catch(({ code }) => {
        if (code !== "http_503") throw code; })`),
    "done", // a test that has put something else in the place of the platform's own
  );
  for (
    const call of [
      'get("/customers/me")',
      'post("/accounts/5WT00000/orders", {})',
      'fetch("/customers/me")',
      "accessToken()",
      "refresh({ force: true })",
      "validate()",
      'items("/a").next()',
    ]
  ) {
    assertEquals(await program(`await new Session(${OPTIONS}).${call}`), told, call);
  }
  assertEquals(await program(`await AutoRefreshSession.start(${OPTIONS})`), told);
  assertEquals(await program(`new AutoRefreshSession(${OPTIONS})`), "done");
  // The background asks now and then, and not without end.
  const counted = `let count = 0; const { requestSync } = Deno.permissions;
    Deno.permissions.requestSync = (what) => { count += 1; return requestSync.call(Deno.permissions, what) };
    const session = new AutoRefreshSession(${OPTIONS});
    await new Promise((resolve) => setTimeout(resolve, 500)); await session.close();
    if (count < 1 || count > 3) throw new Error(String(count))`;
  assertEquals(await program(counted), "done");
});

Deno.test("Both of TradeStation's hosts are named, and only the one that is not permitted", async () => {
  const source =
    `await new Session({ broker: tradestation, clientId: "id", ...${OPTIONS} }).get("/brokerage/accounts")`;
  assertStringIncludes(
    await program(source),
    "Cannot reach signin.tradestation.com and api.tradestation.com: Deno does not permit it. Run with " +
      "--allow-net=signin.tradestation.com,api.tradestation.com",
  );
  assertStringIncludes(
    await program(source, "--allow-net=signin.tradestation.com"),
    "Run with --allow-net=api.tradestation.com",
  );
  const token = source.replace(/get\(.*\)/, "accessToken()");
  assertStringIncludes(await program(token), "Cannot reach signin.tradestation.com: Deno does not");
});

Deno.test("What is permitted by name, with and without the port, is enough", async () => {
  await using emulator = await startEmulator();
  const { host } = new URL(emulator.url);
  const options = JSON.stringify(emulator.tastytrade);
  for (const permission of [`--allow-net=${host}`, "--allow-net=127.0.0.1", "--allow-net"]) {
    const source =
      `await using session = new Session(${options}); await session.get("/customers/me")`;
    assertEquals(await program(source, permission), "done");
  }
});

Deno.test("A fetch of the program's own is asked, whatever is permitted, and what it lacks is told", async () => {
  const answer =
    '() => Promise.resolve(Response.json({ access_token: "a", token_type: "Bearer", data: {} }))';
  const source = (fetch: string) =>
    `await using session = new Session({ ...${OPTIONS}, fetch: ${fetch} }); await session.get("/a")`;
  assertEquals(await program(source(answer)), "done");
  const wrapped = "async (url) => { await fetch(url); return new Response() }";
  assertStringIncludes(
    await program(source(wrapped)),
    "SessionError network_denied - Cannot reach api",
  );
});

Deno.test("login() without the network, or without the callback address, says so and ends", async () => {
  const port = await closedPort();
  const source = `await login({ broker: tradestation, clientId: "id", clientSecret: "secret",
    openBrowser: false, timeoutMs: 300, port: ${port} })`;
  assertStringIncludes(
    await program(source),
    "SessionError network_denied - Cannot reach signin.tradestation.com",
  );
  assertStringIncludes(
    await program(source, "--allow-net=signin.tradestation.com"),
    `SessionError network_denied - Cannot reach 127.0.0.1:${port}`,
  );
  const permission = `--allow-net=signin.tradestation.com,127.0.0.1:${port}`;
  assertStringIncludes(await program(source, permission), "LoginError login_timeout"); // no IPv6 then
  const paste = source.replace("openBrowser: false", 'pasteAddress: () => ""');
  assertStringIncludes(
    await program(paste, "--allow-net=signin.tradestation.com"),
    "LoginError invalid_address",
  );
});

Deno.test("Without --allow-env, all variables are named, and nothing that is optional is asked for", async () => {
  const denied = await program("new Session()");
  assertStringIncludes(
    denied,
    "CredentialsError environment_denied - Cannot read TASTY_CLIENT_SECRET and TASTY_REFRESH_TOKEN from " +
      "the environment. Run with --allow-env=TASTY_CLIENT_SECRET,TASTY_REFRESH_TOKEN, or pass " +
      "clientSecret and refreshToken",
  );
  const permission = "--allow-env=TASTY_CLIENT_SECRET,TASTY_REFRESH_TOKEN";
  const missing = await program("new Session()", permission);
  assertStringIncludes(
    missing,
    "missing_client_secret - Cannot create a session: no client secret and no",
  );
  assertFalse(missing.includes("does not read"));
  assertEquals(await program(`new Session(${OPTIONS})`), "done");
});

Deno.test({
  name: "In a terminal, Deno asks for nothing that a session can do without",
  // `script` gives the program a terminal; what Deno asks there waits for a response.
  ignore: !(await new Deno.Command("sh", { args: ["-c", "command -v script"] }).output()).success,
  async fn() {
    const module = `${ROOT.href}mod.ts`;
    const code = `import { Session } from "${module}"; new Session(); console.log("done")`;
    const url = `data:application/typescript,${encodeURIComponent(code).replaceAll("'", "%27")}`;
    const permission = "--allow-env=TASTY_CLIENT_SECRET,TASTY_REFRESH_TOKEN";
    const command = `"${Deno.execPath()}" run --no-check ${permission} '${url}'`;
    const { stdout } = await new Deno.Command("script", {
      args: ["-qec", command, "/dev/null"],
      stdin: "null",
      env: { NO_COLOR: "1", TASTY_CLIENT_SECRET: "secret", TASTY_REFRESH_TOKEN: "refresh" },
      signal: AbortSignal.timeout(20_000),
    }).output();
    const text = new TextDecoder().decode(stdout);
    assert(text.includes("done"), text);
    assertFalse(text.includes("requests"), text);
  },
});
