/**
 * The simulated API, and the rules for calling it.
 *
 * @module
 */

import { exchange, json, networkError } from "./network.ts";
import type { ApiExchange, Issued, Program } from "./program.ts";
import type { World } from "./world.ts";

/** For how long no token is replaced after a replay was rejected too. */
const SUSPENSION_MS = 30_000;

/** Carries requests out. */
export class SimulatedApi {
  readonly exchanges: Map<string, ApiExchange> = new Map();
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  /** Answers a request. */
  handle(program: Program, path: string, init: RequestInit): Promise<Response> {
    const text = (new Headers(init.headers).get("authorization") ?? "").replace("Bearer ", "");
    const token = this.#world.tokens.get(text);
    const seen = this.exchanges.get(path);
    if (token === undefined || seen === undefined) {
      this.#world.violate(`${program.name} sends what it was not asked to send`);
      return Promise.reject(new Error("no such thing"));
    }
    this.#world.log(`${program.name} ${init.method} ${path} with ${text}`);
    this.#world.count("API requests");
    if (program.isClosing) this.#world.violate(`${program.name} calls the API after its close`);
    this.#world.checkUse(program, token, "sends");
    if (token.diesAt <= this.#world.time.trueMs) {
      this.#world.count("API requests with a dead token");
    }
    seen.sent += 1;
    seen.sentAt = this.#world.time.trueMs;
    if (seen.sent > seen.most) {
      this.#world.violate(`${program.name} sends ${path} ${seen.sent} times`);
    }

    const isHanging = this.#world.faults.api === "hang";
    return exchange(this.#world.time, init.signal, {
      outMs: isHanging ? Infinity : this.#world.latencyMs(),
      backMs: this.#world.latencyMs(),
      reach: () => this.#reach(program, token, path, seen),
      leave: () => {},
      settle: () => {},
    });
  }

  /** The request arrives. Returns what happens when its response does. */
  #reach(program: Program, token: Issued, path: string, seen: ApiExchange): () => Response {
    const { api: faults } = this.#world.faults;
    if (faults === "refused") {
      program.hasSeenTrouble = true;
      throw networkError("ECONNREFUSED");
    }
    const isGood = !token.isRevoked && this.#world.time.trueMs < token.diesAt &&
      faults !== "denied";
    const status = !isGood ? 401 : faults === "down" ? 503 : 200;
    if (status !== 401 && ++seen.done > 1) {
      this.#world.violate(`${program.name} has ${path} carried out twice`);
    }
    return () => {
      this.#world.log(`${program.name} ${path}: ${status}`);
      seen.status = status;
      seen.answeredAt = this.#world.time.trueMs;
      if (status === 401) this.#unauthorized(program, token, seen);
      return json(status === 200 ? { path, data: { path } } : { error: "no" }, status);
    };
  }

  #unauthorized(program: Program, token: Issued, seen: ApiExchange): void {
    // The second token may be as bad as the first.
    if (seen.sent === 2 && mayBeTooOld(program, token)) seen.most = 3;
    if (seen.isStraggler) {
      this.#rejected(program, token); // the one that was held meanwhile
    } else if (seen.sent === 1 || mayBeTooOld(program, token)) {
      const { current } = program;
      seen.isStraggler = current !== undefined && current !== token &&
        !program.dropped.has(current.text);
      this.#rejected(program, token);
    } else {
      // The next token is rejected too: it is not the token that the broker minds.
      program.distrustedUntil = performance.now() + SUSPENSION_MS;
    }
  }

  #rejected(program: Program, token: Issued): void {
    this.#world.count("401s");
    program.troubledAt = this.#world.time.timerMs;
    if (program.current !== token || program.dropped.has(token.text)) {
      this.#world.count("401s of stragglers");
      return;
    }
    if (performance.now() < program.distrustedUntil) {
      this.#world.count("401s that are not believed");
      return;
    }
    program.dropped.add(token.text);
  }
}

/** One from the store, or one that expired before it could be sent, says nothing of the next. */
function mayBeTooOld(program: Program, token: Issued): boolean {
  return program.adopted.has(token.text) || program.remainingMs(token) <= 0;
}
