/**
 * A program that reads its accounts and prints their number, or the error's message. Its options are JSON in the first
 * argument.
 *
 * @module
 */

import process from "node:process";
import { Account, Session, type SessionOptions } from "../../mod.ts";

const options: SessionOptions = JSON.parse(process.argv[2] ?? "{}");
const session = new Session({ ...options, retry: false });
try {
  console.log((await Account.get(session)).length);
} catch (error) {
  console.log(error instanceof Error ? error.message : error);
}
await session.close();
