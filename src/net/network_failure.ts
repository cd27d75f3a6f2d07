/**
 * Tells how a `fetch` failed, the same way on every runtime.
 *
 * A failed `fetch` rejects with a `TypeError` everywhere, and nothing else is common: Node puts a
 * code on the error's cause, Bun on the error itself, and Deno has no code at all, only the words of
 * its HTTP library in the cause's message.
 */

import type { NetworkErrorKind } from "../errors.ts";
import { withoutQuery } from "../call/request.ts";

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
  for (const one of [error, cause]) {
    const code = codeOf(one);
    if (code !== undefined) return failureByCode(code, syscallOf(one));
  }
  if (!(error instanceof TypeError)) return undefined;
  if (cause !== undefined) return failureByWords(cause.message);
  if (error.message.startsWith("error reading a body")) return { kind: "reset", sent: "unknown" };
  return DECODER_WORDS.test(error.message) ? { kind: "protocol", sent: "unknown" } : undefined;
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string"
    ? error.code
    : undefined;
}

/** What the operating system was asked for when it failed, where that is told. */
function syscallOf(error: unknown): string | undefined {
  const { syscall, errors } = Object(error) as { syscall?: unknown; errors?: unknown };
  if (Array.isArray(errors)) return syscallOf(errors[0]); // Node, of several addresses
  return typeof syscall === "string" ? syscall : undefined;
}

function failureByCode(code: string, syscall: string | undefined): NetworkFailure | undefined {
  for (const [pattern, kind, sent] of KINDS_BY_CODE) {
    if (!pattern.test(code)) continue;
    // Reading from a connection that was made long ago can fail so too.
    const isConnecting = syscall === undefined
      ? kind !== "unreachable"
      : /^(connect|getaddrinfo)$/.test(syscall);
    return { kind, sent: kind === "tls" || kind === "timeout" || isConnecting ? sent : "unknown" };
  }
  if (COMPLAINTS_ABOUT_ARGUMENTS.test(code)) return undefined;
  const isAboutAnswer = /^(ERR|UND_ERR)_/.test(code); // for instance of a bad length or encoding
  return { kind: isAboutAnswer ? "protocol" : "other", sent: "unknown" };
}

const COMPLAINTS_ABOUT_ARGUMENTS = /^(ERR_(INVALID|BODY)|UND_ERR_(INVALID|NOT_SUPPORTED|REQ))_?/;

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
  // Before that stands the URL, whose words mean nothing.
  const words = message.slice(Math.max(0, message.indexOf("client error (")));
  const kind = KINDS_BY_WORDS.find(([pattern]) => pattern.test(words))?.[1] ?? "other";
  // Deno's library names the phase: "(Connect)" is over before a request is written.
  return { kind, sent: words.includes("(Connect)") ? "no" : "unknown" };
}

// Deno's, in the middle of a compressed answer.
const DECODER_WORDS = /gzip|brotli|deflate|zstd|unexpected end of file/i;

// Deno's, which are hyper's and the operating system's; Node has a code nearly always.
const KINDS_BY_WORDS: readonly [RegExp, NetworkErrorKind][] = [
  [/dns error/i, "dns"],
  [/connection refused/i, "refused"],
  [/unreachable|no route to host|address not available/i, "unreachable"],
  [/timed? ?out/i, "timeout"],
  [/certificate|tls|handshake|corrupt message/i, "tls"],
  [/reset|closed|broken pipe/i, "reset"],
  [/parsed|invalid http|does not match the http/i, "protocol"], // the last is Node 24's
];

/** What is so where TLS fails, by the codes and words of the runtimes, and what to do. */
const TLS_FAILURES: readonly { pattern: RegExp; fact: string; advice: string }[] = [
  {
    pattern: /EXPIRED|expired/,
    fact: "its certificate has expired",
    advice: "Look at this machine's clock, and tell who runs the server",
  },
  {
    pattern: /ALTNAME|not valid for|HOSTNAME|NotValidForName/i,
    fact: "its certificate is for another name",
    advice: "Compare baseUrl with the broker's address, and look for a proxy in between",
  },
  {
    pattern: /SELF_SIGNED|UNABLE_TO_|UnknownIssuer|UntrustedRoot|self.signed|CaUsedAsEndEntity/i,
    fact: "its certificate is signed by nobody whom this runtime trusts",
    advice:
      "Where a proxy or a virus scanner looks into connections, or at a server of your own, tell " +
      "the runtime whom to trust: NODE_EXTRA_CA_CERTS=ca.pem on Node and Bun, DENO_CERT=ca.pem or " +
      "DENO_TLS_CA_STORE=system on Deno",
  },
  {
    pattern: /WRONG_VERSION|InvalidContentType|corrupt message|speak TLS/i,
    fact: "the server there speaks no TLS",
    advice: "Compare the address with the server's: is it http, or another port?",
  },
];

// Deno's, Bun's and Node's words for a CONNECT that was refused, and Node's for a 407.
const PROXY_WORDS = /proxy|tunnel/i;

/** What can be said of a failure beyond its kind. */
export function explainFailure(
  kind: NetworkErrorKind,
  cause: unknown,
): { fact?: string; advice?: string } {
  const words = [cause, Object(cause).cause].map((one) => `${codeOf(one)} ${Object(one).message}`);
  if (
    words.some((one) => PROXY_WORDS.test(one.slice(Math.max(0, one.indexOf("client error (")))))
  ) {
    return {
      fact: "a proxy refuses the connection",
      advice: "Look at HTTPS_PROXY, and whether the proxy wants a user and a password in it",
    };
  }
  if (kind !== "tls") return {};
  const known = TLS_FAILURES.find(({ pattern }) => pattern.test(words.join(" ")));
  return known === undefined
    ? { advice: "TLS fails: look for a proxy between this program and the server" }
    : { fact: known.fact, advice: known.advice };
}

/**
 * What may be told of a failure: its class, its words without the query of the URL, and its code. The
 * runtimes' own errors hold more: Deno and Bun the whole URL, Node the bytes that were received.
 */
export function tellable(error: unknown, url: string): Error | undefined {
  if (!(error instanceof Error)) return undefined;
  // As it was written, and as the runtime writes it.
  const { search, hash } = URL.canParse(url) ? new URL(url) : { search: "", hash: "" };
  const message = [url.slice(withoutQuery(url).length), search, hash]
    .filter((part) => part !== "")
    .reduce((words, part) => words.replaceAll(part, ""), error.message);
  const cause = tellable(error.cause, url);
  const kind = error instanceof TypeError ? TypeError : Error;
  const told = new kind(message, cause === undefined ? undefined : { cause });
  const code = codeOf(error);
  return code === undefined ? told : Object.assign(told, { code });
}
