/**
 * Classifies a failed `fetch` the same way on every runtime.
 *
 * A failed `fetch` rejects with a `TypeError` everywhere, and nothing else is common: Node puts a
 * code on the error's cause, Bun puts it on the error itself, and Deno has no code, only the words of
 * its HTTP library in the cause's message.
 */

import type { NetworkErrorKind } from "../errors.ts";
import { codeOf } from "./error_code.ts";

/** How a request failed. */
export interface NetworkFailure {
  /** What failed. */
  readonly kind: NetworkErrorKind;
  /** Whether the request may have reached the server. */
  readonly sent: "no" | "unknown";
}

/**
 * Classifies what `fetch` rejected with.
 *
 * @returns `undefined` if it is not a network failure but a mistake in the program, for instance a
 * malformed URL.
 */
export function networkFailure(error: unknown): NetworkFailure | undefined {
  if (!(error instanceof Error)) return undefined;
  const cause = error.cause instanceof Error ? error.cause : undefined;
  for (const one of [error, cause]) {
    const code = codeOf(one);
    if (code !== undefined) return failureByCode(code, syscallOf(one));
  }
  if (!(error instanceof TypeError)) return undefined;
  if (cause !== undefined) return failureByWords(cause.message);
  if (error.message.startsWith("error reading a body")) return { kind: "reset", sent: "unknown" };
  return DECODER_WORDS.test(error.message) ? { kind: "protocol", sent: "unknown" } : undefined;
}

/** The system call that failed, where the error names it. */
function syscallOf(error: unknown): string | undefined {
  const { syscall, errors } = Object(error) as { syscall?: unknown; errors?: unknown };
  if (Array.isArray(errors)) return syscallOf(errors[0]); // Node, after trying several addresses
  return typeof syscall === "string" ? syscall : undefined;
}

function failureByCode(code: string, syscall: string | undefined): NetworkFailure | undefined {
  for (const [pattern, kind, sent] of KINDS_BY_CODE) {
    if (!pattern.test(code)) continue;
    // Reading from an old connection can fail with the same code.
    const isConnecting = syscall === undefined
      ? kind !== "unreachable"
      : /^(connect|getaddrinfo)$/.test(syscall);
    return { kind, sent: kind === "tls" || kind === "timeout" || isConnecting ? sent : "unknown" };
  }
  if (ARGUMENT_ERRORS.test(code)) return undefined;
  const isAboutResponse = /^(ERR|UND_ERR)_/.test(code); // for instance a bad length or encoding
  return { kind: isAboutResponse ? "protocol" : "other", sent: "unknown" };
}

const ARGUMENT_ERRORS = /^(ERR_(INVALID|BODY)|UND_ERR_(INVALID|NOT_SUPPORTED|REQ))_?/;

// System errors (Node, Bun), undici's UND_ERR_* (Node) and the names that Bun used before 1.4.
const KINDS_BY_CODE: readonly [RegExp, NetworkErrorKind, "no" | "unknown"][] = [
  [/^(ENOTFOUND|EAI_\w+|DNSException)$/, "dns", "no"],
  [/^(ECONNREFUSED|ConnectionRefused|FailedToOpenSocket)$/, "refused", "no"],
  [/^(EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL|ENETDOWN)$/, "unreachable", "no"],
  [/^(UND_ERR_CONNECT_TIMEOUT)$/, "timeout", "no"],
  [/^(ETIMEDOUT|UND_ERR_(HEADERS|BODY)_TIMEOUT|Timeout)$/, "timeout", "unknown"],
  [/^(ERR_SSL_WRONG_VERSION_NUMBER|\w*CERT\w*|UNABLE_TO_\w+|\w*SELF_SIGNED\w*)$/, "tls", "no"],
  [/^(EPROTO|ERR_(SSL|TLS)_\w+)$/, "tls", "unknown"], // some happen after the handshake
  [
    /^(ECONNRESET|EPIPE|ECONNABORTED|UND_ERR_(SOCKET|CLOSED|DESTROYED)|ConnectionClosed)$/,
    "reset",
    "unknown",
  ],
  [/^(HPE_\w+|Malformed_HTTP_Response|InvalidHTTPResponse)$/, "protocol", "unknown"],
  [/^(Z_\w+|(Zlib|Brotli|Zstd)\w*)$/, "protocol", "unknown"], // a compressed body that is broken
];

function failureByWords(message: string): NetworkFailure {
  // The URL stands before that, and its words mean nothing.
  const words = message.slice(Math.max(0, message.indexOf("client error (")));
  const kind = KINDS_BY_WORDS.find(([pattern]) => pattern.test(words))?.[1] ?? "other";
  // Deno's library names the phase. "(Connect)" ends before a request is written.
  return { kind, sent: words.includes("(Connect)") ? "no" : "unknown" };
}

// Deno's words for a failure in the middle of a compressed response.
const DECODER_WORDS = /gzip|brotli|deflate|zstd|unexpected end of file/i;

// Deno's words, which are hyper's and the operating system's. Node nearly always has a code.
const KINDS_BY_WORDS: readonly [RegExp, NetworkErrorKind][] = [
  [/dns error/i, "dns"],
  [/connection refused/i, "refused"],
  [/unreachable|no route to host|address not available/i, "unreachable"],
  [/timed? ?out/i, "timeout"],
  [/certificate|tls|handshake|corrupt message/i, "tls"],
  [/reset|closed|broken pipe/i, "reset"],
  [/parsed|invalid http|does not match the http/i, "protocol"], // the last is Node 24's
];
