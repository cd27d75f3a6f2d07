/**
 * A Cloudflare Worker that uses sessions. The test sends it a session's options, and gets what came of
 * each thing that a worker does.
 *
 * @module
 */

import {
  Account,
  type NetworkError,
  Session,
  type SessionOptions,
  tradestation,
} from "../../mod.ts";
import { LIMIT_ORDER } from "../support/orders.ts";

/** The options of a session with each of the emulated brokers. */
export interface WorkerOptions {
  readonly tastytrade: SessionOptions;
  readonly tradestation: SessionOptions;
}

async function signInOnce({ tastytrade }: WorkerOptions): Promise<unknown> {
  await using session = new Session(tastytrade);
  const answers = await Promise.all(
    Array.from({ length: 50 }, () => session.get("/customers/me")),
  );
  return answers.length;
}

async function readAccounts(
  { tastytrade, tradestation: options }: WorkerOptions,
): Promise<unknown> {
  await using first = new Session(tastytrade);
  await using second = new Session({ broker: tradestation, ...options });
  const lists = await Promise.all([Account.get(first), Account.get(second)]);
  return lists.map((accounts) => accounts.length > 0);
}

async function order({ tastytrade }: WorkerOptions): Promise<unknown> {
  await using session = new Session(tastytrade);
  const { order } = await session.post<{ order: { "order-type": string } }>(
    "/accounts/5WT00000/orders",
    LIMIT_ORDER,
  );
  return order["order-type"];
}

/** The test lets the first request get a 401. */
async function refreshAfter401({ tastytrade }: WorkerOptions): Promise<unknown> {
  await using session = new Session(tastytrade);
  return Object.keys(await session.get<object>("/accounts/5WT00000/balances")).length > 0;
}

/** The test lets the request hang. */
async function timeout({ tastytrade }: WorkerOptions): Promise<unknown> {
  await using session = new Session(tastytrade);
  await session.accessToken();
  const call = session.post("/accounts/5WT00000/orders/dry-run", LIMIT_ORDER, { timeoutMs: 100 });
  const error: NetworkError = await call.then(() => undefined as never, (error) => error);
  return [error.name, error.kind, error.outcome];
}

/** One of two callers leaves while both wait for a token. */
async function leave({ tastytrade }: WorkerOptions): Promise<unknown> {
  await using session = new Session(tastytrade);
  const controller = new AbortController();
  const impatient = session.get("/customers/me", { signal: controller.signal });
  const patient = session.get<{ email: string }>("/customers/me");
  controller.abort("no time");
  return [await impatient.catch((reason) => reason), typeof (await patient).email];
}

/** What is told of two requests, where there are channels to listen to. */
async function events({ tastytrade }: WorkerOptions): Promise<unknown> {
  const { process } = globalThis as { process?: { getBuiltinModule(name: string): unknown } };
  if (process === undefined) return "no channels";
  const { subscribe } = process.getBuiltinModule("node:diagnostics_channel") as {
    subscribe(name: string, listener: (message: unknown) => void): void;
  };
  const told: unknown[] = [];
  for (const kind of ["request", "token", "attempt"]) {
    subscribe(`tracing:tasty-session:${kind}:asyncEnd`, (message) => {
      const { path, number, from, parentId } = message as Record<string, unknown>;
      told.push([kind, path ?? number ?? from, typeof parentId]);
    });
  }
  await using session = new Session(tastytrade);
  await session.get("/customers/me");
  return told;
}

const THINGS = { signInOnce, readAccounts, order, refreshAfter401, timeout, leave, events };

/** What a worker exports. */
const worker: { fetch(request: Request): Promise<Response> } = {
  async fetch(request) {
    const options: WorkerOptions = await request.json();
    const results: Record<string, unknown> = { process: "process" in globalThis };
    for (const [name, run] of Object.entries(THINGS)) {
      results[name] = await run(options).catch(String);
    }
    return Response.json(results);
  },
};

export default worker;
