/** An answer that says no becomes an error that explains itself in the broker's terms. */

import { parseBody, readStart } from "../net/body.ts";
import type { ApiProblem, Broker, TokenProblem, TokenRefusal } from "../brokers/broker.ts";
import { nonEmptyText, record } from "../brokers/fields.ts";
import {
  ApiError,
  type ApiErrorOptions,
  type ApiFault,
  RateLimitError,
  TokenError,
} from "../errors.ts";
import { redact } from "../net/redact.ts";
import { isUnsafe, type Outgoing, withoutQuery } from "./request.ts";
import { readRetryAfter } from "../net/retry_after.ts";

/** What to do about an order of which nobody knows what became of it. */
export const MAY_BE_DONE = "It may have been carried out: look before you send it again";

/** What was asked for. */
export type Asked = Pick<Outgoing, "method" | "url">;

/** Who answered, and what an answer of theirs may echo but an error must not. */
export interface RefusalContext {
  readonly broker: Broker;
  readonly sandbox: boolean;
  readonly apiVersion: string | undefined;
  readonly secrets: () => readonly string[];
}

/** The error for an API answer outside 200–299. Reads its body. */
export async function apiRefusal(
  response: Response,
  asked: Asked,
  context: RefusalContext,
): Promise<ApiError> {
  return refusalOf(response, await readStart(response), asked, context);
}

/** The error for an API answer whose body was read. */
export function refusalOf(
  response: Response,
  text: string,
  { method, url }: Asked,
  { broker, sandbox, apiVersion, secrets }: RefusalContext,
): ApiError {
  const { status } = response;
  const { json, isHtml } = parseBody(text);
  const body = redact(json, secrets());
  const refusal = { status, body, isHtml, sandbox, method, apiVersion };
  const { code: word, message, errors = [], data, advice, isRateLimit = status === 429 } = readBy(
    broker,
    () => broker.readApiRefusal?.(refusal),
    {},
  );
  const code = printableCode(word);
  const retryAfterMs = readRetryAfter(response, broker.resetHeader);
  const options: ApiErrorOptions = {
    code: code ?? `http_${status}`,
    status,
    method,
    url: withoutQuery(url),
    errors,
    data,
  };
  const explanation = explain(`Cannot ${method} ${options.url}`, {
    facts: [
      `${status} ${code ?? ""}`,
      message ?? problemIn(response, body),
      errors.map(wordsOf).join(", "),
      retryAfterMs === undefined ? undefined : `asks to wait ${wholeSeconds(retryAfterMs)}`,
    ],
    // A gateway that has lost the answer does not know either.
    advice: [
      (isIntermediary(status) ? undefined : advice) ??
        adviceOnIntermediary(status, isHtml, response.headers.get("location")),
      isUnsafe(method) && (status === 408 || status >= 500) ? MAY_BE_DONE : undefined,
    ],
  });
  return isRateLimit
    ? new RateLimitError(explanation, { ...options, retryAfterMs })
    : new ApiError(explanation, options);
}

/** Whether a status is one that a broker has no use for, but what stands before it. */
function isIntermediary(status: number): boolean {
  return status === 407 || status === 511 || status >= 300 && status < 400;
}

/** What to do about an answer that is none of the broker's. */
function adviceOnIntermediary(
  status: number,
  isHtml: boolean,
  location: string | null,
): string | undefined {
  if (status === 407) {
    return "A proxy wants to know who you are: put a user and a password into its address, as in " +
      "HTTPS_PROXY=http://user:password@proxy:8080";
  }
  if (status >= 300 && status < 400) {
    const target = location !== null && URL.canParse(location)
      ? ` to ${new URL(location).origin}`
      : "";
    return `The answer leads elsewhere${target}, where no token follows: compare baseUrl with the ` +
      "broker's address, and look for a proxy, or for a network that wants a sign-in of its own";
  }
  return isHtml || status === 511
    ? "Something between this program and the broker has answered, a proxy or a firewall perhaps: " +
      "ask who runs it"
    : undefined;
}

/** What `application/problem+json` says (RFC 9457), which no broker sends, but what stands before one. */
function problemIn(response: Response, body: unknown): string | undefined {
  const [mediaType = ""] = (response.headers.get("content-type") ?? "").split(";");
  if (mediaType.trim().toLowerCase() !== "application/problem+json") return undefined;
  const { title, detail } = Object(body) as Readonly<Record<string, unknown>>;
  return [title, detail].filter((words) => typeof words === "string").join(": ");
}

/** The error for a token endpoint's answer that holds no token. */
export function tokenRefusal(
  { action, status, text, flaw, refreshToken, retryAfterMs }: {
    action: string;
    status: number;
    text: string;
    flaw: string | undefined;
    refreshToken: string;
    retryAfterMs: number | undefined;
  },
  { broker, sandbox, secrets }: RefusalContext,
): TokenError {
  const { json, isHtml } = parseBody(text);
  const refusal = { status, body: redact(json, secrets()), isHtml, sandbox, refreshToken };
  const { code: word, message, advice, isPermanent } = readBy(
    broker,
    () => broker.readTokenRefusal?.(refusal),
    oauthProblem(refusal, broker),
  );
  const code = printableCode(word);
  // A good status with an error inside is that error; with neither, it is no token response.
  if (flaw !== undefined && code === undefined) {
    return new TokenError(
      explain(action, {
        facts: [String(status), `the answer is no token response: ${flaw}`],
        advice: [
          adviceOnIntermediary(status, isHtml, null) ??
            "Something between this program and the broker may have answered",
        ],
      }),
      { code: "invalid_token_response", isPermanent: false, status, retryAfterMs },
    );
  }
  // The brokers' own refusals are JSON, but for what their gateways say of the moment.
  const isForeign = isIntermediary(status) || isHtml && (status === 403 || status === 404);
  const cure = isForeign ? adviceOnIntermediary(status, isHtml, null) : advice;
  const explanation = explain(action, {
    facts: [`${status} ${code ?? ""}`, message],
    advice: [cure],
  });
  return new TokenError(explanation, {
    code: code ?? `http_${status}`,
    isPermanent,
    status,
    retryAfterMs,
  });
}

/** What the broker makes of a refusal, or else what is known without it. */
function readBy<T extends ApiProblem>(
  { name }: Broker,
  read: () => T | undefined,
  otherwise: T,
): T {
  try {
    return read() ?? otherwise;
  } catch (error) { // in a broker of the user's own: what was refused matters more
    return { ...otherwise, message: `${name} cannot read it: ${error}` };
  }
}

/** What RFC 6749 section 5.2 makes of a refusal. */
function oauthProblem({ body }: TokenRefusal, { credentialsAdvice }: Broker): TokenProblem {
  const { error, error_description: description } = record(body);
  const code = nonEmptyText(error);
  const isPermanent = code !== undefined && PERMANENT_CODES.has(code);
  const advice = code === "invalid_grant"
    ? `The refresh token is wrong, revoked, or was used before: one that rotates needs a store. ${credentialsAdvice}`
    : isPermanent
    ? credentialsAdvice
    : undefined;
  return { code, message: nonEmptyText(description), isPermanent, advice };
}

/** Those that are about the credentials or the program, and not about the moment. */
const PERMANENT_CODES: ReadonlySet<string> = new Set([
  "invalid_client",
  "invalid_grant",
  "unauthorized_client",
  "unsupported_grant_type",
  "invalid_scope",
]);

/** "Cannot do this: what is so: what else is so. What to do. What else to do" */
export function explain(
  action: string,
  { facts, advice }: {
    facts: readonly (string | undefined)[];
    advice: readonly (string | undefined)[];
  },
): string {
  const known = [action, ...facts].map((fact) => printable(fact ?? "")).filter((fact) =>
    fact !== ""
  );
  return [known.join(": "), ...advice.filter((words) => words !== undefined)].join(". ");
}

/** A time for people: "12 s". */
export function wholeSeconds(ms: number): string {
  return `${Math.ceil(ms / 1000)} s`;
}

function wordsOf({ code, message, field }: ApiFault): string {
  return [field, message ?? code].filter((word) => word !== undefined).join(" ");
}

/** One line without control characters, and not somebody's whole page. */
function printable(words: string, limit = 300): string {
  const line = words.replace(UNPRINTABLE, " ").trim().replace(/\.$/, "");
  return line.length <= limit ? line : `${line.slice(0, limit)}…`;
}

// They can rewrite a terminal's lines, or turn their direction.
const UNPRINTABLE =
  // deno-lint-ignore no-control-regex -- see above
  /[\x00-\x20\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]+/g;

/** A broker's code is a word; whatever else comes in its place is cut. */
function printableCode(code: string | undefined): string | undefined {
  return code === undefined ? undefined : printable(code, 100);
}
