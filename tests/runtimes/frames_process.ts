/**
 * A program that reads so many frames of a stream as fast as they come, from a server of its own on loopback.
 * Prints how many came in a second, what share that is of what bare `fetch` and `JSON.parse` read, the gaps, and by
 * how much the memory in use grew at most, as JSON.
 *
 * @module
 */

import { createServer } from "node:http";
import { once } from "node:events";
import process from "node:process";
import { Session, tradestation } from "../../mod.ts";
import { heapInUse } from "../support/heap.ts";

const FRAMES_AT_ONCE = 1_000;
const frames = Number(process.argv[2]);

const server = createServer(async (request, response) => {
  if (request.method === "POST") {
    const token = { "access_token": "a", "token_type": "Bearer", "expires_in": 1_200 };
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(token));
    return;
  }
  response.setHeader("content-type", "application/vnd.tradestation.streams.v2+json");
  for (let sent = 0; sent < frames && !response.destroyed; sent += FRAMES_AT_ONCE) {
    let text = "";
    for (let n = sent; n < sent + FRAMES_AT_ONCE; n++) {
      text += `{"Symbol":"MSFT","Last":"${n}","Bid":"412.11","Ask":"412.13","Volume":"1200"}\r\n`;
    }
    if (!response.write(text)) await once(response, "drain");
  }
});
server.listen(0, "127.0.0.1");
await once(server, "listening");
const address = server.address();
const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
const session = new Session({
  broker: tradestation,
  clientId: "i",
  clientSecret: "s",
  refreshToken: "r",
  baseUrl: url,
  signInUrl: url,
});

/** Reads them with nothing but what the platform has, and returns how many came in a second. */
async function readBare(): Promise<number> {
  const { body } = await fetch(`${url}/marketdata/stream/quotes/MSFT`);
  let [rest, count, startedAt] = ["", 0, 0];
  for await (const text of (body ?? new Blob().stream()).pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\r\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (Number(JSON.parse(line).Last) !== count) throw new Error(`${line} came as ${count}`);
      count += 1;
      if (count === frames / 10) startedAt = performance.now();
    }
    if (count === frames) break;
  }
  return Math.round((frames * 0.9) / ((performance.now() - startedAt) / 1_000));
}

const barePerSecond = await readBare();
let [next, gaps, mostGrowth, before, startedAt] = [0, 0, 0, 0, 0];
for await (const event of session.stream<{ Last: string }>("/marketdata/stream/quotes/MSFT")) {
  if (event.kind === "gap") gaps += 1;
  if (event.kind !== "data") continue;
  if (Number(event.data.Last) !== next) throw new Error(`${event.data.Last} came as ${next}`);
  next += 1;
  if (next === frames / 10) [before, startedAt] = [heapInUse(), performance.now()]; // warm by now
  if (next % 100_000 === 0 && before > 0) {
    mostGrowth = Math.max(mostGrowth, heapInUse() - before);
  }
  if (next === frames) break;
}
const perSecond = Math.round((frames * 0.9) / ((performance.now() - startedAt) / 1_000));
const shareOfBare = perSecond / barePerSecond;
console.log(JSON.stringify({ frames: next, gaps, perSecond, shareOfBare, mostGrowth }));
process.exit();
