/** One call, in visible steps: authorize, send, and after a 401 renew and replay once. */

import { discard } from "./body.ts";
import { Deadline } from "./deadline.ts";
import { NetworkError, type NetworkErrorKind, SessionError } from "./errors.ts";
import { networkFailure, tellable } from "./network_failure.ts";
import { isUnsafe, type Outgoing, withoutQuery } from "./request.ts";
import type { Token } from "./token.ts";
import type { TokenSource } from "./token_source.ts";

/** One call of a session: what it sends, what ends it, and how far it has come. */
export class Call {
  readonly outgoing: Outgoing;
  readonly deadline: Deadline;
  /** Whether the request can have reached the broker and been carried out. */
  #sent: "no" | "unknown" = "no";
  #token: Token | undefined;

  constructor(outgoing: Outgoing, timeoutMs: number, signal: AbortSignal | null | undefined) {
    this.outgoing = outgoing;
    this.deadline = new Deadline(timeoutMs, () => this.#noAnswer("timeout", this.#sent), signal);
  }

  /** The access token that went out with the request: an answer may echo it, and no error may. */
  get secrets(): string[] {
    return this.#token === undefined ? [] : [this.#token.accessToken];
  }

  /** Sends the request with a live access token; the answer may have any status. */
  async send(source: TokenSource, fetch: typeof globalThis.fetch): Promise<Response> {
    const token = source.usable() ?? await this.deadline.wait(source.next());
    const response = await this.#transmit(token, fetch);
    if (response.status !== 401) return response;

    const isWorthReplaying = source.reject(token);
    if (!isWorthReplaying || !this.outgoing.isReplayable) return response;
    discard(response);
    this.#sent = "no"; // RFC 9110 section 15.5.2: a request that is answered 401 was not applied
    const next = source.usable() ?? await this.deadline.wait(source.next());
    const replayed = await this.#transmit(next, fetch);
    if (replayed.status === 401) source.distrust();
    return replayed;
  }

  #transmit(token: Token, fetch: typeof globalThis.fetch): Promise<Response> {
    const { url, init, headers } = this.outgoing;
    // The call may have ended while the token came, and a fetch of the user's own may not look.
    this.deadline.signal.throwIfAborted();
    this.#token = token;
    this.#sent = "unknown";
    // A fetch of the user's own may not know of signals.
    return this.deadline.wait(fetch(url, {
      ...init,
      headers: { ...headers, authorization: `Bearer ${token.accessToken}` },
      signal: this.deadline.signal,
    }));
  }

  /** What a failure means to the caller: the end of the call, no answer, or a mistake in the program. */
  explain(error: unknown): unknown {
    if (this.deadline.signal.aborted) return this.deadline.signal.reason;
    if (error instanceof SessionError) return error;
    const failure = networkFailure(error);
    if (failure === undefined) return error;
    return this.#noAnswer(failure.kind, failure.sent, tellable(error, this.outgoing.url));
  }

  #noAnswer(kind: NetworkErrorKind, sent: "no" | "unknown", cause?: unknown): NetworkError {
    const { method, url } = this.outgoing;
    const advice = sent === "no"
      ? ". The request was not sent"
      : isUnsafe(method)
      ? ". It may have been carried out: look before you send it again"
      : "";
    return new NetworkError(
      `Cannot ${method} ${withoutQuery(url)}: no answer (${kind})${advice}`,
      cause === undefined ? { kind, sent } : { kind, sent, cause },
    );
  }
}
