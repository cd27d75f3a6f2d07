/**
 * One program as the simulated world sees it: its grant, its tokens, and what it was told of them.
 *
 * @module
 */

/** What a program could lose by a wrong answer to "is it still good?": the last part of a life. */
export const mandatoryWindowMs = (lifetimeMs: number): number => Math.min(10_000, lifetimeMs * 0.1);

/** When a refresh is due at the earliest: the jitter is 10 %. */
export const advisoryWindowMs = (lifetimeMs: number): number =>
  Math.min(120_000, lifetimeMs * 0.2) * 1.1;

/** A consent of the user: one line of refresh tokens. */
export class Grant {
  readonly id: number;
  readonly isOneTime: boolean;
  /** The number of the refresh token that is good. */
  generation = 0;
  isRevoked = false;
  /** Why its refresh token may no longer work without anybody's fault, if there is a reason. */
  excuse = "";

  constructor(id: number, isOneTime: boolean) {
    this.id = id;
    this.isOneTime = isOneTime;
  }

  refreshToken(generation: number = this.generation): string {
    return `refresh.${this.id}.${generation}`;
  }
}

/** An access token, and all that is true of it. */
export interface Issued {
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
export interface View {
  readonly wall: number;
  readonly monotonic: number;
}

/** What the world knows of one program: what it was told, and so what it must do. */
export class Program {
  readonly name: string;
  readonly grant: Grant;
  readonly isAuto: boolean;
  readonly views: Map<string, View> = new Map();
  /** Tokens that it knows to be refused. */
  readonly dropped: Set<string> = new Set();
  /** Tokens that it has from the store. */
  readonly adopted: Set<string> = new Set();
  readonly refusedRefreshTokens: Set<string> = new Set();
  /** Whether its last refresh failed. */
  hasFailed = false;
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
  /** Refreshes that run: 1 at most. */
  refreshes = 0;
  isForced = false;
  /** Whether there was a need when its refresh began. */
  isDue = false;
  /** When it began to close, unless that was at once. */
  closedGentlyAt: number = -Infinity;
  /** Refused for good. */
  isRefused = false;
  isClosing = false;
  isOver = false;
  /** Whether a network failure, a temporary refusal or a store can have reached a caller. */
  hasSeenTrouble = false;
  /** How many token responses led to what it knows, as its records say. */
  generation = 0;
  /** Whether the store may hold less than it knows. */
  hasUnsaved = false;
  /** The calls of its store that are not answered, and when each was made, by the time of the timers. */
  readonly storeCalls: Set<{ readonly at: number }> = new Set();
  /** When its store failed last, by the time of the timers. */
  storeFailedAt = -1;
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

  /** The token with which a request must are sent at once. */
  get usable(): Issued | undefined {
    const held = this.current;
    if (held === undefined || this.isOver || this.dropped.has(held.text)) return undefined;
    return this.remainingMs(held) > mandatoryWindowMs(held.lifetimeMs) ? held : undefined;
  }

  /** Whether a request must set off a refresh behind it, whatever the jitter. */
  get isAgeing(): boolean {
    const held = this.usable;
    if (held === undefined || this.isRefused || this.refreshes > 0) return false;
    if (this.hasFailed) return false; // it may be in a pause
    return this.remainingMs(held) < Math.min(120_000, held.lifetimeMs * 0.2) * 0.9;
  }

  get isLoggedIn(): boolean {
    const held = this.current;
    return held !== undefined && !this.isClosing && !this.dropped.has(held.text) &&
      this.remainingMs(held) > 0;
  }
}

/** What the broker knows of a request to its API. */
export interface ApiExchange {
  sentAt: number;
  sent: number;
  /** How many were carried out. */
  done: number;
  /** The status that came back last. */
  status: number;
  answeredAt: number;
  /** How often it may be sent. */
  most: number;
  /** Whether its first 401 came when another token was held already. */
  isStraggler: boolean;
}

/** Whether a refresh that begins now has a reason. */
export function isDue(program: Program): boolean {
  const { current, dropped, isForced } = program;
  return current === undefined || dropped.has(current.text) || isForced ||
    program.remainingMs(current) <= advisoryWindowMs(current.lifetimeMs);
}
