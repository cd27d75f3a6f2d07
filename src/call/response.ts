/** The answer to a call of the JSON methods: the broker's JSON, or an error. */

import { MAX_BODY_BYTES, parseBody, readWhole } from "../net/body.ts";
import { ApiError } from "../errors.ts";
import { redact } from "../net/redact.ts";
import {
  apiRefusal,
  type Asked,
  explain,
  MAY_BE_DONE,
  type RefusalContext,
  refusalOf,
} from "./api_error.ts";
import { isUnsafe, withoutQuery } from "./request.ts";

/** How an answer's JSON is read. */
export interface Reading<T> {
  /** What parses it, if not `JSON.parse`. */
  readonly parse?: ((text: string) => unknown) | undefined;
  /** What the broker takes out of it. */
  readonly take: (json: unknown) => T;
}

/**
 * Reads an answer.
 *
 * @returns What is taken out of its JSON, or `undefined` if it is empty.
 * @throws {ApiError} If its status is not 2xx, if it is not JSON, or if it cannot be read.
 */
export async function readAnswer<T>(
  response: Response,
  asked: Asked,
  context: RefusalContext,
  { parse, take }: Reading<T>,
): Promise<T | undefined> {
  if (!response.ok) throw await apiRefusal(response, asked, context);
  const text = await readWhole(response);
  const unreadable = (fact: string, advice?: string) =>
    invalidResponse(response, asked, String(redact(fact, context.secrets())), advice);
  if (text === undefined) {
    const fact = `the body is longer than ${MAX_BODY_BYTES / 1024 / 1024} MiB`;
    throw unreadable(fact, "Ask for less at once, or read it as a stream, with session.fetch()");
  }
  // 204, for instance. Node makes nothing of a compressed body that was cut, and no error either.
  if (text === "" && Number(response.headers.get("content-length") ?? 0) === 0) return undefined;
  const { json, isHtml } = parseBody(text, parse);
  if (json === undefined) {
    const fact = isHtml ? "a web page instead of JSON" : "the body is not JSON";
    throw unreadable(fact, "Something between this program and the broker may have answered");
  }
  try {
    if (!context.broker.isRefusal?.(json)) return take(json);
  } catch (error) { // in a broker of the user's own
    throw unreadable(`${context.broker.name} cannot read it: ${error}`);
  }
  throw refusalOf(response, text, asked, context);
}

function invalidResponse(
  { status }: Response,
  asked: Asked,
  fact: string,
  advice: string | undefined,
): ApiError {
  const { method } = asked;
  const url = withoutQuery(asked.url);
  return new ApiError(
    explain(`Cannot ${method} ${url}`, {
      facts: [String(status), fact],
      advice: [advice, isUnsafe(method) ? MAY_BE_DONE : undefined],
    }),
    { code: "invalid_response", status, method, url },
  );
}
