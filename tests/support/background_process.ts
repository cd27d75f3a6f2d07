/**
 * A program that signs in with an `AutoRefreshSession`, does its work, and is done: it does not close
 * the session. Prints for how many milliseconds it was still there after that.
 *
 * @module
 */

import process from "node:process";
import { AutoRefreshSession } from "../../mod.ts";

const session = await AutoRefreshSession.start(JSON.parse(process.argv[2] ?? "{}"));
await session.get("/customers/me");
const doneAt = performance.now();
process.on("exit", () => console.log(Math.round(performance.now() - doneAt)));
