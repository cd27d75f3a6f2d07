/**
 * A program that reads so many frames of a stream as fast as they come, from a server of its own on loopback.
 * Prints how many came in a second, the gaps, and by how much the memory in use grew at most, as JSON.
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
console.log(JSON.stringify({ frames: next, gaps, perSecond, mostGrowth }));
process.exit();
