/**
 * The simulated store, which several programs share.
 *
 * @module
 */

import type { TokenStore } from "../../mod.ts";
import { type GrantRecord, parseRecord } from "../../src/store/grant_record.ts";
import { StoreFailure } from "./faults.ts";
import { mandatoryWindowMs, type Program } from "./program.ts";
import type { World } from "./world.ts";

/** A record, and who wrote it. */
interface Written {
  readonly text: string;
  readonly record: GrantRecord;
  readonly by: Program;
}

/** Keeps records, and looks at what the programs do with them. */
export class SimulatedStore {
  readonly #world: World;
  readonly #written = new Map<string, Written>();

  constructor(world: World) {
    this.#world = world;
  }

  /** The store as a program sees it. */
  of(program: Program): TokenStore {
    return {
      get: (key) => this.#ask(program, () => this.#get(program, key)),
      compareAndSet: (key, before, after) =>
        this.#ask(program, () => this.#write(program, key, before, after)),
    };
  }

  async #ask<T>(program: Program, task: () => Promise<T>): Promise<T> {
    const asked = { at: this.#world.time.timerMs };
    program.storeCalls.add(asked);
    try {
      return await task();
    } catch (error) {
      program.storeFailedAt = this.#world.time.timerMs;
      throw error;
    } finally {
      program.storeCalls.delete(asked);
    }
  }

  /** Whether what the store holds says that this program refreshes. */
  hasIntentOf(program: Program): boolean {
    return [...this.#written.values()].some(({ by, record }) =>
      by === program && record.intent !== undefined
    );
  }

  async #get(program: Program, key: string): Promise<string | undefined> {
    await this.#latency();
    if (this.#world.faults.store === "broken") throw new StoreFailure("cannot be read");
    program.adoptable = undefined;
    const written = this.#written.get(key);
    if (written === undefined) return undefined;
    this.#learn(program, written.record);
    return written.text;
  }

  /** What a program knows once it has read a record. */
  #learn(program: Program, { refreshToken, generation, token: stored }: GrantRecord): void {
    const serverGeneration = Number(refreshToken.split(".")[2]);
    program.knownGeneration = Math.max(program.knownGeneration, serverGeneration);
    const isNew = generation >= program.generation;
    if (isNew) {
      program.generation = generation;
      program.hasUnsaved = false;
      if (program.arrived !== undefined) program.arrived.isPastSaving = true;
    }
    const token = stored && this.#world.tokens.get(stored.accessToken);
    if (stored === undefined || token === undefined || token === program.current) return;
    const sinceMs = Date.now() - Date.parse(stored.obtainedAt);
    const ageMs = Math.max(0, sinceMs); // clocks may differ a little
    if (sinceMs < -30_000 || token.lifetimeMs - ageMs <= mandatoryWindowMs(token.lifetimeMs)) {
      return;
    }
    if (isNew) program.adoptable = token;
    const monotonic = performance.now() - ageMs + token.lifetimeMs;
    program.views.set(token.text, { wall: Date.now() - ageMs + token.lifetimeMs, monotonic });
  }

  async #write(
    program: Program,
    key: string,
    before: string | undefined,
    after: string,
  ): Promise<boolean> {
    const record = parseRecord(after);
    if (record === undefined) throw new Error(`not a record: ${after}`);
    const isSave = record.intent === undefined && record.failure === undefined;
    const token = isSave ? this.#world.tokens.get(record.token?.accessToken ?? "") : undefined;
    const startedAt = this.#world.time.timerMs;
    try {
      await this.#beforeWriting(program, isSave);
      const isCurrent = this.#written.get(key)?.text === before;
      if (!isCurrent) {
        this.#world.count("lost writes");
        return false;
      }
      this.#written.set(key, { text: after, record, by: program });
      const what = record.intent ? "intent" : record.failure ? "failure" : "save";
      this.#world.log(`${program.name} writes its ${what} with ${record.refreshToken}`);
      this.#world.count(`${what}s`);
      // A program that has given the write up finds out when it reads the next time.
      const isKnown = this.#world.time.timerMs - startedAt < 5_000;
      if (isKnown && record.generation >= program.generation) program.hasUnsaved = false;
      return true;
    } finally {
      if (token !== undefined) token.isPastSaving = true;
    }
  }

  /** What a write suffers. */
  async #beforeWriting({ grant }: Program, isSave: boolean): Promise<void> {
    const { store: faults } = this.#world.faults;
    if (faults === "mute") {
      if (isSave) grant.excuse ||= "a save was never answered";
      await new Promise(() => {});
    }
    if (faults === "late") {
      // Until it lands, another program finds what was before, and cannot know better.
      if (isSave) grant.excuse ||= "a save was late";
      const lateMs = this.#world.random.between(5_100, 20_000);
      await new Promise<void>((resolve) => this.#world.time.after(lateMs, resolve));
    }
    await this.#latency();
    if (faults !== "broken" && faults !== "unwritable") return;
    if (isSave) {
      grant.excuse ||= "a save failed";
      this.#world.count("failed saves");
    }
    throw new StoreFailure("cannot be written");
  }

  async #latency(): Promise<void> {
    const slow = this.#world.faults.store === "slow" ? this.#world.random.between(500, 4_500) : 0;
    const ms = slow || (this.#world.random.chance(0.3) ? this.#world.random.size(1, 50) : 0);
    if (ms > 0) await new Promise<void>((resolve) => this.#world.time.after(ms, resolve));
  }
}
