import { assert, assertEquals, assertFalse, assertMatch, assertStringIncludes } from "@std/assert";
import { type Emulator, startEmulator } from "../../src/emulator/emulator.ts";
import { findChromium, openTab } from "../support/chromium.ts";
import { serve } from "../support/loopback.ts";
import { RunningProgram } from "../support/running_program.ts";
import { isAvailable, run, type Runtime, RUNTIMES } from "../support/runtimes.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";

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

/** Deno, with the same `@std` as this test: the real packages or the stand-ins, wherever they are. */
function denoWith(...permissions: string[]): Runtime {
  const packages = ["@std/assert", "@std/dotenv", "@std/http/status"];
  const imports = Object.fromEntries(packages.map((name) => [name, import.meta.resolve(name)]));
  const map = `data:application/json,${encodeURIComponent(JSON.stringify({ imports }))}`;
  return { name: "Deno", command: [Deno.execPath(), "run", ...permissions, `--import-map=${map}`] };
}

/** The lines of a file `.env` for an emulator. */
function envFile({ tastytrade: { clientSecret, refreshToken } }: Emulator): string {
  return `TASTY_CLIENT_SECRET=${clientSecret}\nTASTY_REFRESH_TOKEN='${refreshToken}'\n`;
}

const PRINTED = /^\d{4}-\d\d-\d\dT[\d:.]+Z 5WT00000 4544\.727 USD$/;

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
  const { baseUrl, clientSecret, refreshToken } = emulator.tastytrade;
  await using program = new RunningProgram(runtime, [
    "examples/stay_signed_in.ts",
    "--every=0.01",
    `--base-url=${baseUrl}`,
  ], { TASTY_CLIENT_SECRET: clientSecret, TASTY_REFRESH_TOKEN: refreshToken });
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
    "ApiError: list the orders: it may be there",
    "NetworkError: list the orders: it may have arrived",
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
    ["account", "symbol", "type", "side", "quantity", "opened", "close"],
    ["5WT00000", "RIVN  230609P00014000", "Equity Option", "Short", "40", "0.79", "0.41"],
    ["5WT00000", "TQQQ", "Equity", "Long", "742", "52.73", "49.39"],
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

/** One readable line, and nothing else but what npm says. */
function assertComplaint(stderr: string, words: string): void {
  const lines = stderr.trim().split("\n").filter((line) => !line.startsWith("npm warn"));
  assertEquals(lines.length, 1, stderr);
  assertStringIncludes(lines[0] ?? "", words);
}

/** The dashboard of an emulator, running. */
async function openDashboard(
  emulator: Emulator,
): Promise<{ program: RunningProgram; url: string }> {
  const { baseUrl, clientSecret, refreshToken } = emulator.tastytrade;
  const args = ["examples/dashboard.ts", "--port=0", `--base-url=${baseUrl}`];
  const program = new RunningProgram(denoWith("--allow-all"), args, {
    TASTY_CLIENT_SECRET: clientSecret,
    TASTY_REFRESH_TOKEN: refreshToken,
  });
  return { program, url: await program.nextLine() ?? "" };
}

Deno.test("examples/dashboard.ts shows accounts, balances and positions", async () => {
  await using emulator = await startEmulator();
  const { program, url } = await openDashboard(emulator);
  await using _program = program;
  const response = await fetch(url);
  assertEquals(response.status, 200);
  assertEquals(
    response.headers.get("content-security-policy"),
    "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'",
  );
  assertEquals(response.headers.get("cache-control"), "no-store");
  const html = await response.text();
  const shown = [
    "Roth IRA",
    "Margin acct",
    "4,544.727",
    "51,600.762",
    "281,983.965",
    "TQQQ",
    "−40",
  ];
  for (const words of shown) assertStringIncludes(html, words);
  assertStringIncludes(html, '<meta http-equiv="refresh" content="10">');
  assertMatch(html, /<rect class="have" width="18\.30%"\/>/); // 51600.762 of 281983.965
  assertFalse(/<script|<style| style=/.test(html));
  const style = await fetch(`${url}/dashboard.css`);
  assertEquals(style.headers.get("content-type"), "text/css; charset=utf-8");
  assertStringIncludes(await style.text(), "color-scheme: light dark");

  if (Deno.build.os === "windows") return;
  assertEquals(await program.interrupt(), { code: 0, lines: [] });
});

Deno.test("examples/dashboard.ts escapes all that the broker says", async () => {
  await using emulator = await startEmulator();
  const evil = `<script>alert("1")</script>&'`;
  const account = { "account-number": "5WT00000", "nickname": evil, "account-type-name": evil };
  emulator.injectFault("GET /customers/me/accounts", {
    status: 200,
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ data: { items: [{ account }] } }),
  });
  emulator.injectFault("GET /accounts/*/positions", {
    status: 200,
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ data: { items: [{ symbol: evil, quantity: evil }] } }),
  });
  const { program, url } = await openDashboard(emulator);
  await using _program = program;
  const html = await (await fetch(url)).text();
  assertFalse(html.includes("<script"));
  const escaped = "&#60;script&#62;alert(&#34;1&#34;)&#60;/script&#62;&#38;&#39;";
  assert(html.split(escaped).length - 1 >= 3, html);
});

Deno.test("examples/dashboard.ts says what is wrong, and answers to its own name only", async () => {
  await using emulator = await startEmulator();
  emulator.injectFault("GET /customers/me/accounts", { status: 403, body: "<b>no</b>" });
  const { program, url } = await openDashboard(emulator);
  await using _program = program;
  const broken = await fetch(url);
  assertEquals(broken.status, 502);
  assertMatch(await broken.text(), /<h1>Bad Gateway<\/h1>[^]*<p role="alert">[^]*403/);
  const elsewhere = await fetch(`${url}/elsewhere`);
  assertEquals([elsewhere.status, elsewhere.headers.has("content-security-policy")], [404, true]);
  await elsewhere.body?.cancel();
  const renamed = await fetch(url.replace("127.0.0.1", "localhost"));
  assertEquals(renamed.status, 421);
  assertFalse((await renamed.text()).includes("5WT0"));
});

const PROGRAM = await findChromium() ?? "";

Deno.test({
  name: "Chromium: examples/dashboard.ts in light and dark, and on a phone",
  ignore: PROGRAM === "",
  async fn() {
    await using emulator = await startEmulator();
    const { program, url } = await openDashboard(emulator);
    await using _program = program;
    await using tab = await openTab(PROGRAM);
    const { page, complaints } = tab;
    await page.route(`${url}/`, async (route) => { // a page that comes anew would spoil a screenshot
      const response = await route.fetch();
      const body = (await response.text()).replace(/<meta http-equiv="refresh" content="10">/, "");
      await route.fulfill({ response, body });
    });
    await page.goto(url);
    const backgrounds: string[] = [];
    for (const colorScheme of ["light", "dark"] as const) {
      for (const width of [1200, 390]) {
        await page.emulateMedia({ colorScheme });
        await page.setViewportSize({ width, height: 900 });
        const shot = await page.screenshot({ fullPage: true });
        await keep(shot, `${colorScheme}_${width}.png`);
        assertEquals(await page.evaluate("document.documentElement.scrollWidth"), width);
        backgrounds.push(String(await page.evaluate("getComputedStyle(document.body).background")));
      }
    }
    assertEquals(new Set(backgrounds).size, 2);
    assertEquals(complaints, []); // nothing on the page is against its own policy
  },
});

/** Keeps a screenshot, where somebody wants to look at it. */
async function keep(shot: Uint8Array, name: string): Promise<void> {
  const folder = Deno.env.get("SCREENSHOTS");
  if (folder !== undefined) await Deno.writeFile(`${folder}/${name}`, shot);
}
