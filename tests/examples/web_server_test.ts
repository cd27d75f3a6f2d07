import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { type Emulator, startEmulator, tastytradeFaults } from "../../src/emulator/emulator.ts";
import { until } from "../support/idle.ts";
import { RunningProgram } from "../support/running_program.ts";
import { isAvailable, type Runtime, RUNTIMES } from "../support/runtimes.ts";
import { placeAt } from "./examples_fixtures.ts";

const WORTH = [
  { account: "5WT00000", netLiquidatingValue: "4544.727", currency: "USD" },
  { account: "5WT00001", netLiquidatingValue: "0.0", currency: "USD" },
];

function startServer(runtime: Runtime, emulator: Emulator): RunningProgram {
  const { args, env } = placeAt(emulator);
  return new RunningProgram(runtime, ["examples/web_server.ts", "--port=0", ...args], env);
}

for (const runtime of RUNTIMES) {
  Deno.test({
    name:
      `examples/web_server.ts shares one session, and ends cleanly with SIGTERM, on ${runtime.name}`,
    ignore: Deno.build.os === "windows" || !await isAvailable(runtime),
    async fn() {
      await using emulator = await startEmulator();
      await using program = startServer(runtime, emulator);
      const url = await program.nextLine() ?? "";
      assertMatch(url, /^http:\/\/127\.0\.0\.1:\d+$/);

      const responses = await Promise.all(Array.from({ length: 20 }, () => fetch(url)));
      for (const response of responses) assertEquals(await response.json(), WORTH);
      assertEquals(emulator.count("POST /oauth/token"), 1);
      assert(emulator.count("GET /accounts/*/balances") <= 4, "each has asked the broker itself");
      const health = async () => {
        const response = await fetch(`${url}/health`);
        await response.body?.cancel();
        return response.status;
      };
      assertEquals(await health(), 200);
      assertEquals((await (await fetch(`${url}/nothing`)).json()).error, "There is no such page");
      const wrongHost = url.replace("127.0.0.1", "localhost");
      const refused = await fetch(wrongHost).then((response) => response.json());
      assertEquals(refused, {});

      emulator.injectFault("GET /accounts/*/balances", tastytradeFaults.notPermitted, 2);
      const failed = await fetch(url);
      assertEquals(failed.status, 502);
      assertStringIncludes((await failed.json()).error, "Cannot GET");
      emulator.clearFaults();

      const arrivals = emulator.count("GET /accounts/*/balances");
      emulator.latencyMs = 500;
      const last = fetch(url);
      await until(() => emulator.count("GET /accounts/*/balances") > arrivals);
      const ending = program.interrupt("SIGTERM");
      assertEquals(await (await last).json(), WORTH);
      const { code, lines } = await ending;
      assertEquals([code, lines.at(-1)], [0, "Signed out"]);
      await assertRejects(() => fetch(url));
    },
  });

  Deno.test({
    name: `examples/web_server.ts tells a load balancer that the grant is lost, on ${runtime.name}`,
    ignore: Deno.build.os === "windows" || !await isAvailable(runtime),
    async fn() {
      await using emulator = await startEmulator();
      emulator.tokenLifetimeS = 1;
      await using program = startServer(runtime, emulator);
      const url = await program.nextLine() ?? "";
      emulator.injectFault("POST /oauth/token", tastytradeFaults.grantRevoked);
      await until(() => emulator.count("POST /oauth/token") >= 2);
      for (;;) {
        const response = await fetch(`${url}/health`);
        await response.body?.cancel();
        if (response.status === 503) break;
      }
      const { error } = await (await fetch(url)).json();
      assertStringIncludes(error, "invalid_grant");
    },
  });
}
