import { assert, assertEquals, assertFalse, assertMatch, assertStringIncludes } from "@std/assert";
import { Session, tradestation } from "../../mod.ts";
import { runCommand } from "../../src/emulator/command.ts";
import { startEmulator } from "../../src/emulator/emulator.ts";
import { askForToken, at, breakOff, call, sending } from "../support/emulator_wire.ts";
import { until } from "../support/idle.ts";

/** A terminal that keeps what is written, and a way to end the command. */
function openTerminal() {
  const { promise: interrupted, resolve: interrupt } = Promise.withResolvers<void>();
  const lines: string[] = [];
  const errors: string[] = [];
  return {
    lines,
    errors,
    interrupt,
    terminal: {
      print: (line: string) => void lines.push(line),
      printError: (line: string) => void errors.push(line),
      interrupted,
      advanceClock: () => {},
    },
  };
}

Deno.test("emulator command prints what opens a session, and a line without secrets for each request", async () => {
  const { terminal, lines, errors, interrupt } = openTerminal();
  const running = runCommand(["--port=0"], terminal);
  await until(() => lines.length === 20);
  const text = lines.join("\n");
  const baseUrl = /--base-url=(\S+)/.exec(text)?.[1] ?? "";
  const clientSecret = /export TASTY_CLIENT_SECRET=(\S+)/.exec(text)?.[1] ?? "";
  const refreshToken = /export TASTY_REFRESH_TOKEN=(\S+)/.exec(text)?.[1] ?? "";
  assertMatch(baseUrl, /^http:\/\/127\.0\.0\.1:\d+\/tastytrade$/);
  assertStringIncludes(text, `new Session({ baseUrl: "${baseUrl}" })`);
  for (const name of ["CLIENT_ID", "CLIENT_SECRET", "REFRESH_TOKEN"]) {
    assertMatch(text, new RegExp(`^export TRADESTATION_${name}=[\\w-]{32,}$`, "m"));
  }
  assertMatch(text, /^ {2}baseUrl: "http:\/\/127\.0\.0\.1:\d+\/tradestation",$/m);
  assertMatch(text, /^ {2}signInUrl: "http:\/\/127\.0\.0\.1:\d+\/tradestation-signin",$/m);

  const printed = lines.length;
  const { status } = await askForToken({ baseUrl, clientSecret, refreshToken });
  assertEquals(status, 200);
  await call(`${baseUrl}/customers/me?access_token=${clientSecret}`);
  await call(new URL("/elsewhere", baseUrl).href);
  await breakOff(baseUrl);
  await until(() => lines.length === printed + 4);
  const logged = lines.slice(printed);
  assertEquals(logged, [
    "tastytrade production POST /oauth/token 200",
    "tastytrade production GET /customers/me 401",
    "nowhere GET /elsewhere 404",
    "tastytrade production POST /oauth/token no response",
  ]);
  interrupt();
  assertEquals(await running, 0);
  assertEquals(errors, []);
});

Deno.test("emulator command takes the credentials, for both brokers and their test systems", async () => {
  const { terminal, lines, interrupt } = openTerminal();
  const credentials = {
    clientId: "id",
    clientSecret: "chosen-secret",
    refreshToken: "chosen-token",
  };
  const args = ["--client-id=id", "--client-secret=chosen-secret", "--refresh-token=chosen-token"];
  const running = runCommand(["--port=0", ...args], terminal);
  await until(() => lines.length === 20);
  const [, url] = /on (http:\S+);/.exec(`${lines[0]}`) ?? [];
  for (const environment of ["tastytrade", "tastytrade-sandbox"]) {
    const { status } = await askForToken({ baseUrl: `${url}/${environment}`, ...credentials });
    assertEquals(status, 200);
  }
  const session = new Session({
    broker: tradestation,
    baseUrl: `${url}/tradestation`,
    signInUrl: `${url}/tradestation-signin`,
    ...credentials,
  });
  assert(await session.validate());
  await session.close();
  interrupt();
  assertEquals(await running, 0);
});

Deno.test("emulator command takes the lifetime of tokens, rotation and callback addresses", async () => {
  const { terminal, lines, interrupt } = openTerminal();
  const callbacks = ["http://localhost:9999/cb", "http://127.0.0.1:7777"];
  const args = callbacks.map((url) => `--callback-url=${url}`);
  const running = runCommand(
    ["--port=0", "--token-lifetime=7", "--rotation", ...args],
    terminal,
  );
  await until(() => lines.length === 20);
  const [, url] = /on (http:\S+);/.exec(`${lines[0]}`) ?? [];
  const { json } = await call(`${url}/control`);
  assertEquals(at(json, "settings", "tokenLifetimeS"), 7);
  assert(at(json, "settings", "rotation"));
  assertEquals(at(json, "settings", "callbackUrls"), callbacks);
  interrupt();
  assertEquals(await running, 0);
});

Deno.test("emulator command refuses credentials that no program could send", async () => {
  const { terminal, lines, errors } = openTerminal();
  assertEquals(await runCommand(["--port=0", "--client-secret=two words"], terminal), 1);
  assertEquals([lines, errors], [[], [
    "Cannot start the emulator: clientSecret must be ASCII characters without white space",
  ]]);
});

Deno.test("emulator command lists its options", async () => {
  const { terminal, lines, errors } = openTerminal();
  assertEquals(await runCommand(["--help"], terminal), 0);
  assertStringIncludes(`${lines[0]}`, "--client-secret=SECRET");
  assertEquals(errors, []);
});

Deno.test("emulator command says in one line that the port is taken", async () => {
  await using emulator = await startEmulator();
  const { terminal, lines, errors } = openTerminal();
  const { port } = new URL(emulator.url);
  assertEquals(await runCommand([`--port=${port}`], terminal), 1);
  assertEquals(lines, []);
  assertEquals(errors.length, 1);
  assertStringIncludes(`${errors[0]}`, `Cannot start the emulator on port ${port}: `);
  assertFalse(errors[0]?.includes("\n"));
});

Deno.test("emulator command explains itself when it does not understand", async () => {
  for (
    const args of [
      ["--port=many"],
      ["--port=70000"],
      ["--colour"],
      ["now"],
      ["--token-lifetime=0"],
      ["--token-lifetime=soon"],
    ]
  ) {
    const { terminal, errors } = openTerminal();
    assertEquals(await runCommand(args, terminal), 2);
    assertStringIncludes(`${errors[0]}`, "--port=N");
  }
});

Deno.test("emulator command runs as a process until it is interrupted", async () => {
  const main = new URL("../../src/emulator/main.ts", import.meta.url);
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-net=127.0.0.1", "--no-lock", main.href, "--port=0"],
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const errors = new Response(child.stderr).text();
  let text = "";
  let moved: unknown;
  for await (const part of child.stdout.pipeThrough(new TextDecoderStream())) {
    const wasReady = text.includes("new Session");
    text += part;
    if (wasReady || !text.includes("new Session")) continue;
    const [, url] = /on (http:\S+);/.exec(text) ?? [];
    const clock = await call(`${url}/control/clock`, sending("POST", { advanceMs: 86_400_000 }));
    moved = Date.parse(`${at(clock.json, "now")}`) - Date.now();
    child.kill("SIGINT");
  }
  assert(Math.abs(Number(moved) - 86_400_000) < 60_000, `${moved} ms`);
  const { code } = await child.status;
  assertEquals([code, await errors], [0, ""]);
  assert(text.startsWith("The emulator listens on http://127.0.0.1:"));
});

Deno.test("emulator command fails as a process where it cannot start", async () => {
  const main = new URL("../../src/emulator/main.ts", import.meta.url);
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-lock", main.href, "--port=none"],
  }).output();
  assertEquals(code, 2);
  assertStringIncludes(new TextDecoder().decode(stderr), "--port=N");
});
