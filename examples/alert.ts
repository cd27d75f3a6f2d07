// Alerts somebody at once when the broker takes the grant back, although the session only works in the background:
// prints it, and posts it to --webhook=…, as chats take it. With the emulator, which takes it back after a moment.
// Runs with `deno run -A`, `bun run` and `node`. Options: --broker=tradestation; --webhook=https://…
import { subscribe } from "node:diagnostics_channel";
import process from "node:process";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { AutoRefreshSession, type TokenEvent } from "../mod.ts"; // in your program: "@tasty/session"
import { startEmulator } from "../src/emulator/emulator.ts"; // "@tasty/session/emulator"
import { wireOf } from "./shared/bad_connection.ts";

/** Calls a function when a session of this program has lost its grant. It is told once for each session. */
function onGrantLost(alert: (text: string) => void): void {
  subscribe("tracing:tasty-session:token:error", (message) => {
    const { broker, isPermanent, error } = message as TokenEvent;
    if (isPermanent) alert(`${broker}: somebody must log in again. ${error?.message}`);
  });
}

async function post(webhook: string, text: string): Promise<void> {
  const headers = { "content-type": "application/json" };
  const response = await fetch(webhook, {
    method: "POST",
    headers,
    body: JSON.stringify({ text }),
  });
  if (!response.ok) throw new Error(`The webhook answered ${response.status}`);
}

async function watch(broker: string, webhook: string | undefined): Promise<void> {
  const wire = wireOf(broker);
  const posts: Promise<void>[] = [];
  onGrantLost((text) => {
    console.log(`ALERT: ${text}`);
    if (webhook !== undefined) posts.push(post(webhook, text));
  });

  await using emulator = await startEmulator();
  emulator.tokenLifetimeS = 1;
  await using session = await AutoRefreshSession.start(wire.options(emulator));
  console.log(`Signed in to ${session.broker.name}`);
  emulator.injectFault(wire.token, wire.grantLost, Infinity);
  while (!session.isGrantLost) await pause(20); // your program does its work here
  await Promise.all(posts);
}

const text = { type: "string" } as const;
const { broker = "tastytrade", webhook } = parseArgs({
  options: { broker: text, webhook: text },
}).values;
await watch(broker, webhook).catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
