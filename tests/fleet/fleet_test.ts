import { assertEquals, assertGreater, assertLess } from "@std/assert";
import { ENGINES, installClients } from "../engines/engines.ts";
import { RUNTIMES } from "../support/runtimes.ts";
import { runFleet } from "./fleet.ts";

await installClients();

// `deno task fleet` runs each for ten minutes. Here it is long enough for the first fault and its end.
for (const engine of ENGINES) {
  Deno.test({
    name: engine.isAvailable
      ? `Nine processes with one grant on ${engine.name} never use a refresh token twice`
      : `Nine processes with one grant on ${engine.name} (not installed here)`,
    ignore: !engine.isAvailable || Deno.build.os === "windows", // which has no SIGSTOP
    async fn() {
      const report = await runFleet({
        engine,
        runtimes: engine.name === "Deno KV" ? RUNTIMES.slice(0, 1) : RUNTIMES,
        processes: 9,
        seconds: 15,
        seed: 1,
        lifetimeMs: 3_000,
      });
      const { otherReuses, failedCalls, tokenRequests, calls, requestsPerLifetime } = report;
      assertEquals({ otherReuses, failedCalls }, { otherReuses: [], failedCalls: [] });
      assertGreater(tokenRequests, 2);
      assertGreater(calls, 100);
      assertLess(requestsPerLifetime, 1.5);
    },
  });
}
