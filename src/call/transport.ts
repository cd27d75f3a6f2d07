/**
 * One call, in visible steps: authorize, wait for its turn, send, after a 401 renew and replay once,
 * and send again what may be sent again, until there is an answer to read or a failure to tell.
 */

import { discard } from "../net/body.ts";
import { Deadline, type Deadlines } from "../net/deadline.ts";
import { NetworkError, type NetworkErrorKind, RateLimitError, SessionError } from "../errors.ts";
import {
  explainFailure,
  type NetworkFailure,
  networkFailure,
  tellable,
} from "../net/network_failure.ts";
import type { Pacer } from "./rate_limiter.ts";
import { asNetworkDenied } from "../net/platform_fetch.ts";
import { explain, MAY_BE_DONE, wholeSeconds } from "./api_error.ts";
import { isUnsafe, type Outgoing, singleSendInit, withoutQuery } from "./request.ts";
import { backoffMs, type Ending, endingOfAnswer, endingOfFailure, type Retries } from "./retry.ts";
import { MAX_RETRY_AFTER_MS, readRetryAfter } from "../net/retry_after.ts";
import type { Token } from "../token/token.ts";
import type { TokenSource } from "../token/token_source.ts";
import { waitForToken } from "../token/token_wait.ts";

/** What all calls of a session send with. */
export interface Line {
  readonly source: TokenSource;
  readonly fetch: typeof globalThis.fetch;
  /** Left out: nothing is sent again, except after a 401. */
  readonly retries: Retries | undefined;
  /** Left out: everything goes out at once. */
  readonly pacer: Pacer | undefined;
  /** Where the broker says when it takes requests again, if it has a header of its own for that. */
  readonly resetHeader: string | undefined;
}

/** One call of a session: what it sends, what ends it, and how far it has come. */
export class Call {
  readonly outgoing: Outgoing;
  readonly deadline: Deadline;
  /** Whether the request can have reached the broker and been carried out. */
  #sent: "no" | "unknown" = "no";
  #token: Token | undefined;
  /** The tokens of earlier sendings. */
  readonly #spent: string[] = [];
  /** What a function that makes the body has thrown. */
  #mistake: { readonly error: unknown } | undefined;
  /** How many times it was sent again. */
  #retries = 0;
  #wasReplayed = false;
  /** Whether it is the sign-in that lets it wait. */
  #awaitsToken = false;
  /** Its number in the queue, if there is one. */
  #number: number | undefined;

  constructor(
    outgoing: Outgoing,
    timeoutMs: number,
    signal: AbortSignal | null | undefined,
    beside: Deadlines,
  ) {
    this.outgoing = outgoing;
    const timeout = () => this.#noAnswer("timeout", this.#sent);
    this.deadline = new Deadline(timeoutMs, timeout, signal, beside);
  }

  /** The access tokens that went out with the request: an answer may echo them, and no error may. */
  get secrets(): readonly string[] {
    return this.#token === undefined ? this.#spent : [...this.#spent, this.#token.accessToken];
  }

  /**
   * Sends the request, as often as it needs and may be, and reads the answer, of whatever status. What
   * is under way when the call ends, and knows nothing of signals, is left to itself.
   */
  send<T>(line: Line, read: (response: Response) => T | Promise<T>): Promise<T> {
    return this.deadline.wait(this.#tries(line, read));
  }

  async #tries<T>(line: Line, read: (response: Response) => T | Promise<T>): Promise<T> {
    for (;; this.#retries++) {
      const sentBefore = this.#sent;
      let pauseMs: number | undefined;
      try {
        const response = await this.#authorized(line);
        if (response.status === 429) this.#sent = sentBefore; // it was turned away at the door
        pauseMs = this.#pauseAfterAnswer(response, line);
        if (pauseMs === undefined) return await read(response);
        discard(response);
      } catch (error) {
        const failure = this.#failureIn(error);
        if (failure === undefined) throw error;
        if (failure.sent === "no") this.#sent = sentBefore;
        pauseMs = this.#pauseAfter(endingOfFailure(failure), undefined, line);
        if (pauseMs === undefined) throw error;
      }
      await this.deadline.pause(pauseMs);
    }
  }

  /** Sends the request with a live access token; after a 401, once more with the next one. */
  async #authorized(line: Line): Promise<Response> {
    const { source } = line;
    const sentBefore = this.#sent;
    const response = await this.#transmit(line);
    if (response.status !== 401) return response;

    this.#sent = sentBefore; // RFC 9110 section 15.5.2: what is answered 401 was not applied
    const worthTrying = this.#rejectToken(source);
    if (worthTrying === undefined || this.#wasReplayed || !this.outgoing.isReplayable) {
      return response;
    }
    discard(response);
    this.#wasReplayed = true;
    const replayed = await this.#transmit(line);
    if (replayed.status === 401) {
      this.#sent = sentBefore;
      // The one that was held may have been revoked too, and says nothing of a new one.
      if (worthTrying === "held") this.#rejectToken(source);
      else source.distrust();
    }
    return replayed;
  }

  #rejectToken(source: TokenSource): "next" | "held" | undefined {
    return this.#token === undefined ? undefined : source.reject(this.#token);
  }

  /** One sending: nothing is waited for between the turn of the request and the request. */
  #transmit(line: Line): Promise<Response> {
    const isReady = line.pacer === undefined && this.outgoing.makeBody === undefined;
    const token = isReady ? line.source.usable() : undefined;
    return token === undefined ? this.#transmitInTurn(line) : this.#fetch(line, token);
  }

  async #transmitInTurn(line: Line): Promise<Response> {
    const { source, pacer } = line;
    const { makeBody } = this.outgoing;
    const made = makeBody === undefined ? undefined : await this.#made(makeBody);
    let token = source.usable() ?? await this.#nextToken(line);
    if (pacer !== undefined) token = await this.#turn(pacer, line);
    return await this.#fetch(line, token, made);
  }

  #fetch({ fetch }: Line, token: Token, made?: RequestInit): Promise<Response> {
    const { url, init, headers } = this.outgoing;
    // The call may have ended while the token came, and a fetch of the user's own may not look.
    this.deadline.throwIfOver();
    if (this.#token !== undefined) this.#spent.push(this.#token.accessToken);
    this.#token = token;
    this.#sent = "unknown";
    return fetch(
      url,
      singleSendInit({
        ...init,
        ...made,
        headers: { ...headers, authorization: `Bearer ${token.accessToken}` },
        signal: this.deadline.signal,
      }),
    );
  }

  /** Waits for the turn of the request, and brings the token that lives then. */
  async #turn(pacer: Pacer, line: Line): Promise<Token> {
    const { source } = line;
    const { url } = this.outgoing;
    const number = this.#number ??= pacer.number();
    for (;;) {
      const refusal = (waitMs: number) => this.#heldBack(waitMs);
      const leftAt = await pacer.turn(url, number, this.deadline, refusal);
      const token = source.usable() ?? source.token;
      if (token !== undefined) return token;
      pacer.giveBack(url, leftAt); // the one before has run out in the queue
      await this.#nextToken(line);
    }
  }

  /** What the caller's function makes; what it throws is the caller's own business. */
  async #made(makeBody: () => Promise<RequestInit>): Promise<RequestInit> {
    this.deadline.throwIfOver(); // nobody waits any more
    try {
      return await makeBody();
    } catch (error) {
      this.#mistake = { error };
      throw error;
    }
  }

  /** Waits for a token. */
  async #nextToken({ source, retries }: Line): Promise<Token> {
    this.#awaitsToken = true;
    const token = await waitForToken(() => source.next(), source, retries, this.deadline);
    this.#awaitsToken = false;
    return token;
  }

  #pauseAfterAnswer(response: Response, line: Line): number | undefined {
    const ending = endingOfAnswer(response.status);
    if (ending === "final") {
      line.retries?.earn();
      return undefined;
    }
    const askedMs = readRetryAfter(response, line.resetHeader);
    const pauseMs = this.#pauseAfter(ending, askedMs, line);
    if (response.status !== 429 || line.pacer === undefined) return pauseMs;
    // Nobody else goes out either, and this call waits in the queue, where it was.
    const heldUpMs = Math.min(pauseMs ?? askedMs ?? backoffMs(this.#retries), MAX_RETRY_AFTER_MS);
    const isHeldUp = line.pacer.pause(this.outgoing.url, heldUpMs);
    return pauseMs !== undefined && isHeldUp ? 0 : pauseMs;
  }

  #pauseAfter(
    ending: Ending,
    askedMs: number | undefined,
    { retries, pacer }: Line,
  ): number | undefined {
    const { url, method, isReplayable, isIdempotent } = this.outgoing;
    const { remainingMs } = this.deadline;
    if (!isReplayable || pacer !== undefined && pacer.waitMs(url) >= remainingMs) return undefined;
    return retries?.take(ending, {
      isRepeatable: isIdempotent || !isUnsafe(method),
      retries: this.#retries,
      askedMs,
      remainingMs,
    });
  }

  /** The failure of the network that an error is, if it is one. */
  #failureIn(error: unknown): NetworkFailure | undefined {
    const isOther = this.deadline.signal.aborted || error instanceof SessionError ||
      error === this.#mistake?.error;
    const failure = isOther ? undefined : networkFailure(error);
    // Where redirects are followed, it may be the next server that was not reached.
    const isFirstServer = this.outgoing.init.redirect !== "follow";
    return failure === undefined || isFirstServer ? failure : { ...failure, sent: "unknown" };
  }

  /** What a failure means to the caller: the end of the call, no answer, or a mistake in the program. */
  explain(error: unknown): unknown {
    if (this.deadline.signal.aborted) return this.deadline.signal.reason;
    if (error instanceof NetworkError && error.sent === "no" && this.#sent === "unknown") {
      // The next try got no token, but the one before it was sent.
      return new NetworkError(`${error.message}. ${MAY_BE_DONE}`, {
        kind: error.kind,
        sent: "unknown",
      });
    }
    const failure = this.#failureIn(error);
    if (failure === undefined) return asNetworkDenied(error, this.outgoing.url) ?? error;
    return this.#noAnswer(failure.kind, this.#sent, tellable(error, this.outgoing.url));
  }

  #noAnswer(kind: NetworkErrorKind, sent: "no" | "unknown", cause?: unknown): NetworkError {
    const { method, url } = this.outgoing;
    const tries = this.#retries === 0 ? "" : ` in ${this.#retries + 1} tries`;
    const mayBeDone = isUnsafe(method) ? MAY_BE_DONE : undefined;
    const { fact, advice } = explainFailure(kind, cause);
    return new NetworkError(
      explain(`Cannot ${method} ${withoutQuery(url)}`, {
        facts: [`no ${this.#awaitsToken ? "access token" : "answer"}${tries} (${kind})`, fact],
        advice: [advice, sent === "no" ? "The request was not sent" : mayBeDone],
      }),
      cause === undefined ? { kind, sent } : { kind, sent, cause },
    );
  }

  /** The session's own limit would let the request out too late. */
  #heldBack(waitMs: number): RateLimitError {
    const { method } = this.outgoing;
    const url = withoutQuery(this.outgoing.url);
    return new RateLimitError(
      explain(`Cannot ${method} ${url}`, {
        facts: [
          `its turn under the session's rate limit comes in ${
            wholeSeconds(waitMs)
          }, after the end ` +
          "of this call",
        ],
        advice: [this.#sent === "no" ? "The request was not sent" : MAY_BE_DONE],
      }),
      { code: "rate_limited", status: 429, method, url, retryAfterMs: Math.ceil(waitMs) },
    );
  }
}
