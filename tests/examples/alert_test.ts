import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { serve } from "../support/loopback.ts";
import { isAvailable, run, RUNTIMES } from "../support/runtimes.ts";

for (const runtime of RUNTIMES) {
  for (const [broker, name] of [["tastytrade", "tastytrade"], ["tradestation", "TradeStation"]]) {
    Deno.test({
      name: `examples/alert.ts tells once that the grant at ${broker} is lost, on ${runtime.name}`,
      ignore: !await isAvailable(runtime),
      async fn() {
        await using server = await serve((response) => void response.end());
        const args = ["examples/alert.ts", `--broker=${broker}`, `--webhook=${server.url}`];
        const { code, stdout, stderr } = await run(runtime, args);
        assertEquals(code, 0, stderr);
        const [first, alert, ...others] = stdout.trim().split("\n");
        assertEquals(first, `Signed in to ${name}`);
        assertMatch(alert ?? "", /^ALERT: \w+: somebody must log in again\. .*invalid_grant/);
        assertEquals(others, []);
        assertEquals(server.arrivals.map(({ method }) => method), ["POST"]);
        assertStringIncludes(server.arrivals[0]?.body ?? "", "somebody must log in again");
      },
    });
  }
}
