import process from "node:process";
import { Session, type SessionOptions, TokenError } from "../../mod.ts";
import type { FakeClock } from "../support/fake_clock.ts";
import { idle, settle } from "../support/idle.ts";
import { MemoryStore } from "../support/memory_store.ts";
import { ScriptedBroker } from "../support/scripted_broker.ts";

/** A store that processes share, and a broker whose refresh tokens are good for one use. */
export class Fleet {
  readonly store: MemoryStore = new MemoryStore();
  readonly broker: ScriptedBroker = new ScriptedBroker();
  readonly clock: FakeClock;

  constructor(clock: FakeClock) {
    this.clock = clock;
    this.broker.isRotating = true;
  }

  /** A session as another process has it: with another `fetch` it shares nothing but the store. */
  start(options: SessionOptions = {}): Session {
    const fetch: SessionOptions["fetch"] = (...request) => this.broker.fetch(...request);
    return new Session({ ...this.broker.options, fetch, store: this.store, ...options });
  }

  /** A process that was killed in the middle of a refresh, its request on the way. */
  async startAndKill(): Promise<void> {
    const { onTokenRequest, tokenRequests } = this.broker;
    this.broker.onTokenRequest = () => new Promise(() => {});
    const session = this.start();
    session.accessToken().catch(() => {});
    while (this.broker.tokenRequests === tokenRequests) await idle();
    session[Symbol.dispose]();
    this.broker.onTokenRequest = onTokenRequest;
  }

  /** Lets time pass in steps, until something is so. Returns how long it took, in milliseconds. */
  async until(condition: () => boolean, stepMs = 100): Promise<number> {
    for (let ms = 0; ms < 600_000; ms += stepMs) {
      await settle();
      await idle();
      if (condition()) return ms;
      this.clock.advance(stepMs);
    }
    throw new Error("it does not come to that within ten minutes");
  }

  /** Waits for a promise while time passes. Returns how long it took, in milliseconds. */
  async time(promise: Promise<unknown>, stepMs?: number): Promise<number> {
    let isSettled = false;
    const settled = () => isSettled = true;
    promise.then(settled, settled);
    return await this.until(() => isSettled, stepMs);
  }
}

/** The answer of a token endpoint that refuses the refresh token. */
export function refusal(): Response {
  return Response.json({ error: "invalid_grant", "error_description": "Unknown" }, { status: 403 });
}

/** The error of a call, which must be one of the token endpoint. */
export async function tokenErrorOf(promise: Promise<unknown>): Promise<TokenError> {
  const error = await promise.then(() => "no error", (error: unknown) => error);
  if (error instanceof TokenError) return error;
  throw new Error(`not a TokenError: ${error}`);
}

/** What the process was warned of, until the end of the scope. */
export class Warnings implements Disposable {
  readonly messages: string[] = [];
  readonly #listen = (warning: Error) => this.messages.push(`${warning.name}: ${warning.message}`);

  constructor() {
    process.on("warning", this.#listen);
  }

  [Symbol.dispose](): void {
    process.off("warning", this.#listen);
  }
}
