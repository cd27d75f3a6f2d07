/**
 * Closes sessions in each way, holds on to them, and looks for their secrets in the whole heap. Run with
 * Node and its garbage collector within reach. Prints what it has found, or "nothing".
 *
 * @module
 */

import { randomBytes } from "node:crypto";
import process from "node:process";
import { text } from "node:stream/consumers";
import { getHeapSnapshot } from "node:v8";
import {
  AutoRefreshSession,
  Session,
  type SessionOptions,
  type TokenStore,
  tradestation,
} from "../../mod.ts";

/** Kept backwards: what is looked for must not be found here. */
const backwards = new Map<string, string>();

function secret(name: string): string {
  const made = `${name}-${randomBytes(16).toString("hex")}`;
  backwards.set(name, [...made].reverse().join(""));
  return made;
}

/** One for all sessions, as the platform's is: what they have in common hangs on it. */
const answer: typeof fetch = (input) => {
  if (!String(input).includes("/oauth/")) return Promise.resolve(new Response("{}"));
  issued += 1;
  const name = (what: string) => secret(`${kindOfSession}-${what}-${issued}`);
  return Promise.resolve(Response.json({
    "access_token": name("access-token"),
    "refresh_token": name("next-refresh-token"),
    "token_type": "Bearer",
    "expires_in": 900,
  }));
};
let issued = 0;
let kindOfSession = "";

function options(kind: string): SessionOptions {
  issued = 0;
  kindOfSession = kind;
  return {
    broker: tradestation,
    clientId: "client",
    clientSecret: secret(`${kind} client secret`.replaceAll(" ", "-")),
    refreshToken: secret(`${kind} refresh token`.replaceAll(" ", "-")),
    fetch: answer,
  };
}

/** Everything that a session does with its secrets. */
async function use(session: Session): Promise<void> {
  await session.get("/a");
  await session.post("/a", {});
  await session.refresh({ force: true });
  await session.get("/b");
}

/** A store that keeps nothing, so that whatever is found is the session's. */
const FAILING_STORE: TokenStore = {
  get: () => Promise.resolve(undefined),
  compareAndSet(_key, _before, after) {
    const isIntent = after.includes('"intent"');
    return isIntent ? Promise.resolve(isIntent) : Promise.reject(new Error("disk full"));
  },
};

const kept: unknown[] = [];
async function closeEach(): Promise<void> {
  const stored = new Session({ ...options("stored"), store: FAILING_STORE });
  await use(stored);
  await stored.close().catch(() => {}); // it says that the tokens could not be saved
  const closed = new Session(options("closed"));
  await use(closed);
  await closed.close();
  const disposed = new Session(options("disposed"));
  await use(disposed);
  disposed[Symbol.dispose]();
  const background = await AutoRefreshSession.start(options("background"));
  await use(background);
  await background.close();
  kept.push(closed, disposed, background, stored);
}

await closeEach();
if (process.argv.includes("open")) {
  const open = new Session(options("open"));
  await use(open);
  kept.push(open);
}
for (let i = 0; i < 5; i++) {
  (globalThis as { gc?: () => void }).gc?.();
  await new Promise((resolve) => setTimeout(resolve, 10));
}
const heap = await text(getHeapSnapshot());
const found = [...backwards].filter(([, text]) => heap.includes([...text].reverse().join("")))
  .map(([name]) => name);
process.stdout.write(`${found.join("\n") || "nothing"}\n${kept.length} kept\n`);
