/**
 * A program that has its last response, and a session that it does not close, with times that are long.
 * Prints for how many milliseconds it was still there after that.
 *
 * @module
 */

import process from "node:process";
import { Session } from "../../mod.ts";

const session = new Session({
  ...JSON.parse(process.argv[2] ?? "{}"),
  timeoutMs: 3_600_000,
  rateLimit: { requests: 100, perMs: 60_000 },
});
const { signal } = new AbortController();
await session.get("/customers/me", { signal, timeoutMs: 600_000 });
await session.post("/accounts/5WT00000/orders/dry-run", {}).catch(() => {});
await session.delete("/accounts/5WT00000/orders/1").catch(() => {});
for await (const _item of session.items("/accounts/5WT00000/transactions")) break;
await (await session.fetch("/customers/me", { signal })).text();
await (await session.fetch("/customers/me")).body?.cancel();
const doneAt = performance.now();
process.on("exit", () => console.log(Math.round(performance.now() - doneAt)));
