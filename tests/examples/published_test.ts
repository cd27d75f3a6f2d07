import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { type Emulator, startEmulator } from "../../src/emulator/emulator.ts";
import { serve } from "../support/loopback.ts";
import { RunningProgram } from "../support/running_program.ts";
import { isAvailable, run, type Runtime, RUNTIMES } from "../support/runtimes.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";
import { denoWith, placeAt } from "./examples_fixtures.ts";

const available = new Map<Runtime, boolean>();

for (const runtime of RUNTIMES) available.set(runtime, await isAvailable(runtime));

/** A test of an example on each runtime that it is for. */
function exampleTest(name: string, test: (runtime: Runtime) => Promise<void>): void {
  for (const runtime of RUNTIMES) {
    Deno.test({
      name: `examples/${name}, on ${runtime.name}`,
      ignore: !available.get(runtime),
      fn: () => test(runtime),
    });
  }
}

/** The lines of a file `.env` for an emulator. */
function envFile({ tastytrade: { clientSecret, refreshToken } }: Emulator): string {
  return `TASTY_CLIENT_SECRET=${clientSecret}\nTASTY_REFRESH_TOKEN='${refreshToken}'\n`;
}

const PRINTED = /^\d{4}-\d\d-\d\dT[\d:.]+Z 5WT00000 4544\.727 USD$/;

/** One readable line, and nothing else but what npm says. */
function assertComplaint(stderr: string, words: string): void {
  const lines = stderr.trim().split("\n").filter((line) => !line.startsWith("npm warn"));
  assertEquals(lines.length, 1, stderr);
  assertStringIncludes(lines[0] ?? "", words);
}

exampleTest("stay_signed_in.ts prints N times what the account is worth", async (runtime) => {
  const args = ["examples/stay_signed_in.ts", "--times=3", "--every=0.01"];
  const { code, stdout } = await run(runtime, args);
  const lines = stdout.trim().split("\n");
  assertEquals([code, lines.length], [0, 3]);
  for (const line of lines) assertMatch(line, PRINTED);
});

exampleTest("stay_signed_in.ts outlives an outage, and ends with Ctrl+C", async (runtime) => {
  if (Deno.build.os === "windows") return; // which has no SIGINT to send
  await using emulator = await startEmulator();
  const { args, env } = placeAt(emulator);
  const command = ["examples/stay_signed_in.ts", "--every=0.01", ...args];
  await using program = new RunningProgram(runtime, command, env);
  assertMatch(await program.nextLine() ?? "", PRINTED);

  emulator.injectFault("GET /accounts/*/balances", "reset", Infinity);
  const complaint = await program.skip(PRINTED);
  assertMatch(complaint, /^\S+Z Cannot GET .*balances/);
  emulator.clearFaults();
  assertMatch(await program.skip(/Cannot GET/), PRINTED);

  const { code, lines } = await program.interrupt();
  assertEquals([code, lines.at(-1)], [0, "Signed out"]);
});

exampleTest("stay_signed_in.ts ends in one line where it is refused", async (runtime) => {
  const { code, stdout, stderr } = await run(runtime, ["examples/stay_signed_in.ts"], {
    TASTY_CLIENT_SECRET: "only-half",
  });
  assertEquals([code, stdout], [1, ""]);
  assertComplaint(stderr, "no refresh token. Pass refreshToken or set");
});

exampleTest("handle_errors.ts tells one error from another", async (runtime) => {
  const { code, stdout } = await run(runtime, ["examples/handle_errors.ts"]);
  assertEquals(code, 0);
  assertEquals(stdout.trim().split("\n"), [
    "CredentialsError: correct the settings, malformed_credential",
    "TokenError: log in again",
    "ApiError: GTC/GTD Market orders are not supported.",
    "RateLimitError: wait 60000 ms",
    "ApiError: look for the order: it may be working",
    "NetworkError: look for the order: it may be working",
    "Error: stop: the reason is your own",
    "SessionClosedError: open another session",
    "NetworkError: send it again",
  ]);
});

exampleTest("custom_broker.ts lists the accounts of an invented broker", async (runtime) => {
  const { code, stdout } = await run(runtime, ["examples/custom_broker.ts"]);
  assertEquals([code, stdout.trim().split("\n")], [0, [
    "1 Oak holds 12.50 in cash",
    "Short 3 NUT",
  ]]);
});

exampleTest("custom_broker.ts signs in at an address that it is given", async (runtime) => {
  await using server = await serve((response, { url }) => {
    const answers: Record<string, unknown> = {
      "/token": { "access_token": "leaf" },
      "/accounts": [{ id: "A7", name: "Elm" }],
      "/accounts/A7/balances": { cash: "0.10" },
      "/accounts/A7/positions": [],
    };
    response.writeHead(200, { "content-type": "application/json" })
      .end(JSON.stringify(answers[url]));
  });
  const { code, stdout } = await run(runtime, ["examples/custom_broker.ts", server.url], {
    ACORN_SECRET: "squirrel",
    ACORN_REFRESH_TOKEN: "winter",
  });
  assertEquals([code, stdout.trim()], [0, "A7 Elm holds 0.10 in cash"]);
  const [signIn, list, ...others] = server.arrivals;
  assertEquals(others.map(({ url }) => url), ["/accounts/A7/balances", "/accounts/A7/positions"]);
  assertEquals(Object.fromEntries(new URLSearchParams(signIn?.body)), {
    "grant_type": "refresh_token",
    "client_secret": "squirrel",
    "refresh_token": "winter",
  });
  assertEquals([list?.url, list?.headers.authorization], ["/accounts", "Bearer leaf"]);
});

exampleTest("custom_broker.ts ends in one line without credentials", async (runtime) => {
  const args = ["examples/custom_broker.ts", "http://127.0.0.1:9"];
  const { code, stdout, stderr } = await run(runtime, args);
  assertEquals([code, stdout], [1, ""]);
  assertComplaint(stderr, "ACORN_SECRET");
});

exampleTest("bun_script.ts prints the positions as a table", async (runtime) => {
  const { code, stdout } = await run(runtime, ["examples/bun_script.ts"]);
  assertEquals(code, 0);
  const cells = stdout.split("\n").map((line) =>
    line.split("│").map((cell) => cell.trim().replace(/^['"](.*)['"]$/, "$1")).slice(2, -1)
  ).filter(({ length }) => length > 0);
  assertEquals(cells, [
    ["account", "symbol", "type", "side", "quantity", "opened", "value"],
    ["5WT00000", "RIVN  230609P00014000", "Equity Option", "Short", "40", "0.79", "-1640"],
    ["5WT00000", "TQQQ", "Equity", "Long", "742", "52.73", "36647.38"],
  ]);
});

exampleTest("bun_script.ts takes the credentials from .env", async (runtime) => {
  await using emulator = await startEmulator();
  using folder = new TemporaryFolder();
  const file = `${folder.path}/.env`;
  await Deno.writeTextFile(file, envFile(emulator));
  const [program, ...args] = runtime.command;
  const script = new URL("../../examples/bun_script.ts", import.meta.url).pathname;
  const isBun = runtime.name === "Bun"; // which reads the file of the folder that it is started in
  const { code, stdout } = await run(
    { ...runtime, command: [program, ...args, ...(isBun ? [] : [`--env-file=${file}`])] },
    [script, `--base-url=${emulator.tastytrade.baseUrl}`],
    {},
    isBun ? folder.path : undefined,
  );
  assertEquals(code, 0);
  assertStringIncludes(stdout, "TQQQ");
  assertEquals(emulator.count("GET /accounts/*/positions"), 2);
});

Deno.test("examples/from_dotenv.ts needs the file and the network, not the environment", async () => {
  await using emulator = await startEmulator();
  using folder = new TemporaryFolder();
  const file = `${folder.path}/.env`;
  await Deno.writeTextFile(file, envFile(emulator));
  const { code, stdout } = await run(
    denoWith("--no-prompt", `--allow-read=${file}`, "--allow-net=127.0.0.1"),
    ["examples/from_dotenv.ts", file, `--base-url=${emulator.tastytrade.baseUrl}`],
  );
  assertEquals([code, stdout], [0, "5WT00000 Roth IRA\n5WT00001 Margin acct\n"]);
  assertEquals(emulator.count("POST /oauth/token"), 1);
});

Deno.test("examples/from_dotenv.ts signs in to TradeStation too", async () => {
  await using emulator = await startEmulator();
  using folder = new TemporaryFolder();
  const file = `${folder.path}/.env`;
  const { args: place, env } = placeAt(emulator, "tradestation");
  const lines = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  await Deno.writeTextFile(file, lines.join("\n"));
  const deno = denoWith("--no-prompt", "--allow-read", "--allow-net=127.0.0.1");
  const args = ["examples/from_dotenv.ts", "--broker=tradestation"];
  const { code, stdout } = await run(deno, [...args, file, ...place]);
  assertEquals([code, stdout], [0, "123456789 Cash\n123456782 Margin\n123456781 Futures\n"]);
  const emulated = await run(deno, [...args, "/nowhere/.env"]);
  assertMatch(emulated.stdout, /^No TRADESTATION_CLIENT_SECRET in .*emulated accounts\n123456789/);
});

Deno.test("examples/from_dotenv.ts shows the emulator's accounts without a file", async () => {
  const args = ["examples/from_dotenv.ts", "/nowhere/.env"];
  const { code, stdout } = await run(denoWith("--allow-all"), args);
  assertEquals(code, 0);
  assertEquals(stdout.trim().split("\n"), [
    "No TASTY_CLIENT_SECRET in /nowhere/.env: emulated accounts",
    "5WT00000 Roth IRA",
    "5WT00001 Margin acct",
  ]);
});

Deno.test("examples/from_dotenv.ts ends in one line where half is missing", async () => {
  using folder = new TemporaryFolder();
  const file = `${folder.path}/.env`;
  await Deno.writeTextFile(file, "TASTY_CLIENT_SECRET=only-half");
  const args = ["examples/from_dotenv.ts", file];
  const { code, stdout, stderr } = await run(denoWith("--allow-all"), args);
  assertEquals([code, stdout], [1, ""]);
  assertComplaint(stderr, "no refresh token. Pass refreshToken or set");
});
