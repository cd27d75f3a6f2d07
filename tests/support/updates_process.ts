/**
 * A program that follows an account until the snapshots are there, and leaves the loop; before that it lets the
 * connection fall silent if it is told an address of the emulator. Prints for how many milliseconds it was
 * still there after the loop.
 *
 * Usage: updates_process.ts <options as JSON> <broker> <account number> [<emulator's address> <route>]
 *
 * @module
 */

import process from "node:process";
import { Account, Session, tastytrade, tradestation } from "../../mod.ts";

const [options = "{}", broker, accountNumber = "", url, route] = process.argv.slice(2);
const session = new Session({
  ...JSON.parse(options),
  broker: broker === "tradestation" ? tradestation : tastytrade,
});
const account = await Account.get(session, accountNumber);
let snapshots = 0;
for await (const event of account.updates()) {
  if (event.kind === "snapshot") snapshots += 1;
  if (snapshots < 3) continue;
  if (url === undefined) break;
  const body = JSON.stringify({ route, fault: "silence" });
  const headers = { "content-type": "application/json" };
  const response = await fetch(`${url}/control/streams/disturb`, { method: "POST", headers, body });
  if ((await response.json()).streams < 1) throw new Error("No stream to disturb");
  break;
}
const doneAt = performance.now();
process.on("exit", () => console.log(Math.round(performance.now() - doneAt)));
