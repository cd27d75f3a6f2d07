import { assertEquals, assertGreater } from "@std/assert";
import { chaos } from "./chaos.ts";
import { orderChaos } from "./order_chaos.ts";
import { run, RUNTIMES } from "../support/runtimes.ts";
import type { StreamReport } from "./stream_client.ts";

const CALLS = 300;

// `deno task chaos` sends 5,000 of each.
for (const runtime of RUNTIMES) {
  Deno.test(`No order is sent twice and no read is lost on an unreliable network, on ${runtime.name}`, async () => {
    const { violations, outcomes, faults } = await chaos(runtime, CALLS, 1);
    assertEquals(violations, []);
    assertGreater(outcomes.placed, CALLS / 2);
    assertGreater(outcomes.unknown, 10);
    assertGreater(Object.keys(faults).length, 25);
  });
}

for (const [index, runtime] of RUNTIMES.entries()) {
  const broker = index === 1 ? "tradestation" : "tastytrade";
  Deno.test(`Each order on an unreliable network becomes what its program was told, on ${runtime.name}`, async () => {
    const options = { orders: CALLS, seed: 1, listDelayMs: 200, timeoutMs: 8_000 } as const;
    const { violations, told, lost, found } = await orderChaos(runtime, { broker, ...options });
    assertEquals(violations, []);
    assertGreater(told["placed done"], CALLS / 2);
    assertGreater(told["cancelled done"], 50);
    assertGreater(told["replaced done"], 50);
    assertGreater(told["placed unknown"], 0);
    assertGreater(lost, 5);
    assertEquals(found, lost);
  });
}

for (const broker of ["tastytrade", "tradestation"]) {
  Deno.test(`An account's updates come right after each of 1,000 faults in an hour, at ${broker}`, async () => {
    const hours = RUNTIMES.map(async (runtime, index) => {
      // What is dropped is found by comparing with the lists; anything else, without.
      const choice = index === 1 ? "told" : "all";
      const args = ["tests/chaos/stream_client.ts", broker, "1000", `${index + 1}`, choice];
      const { stdout, stderr } = await run(runtime, args);
      if (!stdout.startsWith("{")) throw new Error(`${runtime.name} has no report: ${stderr}`);
      const report: StreamReport = JSON.parse(stdout);
      assertEquals(report.violations, [], runtime.name);
      assertGreater(Object.keys(report.faults).length, 10);
      assertGreater(report.snapshots, 100);
      assertGreater(report.seconds, 3_600);
      if (choice === "all") assertGreater(report.gaps["dropped"], 0);
    });
    await Promise.all(hours);
  });
}

for (const [broker, streams] of [["tastytrade", 1], ["tradestation", 2]] as const) {
  Deno.test(`An hour on 5-second tokens costs an account's updates no reconnect and no gap, at ${broker}`, async () => {
    const hours = RUNTIMES.map(async (runtime) => {
      const args = ["tests/chaos/stream_client.ts", broker, "1000", "1", "none"];
      const { stdout, stderr } = await run(runtime, args);
      if (!stdout.startsWith("{")) throw new Error(`${runtime.name} has no report: ${stderr}`);
      const { violations, gaps, opened, snapshots, tokens, seconds }: StreamReport = JSON.parse(
        stdout,
      );
      assertEquals([violations, gaps], [[], {}], runtime.name);
      assertEquals([opened, snapshots], [streams, 3]);
      assertGreater(tokens, 150);
      assertGreater(seconds, 3_600);
    });
    await Promise.all(hours);
  });
}
