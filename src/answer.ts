/** The answer to a call of the JSON methods: the broker's JSON, or an error. */

import { parseBody } from "./body.ts";
import { ApiError } from "./errors.ts";
import { apiRefusal, type Asked, explain, type RefusalContext, refusalOf } from "./refusal.ts";
import { withoutQuery } from "./request.ts";

/**
 * Reads an answer.
 *
 * @param parse What reads its JSON, if not `JSON.parse`.
 * @returns Its JSON, or `undefined` if it is empty.
 * @throws {ApiError} If its status is not 2xx, or if it is not JSON.
 */
export async function readAnswer(
  response: Response,
  asked: Asked,
  context: RefusalContext,
  parse?: (text: string) => unknown,
): Promise<unknown> {
  if (!response.ok) throw await apiRefusal(response, asked, context);
  const text = await response.text();
  // 204, for instance. Node makes nothing of a compressed body that was cut, and no error either.
  if (text === "" && Number(response.headers.get("content-length") ?? 0) === 0) return undefined;
  const { json, isHtml } = parseBody(text, parse);
  if (json !== undefined) {
    if (!context.broker.isRefusal?.(json)) return json;
    throw refusalOf(response, text, asked, context);
  }

  const { method } = asked;
  const { status } = response;
  const url = withoutQuery(asked.url);
  throw new ApiError(
    explain(`Cannot ${method} ${url}`, {
      facts: [String(status), isHtml ? "a web page instead of JSON" : "the body is not JSON"],
      advice: "Something between this program and the broker may have answered",
    }),
    { code: "invalid_response", status, method, url },
  );
}
