/**
 * The simulated store, which several programs share.
 *
 * @module
 */

import type { StoredTokens, TokenStore } from "../../mod.ts";
import { StoreFailure } from "./faults.ts";
import { untilAborted } from "./network.ts";
import { isDue, mandatoryWindowMs, type Program } from "./program.ts";
import type { World } from "./world.ts";

/** Keeps tokens, and looks at what the programs do with them. */
export class SimulatedStore {
  readonly #world: World;
  readonly #stored = new Map<string, StoredTokens>();
  readonly #locks = new Map<string, Promise<unknown>>();

  constructor(world: World) {
    this.#world = world;
  }

  /** The store as a program sees it. */
  of(program: Program): TokenStore {
    return {
      load: (key) => this.#load(program, key),
      save: (key, tokens) => this.#save(program, key, tokens),
      lock: (key, task, options) => this.#lock(program, key, task, options?.signal),
    };
  }

  async #lock<T>(
    program: Program,
    key: string,
    task: () => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    // What could not be saved is saved behind, in a lock of its own, which brings no token.
    const mayBeSave = program.hasUnsaved || this.#world.time.timerMs < program.keepsUntil;
    program.refreshes += 1;
    program.begun += 1;
    program.isDue = isDue(program);
    if (program.refreshes > 1 && !mayBeSave) {
      this.#world.violate(`${program.name} refreshes twice at once`);
    }
    const before = this.#locks.get(key) ?? Promise.resolve();
    const free = Promise.withResolvers<void>();
    this.#locks.set(key, before.then(() => free.promise));
    try {
      await untilAborted(before, signal);
      if (this.#world.faults.store === "broken") throw new StoreFailure("no lock");
      program.hasLock = true;
      program.adoptable = undefined;
      program.arrived = undefined;
      const result = await task();
      if (result !== undefined) this.#handOut(program);
      return result;
    } catch (error) {
      const isRefused = Object(error).isPermanent === true;
      if (isRefused) this.#world.refuseForGood(program);
      else this.#world.refreshFailed(program, program.retryAfterMs);
      throw error;
    } finally {
      program.retryAfterMs = 0;
      program.hasLock = false;
      program.refreshes -= 1;
      free.resolve();
    }
  }

  /** A refresh is over, and its token is the program's. */
  #handOut(program: Program): void {
    const token = program.arrived ?? program.adoptable;
    if (token === undefined) return this.#world.violate(`${program.name} has a token from nowhere`);
    if (token === program.adoptable) this.#world.count("adopted tokens");
    if (!token.isPastSaving) {
      program.grant.excuse ||= "a save was given up";
      program.grant.hasLateSave = true;
    }
    this.#world.refreshed(program, token);
  }

  async #load(program: Program, key: string): Promise<StoredTokens | undefined> {
    await this.#storeLatency();
    if (this.#world.faults.store === "broken") {
      throw new StoreFailure("cannot be read");
    }
    const stored = this.#stored.get(key);
    program.adoptable = undefined;
    if (stored === undefined) return undefined;
    const token = this.#world.tokens.get(stored.accessToken);
    const generation = Number(stored.refreshToken.split(".")[2]);
    program.knownGeneration = Math.max(program.knownGeneration, generation);
    const ageMs = Date.now() - Date.parse(stored.obtainedAt);
    if (token === undefined || ageMs < 0) return stored;
    if (token.lifetimeMs - ageMs <= mandatoryWindowMs(token.lifetimeMs)) return stored;
    if (token === program.current) return stored;
    program.adoptable = token;
    if (this.#world.mayBeStale(program)) program.dropped.delete(token.text);
    const monotonic = performance.now() - ageMs + token.lifetimeMs;
    program.views.set(token.text, { wall: Date.parse(stored.expiresAt), monotonic });
    return stored;
  }

  async #save(program: Program, key: string, tokens: StoredTokens): Promise<void> {
    const token = this.#world.tokens.get(tokens.accessToken);
    if (token === undefined) return this.#world.violate(`${program.name} saves an unknown token`);
    program.hasUnsaved = true;
    const over = () => {
      program.keepsUntil = this.#world.time.timerMs + 60_000;
    };
    over();
    try {
      if (this.#world.faults.store === "mute") {
        program.grant.excuse ||= "a save was never answered";
        await new Promise(() => {});
      }
      if (this.#world.faults.store === "late") {
        // Until it lands, another program finds the one before, and cannot know better.
        program.grant.excuse ||= "a save was late";
        program.grant.hasLateSave = true;
        const lateMs = this.#world.random.between(5_100, 20_000);
        await new Promise<void>((resolve) => this.#world.time.after(lateMs, resolve));
      }
      await this.#storeLatency();
      if (this.#world.faults.store === "broken" || this.#world.faults.store === "unwritable") {
        program.grant.excuse ||= "a save failed";
        this.#world.count("failed saves");
        throw new StoreFailure("cannot be written");
      }
      this.#world.log(`${program.name} saved ${tokens.refreshToken}, ${tokens.accessToken}`);
      this.#stored.set(key, tokens);
      this.#world.count("saves");
      program.hasUnsaved = false;
    } finally {
      token.isPastSaving = true;
      over();
    }
  }

  async #storeLatency(): Promise<void> {
    const slow = this.#world.faults.store === "slow" ? this.#world.random.between(500, 4_500) : 0;
    const ms = slow || (this.#world.random.chance(0.3) ? this.#world.random.size(1, 50) : 0);
    if (ms > 0) await new Promise<void>((resolve) => this.#world.time.after(ms, resolve));
  }
}
