/** One call: its attempts, what is known about its outcome, and the errors that say so. */

import { formatMessage, formatSeconds, OUTCOME_UNKNOWN } from "../error_message.ts";
import { NetworkError, type NetworkErrorKind, RateLimitError, SessionError } from "../errors.ts";
import { Deadline, type DeadlineGroup } from "../net/deadline.ts";
import { explainFailure, safeCause } from "../net/failure_advice.ts";
import { isUnsafe } from "../net/http_method.ts";
import { type NetworkFailure, networkFailure } from "../net/network_failure.ts";
import { asNetworkDenied } from "../net/platform_fetch.ts";
import { withoutQuery } from "../net/url.ts";
import type { Token } from "../token/token.ts";
import type { CallLimits } from "./open_calls.ts";
import type { PreparedRequest } from "./request.ts";

/** One sending of the request. */
interface Attempt {
  readonly token: Token;
  /** The status of the response or the failure; `undefined` while there is neither. */
  result: number | NetworkFailure | undefined;
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

  constructor(
    request: PreparedRequest,
    { timeoutMs, signal }: CallLimits,
    group: DeadlineGroup,
  ) {
    this.request = request;
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

  /** Whether the broker may have carried out the request, by the results of all attempts. */
  get sent(): "no" | "unknown" {
    return this.#attempts.every(({ result }) => isNotCarriedOut(result)) ? "no" : "unknown";
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
    if (this.deadline.signal.aborted) return this.deadline.signal.reason;
    const cause = error instanceof BodyFactoryError ? error.cause : error;
    if (cause instanceof NetworkError && cause.sent === "no" && this.sent === "unknown") {
      // A retry got no token or no body, but the attempt before it was sent.
      const { kind } = cause;
      return new NetworkError(`${cause.message}. ${OUTCOME_UNKNOWN}`, { kind, sent: "unknown" });
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
      advice: [this.sent === "no" ? "The request was not sent" : OUTCOME_UNKNOWN],
    });
    const retryAfterMs = Math.ceil(waitMs);
    return new RateLimitError(message, {
      code: "rate_limited",
      status: 429,
      method,
      url,
      retryAfterMs,
    });
  }

  #noResponse(kind: NetworkErrorKind, cause?: unknown): NetworkError {
    const { method, url } = this.request;
    const { sent } = this;
    const attempts = this.retries === 0 ? "" : ` in ${this.retries + 1} attempts`;
    const { fact, advice } = explainFailure(kind, cause);
    const outcome = isUnsafe(method) ? OUTCOME_UNKNOWN : undefined;
    const missing = this.isWaitingForToken ? "access token" : "response";
    const message = formatMessage(`Cannot ${method} ${withoutQuery(url)}`, {
      facts: [`no ${missing}${attempts} (${kind})`, fact],
      advice: [advice, sent === "no" ? "The request was not sent" : outcome],
    });
    return new NetworkError(message, cause === undefined ? { kind, sent } : { kind, sent, cause });
  }
}

/** What the caller's function that makes the body has thrown. */
export class BodyFactoryError extends Error {
  constructor(cause: unknown) {
    super(undefined, { cause });
  }
}

/**
 * Whether a result proves that the request was not carried out: it was not sent, its token was rejected
 * (RFC 9110 section 15.5.2), or it was turned away by a rate limit.
 */
function isNotCarriedOut(result: number | NetworkFailure | undefined): boolean {
  return typeof result === "object" ? result.sent === "no" : result === 401 || result === 429;
}
