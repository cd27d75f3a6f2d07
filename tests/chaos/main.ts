/**
 * Thousands of orders and reads over an unreliable network, on every runtime, and then as many orders by
 * `placeOrder()`, `cancelOrder()` and `replaceOrder()` at a broker whose lists are two seconds late.
 *
 * Usage: deno task chaos [orders] [seed] [broker]
 *
 * @module
 */

import process from "node:process";
import { chaos } from "./chaos.ts";
import { orderChaos } from "./order_chaos.ts";
import { EVERYTHING } from "./proxy.ts";
import { RUNTIMES } from "../support/runtimes.ts";

const [calls = "5000", seed = String(Date.now() % 1e6), only] = process.argv.slice(2);
const brokers = ["tastytrade", "tradestation"] as const;
const LIST_DELAY_MS = 2_000;
for (const runtime of RUNTIMES) {
  const startedAt = performance.now();
  const result = await chaos(runtime, Number(calls), Number(seed));
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  console.log(
    `${runtime.name}: ${calls} orders, ${calls} reads, seed ${seed}, ${seconds} s`,
    result,
  );
  const missing = EVERYTHING.filter((fault) => result.faults[fault] === undefined);
  if (missing.length > 0) console.log("This did not happen:", missing);
  if (result.revocations === 0) console.log("No token was revoked");
  if (result.violations.length > 0) process.exitCode = 1;

  for (const broker of brokers.filter((name) => only === undefined || name === only)) {
    const chosen = {
      broker,
      orders: Number(calls),
      seed: Number(seed),
      listDelayMs: LIST_DELAY_MS,
    };
    const orders = await orderChaos(runtime, { ...chosen, timeoutMs: 30_000 });
    const { lost, found } = orders;
    console.log(`${runtime.name}: ${calls} orders at ${broker}`, orders);
    if (found < 0.99 * lost || orders.violations.length > 0) process.exitCode = 1;
  }
}
