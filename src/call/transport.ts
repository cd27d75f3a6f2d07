/**
 * One call, from its deadline to its error: get a token, wait for the rate limit, send, after a 401
 * refresh the token and send once more, and retry what may be retried, until there is a response to read
 * or an error to throw.
 */

import type { Broker, RateLimit } from "../brokers/broker.ts";
import { type CallOutcome, NetworkError, withCallersStack } from "../errors.ts";
import type { Deadline, DeadlineGroup } from "../net/deadline.ts";
import { requireNetwork } from "../net/platform_fetch.ts";
import { cancelBody, readLimited } from "../net/response_body.ts";
import { toOneLine } from "../error_message.ts";
import { MAX_RETRY_AFTER_MS, readRetryAfter } from "../net/retry_after.ts";
import { singleSendInit } from "../net/runtime_retries.ts";
import { pathBelow } from "../net/url.ts";
import { tracers, traceWait } from "../tracing/tracers.ts";
import { finalizationRegistry } from "../weak_references.ts";
import { remainingMs, type Token } from "../token/token.ts";
import type { TokenSource } from "../token/token_source.ts";
import { apiError, type ApiErrorContext } from "./api_error.ts";
import { awaitToken } from "./await_token.ts";
import { BodyFactoryError, Call, type CallSummary } from "./call.ts";
import type { CallLimits } from "./open_calls.ts";
import type { RateLimiter } from "./rate_limiter.ts";
import type { PreparedRequest } from "./request.ts";
import { type JsonReader, readJson } from "./response.ts";
import {
  backoffMs,
  type Outcome,
  outcomeOfFailure,
  outcomeOfStatus,
  type RetryBudget,
} from "./retry.ts";

/** What all calls of a session share. */
export interface TransportOptions {
  readonly broker: Broker;
  readonly sandbox: boolean;
  readonly apiVersion: string | undefined;
  readonly source: TokenSource;
  readonly fetch: typeof globalThis.fetch;
  /** Without it, a request is sent again after a 401 only. */
  readonly retries: RetryBudget | undefined;
  /** Without any, every request is sent at once. */
  readonly rateLimits: readonly RateLimit[];
  /** The calls that have not ended. */
  readonly running: DeadlineGroup;
  /** The address of the token endpoint. */
  readonly tokenUrl: string;
  /** The address of the API. */
  readonly baseUrl: string;
  /** The session's secrets: a response may echo them, but no error may show them. */
  readonly secrets: () => readonly string[];
}

/** Reads a response. */
type Read<T> = (response: Response, call: Call) => T | Promise<T>;

/** Sends the requests of a session. */
export class Transport {
  readonly #options: TransportOptions;
  #isPermitted = false;
  #limiter: RateLimiter | undefined;
  /** Loads the limiter, if there are limits. Programs without any do not carry it. */
  readonly #loading: Promise<RateLimiter> | undefined;
  /** Ends a call whose response is garbage, so that nobody can read its body any more. */
  readonly #unread = finalizationRegistry<Deadline>((deadline) => deadline.dispose());

  constructor(options: TransportOptions) {
    this.#options = options;
    if (options.rateLimits.length === 0) return;
    this.#loading = this.#loadLimiter(options);
    this.#loading.catch(() => {}); // each call reports it
  }

  /** Sends a request and returns the response, whose body stays readable until the call is aborted. */
  fetch(request: PreparedRequest, limits: CallLimits): Promise<Response> {
    const finish = ({ deadline }: Call, { body }: Response) => {
      if (body === null) return deadline.dispose();
      deadline.stopTimer();
      this.#unread.register(body, deadline);
    };
    return this.#run(request, limits, (response) => response, finish);
  }

  /** Sends a request and returns the response of a stream, like `fetch()`; a refusal throws. */
  open(request: PreparedRequest, limits: CallLimits): Promise<Response> {
    const read: Read<Response> = async (response, call) => {
      if (response.ok) return response;
      throw apiError(response, await readLimited(response), request, this.#errorContext(call));
    };
    return this.#run(request, limits, read, ({ deadline }) => deadline.stopTimer());
  }

  /** Sends a request and returns its data, or `undefined` if the body is empty. */
  json<T>(
    request: PreparedRequest,
    limits: CallLimits,
    reader: JsonReader<T>,
  ): Promise<T | undefined> {
    const read: Read<T | undefined> = (response, call) =>
      readJson(response, request, this.#errorContext(call), reader);
    return this.#run(request, limits, read, ({ deadline }) => deadline.dispose());
  }

  #errorContext(call: Call): ApiErrorContext {
    const { broker, sandbox, apiVersion } = this.#options;
    return {
      broker,
      sandbox,
      apiVersion,
      secrets: () => [...this.#options.secrets(), ...call.secrets],
      outcome: (last: CallOutcome) => call.outcomeAfter(last),
    };
  }

  #run<T>(
    request: PreparedRequest,
    limits: CallLimits,
    read: Read<T>,
    finish: (call: Call, value: T) => void,
  ): Promise<T> {
    if (!tracers.request.isHeard) return this.#own(request, limits, { read, finish });
    const beginning = () => ({
      method: request.method,
      path: toOneLine(pathBelow(request.url, this.#options.baseUrl)),
    });
    const own = (event?: CallSummary) => this.#own(request, limits, { read, finish, event });
    return tracers.request.trace(this.#options, beginning, own);
  }

  /** Owns a call. Work that ignores the end of the call continues, and its result is dropped. */
  async #own<T>(
    request: PreparedRequest,
    limits: CallLimits,
    { read, finish, event }: {
      readonly read: Read<T>;
      readonly finish: (call: Call, value: T) => void;
      readonly event?: CallSummary | undefined;
    },
  ): Promise<T> {
    this.#requireNetwork();
    const call = new Call(request, limits, this.#options.running);
    try {
      const value = await call.deadline.race(this.#sendUntilFinal(call, read));
      if (event !== undefined) call.summarize(event);
      finish(call, value);
      return value;
    } catch (error) {
      call.deadline.dispose();
      if (call.isAborted) limits.onAbort?.({ outcome: call.outcome });
      const callersError = call.toCallerError(error);
      if (event !== undefined) call.summarize(event, callersError);
      throw withCallersStack(callersError, limits.signal);
    }
  }

  /** Asks Deno once for the permission to connect to all servers. */
  #requireNetwork(): void {
    if (this.#isPermitted) return;
    const { fetch, tokenUrl, baseUrl } = this.#options;
    requireNetwork(fetch, [tokenUrl, baseUrl]);
    this.#isPermitted = true;
  }

  /** Retries until an outcome is final. */
  async #sendUntilFinal<T>(call: Call, read: Read<T>): Promise<T> {
    for (;; call.retries++) {
      let pauseMs: number | undefined;
      try {
        let response = await this.#send(call);
        call.record(response.status);
        if (response.status === 401) response = await this.#replay(call, response);
        pauseMs = this.#pauseAfterResponse(call, response);
        if (pauseMs === undefined) return await read(response, call);
        cancelBody(response);
      } catch (error) {
        const failure = call.failureOf(error);
        if (failure === undefined) throw error;
        call.record(failure);
        pauseMs = this.#pauseAfter(call, outcomeOfFailure(failure), undefined);
        if (pauseMs === undefined) throw error;
      }
      const what = { reason: "retry", forMs: pauseMs, after: call.lastResult } as const;
      await traceWait(this.#options, what, () => call.deadline.sleep(what.forMs));
    }
  }

  /**
   * After a 401, sends once more with the next access token; and once again if that may have been too old,
   * because it came from the store, or expired while it was saved.
   */
  async #replay(call: Call, response: Response): Promise<Response> {
    const { source } = this.#options;
    const next = invalidate(source, call);
    const isOver = call.replays >= (mayBeTooOld(call.lastToken) ? 2 : 1);
    if (next === undefined || isOver || !call.request.isReplayable) return response;
    cancelBody(response);
    const replayed = await this.#send(call);
    call.record(replayed.status);
    if (replayed.status === 401) {
      // If a freshly issued token is also rejected, the token is not the problem. The one that was held
      // may have been revoked too, which says nothing about a new one.
      if (next === "held") invalidate(source, call);
      else if (mayBeTooOld(call.lastToken)) return await this.#replay(call, replayed);
      else source.suspendInvalidation();
    }
    return replayed;
  }

  /** Sends with an access token, at once if there is nothing to wait for. */
  #send(call: Call): Promise<Response> {
    const { source, rateLimits } = this.#options;
    const isReady = rateLimits.length === 0 && call.request.makeBody === undefined;
    const token = isReady ? source.current() : undefined;
    return token === undefined ? this.#sendWhenReady(call) : this.#attempt(call, token);
  }

  /** Makes the body, and waits for a token and for the rate limit. After that nothing is waited for. */
  async #sendWhenReady(call: Call): Promise<Response> {
    const { source } = this.#options;
    const { makeBody } = call.request;
    const body = makeBody === undefined ? undefined : await callFactory(makeBody, call);
    let token = source.current() ?? await this.#awaitToken(call);
    const limiter = this.#limiter ?? (this.#loading && await this.#loading);
    if (limiter !== undefined) token = await this.#awaitLimit(call, limiter);
    call.deadline.throwIfOver(); // it may have ended while the token arrived
    return await this.#attempt(call, token, body);
  }

  #attempt(call: Call, token: Token, body?: RequestInit): Promise<Response> {
    if (!tracers.attempt.isHeard) return this.#fetch(call, token, body);
    const beginning = () => ({ number: call.attempts + 1, after: call.lastResult });
    return tracers.attempt.trace(this.#options, beginning, async (event = {}) => {
      try {
        const response = await call.deadline.race(this.#fetch(call, token, body));
        event.status = response.status;
        return response;
      } catch (error) {
        const { reason } = call.deadline.signal;
        event.failure = reason instanceof NetworkError ? reason.kind : call.failureOf(error)?.kind;
        throw error;
      }
    });
  }

  #fetch(call: Call, token: Token, body?: RequestInit): Promise<Response> {
    const { url, init, headers } = call.request;
    call.deadline.signal.throwIfAborted(); // a custom fetch may ignore it
    call.start(token);
    return this.#options.fetch(
      url,
      singleSendInit({
        ...init,
        ...body,
        headers: { ...headers, authorization: `Bearer ${token.accessToken}` },
        signal: call.deadline.signal,
      }),
    );
  }

  async #loadLimiter(options: TransportOptions): Promise<RateLimiter> {
    const { RateLimiter } = await import("./rate_limiter.ts");
    return this.#limiter = new RateLimiter(options.rateLimits, options.baseUrl, options);
  }

  /** Waits for the rate limit, and returns the token that is alive then. */
  async #awaitLimit(call: Call, limiter: RateLimiter): Promise<Token> {
    const { source } = this.#options;
    const { request: { url }, deadline } = call;
    const ticket = call.ticket ??= limiter.nextTicket();
    for (;;) {
      const tooLate = (waitMs: number) => call.tooLate(waitMs);
      const sentAt = await limiter.wait(url, ticket, deadline, tooLate, call.lastResult);
      const token = source.current() ?? source.token;
      if (token !== undefined) return token;
      limiter.release(url, sentAt); // the token expired in the queue
      await this.#awaitToken(call);
    }
  }

  async #awaitToken(call: Call): Promise<Token> {
    const { source, retries } = this.#options;
    call.isWaitingForToken = true;
    const token = await awaitToken(() => source.get(), source, retries, call.deadline);
    call.isWaitingForToken = false;
    return token;
  }

  #pauseAfterResponse(call: Call, response: Response): number | undefined {
    const { retries, broker } = this.#options;
    const limiter = this.#limiter;
    const outcome = outcomeOfStatus(response.status);
    if (outcome === "final") {
      retries?.recordSuccess();
      return undefined;
    }
    const retryAfterMs = readRetryAfter(response, broker.resetHeader);
    const pauseMs = this.#pauseAfter(call, outcome, retryAfterMs);
    if (response.status !== 429 || limiter === undefined) return pauseMs;
    // Pause all requests, and let this one wait in the queue with its old ticket.
    const limitMs = pauseMs ?? retryAfterMs ?? backoffMs(call.retries);
    const isLimited = limiter.pause(call.request.url, Math.min(limitMs, MAX_RETRY_AFTER_MS));
    return pauseMs !== undefined && isLimited ? 0 : pauseMs;
  }

  #pauseAfter(
    call: Call,
    outcome: Outcome,
    retryAfterMs: number | undefined,
  ): number | undefined {
    const { retries } = this.#options;
    const limiter = this.#limiter;
    const { request: { url, isReplayable, isIdempotent }, deadline: { remainingMs } } = call;
    const isTooLate = limiter !== undefined && limiter.waitMs(url) >= remainingMs;
    if (!isReplayable || isTooLate) return undefined;
    return retries?.acquire(outcome, {
      isIdempotent,
      retries: call.retries,
      retryAfterMs,
      remainingMs,
    });
  }
}

function invalidate(source: TokenSource, { lastToken }: Call): "next" | "held" | undefined {
  return lastToken === undefined ? undefined : source.invalidate(lastToken);
}

/** Whether a 401 may only say that the token has expired, although it had just arrived. */
function mayBeTooOld(token: Token | undefined): boolean {
  return token !== undefined && (token.isStored || remainingMs(token) <= 0);
}

/** Calls the caller's function that makes the body. */
async function callFactory(
  makeBody: () => Promise<RequestInit>,
  { deadline }: Call,
): Promise<RequestInit> {
  deadline.throwIfOver(); // nobody waits any more
  try {
    return await makeBody();
  } catch (error) {
    throw new BodyFactoryError(error);
  }
}
