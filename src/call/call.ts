/** One call: its attempts, what is known about its outcome, and the errors that say so. */

import { formatMessage, formatSeconds, OUTCOME_UNKNOWN } from "../error_message.ts";
import {
  type CallOutcome,
  copyError,
  NetworkError,
  type NetworkErrorKind,
  RateLimitError,
  SessionClosedError,
  SessionError,
  withOutcome,
} from "../errors.ts";
import { Deadline, type DeadlineGroup } from "../net/deadline.ts";
import { explainFailure, safeCause } from "../net/failure_advice.ts";
import { isUnsafe } from "../net/http_method.ts";
import { type NetworkFailure, networkFailure } from "../net/network_failure.ts";
import { asNetworkDenied } from "../net/platform_fetch.ts";
import { withoutQuery } from "../net/url.ts";
import type { Token } from "../token/token.ts";
import type { AttemptResult } from "../tracing/session_event.ts";
import type { CallLimits } from "./open_calls.ts";
import { outcomeOfAttempt, outcomeOfAttempts } from "./outcome.ts";
import type { PreparedRequest } from "./request.ts";

const NOT_SENT = "The request was not sent";

/** One sending of the request. */
interface Attempt {
  readonly token: Token;
  /** The status of the response or the failure; `undefined` while there is neither. */
  result: number | NetworkFailure | undefined;
}

/** What is told of a call in the end. */
export interface CallSummary {
  status?: number | undefined;
  attempts?: number;
  outcome?: CallOutcome;
}

/** One call of a session. */
export class Call {
  readonly request: PreparedRequest;
  readonly deadline: Deadline;
  /** Its place in the rate limiter's queue, from its first wait there on. */
  ticket: number | undefined;
  /** How many times it was retried. */
  retries = 0;
  /** Whether it waits for an access token now. */
  isWaitingForToken = false;
  readonly #attempts: Attempt[] = [];
  readonly #callerSignal: AbortSignal | null | undefined;

  constructor(
    request: PreparedRequest,
    { timeoutMs, signal }: CallLimits,
    group: DeadlineGroup,
  ) {
    this.request = request;
    this.#callerSignal = signal;
    this.deadline = new Deadline(timeoutMs, () => this.#noResponse("timeout"), signal, group);
  }

  /** The access tokens that were sent: a response may echo them, but no error may show them. */
  get secrets(): string[] {
    return this.#attempts.map(({ token }) => token.accessToken);
  }

  /** The token of the last attempt. */
  get lastToken(): Token | undefined {
    return this.#attempts.at(-1)?.token;
  }

  /** How many attempts before the last one were answered 401. */
  get replays(): number {
    return this.#attempts.slice(0, -1).filter(({ result }) => result === 401).length;
  }

  /** How often it was sent. */
  get attempts(): number {
    return this.#attempts.length;
  }

  /** How the last attempt ended. */
  get lastResult(): AttemptResult | undefined {
    const result = this.#attempts.at(-1)?.result;
    return typeof result === "object" ? result.kind : result;
  }

  /** Tells what became of it, to those who watch. */
  summarize(summary: CallSummary, error?: unknown): void {
    const { lastResult: status } = this;
    summary.attempts = this.attempts;
    if (typeof status === "number") summary.status = status;
    if (error === undefined) return;
    summary.outcome = error instanceof SessionError ? error.outcome : this.outcome;
  }

  /** What is known of the request now. */
  get outcome(): CallOutcome {
    return this.#outcomeOf(this.#attempts.map(({ result }) => outcomeOfAttempt(result)));
  }

  /** What is known of it if the response to the last attempt says this. */
  outcomeAfter(last: CallOutcome): CallOutcome {
    const earlier = this.#attempts.slice(0, -1).map(({ result }) => outcomeOfAttempt(result));
    return this.#outcomeOf([...earlier, last]);
  }

  /** A read changes nothing, so its last attempt says it all. */
  #outcomeOf(outcomes: readonly CallOutcome[]): CallOutcome {
    return outcomeOfAttempts(isUnsafe(this.request.method) ? outcomes : outcomes.slice(-1));
  }

  /** Whether the caller has aborted it, and it has ended for that reason. */
  get isAborted(): boolean {
    const { signal } = this.deadline;
    return signal.aborted && this.#callerSignal?.aborted === true &&
      signal.reason === this.#callerSignal.reason;
  }

  /** Starts an attempt. */
  start(token: Token): void {
    this.#attempts.push({ token, result: undefined });
  }

  /** Records the result of the last attempt. What happens to the body later does not change it. */
  record(result: number | NetworkFailure): void {
    const attempt = this.#attempts.at(-1);
    if (attempt !== undefined) attempt.result ??= result;
  }

  /** Classifies an error as a failure of the network, if it is one. */
  failureOf(error: unknown): NetworkFailure | undefined {
    const isOther = this.deadline.signal.aborted || error instanceof SessionError ||
      error instanceof BodyFactoryError;
    const failure = isOther ? undefined : networkFailure(error);
    // Where redirects are followed, the failure may be that of the next server. If there was a response,
    // the request was sent, whatever the failure of its body looks like.
    const wasSent = this.request.init.redirect === "follow" ||
      typeof this.#attempts.at(-1)?.result === "number";
    return failure !== undefined && wasSent ? { ...failure, sent: "unknown" } : failure;
  }

  /** The error that the caller gets. */
  toCallerError(error: unknown): unknown {
    if (this.isAborted) return this.#callerSignal?.reason;
    const { signal } = this.deadline;
    const cause = signal.aborted
      ? signal.reason
      : error instanceof BodyFactoryError
      ? error.cause
      : error;
    if (cause instanceof SessionClosedError) return this.#closed();
    const isUnknown = this.outcome === "unknown";
    if (cause instanceof SessionError && cause.outcome === "not_processed" && isUnknown) {
      // A retry got no token or no body, but the attempt before it was sent.
      const copy = copyError(cause);
      return copy instanceof SessionError ? withOutcome(copy, "unknown", OUTCOME_UNKNOWN) : copy;
    }
    if (cause !== error) return cause;
    const failure = this.failureOf(error);
    if (failure === undefined) return asNetworkDenied(error, this.request.url) ?? error;
    return this.#noResponse(failure.kind, safeCause(error, this.request.url));
  }

  /** The error if the session's own rate limit would send the request too late. */
  tooLate(waitMs: number): RateLimitError {
    const { method } = this.request;
    const url = withoutQuery(this.request.url);
    const delay = formatSeconds(waitMs);
    const message = formatMessage(`Cannot ${method} ${url}`, {
      facts: [`the session's rate limit delays it by ${delay}, beyond the end of this call`],
      advice: [this.outcome === "unknown" ? OUTCOME_UNKNOWN : NOT_SENT],
    });
    const retryAfterMs = Math.ceil(waitMs);
    const { outcome } = this;
    return new RateLimitError(message, {
      outcome,
      code: "rate_limited",
      status: 429,
      method,
      url,
      retryAfterMs,
    });
  }

  #noResponse(kind: NetworkErrorKind, cause?: unknown): NetworkError {
    const { method, url } = this.request;
    const { outcome } = this;
    const attempts = this.retries === 0 ? "" : ` in ${this.retries + 1} attempts`;
    const { fact, advice } = explainFailure(kind, cause);
    const missing = this.isWaitingForToken ? "access token" : "response";
    const message = formatMessage(`Cannot ${method} ${withoutQuery(url)}`, {
      facts: [`no ${missing}${attempts} (${kind})`, fact],
      advice: [advice, this.#outcomeAdvice],
    });
    const options = cause === undefined ? { kind, outcome } : { kind, outcome, cause };
    return new NetworkError(message, options);
  }

  #closed(): SessionClosedError {
    const message = formatMessage("The session was closed during this call", {
      facts: [],
      advice: [this.#outcomeAdvice],
    });
    return new SessionClosedError(message, this.outcome);
  }

  get #outcomeAdvice(): string | undefined {
    if (this.outcome !== "unknown") return NOT_SENT;
    return isUnsafe(this.request.method) ? OUTCOME_UNKNOWN : undefined;
  }
}

/** What the caller's function that makes the body has thrown. */
export class BodyFactoryError extends Error {
  constructor(cause: unknown) {
    super(undefined, { cause });
  }
}
