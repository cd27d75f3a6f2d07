/** An answer that says no becomes an error that explains itself in the broker's terms. */

import { parseBody, readStart } from "./body.ts";
import type { Broker } from "./brokers/broker.ts";
import {
  ApiError,
  type ApiErrorOptions,
  type ApiFault,
  RateLimitError,
  TokenError,
} from "./errors.ts";
import { redact } from "./redact.ts";
import { type Outgoing, withoutQuery } from "./request.ts";
import { retryAfterMs } from "./retry_after.ts";

/** Who answered, and what an answer of theirs may echo but an error must not. */
export interface RefusalContext {
  readonly broker: Broker;
  readonly sandbox: boolean;
  readonly apiVersion: string | undefined;
  readonly secrets: readonly string[];
}

/** The error for an API answer outside 200–299. Reads its body. */
export async function apiRefusal(
  response: Response,
  { method, url }: Outgoing,
  { broker, sandbox, apiVersion, secrets }: RefusalContext,
): Promise<ApiError> {
  const { status } = response;
  const { json, isHtml } = parseBody(redact(await readStart(response), secrets));
  const { code, message, errors, data, advice } = broker.readApiRefusal({
    status,
    body: json,
    isHtml,
    sandbox,
    method,
    apiVersion,
  });
  const options: ApiErrorOptions = {
    code: code ?? `http_${status}`,
    status,
    method,
    url: withoutQuery(url),
    errors,
    data,
  };
  const explanation = explain(`Cannot ${method} ${options.url}`, {
    facts: [`${status} ${code ?? ""}`, message, ...errors.map(wordsOf)],
    advice,
  });
  return status === 429
    ? new RateLimitError(explanation, { ...options, retryAfterMs: retryAfterMs(response) })
    : new ApiError(explanation, options);
}

/** The error for a token endpoint's answer that holds no token. */
export function tokenRefusal(
  { status, text, flaw }: { status: number; text: string; flaw: string | undefined },
  { broker, sandbox, secrets }: RefusalContext,
  refreshToken: string,
): TokenError {
  const { json, isHtml } = parseBody(redact(text, secrets));
  const { code, message, advice, isPermanent } = broker.readTokenRefusal({
    status,
    body: json,
    isHtml,
    sandbox,
    refreshToken,
  });
  const action = "Cannot renew the access token";
  // A good status with an error inside is that error; with neither, it is no token response.
  if (flaw !== undefined && code === undefined) {
    return new TokenError(
      explain(action, {
        facts: [String(status), `the answer is no token response: ${flaw}`],
        advice: "Something between this program and the broker may have answered",
      }),
      { code: "invalid_token_response", isPermanent: false, status },
    );
  }
  return new TokenError(explain(action, { facts: [`${status} ${code ?? ""}`, message], advice }), {
    code: code ?? `http_${status}`,
    isPermanent,
    status,
  });
}

/** "Cannot do this: what is so: what else is so. What to do" */
export function explain(
  action: string,
  { facts, advice }: { facts: readonly (string | undefined)[]; advice: string | undefined },
): string {
  const known = [action, ...facts].map((fact) => printable(fact ?? "")).filter((fact) =>
    fact !== ""
  );
  return known.join(": ") + (advice === undefined ? "" : `. ${advice}`);
}

function wordsOf({ code, message, field }: ApiFault): string {
  return [field, message ?? code].filter((word) => word !== undefined).join(" ");
}

/** One line without control characters, and not somebody's whole page. */
function printable(words: string): string {
  // deno-lint-ignore no-control-regex -- they are what must go: they can rewrite a terminal's lines
  const line = words.replace(/[\x00-\x20\x7f-\x9f\u2028\u2029]+/g, " ").trim().replace(/\.$/, "");
  return line.length <= 300 ? line : `${line.slice(0, 300)}…`;
}
