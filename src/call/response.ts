/** The response of a JSON call: the broker's data, or an error. */

import { formatMessage, OUTCOME_UNKNOWN } from "../error_message.ts";
import { ApiError } from "../errors.ts";
import { isUnsafe } from "../net/http_method.ts";
import { redact } from "../net/redact.ts";
import { MAX_BODY_BYTES, parseBody, readLimited, readText } from "../net/response_body.ts";
import { withoutQuery } from "../net/url.ts";
import { apiError, type ApiErrorContext, type RequestTarget } from "./api_error.ts";

/** How a response's JSON is read. */
export interface JsonReader<T> {
  /**
   * Parses the text.
   *
   * @default {JSON.parse}
   */
  readonly parse?: ((text: string) => unknown) | undefined;
  /** Takes the data out of the JSON. */
  readonly unwrap: (json: unknown) => T;
}

/**
 * Reads a response.
 *
 * @returns The data, or `undefined` if the body is empty.
 * @throws {ApiError} If the status is not 2xx, or the body is not JSON or cannot be read.
 */
export async function readJson<T>(
  response: Response,
  target: RequestTarget,
  context: ApiErrorContext,
  { parse, unwrap }: JsonReader<T>,
): Promise<T | undefined> {
  if (!response.ok) throw apiError(response, await readLimited(response), target, context);
  const text = await readText(response);
  const unreadable = (fact: string, advice?: string) =>
    invalidResponse(response, target, context, {
      fact: String(redact(fact, context.secrets())),
      advice,
    });
  if (text === undefined) {
    const fact = `the body is longer than ${MAX_BODY_BYTES / 1024 / 1024} MiB`;
    throw unreadable(fact, "Ask for less at once, or read it as a stream, with session.fetch()");
  }
  // Such as 204. Node reads a truncated compressed body as empty text, without an error.
  if (text === "" && Number(response.headers.get("content-length") ?? 0) === 0) return undefined;
  const { json, isHtml } = parseBody(text, parse);
  if (json === undefined) {
    const fact = isHtml ? "a web page instead of JSON" : "the body is not JSON";
    throw unreadable(fact, "Something between this program and the broker may have answered");
  }
  try {
    if (!context.broker.isErrorBody?.(json)) return unwrap(json);
  } catch (error) { // in a custom broker
    throw unreadable(`${context.broker.name} cannot read it: ${error}`);
  }
  throw apiError(response, text, target, context);
}

function invalidResponse(
  { status }: Response,
  target: RequestTarget,
  context: ApiErrorContext,
  { fact, advice }: { fact: string; advice: string | undefined },
): ApiError {
  const { method } = target;
  const outcome = context.outcome("unknown");
  const url = withoutQuery(target.url);
  const message = formatMessage(`Cannot ${method} ${url}`, {
    facts: [String(status), fact],
    advice: [advice, isUnsafe(method) ? OUTCOME_UNKNOWN : undefined],
  });
  return new ApiError(message, { code: "invalid_response", status, method, url, outcome });
}
