/**
 * A broker as its programs see it over a simulated network: what its tokens are worth at each moment,
 * what each program can know of that, and the rules that no program may break.
 *
 * A rule is broken by sending, so each is checked where a request goes out. `violations` says which.
 *
 * @module
 */

import { SessionClosedError, type StoredTokens, type TokenStore } from "../../mod.ts";
import type { Random } from "../support/random.ts";
import { type SimulatedTime, textOf } from "./simulated_time.ts";

/** What a program could lose by a wrong answer to "is it still good?": the last part of a life. */
const mandatoryWindowMs = (lifetimeMs: number) => Math.min(10_000, lifetimeMs * 0.1);

/** When a refresh is due at the earliest: the jitter is 10 %. */
const advisoryWindowMs = (lifetimeMs: number) => Math.min(120_000, lifetimeMs * 0.2) * 1.1;

/** For how long no token is replaced after a replay was refused too. */
const DISTRUST_MS = 30_000;

/** How long a close must let a refresh finish. */
const CLOSING_PATIENCE_MS = 5_000;

/** How long a save may keep a token back. */
const SAVE_PATIENCE_MS = 5_000;

/** A consent of the user: one line of refresh tokens. */
export class Grant {
  readonly id: number;
  readonly isOneTime: boolean;
  /** The number of the refresh token that is good. */
  generation = 0;
  isRevoked = false;
  /** Why its refresh token may no longer work without anybody's fault, if there is a reason. */
  excuse = "";
  /** Whether a save took longer than a program waits. */
  hasLateSave = false;

  constructor(id: number, isOneTime: boolean) {
    this.id = id;
    this.isOneTime = isOneTime;
  }

  refreshToken(generation: number = this.generation): string {
    return `refresh.${this.id}.${generation}`;
  }
}

/** An access token, and all that is true of it. */
interface Issued {
  readonly text: string;
  readonly grant: Grant;
  readonly lifetimeMs: number;
  /** By the time of the world. */
  readonly diesAt: number;
  isRevoked: boolean;
  /** Whether it need not be saved any more: it is, or that failed, or takes too long. */
  isPastSaving: boolean;
  /** By the time of the timers. */
  arrivedAt: number;
}

/** When a token expires by the clocks of a program. */
interface View {
  readonly wall: number;
  readonly monotonic: number;
}

/** What is wrong with the world at the moment. */
export interface FaultState {
  token:
    | "fair"
    | "busy"
    | "later"
    | "refused"
    | "lost"
    | "hang"
    | "garbage"
    | "not yet";
  api: "fair" | "down" | "denied" | "hang" | "refused";
  store: "fair" | "slow" | "late" | "broken" | "unwritable" | "mute";
}

/** What is so all day. */
export interface FaultProfile {
  readonly isOneTime: boolean;
  readonly hasStore: boolean;
  readonly lifetimeS: number;
  readonly isLifetimeSteady: boolean;
  /** How the endpoint writes `expires_in`. */
  readonly writes: "number" | "text" | "nothing";
  readonly defaultLifetimeMs: number;
  readonly latencyMs: number;
  readonly tokenUrl: string;
}

/** How often what happened: a day on which nothing happens proves nothing. */
export type Counts = Record<string, number>;

/** What the world knows of one program: what it was told, and so what it must do. */
export class Program {
  readonly name: string;
  readonly grant: Grant;
  readonly isAuto: boolean;
  readonly views: Map<string, View> = new Map();
  /** Tokens that it knows to be refused. */
  readonly dropped: Set<string> = new Set();
  readonly refusedRefreshTokens: Set<string> = new Set();
  readonly failedAt: number[] = [];
  /** The access token that it holds. */
  current: Issued | undefined;
  /** What its refresh has got and not yet handed out. */
  arrived: Issued | undefined;
  /** What it found in the store, that lives and is new to it. */
  adoptable: Issued | undefined;
  knownGeneration = 0;
  settledAt = -1;
  distrustedUntil = -1;
  pausedUntil = -1;
  tokenRequests = 0;
  exchanges = 0;
  /** How many refreshes have begun. */
  begun = 0;
  /** Refreshes that run: 1 at most, from the wait for the lock to its release. */
  refreshes = 0;
  hasLock = false;
  isForced = false;
  /** Whether there was a need when its refresh began. */
  isDue = false;
  /** When it began to close, unless that was at once. */
  closedGentlyAt: number = -Infinity;
  /** Refused for good. */
  isRefused = false;
  isClosing = false;
  isOver = false;
  /** Whether a network failure, a refusal for now or a store can have reached a caller. */
  hasSeenTrouble = false;
  retryAfterMs = 0;
  /** Until then it may look whether something is to be saved once more. */
  keepsUntil = -1;
  /** Whether its last save has not succeeded yet. */
  hasUnsaved = false;
  /** When something went wrong with its tokens last. */
  troubledAt = 0;

  constructor(name: string, grant: Grant, isAuto: boolean) {
    this.name = name;
    this.grant = grant;
    this.isAuto = isAuto;
  }

  /** How long a token lives by the program's clocks. */
  remainingMs({ text }: Issued): number {
    const view = this.views.get(text);
    if (view === undefined) return -Infinity;
    return Math.min(view.wall - Date.now(), view.monotonic - performance.now());
  }

  /** The token with which a request must go out at once. */
  get usable(): Issued | undefined {
    const held = this.current;
    if (held === undefined || this.isOver || this.dropped.has(held.text)) return undefined;
    return this.remainingMs(held) > mandatoryWindowMs(held.lifetimeMs) ? held : undefined;
  }

  /** Whether a request must set off a refresh behind it, whatever the jitter. */
  get isAgeing(): boolean {
    const held = this.usable;
    if (held === undefined || this.isRefused || this.refreshes > 0) return false;
    if (this.failedAt.length > 0) return false; // it may be in a pause
    return this.remainingMs(held) < Math.min(120_000, held.lifetimeMs * 0.2) * 0.9;
  }

  get isLoggedIn(): boolean {
    const held = this.current;
    return held !== undefined && !this.isClosing && !this.dropped.has(held.text) &&
      this.remainingMs(held) > 0;
  }
}

/** An error of the store, which goes through to the caller as it is. */
export class StoreTrouble extends Error {}

/** What the broker knows of a request to its API. */
export interface ApiExchange {
  sentAt: number;
  sent: number;
  /** How many were carried out. */
  done: number;
  /** The status that came back last. */
  status: number;
  answeredAt: number;
  /** Whether its first 401 came when another token was held already. */
  isStraggler: boolean;
}

/** The token endpoint, the API, the store, and the rules. */
export class SimulatedBroker {
  readonly violations: string[] = [];
  readonly counts: Counts = {};
  readonly faults: FaultState = { token: "fair", api: "fair", store: "fair" };
  readonly exchanges: Map<string, ApiExchange> = new Map();
  readonly #time: SimulatedTime;
  readonly #random: Random;
  readonly #profile: FaultProfile;
  readonly #tokens = new Map<string, Issued>();
  readonly #grants = new Map<number, Grant>();
  readonly #stored = new Map<string, StoredTokens>();
  readonly #locks = new Map<string, Promise<unknown>>();
  readonly #asking = new Map<Grant, number>();
  readonly #log: (line: string) => void;
  #lastToken = 0;

  constructor(
    time: SimulatedTime,
    random: Random,
    profile: FaultProfile,
    log: (line: string) => void,
  ) {
    this.#time = time;
    this.#random = random;
    this.#profile = profile;
    this.#log = log;
  }

  /** A new consent. */
  consent(): Grant {
    const grant = new Grant(this.#grants.size + 1, this.#profile.isOneTime);
    this.#grants.set(grant.id, grant);
    return grant;
  }

  /** Every access token of the grant is of no more use. */
  revokeAccessTokens(grant: Grant): void {
    for (const token of this.#tokens.values()) if (token.grant === grant) token.isRevoked = true;
  }

  count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1;
  }

  violate(rule: string): void {
    this.#log(`VIOLATION ${rule}`);
    this.violations.push(rule);
  }

  /** The way of a program to the broker. */
  networkOf(program: Program): typeof fetch {
    return (input, init = {}) => {
      const url = String(input);
      if (program.isOver) this.violate(`${program.name} sends after its end: ${url}`);
      return url === this.#profile.tokenUrl
        ? this.#askForToken(program, init)
        : this.#callApi(program, new URL(url).pathname, init);
    };
  }

  /** The store as a program sees it. */
  storeOf(program: Program): TokenStore {
    return {
      load: (key) => this.#load(program, key),
      save: (key, tokens) => this.#save(program, key, tokens),
      lock: (key, task, options) => this.#lock(program, key, task, options?.signal),
    };
  }

  /** Whether a token that was handed out is one that a program may use now. */
  checkHandedOut(program: Program, text: string): void {
    const token = this.#tokens.get(text);
    if (token === undefined) return this.violate(`${program.name} hands out an unknown token`);
    this.#checkUse(program, token, "hands out");
  }

  // The token endpoint.

  #askForToken(program: Program, init: RequestInit): Promise<Response> {
    const body = textOf(init.body);
    const sent = body.startsWith("{")
      ? String(JSON.parse(body).refresh_token)
      : new URLSearchParams(body).get("refresh_token") ?? "";
    const generation = Number(sent.split(".")[2]);
    const { grant } = program;
    this.#log(`${program.name} asks for a token with ${sent}`);
    this.count("token requests");
    this.#checkAsking(program, sent, generation);

    const asked = { wall: Date.now(), monotonic: performance.now() };
    const { token: faults } = this.faults;
    program.tokenRequests += 1;
    program.exchanges += 1;
    program.retryAfterMs = 0;
    this.#asking.set(grant, (this.#asking.get(grant) ?? 0) + 1);
    const hasStore = this.#profile.hasStore;
    if (!hasStore) {
      program.refreshes = 1;
      program.begun += 1;
    }

    let isProcessed = false;
    const fail = (error: unknown) => {
      this.#log(`${program.name} gets no response (${faults})`);
      program.hasSeenTrouble = true;
      // Somebody spent it, and nobody has the next one.
      if (isProcessed && grant.isOneTime) grant.excuse ||= "the answer was lost";
      if (!hasStore) this.#renewalFailed(program, 0);
      return error;
    };
    return this.#exchange(init.signal, {
      outMs: faults === "hang" ? Infinity : this.#latency(),
      backMs: this.#latency(),
      reach: () => {
        if (faults === "refused") throw fail(networkError("ECONNREFUSED"));
        const refusal = this.#refusalForNow(faults);
        if (refusal !== undefined) {
          return () => {
            this.#log(`${program.name} is answered ${refusal.status}`);
            program.hasSeenTrouble = true;
            program.retryAfterMs = Number(refusal.headers.get("retry-after") ?? 0) * 1000;
            if (!hasStore) this.#renewalFailed(program, program.retryAfterMs);
            return refusal;
          };
        }
        const answer = this.#issue(program, generation, asked);
        isProcessed = true;
        if (faults === "lost") throw fail(networkError("ECONNRESET"));
        return answer;
      },
      leave: () => {
        const closingMs = this.#time.timerMs - program.closedGentlyAt;
        if (closingMs < CLOSING_PATIENCE_MS && program.isClosing && init.signal?.aborted) {
          const { reason } = init.signal;
          if (reason instanceof SessionClosedError) {
            this.violate(`${program.name} cuts a refresh off ${closingMs} ms after its close`);
          }
        }
        // What is on its way arrives all the same, as often as not.
        if (!isProcessed && faults !== "hang" && grant.isOneTime && this.#random.chance(0.5)) {
          isProcessed = generation === grant.generation;
          if (isProcessed) grant.generation += 1;
        }
        fail(undefined);
      },
      settle: () => {
        program.exchanges -= 1;
        this.#asking.set(grant, (this.#asking.get(grant) ?? 0) - 1);
      },
    });
  }

  #checkAsking(program: Program, sent: string, generation: number): void {
    const { name, grant, current } = program;
    if (program.exchanges > 0) this.violate(`${name} asks twice at once`);
    if (this.#profile.hasStore) {
      if (!program.hasLock) this.violate(`${name} asks without the lock`);
      if ((this.#asking.get(grant) ?? 0) > 0) this.violate(`${name} asks while another asks`);
      if (program.adoptable !== undefined) {
        this.violate(`${name} asks although the store has a live token that is new to it`);
      }
    }
    if (program.refusedRefreshTokens.has(sent) && !this.#mayBeStale(program)) {
      this.violate(`${name} asks again with a refused refresh token`);
    }
    if (generation < program.knownGeneration && !this.#mayBeStale(program)) {
      this.violate(`${name} sends ${sent} although it was given ${program.knownGeneration}`);
    }
    if (performance.now() < program.pausedUntil) {
      this.violate(`${name} asks in the pause that the endpoint asked for`);
    }
    if (!this.#profile.hasStore) program.isDue = isDue(program);
    if (!program.isDue && current !== undefined) {
      const left = program.remainingMs(current);
      this.violate(`${name} asks without need: ${current.text} lives for ${left} ms`);
    }
  }

  /**
   * Whether the store can hold what is older than what the program has. The one thing that the module
   * does not prevent: a store whose save lands after it was given up, over a newer one of another
   * program. It would have to keep everybody from the lock for as long as such a store likes.
   */
  #mayBeStale({ grant }: Program): boolean {
    return grant.hasLateSave;
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
      headers: { "retry-after": String(this.#random.size(1, 5_000)) },
    });
  }

  /** The server's side: what it does when the request arrives, and what arrives at the program. */
  #issue(program: Program, generation: number, asked: View): () => Response {
    const { grant, name } = program;
    if (grant.isRevoked || generation !== grant.generation) {
      if (!grant.isRevoked && grant.excuse === "") {
        this.violate(`${name} is refused without an excuse`);
      }
      return () => {
        this.#log(`${name} is refused`);
        this.count("refusals");
        program.refusedRefreshTokens.add(grant.refreshToken(generation));
        if (!this.#profile.hasStore) this.#refuseForGood(program);
        return json({ error: "invalid_grant", "error_description": "Grant revoked" }, 400);
      };
    }
    if (grant.isOneTime) grant.generation += 1;
    const lifetimeS = this.#profile.isLifetimeSteady
      ? this.#profile.lifetimeS
      : this.#random.size(5, 86_400 * 30);
    const isSilent = this.#profile.writes === "nothing";
    const lifetimeMs = isSilent ? this.#profile.defaultLifetimeMs : lifetimeS * 1000;
    const token: Issued = {
      text: `access.${++this.#lastToken}`,
      grant,
      lifetimeMs,
      diesAt: this.#time.trueMs + lifetimeMs,
      isRevoked: false,
      isPastSaving: !this.#profile.hasStore,
      arrivedAt: Infinity,
    };
    this.#tokens.set(token.text, token);
    const { generation: next } = grant;
    const says = grant.isOneTime || this.#random.chance(0.3);
    return () => {
      this.#log(`${name} gets ${token.text} for ${lifetimeMs} ms`);
      this.count("tokens");
      program.views.set(token.text, {
        wall: asked.wall + lifetimeMs,
        monotonic: asked.monotonic + lifetimeMs,
      });
      program.knownGeneration = Math.max(program.knownGeneration, next);
      program.arrived = token;
      token.arrivedAt = this.#time.timerMs;
      if (!this.#profile.hasStore) this.#refreshed(program, token);
      return json({
        "access_token": token.text,
        "token_type": "Bearer",
        ...(isSilent
          ? {}
          : { "expires_in": this.#profile.writes === "text" ? String(lifetimeS) : lifetimeS }),
        ...(says ? { "refresh_token": grant.refreshToken(next) } : {}),
      }, 200);
    };
  }

  #refreshed(program: Program, token: Issued): void {
    program.current = token;
    program.settledAt = this.#time.trueMs;
    program.failedAt.length = 0;
    program.isForced = false;
    if (!this.#profile.hasStore) program.refreshes = 0;
  }

  #refuseForGood(program: Program): void {
    program.isRefused = true;
    program.troubledAt = this.#time.timerMs;
    program.isForced = false;
    if (!this.#profile.hasStore) program.refreshes = 0;
  }

  #renewalFailed(program: Program, retryAfterMs: number): void {
    program.isForced = false;
    if (!this.#profile.hasStore) program.refreshes = 0;
    program.hasSeenTrouble = true;
    program.troubledAt = this.#time.timerMs;
    const now = performance.now();
    program.pausedUntil = now + Math.min(retryAfterMs, 3_600_000);
    program.failedAt.push(now);
    this.count("failed refreshes");
    // The last twelve pauses were up to 30 s each: that they add up to less than 20 s has a chance of 1e-11.
    const twelveBefore = program.failedAt.length > 18 ? program.failedAt.at(-13) : undefined;
    if (twelveBefore !== undefined && now - twelveBefore < 20_000) {
      this.violate(`${program.name} fails too often: 12 times in ${now - twelveBefore} ms`);
    }
  }

  // The API.

  #callApi(program: Program, path: string, init: RequestInit): Promise<Response> {
    const text = (new Headers(init.headers).get("authorization") ?? "").replace("Bearer ", "");
    const token = this.#tokens.get(text);
    const seen = this.exchanges.get(path);
    if (token === undefined || seen === undefined) {
      this.violate(`${program.name} sends what it was not asked to send`);
      return Promise.reject(new Error("no such thing"));
    }
    this.#log(`${program.name} ${init.method} ${path} with ${text}`);
    this.count("API requests");
    if (program.isClosing) this.violate(`${program.name} calls the API after its close`);
    this.#checkUse(program, token, "sends");
    if (token.diesAt <= this.#time.trueMs) this.count("API requests with a dead token");
    seen.sent += 1;
    seen.sentAt = this.#time.trueMs;
    if (seen.sent > 2) this.violate(`${program.name} sends ${path} for the third time`);

    const { api: faults } = this.faults;
    return this.#exchange(init.signal, {
      outMs: faults === "hang" ? Infinity : this.#latency(),
      backMs: this.#latency(),
      reach: () => {
        if (faults === "refused") {
          program.hasSeenTrouble = true;
          throw networkError("ECONNREFUSED");
        }
        const isGood = !token.isRevoked && this.#time.trueMs < token.diesAt &&
          faults !== "denied";
        const status = !isGood ? 401 : faults === "down" ? 503 : 200;
        if (status !== 401 && ++seen.done > 1) {
          this.violate(`${program.name} has ${path} carried out twice`);
        }
        return () => {
          this.#log(`${program.name} ${path}: ${status}`);
          seen.status = status;
          seen.answeredAt = this.#time.trueMs;
          if (status === 401 && seen.sent === 1) {
            const { current } = program;
            seen.isStraggler = current !== undefined && current !== token &&
              !program.dropped.has(current.text);
            this.#rejected(program, token);
          } else if (status === 401 && seen.isStraggler) {
            this.#rejected(program, token); // the one that was held meanwhile
          } else if (status === 401) {
            // The next token is refused too: the broker means something else.
            program.distrustedUntil = performance.now() + DISTRUST_MS;
          }
          return json(status === 200 ? { path, data: { path } } : { error: "no" }, status);
        };
      },
      leave: () => {},
      settle: () => {},
    });
  }

  /** What goes out lives by both clocks, and for long enough, unless it came this very moment. */
  #checkUse(program: Program, token: Issued, verb: string): void {
    const { name } = program;
    const remaining = program.remainingMs(token);
    const isJustHere = program.settledAt === this.#time.trueMs && program.current === token;
    if (program.dropped.has(token.text)) {
      this.violate(`${name} ${verb} ${token.text}, of which it knows that it was refused`);
    }
    if (program.current !== token) {
      this.violate(`${name} ${verb} ${token.text}, although it has ${program.current?.text}`);
    }
    if (isJustHere) {
      if (remaining <= 0) this.count(`${verb} a token that came too late`);
    } else if (remaining <= mandatoryWindowMs(token.lifetimeMs)) {
      this.violate(`${name} ${verb} ${token.text} with ${remaining} ms of its life left`);
    }
    const isLate = this.#time.timerMs - token.arrivedAt >= SAVE_PATIENCE_MS;
    if (!token.isPastSaving && !isLate) this.violate(`${name} ${verb} ${token.text} unsaved`);
  }

  #rejected(program: Program, token: Issued): void {
    this.count("401s");
    program.troubledAt = this.#time.timerMs;
    if (program.current !== token || program.dropped.has(token.text)) {
      this.count("401s of stragglers");
      return;
    }
    if (performance.now() < program.distrustedUntil) {
      this.count("401s that are not believed");
      return;
    }
    program.dropped.add(token.text);
  }

  // The store.

  async #lock<T>(
    program: Program,
    key: string,
    task: () => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    // What could not be saved is saved behind, in a lock of its own, which brings no token.
    const mayBeSave = program.hasUnsaved || this.#time.timerMs < program.keepsUntil;
    program.refreshes += 1;
    program.begun += 1;
    program.isDue = isDue(program);
    if (program.refreshes > 1 && !mayBeSave) {
      this.violate(`${program.name} refreshes twice at once`);
    }
    const before = this.#locks.get(key) ?? Promise.resolve();
    const free = Promise.withResolvers<void>();
    this.#locks.set(key, before.then(() => free.promise));
    try {
      await untilAborted(before, signal);
      if (this.faults.store === "broken") throw new StoreTrouble("no lock");
      program.hasLock = true;
      program.adoptable = undefined;
      program.arrived = undefined;
      const result = await task();
      if (result !== undefined) this.#handOut(program);
      return result;
    } catch (error) {
      const isRefused = Object(error).isPermanent === true;
      if (isRefused) this.#refuseForGood(program);
      else this.#renewalFailed(program, program.retryAfterMs);
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
    if (token === undefined) return this.violate(`${program.name} has a token from nowhere`);
    if (token === program.adoptable) this.count("adopted tokens");
    if (!token.isPastSaving) {
      program.grant.excuse ||= "a save was given up";
      program.grant.hasLateSave = true;
    }
    this.#refreshed(program, token);
  }

  async #load(program: Program, key: string): Promise<StoredTokens | undefined> {
    await this.#storeLatency();
    if (this.faults.store === "broken") {
      throw new StoreTrouble("cannot be read");
    }
    const stored = this.#stored.get(key);
    program.adoptable = undefined;
    if (stored === undefined) return undefined;
    const token = this.#tokens.get(stored.accessToken);
    const generation = Number(stored.refreshToken.split(".")[2]);
    program.knownGeneration = Math.max(program.knownGeneration, generation);
    const ageMs = Date.now() - Date.parse(stored.obtainedAt);
    if (token === undefined || ageMs < 0) return stored;
    if (token.lifetimeMs - ageMs <= mandatoryWindowMs(token.lifetimeMs)) return stored;
    if (token === program.current) return stored;
    program.adoptable = token;
    if (this.#mayBeStale(program)) program.dropped.delete(token.text);
    const monotonic = performance.now() - ageMs + token.lifetimeMs;
    program.views.set(token.text, { wall: Date.parse(stored.expiresAt), monotonic });
    return stored;
  }

  async #save(program: Program, key: string, tokens: StoredTokens): Promise<void> {
    const token = this.#tokens.get(tokens.accessToken);
    if (token === undefined) return this.violate(`${program.name} saves an unknown token`);
    program.hasUnsaved = true;
    const over = () => {
      program.keepsUntil = this.#time.timerMs + 60_000;
    };
    over();
    try {
      if (this.faults.store === "mute") {
        program.grant.excuse ||= "a save was never answered";
        await new Promise(() => {});
      }
      if (this.faults.store === "late") {
        // Until it lands, another program finds the one before, and cannot know better.
        program.grant.excuse ||= "a save was late";
        program.grant.hasLateSave = true;
        const lateMs = this.#random.between(5_100, 20_000);
        await new Promise<void>((resolve) => this.#time.after(lateMs, resolve));
      }
      await this.#storeLatency();
      if (this.faults.store === "broken" || this.faults.store === "unwritable") {
        program.grant.excuse ||= "a save failed";
        this.count("failed saves");
        throw new StoreTrouble("cannot be written");
      }
      this.#log(`${program.name} saved ${tokens.refreshToken}, ${tokens.accessToken}`);
      this.#stored.set(key, tokens);
      this.count("saves");
      program.hasUnsaved = false;
    } finally {
      token.isPastSaving = true;
      over();
    }
  }

  async #storeLatency(): Promise<void> {
    const slow = this.faults.store === "slow" ? this.#random.between(500, 4_500) : 0;
    const ms = slow || (this.#random.chance(0.3) ? this.#random.size(1, 50) : 0);
    if (ms > 0) await new Promise<void>((resolve) => this.#time.after(ms, resolve));
  }

  // The wire.

  #latency(): number {
    const usual = this.#random.size(1, this.#profile.latencyMs);
    return this.#random.chance(0.02) ? usual + this.#random.size(1, 8_000) : usual;
  }

  /** A request goes out, arrives, and its answer comes back; the program may leave at any time. */
  #exchange(
    signal: AbortSignal | null | undefined,
    { outMs, backMs, reach, leave, settle }: {
      outMs: number;
      backMs: number;
      reach: () => () => Response;
      leave: () => void;
      settle: () => void;
    },
  ): Promise<Response> {
    const answer = Promise.withResolvers<Response>();
    let isOver = false;
    let cancel = () => {};
    const end = (result: () => void) => {
      if (isOver) return;
      isOver = true;
      cancel();
      settle();
      signal?.removeEventListener("abort", onAbort);
      result();
    };
    const onAbort = () =>
      end(() => {
        leave();
        answer.reject(signal?.reason);
      });
    signal?.addEventListener("abort", onAbort);
    if (outMs < Infinity) {
      cancel = this.#time.after(outMs, () => {
        try {
          const arrive = reach();
          cancel = this.#time.after(backMs, () => end(() => answer.resolve(arrive())));
        } catch (error) {
          end(() => answer.reject(error));
        }
      });
    }
    return answer.promise;
  }
}

/** Whether a refresh that begins now has a reason. */
function isDue(program: Program): boolean {
  const { current, dropped, isForced } = program;
  return current === undefined || dropped.has(current.text) || isForced ||
    program.remainingMs(current) <= advisoryWindowMs(current.lifetimeMs);
}

function json(value: unknown, status: number): Response {
  return new Response(JSON.stringify(value), {
    status,
    headers: { "content-type": "application/json" },
  });
}

/** As a runtime says it. */
function networkError(code: string): TypeError {
  return new TypeError("fetch failed", { cause: Object.assign(new Error(code), { code }) });
}

async function untilAborted(promise: Promise<unknown>, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal?.reason);
  signal?.addEventListener("abort", onAbort);
  await Promise.race([promise, aborted.promise]).finally(() =>
    signal?.removeEventListener("abort", onAbort)
  );
}
