/**
 * The simulated token endpoint, and the rules for asking it.
 *
 * @module
 */

import { SessionClosedError } from "../../mod.ts";
import type { FaultState } from "./faults.ts";
import { exchange, json, networkError } from "./network.ts";
import type { Grant, Issued, Program, View } from "./program.ts";
import type { SimulatedStore } from "./simulated_store.ts";
import { textOf } from "./simulated_time.ts";
import type { World } from "./world.ts";

/** How long a close must let a refresh finish. */
const CLOSING_PATIENCE_MS = 5_000;

/** One request for a token. */
interface TokenRequest {
  readonly program: Program;
  /** The number of the refresh token that was sent. */
  readonly generation: number;
  readonly faults: FaultState["token"];
  /** When it was sent, by the clocks of the program. */
  readonly asked: View;
  /** Without an intent, the program goes on alone, and may find its token outdated when it saves it. */
  readonly hasIntent: boolean;
  isProcessed: boolean;
}

/** Issues tokens. */
export class SimulatedTokenEndpoint {
  readonly #world: World;
  readonly #store: SimulatedStore;
  readonly #asking = new Map<Grant, number>();
  #lastToken = 0;

  constructor(world: World, store: SimulatedStore) {
    this.#world = world;
    this.#store = store;
  }

  /** Answers a request for a token. */
  handle(program: Program, init: RequestInit): Promise<Response> {
    const body = textOf(init.body);
    const sent = body.startsWith("{")
      ? String(JSON.parse(body).refresh_token)
      : new URLSearchParams(body).get("refresh_token") ?? "";
    const generation = Number(sent.split(".")[2]);
    const { grant } = program;
    this.#world.log(`${program.name} asks for a token with ${sent}`);
    this.#world.count("token requests");
    this.#checkAsking(program, sent, generation);

    program.tokenRequests += 1;
    program.exchanges += 1;
    this.#asking.set(grant, (this.#asking.get(grant) ?? 0) + 1);
    const { token: faults } = this.#world.faults;
    const asked = { wall: Date.now(), monotonic: performance.now() };
    const hasIntent = this.#store.hasIntentOf(program);
    const request = { program, generation, faults, asked, hasIntent, isProcessed: false };
    return exchange(this.#world.time, init.signal, {
      outMs: faults === "hang" ? Infinity : this.#world.latencyMs(),
      backMs: this.#world.latencyMs(),
      reach: () => this.#reach(request),
      leave: () => this.#leave(request, init.signal),
      settle: () => {
        program.exchanges -= 1;
        this.#asking.set(grant, (this.#asking.get(grant) ?? 0) - 1);
      },
    });
  }

  /** The request arrives. Returns what happens when its response does. */
  #reach(request: TokenRequest): () => Response {
    const { program, faults } = request;
    if (faults === "refused") throw this.#fail(request, networkError("ECONNREFUSED"));
    const refusal = this.#refusalForNow(faults);
    if (refusal !== undefined) {
      return () => {
        this.#world.log(`${program.name} is answered ${refusal.status}`);
        program.hasSeenTrouble = true;
        return refusal;
      };
    }
    const answer = this.#issue(request);
    request.isProcessed = true;
    if (faults === "lost") throw this.#fail(request, networkError("ECONNRESET"));
    return answer;
  }

  /** The program waits no longer. */
  #leave(request: TokenRequest, signal: AbortSignal | null | undefined): void {
    const { program, program: { grant }, generation, faults } = request;
    const closingMs = this.#world.time.timerMs - program.closedGentlyAt;
    const isClosed = signal?.aborted && signal.reason instanceof SessionClosedError;
    if (closingMs < CLOSING_PATIENCE_MS && program.isClosing && isClosed) {
      this.#world.violate(`${program.name} cuts a refresh off ${closingMs} ms after its close`);
    }
    // What is on its way arrives all the same, as often as not.
    const mayArrive = !request.isProcessed && faults !== "hang" && grant.isOneTime;
    if (mayArrive && this.#world.random.chance(0.5)) {
      request.isProcessed = generation === grant.generation;
      if (request.isProcessed) grant.generation += 1;
    }
    this.#fail(request, undefined);
  }

  #fail({ program, faults, isProcessed }: TokenRequest, error: unknown): unknown {
    this.#world.log(`${program.name} gets no response (${faults})`);
    program.hasSeenTrouble = true;
    // The token was used, and nobody has the next one.
    if (isProcessed && program.grant.isOneTime) program.grant.excuse ||= "the answer was lost";
    return error;
  }

  #checkAsking(program: Program, sent: string, generation: number): void {
    const { name, grant, current } = program;
    if (program.exchanges > 0) this.#world.violate(`${name} asks twice at once`);
    if (this.#world.profile.hasStore) {
      const hasIntent = this.#store.hasIntentOf(program);
      if (grant.isOneTime && !hasIntent) {
        this.#world.violate(`${name} asks without an intent in the store`);
      }
      if (grant.isOneTime && (this.#asking.get(grant) ?? 0) > 0) {
        this.#world.violate(`${name} asks while another asks`);
      }
      // Without an intent, it goes on alone because the store does not work.
      if (hasIntent && program.adoptable !== undefined) {
        this.#world.violate(`${name} asks although the store has a live token that is new to it`);
      }
    }
    if (program.refusedRefreshTokens.has(sent)) {
      this.#world.violate(`${name} asks again with a refused refresh token`);
    }
    if (generation < program.knownGeneration) {
      this.#world.violate(`${name} sends ${sent} although it was given ${program.knownGeneration}`);
    }
    if (performance.now() < program.pausedUntil) {
      this.#world.violate(`${name} asks in the pause that the endpoint asked for`);
    }
    if (!program.isDue && current !== undefined) {
      const left = program.remainingMs(current);
      this.#world.violate(`${name} asks without need: ${current.text} lives for ${left} ms`);
    }
  }

  #refusalForNow(faults: FaultState["token"]): Response | undefined {
    if (faults === "busy") return new Response("busy", { status: 503 });
    if (faults === "garbage") return new Response("<html>portal</html>", { status: 200 });
    if (faults === "not yet") {
      const description = "User is not a TastyTrade customer";
      return json({ error: "invalid_request", "error_description": description }, 400);
    }
    if (faults !== "later") return undefined;
    return new Response("later", {
      status: 429,
      headers: { "retry-after": String(this.#world.random.size(1, 5_000)) },
    });
  }

  /** The server's side: what it does when the request arrives, and what arrives at the program. */
  #issue({ program, generation, asked, hasIntent }: TokenRequest): () => Response {
    const { grant, name } = program;
    if (grant.isRevoked || generation !== grant.generation) {
      if (!grant.isRevoked && grant.excuse === "") {
        this.#world.violate(`${name} is refused without an excuse`);
      }
      return () => {
        this.#world.log(`${name} is refused`);
        this.#world.count("refusals");
        program.refusedRefreshTokens.add(grant.refreshToken(generation));
        return json({ error: "invalid_grant", "error_description": "Grant revoked" }, 400);
      };
    }
    if (grant.isOneTime) grant.generation += 1;
    const lifetimeS = this.#world.profile.isLifetimeSteady
      ? this.#world.profile.lifetimeS
      : this.#world.random.size(5, 86_400 * 30);
    const token = this.#newToken(grant, lifetimeS);
    const { lifetimeMs } = token;
    const { generation: next } = grant;
    const says = grant.isOneTime || this.#world.random.chance(0.3);
    return () => {
      this.#world.log(`${name} gets ${token.text} for ${lifetimeMs} ms`);
      this.#world.count("tokens");
      program.views.set(token.text, {
        wall: asked.wall + lifetimeMs,
        monotonic: asked.monotonic + lifetimeMs,
      });
      program.knownGeneration = Math.max(program.knownGeneration, next);
      program.arrived = token;
      token.isPastSaving ||= !hasIntent;
      program.generation += 1;
      program.hasUnsaved = this.#world.profile.hasStore;
      token.arrivedAt = this.#world.time.timerMs;
      return json({
        "access_token": token.text,
        "token_type": "Bearer",
        ...this.#expiresIn(lifetimeS),
        ...(says ? { "refresh_token": grant.refreshToken(next) } : {}),
      }, 200);
    };
  }

  #newToken(grant: Grant, lifetimeS: number): Issued {
    const { writes, defaultLifetimeMs, hasStore } = this.#world.profile;
    const lifetimeMs = writes === "nothing" ? defaultLifetimeMs : lifetimeS * 1000;
    const token: Issued = {
      text: `access.${++this.#lastToken}`,
      grant,
      lifetimeMs,
      diesAt: this.#world.time.trueMs + lifetimeMs,
      isRevoked: false,
      isPastSaving: !hasStore,
      arrivedAt: Infinity,
    };
    this.#world.tokens.set(token.text, token);
    return token;
  }

  /** How the endpoint tells the lifetime of a token, if it does. */
  #expiresIn(lifetimeS: number): Record<string, string | number> {
    const { writes } = this.#world.profile;
    if (writes === "nothing") return {};
    return { "expires_in": writes === "text" ? String(lifetimeS) : lifetimeS };
  }
}
