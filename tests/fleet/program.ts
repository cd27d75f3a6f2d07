/**
 * One process of a fleet: calls the API again and again, and does to itself what it is told to. Runs on
 * Deno, Bun and Node.
 *
 * Usage: program.ts <name> <URL of the broker> <URL of the store> <how far its clock is wrong, in ms>
 *
 * Reads commands, one for each line: `at <step> kill`, `at <step> stop`, `slow <ms>`, `cut <ms>`, `calm`, `end`.
 * Prints what happens, as JSON, one object for each line.
 *
 * @module
 */

import { writeSync } from "node:fs";
import process from "node:process";
import { createInterface } from "node:readline";
import { Session, tradestation } from "../../mod.ts";
import { openStore } from "../engines/open_store.ts";

/** The steps of a refresh at which something can happen. */
type Step = "before intent" | "after intent" | "request sent" | "answered" | "saved";

const [name = "", broker = "", storeUrl = "", clockMs = "0"] = process.argv.slice(2);

const { now } = Date;
Date.now = () => now() + Number(clockMs);

/** What happens at a step, once. */
const plans = new Map<Step, "kill" | "stop">();
let slowUntil = 0;
let cutUntil = 0;
let isEnding = false;

function tell(what: Record<string, unknown>): void {
  writeSync(1, `${JSON.stringify({ name, ...what })}\n`);
}

/** Does what is planned for a step. */
function reach(step: Step): void {
  const plan = plans.get(step);
  if (plan === undefined) return;
  plans.delete(step);
  tell({ did: plan, step });
  process.kill(process.pid, plan === "kill" ? "SIGKILL" : "SIGSTOP");
}

/** The way to the engine, which may be slow or cut. */
async function throughNetwork<T>(task: () => Promise<T>): Promise<T> {
  const isCut = () => performance.now() < cutUntil;
  if (isCut()) throw new Error("no route to host");
  if (performance.now() < slowUntil) await pause(Math.random() * 3_000);
  const result = await task();
  if (isCut()) throw new Error("connection reset");
  return result;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

const { store, close } = await openStore(storeUrl);

const session = new Session({
  broker: tradestation,
  clientId: "client",
  clientSecret: "a-client-secret",
  refreshToken: "refresh-0",
  baseUrl: broker,
  signInUrl: broker,
  userAgent: `fleet/${name}`,
  async fetch(input: RequestInfo | URL, init?: RequestInit) {
    const answer = fetch(input, init);
    if (!String(input).endsWith("/oauth/token")) return await answer;
    tell({ did: "ask" });
    await pause(5); // it is on the wire then
    reach("request sent");
    const response = await answer;
    reach("answered");
    return response;
  },
  store: {
    get: (key) => throughNetwork(() => store.get(key)),
    async compareAndSet(key, before, after) {
      const { intent, failure } = JSON.parse(after);
      if (intent) reach("before intent");
      const isDone = await throughNetwork(() => store.compareAndSet(key, before, after));
      if (isDone && intent) reach("after intent");
      if (isDone && !intent && !failure) reach("saved");
      return isDone;
    },
  },
});

createInterface({ input: process.stdin }).on("line", (line) => {
  const [, step, plan] = /^at (.*) (kill|stop)$/.exec(line) ?? [];
  if (step !== undefined) plans.set(step as Step, plan as "kill" | "stop");
  const [, fault, ms] = /^(slow|cut) (\d+)$/.exec(line) ?? [];
  if (fault === "slow") slowUntil = performance.now() + Number(ms);
  if (fault === "cut") {
    cutUntil = performance.now() + Number(ms);
    tell({ did: "cut", ms: Number(ms) });
  }
  if (line === "calm") plans.clear();
  if (line === "end") isEnding = true;
});

tell({ did: "start" });
while (!isEnding) {
  const startedAt = performance.now();
  try {
    await session.get("/ping");
    tell({ did: "call", ms: Math.round(performance.now() - startedAt) });
  } catch (error) {
    tell({ did: "fail", ms: Math.round(performance.now() - startedAt), error: String(error) });
  }
  await pause(50 + Math.random() * 100);
}
await session.close().catch((error: unknown) =>
  tell({ did: "fail to close", error: String(error) })
);
await close();
process.exit(0);
