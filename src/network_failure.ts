/**
 * Tells how a `fetch` failed, the same way on every runtime.
 *
 * A failed `fetch` rejects with a `TypeError` everywhere, and nothing else is common: Node puts a
 * code on the error's cause, Bun on the error itself, and Deno has no code at all, only the words of
 * its HTTP library in the cause's message.
 */

import type { NetworkErrorKind } from "./errors.ts";

/** How the exchange failed, and whether the request can have reached the server. */
export interface NetworkFailure {
  readonly kind: NetworkErrorKind;
  readonly sent: "no" | "unknown";
}

/**
 * Reads the failure out of what `fetch` rejected with, or returns `undefined` if that is no network
 * failure but a mistake in the program, for instance a malformed URL.
 */
export function networkFailure(error: unknown): NetworkFailure | undefined {
  if (!(error instanceof Error)) return undefined;
  const cause = error.cause instanceof Error ? error.cause : undefined;
  const code = codeOf(error) ?? codeOf(cause);
  if (code !== undefined) return failureByCode(code);
  if (!(error instanceof TypeError)) return undefined;
  if (cause !== undefined) return failureByWords(cause.message);
  return error.message.startsWith("error reading a body") // Deno, in the middle of an answer
    ? { kind: "reset", sent: "unknown" }
    : undefined;
}

function codeOf(error: Error | undefined): string | undefined {
  return error !== undefined && "code" in error && typeof error.code === "string"
    ? error.code
    : undefined;
}

function failureByCode(code: string): NetworkFailure | undefined {
  for (const [pattern, kind, sent] of KINDS_BY_CODE) {
    if (pattern.test(code)) return { kind, sent };
  }
  // What is left of Node's and Bun's own names are complaints about arguments.
  return code.startsWith("ERR_") ? undefined : { kind: "other", sent: "unknown" };
}

// System errors (Node, Bun), undici's UND_ERR_* (Node) and the names that Bun used before 1.4.
const KINDS_BY_CODE: readonly [RegExp, NetworkErrorKind, "no" | "unknown"][] = [
  [/^(ENOTFOUND|EAI_\w+|DNSException)$/, "dns", "no"],
  [/^(ECONNREFUSED|ConnectionRefused|FailedToOpenSocket)$/, "refused", "no"],
  [/^(EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL|ENETDOWN)$/, "unreachable", "no"],
  [/^(UND_ERR_CONNECT_TIMEOUT)$/, "timeout", "no"],
  [/^(ETIMEDOUT|UND_ERR_(HEADERS|BODY)_TIMEOUT|Timeout)$/, "timeout", "unknown"],
  [/^(EPROTO|ERR_(SSL|TLS)_\w+|\w*CERT\w*|UNABLE_TO_\w+|\w*SELF_SIGNED\w*)$/, "tls", "no"],
  [/^(ECONNRESET|EPIPE|ECONNABORTED|UND_ERR_SOCKET|ConnectionClosed)$/, "reset", "unknown"],
  [/^(HPE_\w+|Malformed_HTTP_Response|InvalidHTTPResponse)$/, "protocol", "unknown"],
];

function failureByWords(words: string): NetworkFailure {
  const kind = KINDS_BY_WORDS.find(([pattern]) => pattern.test(words))?.[1] ?? "other";
  // Deno's library names the phase: "(Connect)" is over before a request is written.
  return { kind, sent: words.includes("(Connect)") ? "no" : "unknown" };
}

// Deno only: hyper's and the operating system's words.
const KINDS_BY_WORDS: readonly [RegExp, NetworkErrorKind][] = [
  [/dns error/i, "dns"],
  [/connection refused/i, "refused"],
  [/unreachable|address not available/i, "unreachable"],
  [/timed? ?out/i, "timeout"],
  [/certificate|tls|handshake|corrupt message/i, "tls"],
  [/reset|closed|broken pipe/i, "reset"],
  [/parsed|invalid http/i, "protocol"],
];
