/**
 * One process of the model: what it has asked and waits for, its timers, and its clock.
 *
 * @module
 */

import { IO_TIMEOUT_MS } from "../../src/store/grant_store.ts";
import type { RefreshToken } from "../../src/token/shared_refresh_token.ts";

/** What a process asks the store or the token endpoint. */
export type Question =
  | { readonly kind: "get" }
  | { readonly kind: "compareAndSet"; readonly before: string | undefined; readonly after: string }
  | { readonly kind: "token"; readonly flight: Flight };

/** A refresh token on its way, from its sending until what it brought is in the store. */
export interface Flight {
  /** The number of the refresh token. */
  readonly sent: number;
  readonly by: ModelProcess;
  /** What the endpoint answers, once the request has arrived. */
  response: Response | undefined;
  isSaved: boolean;
  /** Whether the process was killed or stopped on the way. */
  isExcused: boolean;
}

/** A question that is not answered. */
export interface Pending {
  readonly number: number;
  readonly question: Question;
  readonly askedAtMs: number;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

interface Timer {
  readonly task: () => void;
  readonly atMs: number;
  /** Of a wait between two tries, which may take any time. Others fire when their time has come. */
  isWait: boolean;
}

/** The second that a timer is given that fires late, after the process stood still. */
const GRACE_MS = 1_000;

/** A process. */
export class ModelProcess {
  readonly name: string;
  clockMs = 0;
  isKilled = false;
  /** The access token that it got, or the code of its error. */
  outcome = "";
  refreshToken: RefreshToken | undefined;
  readonly pending: Pending[] = [];
  readonly #timers: Timer[] = [];
  /** All that it was told. What it does is determined by that. */
  readonly #history: string[] = [];
  #questions = 0;
  #ids = 0;

  constructor(index: number) {
    this.name = "ABCDEFGH".charAt(index);
  }

  /** Whether it waits for another process. */
  get isPolling(): boolean {
    return !this.isKilled && this.outcome === "" && this.pending.length === 0 &&
      this.#timers.some(({ isWait }) => isWait);
  }

  /** Whether it writes to the store, or waits for the endpoint. */
  get isRefreshing(): boolean {
    return this.pending.some(({ question }) => question.kind !== "get");
  }

  /** Whether one of its timers can fire. */
  get hasTimer(): boolean {
    return this.#nextTimer() !== undefined;
  }

  /** Whether the time of one of its questions is up. */
  get isLate(): boolean {
    return this.#timers.some(({ isWait, atMs }) => !isWait && atMs <= this.clockMs + GRACE_MS);
  }

  /** Whether an action touches nothing but this process. */
  isOwn(action: string): boolean {
    const [, what, number] = action.split(" ");
    const asked = this.pending.find((pending) => pending.number === Number(number));
    return what === "timer" || what === "answer" && asked?.question.kind === "token";
  }

  /** What its further steps depend on. */
  get state(): unknown {
    const pending = this.pending.map(({ question, askedAtMs }) => [
      question.kind === "token" ? question.flight.response !== undefined : question,
      this.clockMs - askedAtMs,
    ]);
    if (this.isKilled) return ["killed", pending];
    const timers = this.#timers.map(({ atMs, isWait }) => isWait || atMs - this.clockMs);
    const isOver = this.outcome !== "" && pending.length === 0 && timers.length === 0;
    return [this.outcome, pending, timers, isOver ? [] : this.#history];
  }

  /** An id that no other process has, and that is the same in each run. */
  newId(): string {
    this.#ids += 1;
    return `${this.name}${this.#ids}`;
  }

  ask<T>(question: Question): Promise<T> {
    this.#questions += 1;
    const number = this.#questions;
    return new Promise<T>((resolve, reject) => {
      const asked = { number, question, askedAtMs: this.clockMs, resolve, reject };
      this.pending.push(asked as Pending);
    });
  }

  /** Gives an answer, or an error in its place. */
  settle(pending: Pending, value: unknown, isLost: boolean): void {
    const { kind } = pending.question;
    const index = this.pending.indexOf(pending);
    this.pending.splice(index, 1);
    const answer = isLost ? "lost" : kind === "token" ? "answered" : String(value);
    const told = `${index} ${kind} ${answer}`;
    // A record that is still the same changes nothing, however often it is read.
    const isNews = kind !== "get" || this.#history.at(-1) !== told;
    if (isNews) this.#history.push(told);
    if (isLost) pending.reject(new Error("connection reset"));
    else pending.resolve(value);
  }

  addTimer(task: () => void, ms: number): object {
    const timer: Timer = { task, atMs: this.clockMs + ms, isWait: false };
    this.#timers.push(timer);
    return {
      ref: () => timer.isWait = false,
      unref: () => timer.isWait = true,
      clear: () => {
        const index = this.#timers.indexOf(timer);
        if (index >= 0) this.#timers.splice(index, 1);
      },
    };
  }

  fireTimer(): void {
    const timer = this.#nextTimer();
    if (timer === undefined) throw new Error(`${this.name} has no timer`);
    this.#timers.splice(this.#timers.indexOf(timer), 1);
    if (!timer.isWait) {
      this.#history.push("timer");
      this.clockMs = Math.max(this.clockMs, timer.atMs);
      this.#forgetLate();
    }
    timer.task();
  }

  /** The store never does what took so long, or one of these: a lost answer is like a late one. */
  #forgetLate(): void {
    for (const pending of [...this.pending]) {
      const isLate = this.clockMs - pending.askedAtMs >= IO_TIMEOUT_MS;
      if (isLate && pending.question.kind !== "token") {
        this.pending.splice(this.pending.indexOf(pending), 1);
      }
    }
  }

  #nextTimer(): Timer | undefined {
    return this.#timers.find(({ isWait, atMs }) => isWait || atMs <= this.clockMs + GRACE_MS);
  }
}
