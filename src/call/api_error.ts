/** The error for a response with which the API refuses a request. */

import type { Broker } from "../brokers/broker.ts";
import { readSafely } from "../brokers/read_safely.ts";
import { formatMessage, formatSeconds, OUTCOME_UNKNOWN, toOneLine } from "../error_message.ts";
import {
  ApiError,
  type ApiErrorDetail,
  type ApiErrorOptions,
  type CallOutcome,
  RateLimitError,
} from "../errors.ts";
import { intermediaryAdvice, isIntermediaryStatus } from "../net/intermediary.ts";
import { isUnsafe } from "../net/http_method.ts";
import { redact } from "../net/redact.ts";
import { parseBody } from "../net/response_body.ts";
import { readRetryAfter } from "../net/retry_after.ts";
import { withoutQuery } from "../net/url.ts";
import { outcomeOfStatus } from "./outcome.ts";
import type { PreparedRequest } from "./request.ts";

/** The request that a response answers. */
export type RequestTarget = Pick<PreparedRequest, "method" | "url">;

/** Whose response it is. */
export interface ApiErrorContext {
  readonly broker: Broker;
  readonly sandbox: boolean;
  readonly apiVersion: string | undefined;
  /** What the response may echo, but no error may show. */
  readonly secrets: () => readonly string[];
  /** What became of the request if this response says so much. */
  readonly outcome: (last: CallOutcome) => CallOutcome;
}

/**
 * Makes the error.
 *
 * @param text The response's body.
 */
export function apiError(
  response: Response,
  text: string,
  { method, url }: RequestTarget,
  { broker, sandbox, apiVersion, secrets, outcome: outcomeAfter }: ApiErrorContext,
): ApiError {
  const { status } = response;
  // A good status whose body is an error is a refusal.
  const outcome = outcomeAfter(response.ok ? "refused" : outcomeOfStatus(status));
  const { json, isHtml } = parseBody(text);
  const body = redact(json, secrets());
  const { code: brokersCode, message, errors = [], data, advice, isRateLimit = status === 429 } =
    readSafely(
      broker,
      () => broker.parseApiError?.({ status, body, isHtml, sandbox, method, apiVersion }),
      {},
    );
  const code = brokersCode === undefined ? undefined : toOneLine(brokersCode, 100);
  const retryAfterMs = readRetryAfter(response, broker.resetHeader);
  const options: ApiErrorOptions = {
    code: code ?? `http_${status}`,
    status,
    method,
    url: withoutQuery(url),
    errors,
    data,
    outcome,
  };
  const explanation = formatMessage(`Cannot ${method} ${options.url}`, {
    facts: [
      `${status} ${code ?? ""}`,
      message ?? problemDetails(response, body),
      errors.map(formatDetail).join(", "),
      retryAfterMs === undefined
        ? undefined
        : `the server asks to wait ${formatSeconds(retryAfterMs)}`,
    ],
    advice: [
      (isIntermediaryStatus(status) ? undefined : advice) ??
        intermediaryAdvice(status, isHtml, response.headers.get("location")),
      isUnsafe(method) && outcome === "unknown" ? OUTCOME_UNKNOWN : undefined,
    ],
  });
  return isRateLimit
    ? new RateLimitError(explanation, { ...options, retryAfterMs })
    : new ApiError(explanation, options);
}

/** Reads `application/problem+json` (RFC 9457), which gateways send. */
function problemDetails(response: Response, body: unknown): string | undefined {
  const [mediaType = ""] = (response.headers.get("content-type") ?? "").split(";");
  if (mediaType.trim().toLowerCase() !== "application/problem+json") return undefined;
  const { title, detail } = Object(body) as Readonly<Record<string, unknown>>;
  return [title, detail].filter((words) => typeof words === "string").join(": ");
}

function formatDetail({ code, message, field }: ApiErrorDetail): string {
  return [field, message ?? code].filter((word) => word !== undefined).join(" ");
}
