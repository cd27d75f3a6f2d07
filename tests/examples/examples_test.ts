import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { startEmulator } from "../../src/emulator/emulator.ts";
import { isAvailable, run, RUNTIMES } from "../support/runtimes.ts";
import { placeAt } from "./examples_fixtures.ts";

const TRADESTATION_ACCOUNTS: readonly string[] = [
  "",
  "123456789  Cash (Cash)",
  "  Net liquidating value 987654321539.0976",
  "  Cash                    987654319787",
  "  Stock buying power    987654319786.82",
  "",
  "123456782  Margin (Margin)",
  "  Net liquidating value  39893233.6211",
  "  Cash                    39735538.661",
  "  Stock buying power      39735498.661",
  "  MSFT                              10 @ 216.68",
  "",
  "123456781  Futures",
  "  Net liquidating value 123456184.320001 USD",
  "  Cash                    123456784.32 USD",
  "  Stock buying power    123455574.320001 USD",
  "",
];

for (const runtime of RUNTIMES) {
  const { name } = runtime;
  const ignore = !await isAvailable(runtime);

  Deno.test({
    name: `examples/accounts.ts shows the emulator's accounts without credentials, on ${name}`,
    ignore,
    async fn() {
      const { code, stdout } = await run(runtime, ["examples/accounts.ts"]);
      const [first, ...lines] = stdout.split("\n");
      assertMatch(first ?? "", /^No TASTY_CLIENT_SECRET.*emulated accounts$/);
      assertEquals(lines, [
        "Jane Doe <jane@example.com>",
        "",
        "5WT00000  Roth IRA (Cash)",
        "  Net liquidating value       4544.727 USD",
        "  Cash                       51600.762 USD",
        "  Stock buying power         20078.762 USD",
        "  RIVN  230609P00014000            -40 @ 0.79",
        "  TQQQ                             742 @ 52.73",
        "",
        "5WT00001  Margin acct (Margin)",
        "  Net liquidating value            0.0 USD",
        "  Cash                             0.0 USD",
        "  Stock buying power               0.0 USD",
        "",
      ]);
      assertEquals(code, 0);
    },
  });

  Deno.test({
    name: `examples/accounts.ts ends in one readable line and exit code 1, on ${name}`,
    ignore,
    async fn() {
      const { code, stdout, stderr } = await run(runtime, ["examples/accounts.ts"], {
        TASTY_CLIENT_SECRET: "only-half",
      });
      assertEquals([code, stdout], [1, ""]);
      const lines = stderr.trim().split("\n").filter((line) => !line.startsWith("npm warn"));
      assertEquals(lines.length, 1);
      assertStringIncludes(lines[0] ?? "", "no refresh token. Pass refreshToken or set");
    },
  });

  Deno.test({
    name: `examples/accounts.ts signs in with the environment's credentials, on ${name}`,
    ignore,
    async fn() {
      await using emulator = await startEmulator();
      const { args, env } = placeAt(emulator);
      const { code, stdout } = await run(runtime, ["examples/accounts.ts", ...args], env);
      assertEquals(code, 0);
      assertMatch(stdout, /^Jane Doe/);
      assertEquals(emulator.count("POST /oauth/token"), 1);
      assertEquals(emulator.count("GET /accounts/*/balances"), 2);
    },
  });

  Deno.test({
    name:
      `examples/accounts.ts shows the accounts of the broker whose credentials it finds, on ${name}`,
    ignore,
    async fn() {
      await using emulator = await startEmulator();
      const { args, env } = placeAt(emulator, "tradestation");
      const { code, stdout, stderr } = await run(runtime, ["examples/accounts.ts", ...args], env);
      assertEquals(code, 0, stderr);
      const own = stdout.split("\n");
      const emulated = await run(runtime, ["examples/accounts.ts", "--broker=tradestation"]);
      const [first, ...others] = emulated.stdout.split("\n");
      assertMatch(first ?? "", /^No TRADESTATION_CLIENT_SECRET.*emulated accounts$/);
      assertEquals(others, own);
      assertEquals(own, TRADESTATION_ACCOUNTS);
      assertEquals(emulator.count("POST /oauth/token"), 1);
    },
  });
}

for (const runtime of RUNTIMES) {
  Deno.test({
    name:
      `examples/dry_run_order.ts tells what an order costs, and places none, on ${runtime.name}`,
    ignore: !await isAvailable(runtime),
    async fn() {
      const file = "examples/dry_run_order.ts";
      const { code, stdout } = await run(runtime, [file]);
      assertEquals(code, 0);
      assertEquals(stdout.trim().split("\n"), [
        "1 AAPL at 180.00 in 5WT00000, not placed",
        "  changes the buying power by -180.001",
        "  of which are fees 0.001",
      ]);
      const atTradestation = [file, "MSFT", "2", "216.00", "--broker=tradestation"];
      const estimate = await run(runtime, atTradestation);
      assertEquals(estimate.stdout.trim().split("\n"), [
        "2 MSFT at 216.00 in 123456789, not placed",
        "  costs 432",
        "  of which are fees 0",
      ]);
      const dear = [file, "MSFT", "1000", "400.00"];
      const refused = await run(runtime, dear);
      assertEquals([refused.code, refused.stdout], [1, ""]);
      assertStringIncludes(refused.stderr, "422 preflight_check_failure");
    },
  });
}

Deno.test("examples/dry_run_order.ts --sandbox never uses production's credentials", async () => {
  const [deno] = RUNTIMES;
  if (deno === undefined) throw new Error("Deno runs this");
  const file = "examples/dry_run_order.ts";
  const { code, stdout } = await run(deno, [file, "--sandbox"]);
  assertEquals(code, 0);
  assertMatch(stdout, /^1 AAPL at 180\.00 in 5WT00000, not placed/);
  const place = new URL("../../examples/shared/place.ts", import.meta.url);
  const source = await Deno.readTextFile(place);
  assertStringIncludes(source, 'emulator?.[sandbox ? "tastytradeSandbox" : "tastytrade"];');

  const own = (issuer: string) => btoa(JSON.stringify({ typ: "rt+jwt", iss: issuer }));
  const token = own("https://api.tastyworks.com");
  const refused = await run(deno, [file, "--sandbox"], {
    TASTY_CLIENT_SECRET: "secret",
    TASTY_REFRESH_TOKEN: `${token}.${token}.x`.replaceAll("=", ""),
  });
  assertEquals([refused.code, refused.stdout], [1, ""]);
  assertStringIncludes(refused.stderr, "the refresh token is for production");
});

Deno.test("examples/dry_run_order.ts has no word that places an order", async () => {
  const source = await Deno.readTextFile(
    new URL("../../examples/dry_run_order.ts", import.meta.url),
  );
  const code = source.replaceAll(/\/\/.*/g, "");
  assertEquals([...code.matchAll(/session\.(\w+)/g)], []);
  assertEquals([...code.matchAll(/account\?*\.(\w+)\(/g)].map(([, method]) => method), ["dryRun"]);
});

Deno.test("examples/accounts.ts --sandbox chooses the sandbox", async () => {
  const [deno] = RUNTIMES;
  if (deno === undefined) throw new Error("There is always a Deno here");
  await using emulator = await startEmulator();
  const { clientSecret, refreshToken } = emulator.tastytrade; // production's
  const { code, stderr } = await run(deno, ["examples/accounts.ts", "--sandbox"], {
    TASTY_CLIENT_SECRET: clientSecret,
    TASTY_REFRESH_TOKEN: refreshToken,
  });
  assertEquals(code, 1);
  assertStringIncludes(stderr, "the session is for the sandbox");
  const emulated = await run(deno, ["examples/accounts.ts", "--sandbox"]);
  assertStringIncludes(emulated.stdout, "Jane Doe");
});
