/**
 * A program that sends as many orders as reads, 32 at once, and prints what became of each. It does
 * nothing about any failure: whatever comes back, comes back from the session.
 *
 * @module
 */

import process from "node:process";
import { type CallOutcome, Session, SessionError } from "../../mod.ts";
import { CALL_HEADER } from "./proxy.ts";
import { LIMIT_ORDER } from "../support/orders.ts";

/** What a session said of an order. */
export type Outcome = "placed" | CallOutcome | string;

/** What the program prints. */
export interface Report {
  readonly orders: Record<string, Outcome>;
  readonly failedReads: Record<string, string>;
}

const AT_ONCE = 32;

if (import.meta.main) {
  const [credentials = "{}", calls = "0"] = process.argv.slice(2);
  const session = new Session({ ...JSON.parse(credentials), timeoutMs: 120_000 });
  const orders: Record<string, Outcome> = {};
  const failedReads: Record<string, string> = {};
  let next = 0;
  const work = async () => {
    while (next < Number(calls) * 2) {
      const number = next++;
      const name = `call-${number}`;
      const headers = { [CALL_HEADER]: name };
      if (number % 2 === 0) {
        const order = { ...LIMIT_ORDER, "external-identifier": name };
        orders[name] = await session.post("/accounts/5WT00000/orders", order, { headers })
          .then(() => "placed", outcomeOf);
      } else {
        await session.get("/customers/me", { headers })
          .catch((error) => failedReads[name] = String(error));
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  await session.close();
  console.log(JSON.stringify({ orders, failedReads } satisfies Report));
}

/** What is known of an order that failed. */
function outcomeOf(error: unknown): Outcome {
  return error instanceof SessionError ? error.outcome : String(error);
}
