import { assertEquals, assertGreater } from "@std/assert";
import { chaos } from "./chaos.ts";
import { RUNTIMES } from "../support/runtimes.ts";

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
