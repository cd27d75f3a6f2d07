/**
 * A program that refreshes a token with a file store, for tests that need more than one process.
 *
 * Usage: token_process.ts <options as JSON> <path of the store> <refreshes> [die | kill-after]
 *
 * With `die` it is killed, the hard way, in the middle of a refresh, its token request on the way; with
 * `kill-after` after its refreshes, without a goodbye.
 *
 * @module
 */

import { writeSync } from "node:fs";
import process from "node:process";
import { fileStore, Session, tastytrade, tradestation } from "../../mod.ts";

const [options = "{}", path = "", refreshes = "1", fate] = process.argv.slice(2);
const { broker, ...credentials } = JSON.parse(options);
const session = new Session({
  ...credentials,
  broker: broker === "tradestation" ? tradestation : tastytrade,
  store: fileStore(path),
  fetch(input: RequestInfo | URL, init?: RequestInit) {
    const answer = fetch(input, init);
    if (fate === "die") process.kill(process.pid, "SIGKILL");
    return answer;
  },
});
for (let i = 0; i < Number(refreshes); i++) await session.refresh({ force: true });
if (fate === "kill-after") {
  writeSync(1, "refreshed\n");
  process.kill(process.pid, "SIGKILL");
}
console.log(await session.accessToken());
await session.close();
