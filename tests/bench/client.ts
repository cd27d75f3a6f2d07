/**
 * Measures all contenders on the runtime that runs it, and prints the figures as JSON.
 *
 * @module
 */

import { subscribe, unsubscribe } from "node:diagnostics_channel";
import process from "node:process";
import { Session } from "../../mod.ts";
import { tracers } from "../../src/tracing/tracers.ts";
import { CONTENDERS } from "./contenders.ts";
import { median } from "./median.ts";

/** The figures of one contender. */
export interface Figures {
  readonly name: string;
  /** Requests in a time, as a share of what `fetch` with a timeout signal makes in it. */
  readonly alone: number;
  readonly together: number;
  /** For 1,000 first calls, and for twenty 401s; null for what does not refresh by itself. */
  readonly cold: Refreshes | null;
  readonly staggered: Refreshes | null;
}

/** Token requests, and how many of the calls failed in spite of them. */
export interface Refreshes {
  readonly requests: number;
  readonly failures: number;
}

/** What a runtime prints. */
export interface Report {
  readonly contenders: readonly Figures[];
  /** Microseconds that a call takes more than a `fetch` that is a stub. */
  readonly addedUs: number;
  readonly addedWithSignalUs: number;
  /** The same without a signal while somebody listens to all that it tells. */
  readonly addedWithListenersUs: number;
  /** Nanoseconds that a call takes to learn that nobody listens. */
  readonly unheardNs: number;
}

const [origin = "", rounds = "9"] = process.argv.slice(2);
const ALONE = 1_000;
const TOGETHER = 3_000;
const WARM = 4_000; // by then the compilers have done what they do

const runtime = globalThis as { gc?: () => void; Bun?: { gc: (now: boolean) => void } };

/** Clears up, so that what one leaves behind costs no other: timeouts of 30 s, for instance. */
function collectGarbage(): void {
  runtime.gc?.();
  runtime.Bun?.gc(true);
}

/** How long so many calls take, so many at once. */
async function time(
  call: () => Promise<unknown>,
  calls: number,
  atOnce: number,
): Promise<number> {
  const startedAt = performance.now();
  let next = 0;
  const work = async () => {
    while (next++ < calls) await call();
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return performance.now() - startedAt;
}

/** The token requests that so many calls at once make. */
async function countRefreshes(call: () => Promise<unknown>, calls: number): Promise<Refreshes> {
  await (await fetch(`${origin}/count`)).text();
  let failures = 0;
  const attempt = () => call().catch(() => failures += 1);
  await Promise.all(Array.from({ length: calls }, attempt));
  return { requests: Number(await (await fetch(`${origin}/count`)).text()), failures };
}

async function compare(): Promise<Figures[]> {
  const calls = [];
  for (const { open } of CONTENDERS) calls.push(await open(origin));
  for (const call of calls) await time(call, WARM, 32);
  const alone: number[][] = calls.map(() => []);
  const together: number[][] = calls.map(() => []);
  for (let round = 0; round < Number(rounds); round++) {
    const times: [number, number][] = [];
    for (let i = 0; i < calls.length; i++) {
      const which = (i + round) % calls.length; // nobody is always the first
      const call = calls[which];
      if (call === undefined) continue;
      collectGarbage();
      await time(call, ALONE / 5, 1); // to be back where it was
      times[which] = [await time(call, ALONE, 1), await time(call, TOGETHER, 32)];
    }
    const [base = [NaN, NaN]] = times;
    times.forEach(([one, many], which) => {
      alone[which]?.push(base[0] / one);
      together[which]?.push(base[1] / many);
    });
  }
  const figures: Figures[] = [];
  for (const [which, { name, refreshes, open }] of CONTENDERS.entries()) {
    const cold = refreshes ? await countRefreshes(await open(origin), 1_000) : null;
    const staggered = refreshes ? await staggeredRefusals(await open(origin)) : null;
    figures.push({
      name,
      alone: median(alone[which] ?? []),
      together: median(together[which] ?? []),
      cold,
      staggered,
    });
  }
  return figures;
}

/** Twenty calls whose 401s come 15 ms after one another. */
async function staggeredRefusals(call: () => Promise<unknown>): Promise<Refreshes> {
  await call();
  await (await fetch(`${origin}/revoke`, { method: "POST" })).text();
  return await countRefreshes(call, 20);
}

/** What a session adds to a `fetch` that answers at once. */
async function overhead(): Promise<
  Pick<Report, "addedUs" | "addedWithSignalUs" | "addedWithListenersUs">
> {
  const token = { "access_token": "a", "token_type": "Bearer", "expires_in": 900 };
  const empty = new Response(null);
  const stub: typeof fetch = (input) =>
    Promise.resolve(
      String(input).endsWith("/token") ? Response.json(token) : empty,
    );
  const session = new Session({
    clientSecret: "s",
    refreshToken: "r",
    fetch: stub,
  });
  await session.refresh();
  const { signal } = new AbortController();
  const headers = { authorization: "Bearer a", accept: "application/json" };
  const url = "https://api.example/customers/me";
  const CALLS = 20_000;
  const bareTimes: number[] = [];
  const times: number[] = [];
  const timesWithSignal: number[] = [];
  const timesWithListeners: number[] = [];
  for (let round = 0; round < 15; round++) {
    bareTimes.push(
      await time(() => stub(url, { method: "GET", headers }), CALLS, 1),
    );
    times.push(await time(() => session.fetch("/customers/me"), CALLS, 1));
    timesWithSignal.push(
      await time(() => session.fetch("/customers/me", { signal }), CALLS, 1),
    );
    for (const name of CHANNELS) subscribe(name, listener);
    timesWithListeners.push(await time(() => session.fetch("/customers/me"), CALLS, 1));
    for (const name of CHANNELS) unsubscribe(name, listener);
  }
  const added = (measured: number[]) =>
    median(
      measured.map((ms, i) => (ms - (bareTimes[i] ?? NaN)) * 1000 / CALLS),
    );
  await session.close();
  return {
    addedUs: added(times),
    addedWithSignalUs: added(timesWithSignal),
    addedWithListenersUs: added(timesWithListeners),
  };
}

const CHANNELS = ["request", "attempt"].flatMap((kind) =>
  ["start", "asyncEnd"].map((phase) => `tracing:tasty-session:${kind}:${phase}`)
);

let heard = 0;
const listener = () => void (heard += 1);

/** What a call asks where nobody listens: for the request, and for its attempt. */
function unheardNs(): number {
  const QUESTIONS = 5_000_000;
  const measure = (work: (i: number) => void) => {
    const startedAt = performance.now();
    for (let i = 0; i < QUESTIONS; i++) work(i);
    return performance.now() - startedAt;
  };
  const ask = (i: number) => {
    if (tracers.request.isHeard || tracers.attempt.isHeard) heard += i;
  };
  const nothing = (i: number) => {
    if (heard < 0) heard += i;
  };
  const times = Array.from({ length: 15 }, () => {
    const bareMs = measure(nothing);
    return (measure(ask) - bareMs) * 1e6 / QUESTIONS;
  });
  return median(times);
}

const unheard = unheardNs(); // before anybody has listened
const added = { ...await overhead(), unheardNs: unheard };
console.log(
  JSON.stringify({ contenders: await compare(), ...added } satisfies Report),
);
process.exit(0); // some of them keep a process alive
