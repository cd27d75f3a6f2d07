/** What a session tells those who watch it: an allow-list, in which no secret, header or body has a place. */

import type { OrderState } from "../brokers/orders.ts";
import type { CallOutcome, NetworkErrorKind } from "../errors.ts";
import type { GapReason } from "../gap.ts";

/**
 * A message of the tracing channels `tasty-session:order`, `:request`, `:attempt`, `:wait`, `:token`, `:store` and
 * `:stream`, which `node:diagnostics_channel` has on Deno, Bun, Node and, with `nodejs_compat`, Cloudflare Workers.
 *
 * Each tells of one piece of work. `tracing:tasty-session:request:start` has it when the work begins, `:error` when
 * it fails, and `:asyncEnd` when it is over, either way; it is the same object each time, so copy what you keep.
 * `:end` and `:asyncStart` are there for tracers that expect them. Paths contain account numbers.
 *
 * @example Every order and what became of it
 * ```ts
 * import { subscribe } from "node:diagnostics_channel";
 * import type { OrderEvent } from "@tasty/session";
 *
 * subscribe("tracing:tasty-session:order:asyncEnd", (message) => {
 *   const { action, orderId, state, durationMs, error } = message as OrderEvent;
 *   console.log(action, orderId, state, durationMs, error?.message);
 * });
 * ```
 */
export type SessionEvent =
  | OrderEvent
  | RequestEvent
  | AttemptEvent
  | WaitEvent
  | TokenEvent
  | StoreEvent
  | StreamConnectionEvent;

/** What every event has. */
export interface EventBase {
  /** Numbers the events of this process. */
  readonly id: number;
  /** The event in whose course this one happened: of an order, its requests; of a request, its attempts. */
  readonly parentId?: number | undefined;
  /** The broker's name. */
  readonly broker: string;
  /** Whether it is the broker's test system. */
  readonly sandbox: boolean;
  /** How long it took, in milliseconds, once it is over. */
  readonly durationMs?: number;
  /** Why it failed, if it has. */
  readonly error?: EventError;
}

/** Why something failed. */
export interface EventError {
  /** The class of the error, for instance `TokenError`; `AbortError` if the program ended it. */
  readonly name: string;
  /** The error's `code`. */
  readonly code?: string | undefined;
  /** How the network failed, if it has. */
  readonly kind?: NetworkErrorKind | undefined;
  /** The message, if the error is the module's own: it holds no secret, but may hold an account number. */
  readonly message?: string | undefined;
}

/** An order that is placed, replaced or cancelled, with the search for it if the answer is lost. */
export interface OrderEvent extends EventBase {
  /** What it is. */
  readonly kind: "order";
  /** What is to be done. */
  readonly action: "place" | "replace" | "cancel";
  /** The account. */
  readonly accountNumber: string;
  /** What the order can be recognised by, if it is a new one. */
  readonly identifier?: string | undefined;
  /** The broker's id: at first of the order to be replaced or cancelled, in the end of the one that came of it. */
  readonly orderId?: string | undefined;
  /** Its state in the end. */
  readonly state?: OrderState | undefined;
  /** Whether the answer was lost, and the order was found at the broker. */
  readonly isFound?: boolean;
  /** After a failure: what became of it. */
  readonly outcome?: CallOutcome;
}

/** A call of the session, with all its attempts and waits. */
export interface RequestEvent extends EventBase {
  /** What it is. */
  readonly kind: "request";
  /** The method. */
  readonly method: string;
  /** The path below `baseUrl`, without the query. */
  readonly path: string;
  /** The status of the last response. */
  readonly status?: number | undefined;
  /** How often it was sent. */
  readonly attempts?: number;
  /** After a failure: what became of the request. */
  readonly outcome?: CallOutcome;
}

/** What ended an attempt: the status of the response, or how the network failed. */
export type AttemptResult = number | NetworkErrorKind;

/** One sending of a request. Lasts until the response begins. */
export interface AttemptEvent extends EventBase {
  /** What it is. */
  readonly kind: "attempt";
  /** 1 for the first. */
  readonly number: number;
  /** What the attempt before ended with, which is the reason for this one. */
  readonly after?: AttemptResult | undefined;
  /** The status of the response. */
  readonly status?: number;
  /** How the network failed. */
  readonly failure?: NetworkErrorKind | undefined;
}

/**
 * Why something waits:
 *
 * - `"token"`: a call, for an access token that is refreshed.
 * - `"rate_limit"`: a call, for its turn.
 * - `"retry"`: a call, before it is sent again.
 * - `"token_retry"`: a call, before the next attempt to refresh the token.
 * - `"other_session"`: a refresh, for another session of this program with the same refresh token.
 * - `"other_process"`: a refresh, for the process that has taken it on.
 * - `"order_lookup"`: an order whose answer was lost, before the next look for it.
 * - `"reconnect"`: a stream, before it is opened again.
 */
export type WaitReason =
  | "token"
  | "rate_limit"
  | "retry"
  | "token_retry"
  | "other_session"
  | "other_process"
  | "order_lookup"
  | "reconnect";

/** Something waits. */
export interface WaitEvent extends EventBase {
  /** What it is. */
  readonly kind: "wait";
  /** What for. */
  readonly reason: WaitReason;
  /** For how long, in milliseconds, as far as that is known at the beginning. */
  readonly forMs?: number | undefined;
  /** What made it necessary: how the last attempt ended, or why a stream has. */
  readonly after?: AttemptResult | GapReason | undefined;
}

/**
 * Why an access token is requested:
 *
 * - `"first"`: there is none yet.
 * - `"due"`: the one that is used expires soon. Nobody waits.
 * - `"expired"`: it has expired, or is about to.
 * - `"rejected"`: the broker answered 401 to it.
 * - `"forced"`: the program asked for another one.
 */
export type TokenReason = "first" | "due" | "expired" | "rejected" | "forced";

/** An access token is refreshed: for a call, for the program, or in the background. */
export interface TokenEvent extends EventBase {
  /** What it is. */
  readonly kind: "token";
  /** Why. */
  readonly reason: TokenReason;
  /** How many attempts in a row failed before. */
  readonly failures: number;
  /** Where the new token came from: the broker, or another process that had saved it in the store. */
  readonly from?: "endpoint" | "store";
  /** The lifetime of the new token, in milliseconds. */
  readonly lifetimeMs?: number;
  /** After a failure: whether the grant is lost, so that somebody must log in again. Told once. */
  readonly isPermanent?: boolean;
  /** After another failure: for how long nobody asks again, in milliseconds. */
  readonly nextTryInMs?: number;
}

/** A record of tokens is read from the store, or written there. */
export interface StoreEvent extends EventBase {
  /** What it is. */
  readonly kind: "store";
  /** What is done. */
  readonly action: "read" | "write";
  /** Whether it was written. If not, another process was faster. */
  readonly isWritten?: boolean;
}

/** One connection of a stream, from its opening to its end. */
export interface StreamConnectionEvent extends EventBase {
  /** What it is. */
  readonly kind: "stream";
  /** The stream's path, without the query, or `updates of` and the account's number. */
  readonly name: string;
  /** Whether it ever worked. */
  readonly isOpened?: boolean;
  /** Why it has ended, if another one may be opened. */
  readonly reason?: GapReason;
}
