/**
 * A program that makes many calls with one signal that lives as long as it does. Prints by how much its
 * heap and the memory of its process grew, in MiB, after as many calls to warm up: until then V8 takes
 * memory that it reuses and does not give back.
 *
 * @module
 */

import process from "node:process";
import { Session } from "../../mod.ts";
import { collectGarbage } from "../support/heap.ts";

const calls = Number(process.argv[2]);
const token = { "access_token": "a", "token_type": "Bearer", "expires_in": 86_400 };
const answer = (url: string) => url.endsWith("/oauth/token") ? JSON.stringify(token) : '{"data":1}';
const session = new Session({
  clientSecret: "s",
  refreshToken: "r",
  fetch: (input) => Promise.resolve(new Response(answer(String(input)))),
});
const { signal } = new AbortController();

async function memory(): Promise<{ heapMib: number; residentMib: number }> {
  for (let i = 0; i < 4; i++) {
    collectGarbage();
    await new Promise((resolve) => setTimeout(resolve, 0)); // what is finalized is garbage next time
  }
  const { heapUsed, rss } = process.memoryUsage();
  return { heapMib: heapUsed / 2 ** 20, residentMib: rss / 2 ** 20 };
}

async function round(times: number): Promise<void> {
  for (let i = 0; i < times; i += 4) {
    await session.get("/a", { signal });
    await session.post("/a", { a: 1 }, { signal });
    await (await session.fetch("/a", { signal })).text();
    await session.accessToken({ signal });
    if (i % 1_000 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
  }
}

for (let i = 0; i < 2; i++) await round(calls); // a runtime takes memory first, and keeps it
const before = await memory();
await round(calls);
const after = await memory();
await session.close();
const growth = (key: keyof typeof before) => Math.round((after[key] - before[key]) * 10) / 10;
console.log(JSON.stringify({ heapMib: growth("heapMib"), residentMib: growth("residentMib") }));
