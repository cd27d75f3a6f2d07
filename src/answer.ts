/** The answer to a call of the JSON methods: the broker's JSON, or an error. */

import { parseBody } from "./body.ts";
import { ApiError } from "./errors.ts";
import { apiRefusal, explain, type RefusalContext, refusalOf } from "./refusal.ts";
import { type Outgoing, withoutQuery } from "./request.ts";

/**
 * Reads an answer.
 *
 * @returns Its JSON, or `undefined` if it is empty.
 * @throws {ApiError} If its status is not 2xx, or if it is not JSON.
 */
export async function readAnswer(
  response: Response,
  outgoing: Outgoing,
  context: RefusalContext,
): Promise<unknown> {
  if (!response.ok) throw await apiRefusal(response, outgoing, context);
  const text = await response.text();
  if (text === "") return undefined; // 204, for instance
  const { json, isHtml } = parseBody(text);
  if (json !== undefined) {
    if (!context.broker.isRefusal?.(json)) return json;
    throw refusalOf(response, text, outgoing, context);
  }

  const { method } = outgoing;
  const { status } = response;
  const url = withoutQuery(outgoing.url);
  throw new ApiError(
    explain(`Cannot ${method} ${url}`, {
      facts: [String(status), isHtml ? "a web page instead of JSON" : "the body is not JSON"],
      advice: "Something between this program and the broker may have answered",
    }),
    { code: "invalid_response", status, method, url },
  );
}
