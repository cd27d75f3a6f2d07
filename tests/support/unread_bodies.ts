/**
 * A program that makes requests with one long-lived signal and forgets the answers unread. Prints how
 * many listeners the signal had at the most, and how many are left when the garbage is collected.
 *
 * Usage: deno run --v8-flags=--expose-gc unread_bodies.ts <options of the session as JSON>
 *
 * @module
 */

import process from "node:process";
import { Session } from "../../mod.ts";

const collect: unknown = Reflect.get(globalThis, "gc");
if (typeof collect !== "function") throw new Error("Run with --expose-gc");

const { signal } = new AbortController();
let [listeners, most] = [0, 0];
const { addEventListener, removeEventListener } = signal;
signal.addEventListener = function (...given: Parameters<typeof addEventListener>) {
  most = Math.max(most, ++listeners);
  addEventListener.apply(signal, given);
};
signal.removeEventListener = function (...given: Parameters<typeof removeEventListener>) {
  listeners -= 1;
  removeEventListener.apply(signal, given);
};

const session = new Session({
  ...JSON.parse(process.argv[2] ?? "{}"),
  fetch: async (input: RequestInfo | URL, init?: RequestInit) => {
    if (String(input).endsWith("/oauth/token")) return await fetch(input, init);
    return new Response("an answer that nobody reads");
  },
});
for (let i = 0; i < 500; i++) await session.fetch("/customers/me", { signal });
for (let round = 0; round < 100 && listeners > 0; round++) {
  collect();
  await new Promise((resolve) => setTimeout(resolve, 1)); // registries are called between tasks
}
console.log(JSON.stringify({ most, left: listeners }));
await session.close();
