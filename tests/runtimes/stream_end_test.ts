import { assertEquals, assertLess } from "@std/assert";
import { startEmulator } from "../../src/emulator/emulator.ts";
import { run, RUNTIMES } from "../support/runtimes.ts";

const BROKERS = [
  { broker: "tastytrade", account: "5WT00000", route: "tastytrade GET /streamer" },
  {
    broker: "tradestation",
    account: "123456782",
    route: "tradestation GET /v3/brokerage/stream/**",
  },
] as const;

for (const runtime of RUNTIMES) {
  for (const { broker, account, route } of BROKERS) {
    for (const isHalfOpen of [false, true]) {
      const state = isHalfOpen ? "half-open" : "good";
      Deno.test(`A program ends when it leaves a stream, on a ${state} connection to ${broker}, on ${runtime.name}`, async () => {
        await using emulator = await startEmulator({ control: true });
        const { code, stdout, stderr } = await run(runtime, [
          "tests/support/updates_process.ts",
          JSON.stringify(emulator[broker]),
          broker,
          account,
          ...(isHalfOpen ? [emulator.url, route] : []),
        ]);
        assertEquals(code, 0, stderr);
        assertLess(Number(stdout), 1_000, stdout);
      });
    }
  }
}
