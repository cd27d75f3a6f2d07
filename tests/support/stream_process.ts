/**
 * A program that sends a stream of 1 GB as a body, which is answered 401, and prints the response, what
 * arrived, and by how much its memory ever grew, as JSON. In a process of its own, because other tests
 * use memory too.
 *
 * @module
 */

import { createServer } from "node:http";
import process from "node:process";
import { Session } from "../../mod.ts";
import { startEmulator } from "../../src/emulator/emulator.ts";
import { memoryInUse } from "./garbage.ts";

const CHUNK_BYTES = 256 * 1024;
const TOTAL_BYTES = 1e9;

// Takes what comes and keeps nothing. Its memory counts too: it is in this process.
let arrived = 0;
const server = createServer((request, response) => {
  request.on("data", (chunk) => arrived += chunk.length);
  request.on("end", () => response.writeHead(401).end('{"why":"no"}'));
});
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const address = server.address();
const port = typeof address === "object" ? address?.port : undefined;

const emulator = await startEmulator();
const session = new Session({
  ...emulator.tastytrade,
  timeoutMs: 300_000,
  fetch: (input, init) => {
    const url = String(input);
    return fetch(url.endsWith("/upload") ? `http://127.0.0.1:${port}/upload` : url, init);
  },
});
await session.get("/customers/me");

const before = memoryInUse();
let [sent, mostGrowth] = [0, 0];
const body = new ReadableStream({
  pull(controller) {
    // A new chunk each time: who keeps them keeps them all.
    controller.enqueue(new Uint8Array(CHUNK_BYTES));
    sent += CHUNK_BYTES;
    if (sent % (64 * CHUNK_BYTES) === 0) mostGrowth = Math.max(mostGrowth, memoryInUse() - before);
    if (sent >= TOTAL_BYTES) controller.close();
  },
}, { highWaterMark: 0 });
const response = await session.fetch("/upload", { method: "POST", body });
const text = await response.text();
console.log(JSON.stringify({ status: response.status, text, sent, arrived, mostGrowth }));
process.exit();
