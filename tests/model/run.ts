/**
 * One run of the model: processes that refresh the same grant, and what each waits for.
 *
 * Only one process runs at a time, from one event to the next, so whatever is called belongs to it.
 *
 * @module
 */

import nodeProcess from "node:process";
import { tradestation } from "../../mod.ts";
import { parseRecord } from "../../src/store/grant_record.ts";
import { RefreshGrant } from "../../src/token/refresh_grant.ts";
import type { Token } from "../../src/token/token.ts";
import { RefreshToken } from "../../src/token/shared_refresh_token.ts";
import { Replacements } from "../support/replacements.ts";
import { Endpoint } from "./endpoint.ts";
import { ModelProcess, type Pending } from "./process.ts";

/** How much may happen in one run. */
export interface Bounds {
  readonly processes: number;
  /** How many processes are killed. */
  readonly crashes: number;
  /** How often all that is under way stands still for longer than others watch an intent. */
  readonly stops: number;
  /** How many answers of the store are lost, after it did what it was asked. */
  readonly lostAnswers: number;
}

/** An id as a process makes it. */
const ID = /\b[A-H]\d+\b/g;

/** Longer than any process watches an intent before it takes over, in steps that count as watched. */
const STOP_MS = 24_000;
const WATCH_STEP_MS = 2_000;

/** Processes, their store and the token endpoint. */
export class Run implements Disposable {
  readonly violations: string[] = [];
  readonly #bounds: Bounds;
  readonly #left: { crashes: number; stops: number; lostAnswers: number };
  readonly #processes: readonly ModelProcess[];
  readonly #endpoint: Endpoint = new Endpoint((text) => this.violations.push(text));
  readonly #replacements = new Replacements();
  #text: string | undefined;
  #running: ModelProcess | undefined;

  constructor(bounds: Bounds) {
    this.#bounds = bounds;
    this.#left = { ...bounds };
    this.#processes = Array.from({ length: bounds.processes }, (_, i) => new ModelProcess(i));
    this.#replacements.set(performance, "now", () => this.#running?.clockMs ?? 0);
    this.#replacements.set(Date, "now", () => 1_700_000_000_000);
    this.#replacements.set(Math, "random", () => 0.5);
    this.#replacements.set(crypto, "randomUUID", () => this.#running?.newId());
    this.#replacements.setPromptDigest();
    this.#replacements.set(nodeProcess, "emitWarning", () => {});
    this.#replacements.set(
      globalThis,
      "clearTimeout",
      (timer?: { clear(): void }) => timer?.clear(),
    );
    this.#replacements.set(
      globalThis,
      "setTimeout",
      (task: () => void, ms: number) => this.#running?.addTimer(task, ms),
    );
  }

  [Symbol.dispose](): void {
    this.#replacements[Symbol.dispose]();
  }

  /** How often a refresh token was sent that had been used. */
  get reuses(): number {
    return this.#endpoint.reuses;
  }

  /** Starts all processes: each needs a token, and asks again if its store fails. */
  async start(): Promise<void> {
    for (const process of this.#processes) await this.#let(process, () => this.#startOne(process));
  }

  /** What can happen next. */
  get actions(): string[] {
    const actions = this.#processes.map((process) => this.#actionsOf(process));
    // A step that touches nothing that is shared comes first: in another order it would be the same.
    const own = actions.find(([action = "", ...others], i) =>
      others.length === 0 && this.#processes[i]?.isOwn(action)
    );
    if (this.#left.stops === 0 && own !== undefined) return own;
    const isWatched = this.#processes.some(({ isPolling }) => isPolling);
    return [...actions.flat(), ...(isWatched && this.#left.stops > 0 ? ["all stop"] : [])];
  }

  /** Lets something happen. */
  async perform(action: string): Promise<void> {
    const [name, what, number] = action.split(" ");
    if (what === "stop") return await this.#stop();
    const process = this.#processes.find((process) => process.name === name);
    if (process === undefined) throw new Error(`nobody does this: ${action}`);
    if (what === "crash") return this.#crash(process);
    if (what === "timer") {
      // A timer that fires late gives a second more, and fires again.
      do await this.#let(process, () => process.fireTimer()); while (process.isLate);
      return;
    }
    const pending = process.pending.find((pending) => pending.number === Number(number));
    if (pending === undefined) throw new Error(`nobody waits for this: ${action}`);
    if (what === "arrive") this.#endpoint.arrive(pending.question);
    else await this.#answer(process, pending, what === "lose");
  }

  /** All that decides what can happen from here on. */
  get state(): string {
    // The processes are all the same: it does not matter which of them is where.
    const processes = this.#processes.map((process) => ({
      process,
      text: JSON.stringify(process.state),
    }))
      .map(({ process, text }) => ({ process, text, order: text.replace(ID, "") }))
      .sort((a, b) => a.order < b.order ? -1 : 1);
    const indexOf = (by: ModelProcess) => processes.findIndex(({ process }) => process === by);
    const state = JSON.stringify([
      this.#text,
      this.#left,
      this.#endpoint.state(indexOf),
      processes.map(({ text }) => text),
    ]);
    // It matters which ids are the same, not which they are.
    const ids = new Map<string, number>();
    return state.replace(ID, (id) => {
      if (!ids.has(id)) ids.set(id, ids.size);
      return `#${ids.get(id)}`;
    });
  }

  /** Whether nothing has gone wrong outside the processes. */
  get isCalm(): boolean {
    return JSON.stringify(this.#left) === JSON.stringify({ ...this.#bounds });
  }

  /** What is wrong when nothing can happen any more. */
  atEnd(): string[] {
    const wrong: string[] = [];
    for (const { name, isKilled, outcome } of this.#processes) {
      if (!isKilled && outcome === "") wrong.push(`${name} waits for ever`);
      const isStopped = outcome === "network_error" && this.#left.stops < this.#bounds.stops;
      const isFailed = !isKilled && !isStopped && !outcome.startsWith("access-");
      if (isFailed && this.reuses === 0) wrong.push(`${name} fails: ${outcome}`);
    }
    const { flights } = this.#endpoint;
    const { intent, generation } = parseRecord(this.#text ?? "") ?? {};
    if (this.isCalm && (flights.length !== 1 || generation !== 1 || intent !== undefined)) {
      wrong.push(`${flights.length} token requests end in ${this.#text}`);
    }
    const { crashes, stops } = this.#bounds;
    if (this.reuses > crashes + stops) wrong.push(`${this.reuses} second uses`);
    return wrong;
  }

  #actionsOf({ name, isKilled, outcome, pending, hasTimer }: ModelProcess): string[] {
    const actions: string[] = [];
    for (const { number, question } of pending) {
      const isOnWire = question.kind === "token" && question.flight.response === undefined;
      // What a killed process has sent arrives all the same, or does not.
      if (isOnWire) actions.push(`${name} arrive ${number}`);
      else if (question.kind === "compareAndSet" || !isKilled) {
        actions.push(`${name} answer ${number}`);
      }
      if (!isKilled && question.kind !== "token" && this.#left.lostAnswers > 0) {
        actions.push(`${name} lose ${number}`);
      }
    }
    if (isKilled) return actions;
    if (hasTimer) actions.push(`${name} timer`);
    if (outcome === "" && this.#left.crashes > 0) actions.push(`${name} crash`);
    return actions;
  }

  #startOne(process: ModelProcess): void {
    const refreshToken = new RefreshToken("refresh-0");
    process.refreshToken = refreshToken;
    const context = {
      broker: tradestation,
      endpoints: tradestation.endpoints({
        sandbox: false,
        apiVersion: undefined,
        baseUrl: undefined,
        signInUrl: undefined,
      }),
      sandbox: false,
      userAgent: "model/1.0",
      fetch: () => process.ask<Response>(this.#endpoint.send(process)),
    };
    const grant = new RefreshGrant(
      { clientId: "client", clientSecret: "secret" },
      refreshToken,
      context,
      {
        get: () => process.ask<string | undefined>({ kind: "get" }),
        compareAndSet: (_key, before, after) =>
          process.ask<boolean>({ kind: "compareAndSet", before, after }),
      },
    );
    const { signal } = new AbortController();
    const hasUsableToken = () => process.outcome !== ""; // nobody has one
    const refresh = () => grant.refresh(signal, hasUsableToken);
    let tries = 0;
    const again = (error: { code: string }): Promise<Token> => {
      tries += 1;
      const { stops, lostAnswers } = this.#bounds;
      if (error.code !== "store_failed" || tries > stops + lostAnswers) throw error;
      return refresh().catch(again);
    };
    refresh().catch(again).then(
      ({ accessToken }) => process.outcome = accessToken,
      (error) => process.outcome = error.code ?? String(error),
    );
  }

  /** Lets a process go on until it waits. */
  async #let(process: ModelProcess, task: () => void): Promise<void> {
    this.#running = process;
    task();
    for (let i = 0; i < 50; i++) await null; // whatever waits for no event takes microtasks only
    this.#running = undefined;
  }

  #crash(process: ModelProcess): void {
    this.#left.crashes -= 1;
    process.isKilled = true;
    for (const flight of this.#endpoint.flightsOf(process)) flight.isExcused = true;
  }

  /**
   * Time passes, in which those who wait for another process read the store, and all else stands still:
   * a request or a write that takes so long belongs to a process that was stopped.
   */
  async #stop(): Promise<void> {
    this.#left.stops -= 1;
    for (const flight of this.#endpoint.flights) flight.isExcused ||= !flight.isSaved;
    const watching = this.#processes.filter(({ isPolling }) => isPolling);
    // One that has only begun to read is like one that starts later.
    for (const process of this.#processes) if (process.isRefreshing) process.clockMs += STOP_MS;
    for (let ms = 0; ms < STOP_MS; ms += WATCH_STEP_MS) {
      for (const process of watching) {
        process.clockMs += WATCH_STEP_MS;
        if (!process.isPolling) continue; // it has begun to take over
        await this.#let(process, () => process.fireTimer());
        const [read] = process.pending;
        if (read !== undefined) await this.#answer(process, read, this.#running !== undefined);
      }
    }
  }

  /** The store does what it was asked, and answers; or the answer of the endpoint comes back. */
  async #answer(process: ModelProcess, pending: Pending, isLost: boolean): Promise<void> {
    if (isLost) this.#left.lostAnswers -= 1;
    const { question } = pending;
    const value = question.kind === "get"
      ? this.#text
      : question.kind === "token"
      ? question.flight.response
      : this.#write(process, question.before, question.after);
    await this.#let(process, () => process.settle(pending, value, isLost));
  }

  #write(process: ModelProcess, before: string | undefined, after: string): boolean {
    const isCurrent = before === this.#text;
    if (!isCurrent) return isCurrent;
    const [old, next] = [parseRecord(before ?? ""), parseRecord(after)];
    if (next === undefined || old !== undefined && old.generation > next.generation) {
      this.violations.push(`${process.name} replaces ${before} by ${after}`);
    }
    this.#text = after;
    for (const flight of this.#endpoint.flightsOf(process)) {
      // With a later intent the tokens of an earlier flight may come too.
      flight.isSaved ||= next?.refreshToken !== `refresh-${flight.sent}`;
    }
    return isCurrent;
  }
}
