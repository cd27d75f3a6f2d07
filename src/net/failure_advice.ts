/** Explains network failures to people: why it failed, what to do, and a cause that may be shown. */

import type { NetworkErrorKind } from "../errors.ts";
import { codeOf } from "./error_code.ts";
import { withoutQuery } from "./url.ts";

/** Why TLS fails, by the codes and words of the runtimes, and what to do. */
const TLS_FAILURES: readonly { pattern: RegExp; fact: string; advice: string }[] = [
  {
    pattern: /EXPIRED|expired/,
    fact: "its certificate has expired",
    advice: "Check this machine's clock, and tell whoever runs the server",
  },
  {
    pattern: /ALTNAME|not valid for|HOSTNAME|NotValidForName/i,
    fact: "its certificate is for another name",
    advice: "Compare baseUrl with the broker's address, and check for a proxy in between",
  },
  {
    pattern: /SELF_SIGNED|UNABLE_TO_|UnknownIssuer|UntrustedRoot|self.signed|CaUsedAsEndEntity/i,
    fact: "its certificate is signed by an authority that this runtime does not trust",
    advice:
      "If a proxy or a virus scanner inspects connections, or the server is your own, tell the " +
      "runtime which authority to trust: NODE_EXTRA_CA_CERTS=ca.pem on Node and Bun, DENO_CERT=ca.pem or " +
      "DENO_TLS_CA_STORE=system on Deno",
  },
  {
    pattern: /WRONG_VERSION|InvalidContentType|corrupt message|speak TLS/i,
    fact: "the server does not speak TLS",
    advice: "Check the address: perhaps it is http, or another port",
  },
];

// Deno's, Bun's and Node's words for a refused CONNECT, and Node's for a 407.
const PROXY_WORDS = /proxy|tunnel/i;

/** Says more about a failure than its kind: why it happened, and what to do. */
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
      advice: "Check HTTPS_PROXY, and whether the proxy needs a user and a password in it",
    };
  }
  if (kind !== "tls") return {};
  const known = TLS_FAILURES.find(({ pattern }) => pattern.test(words.join(" ")));
  return known === undefined
    ? { advice: "TLS failed: check for a proxy between this program and the server" }
    : { fact: known.fact, advice: known.advice };
}

/**
 * The part of a failure that may be shown: its class, its message without the query of the URL, and
 * its code. The runtimes' own errors hold more: Deno's and Bun's the whole URL, Node's the received
 * bytes.
 */
export function safeCause(error: unknown, url: string): Error | undefined {
  if (!(error instanceof Error)) return undefined;
  // As the caller wrote it, and as the runtime writes it.
  const { search, hash } = URL.canParse(url) ? new URL(url) : { search: "", hash: "" };
  const message = [url.slice(withoutQuery(url).length), search, hash]
    .filter((part) => part !== "")
    .reduce((text, part) => text.replaceAll(part, ""), error.message);
  const cause = safeCause(error.cause, url);
  const kind = error instanceof TypeError ? TypeError : Error;
  const shown = new kind(message, cause === undefined ? undefined : { cause });
  const code = codeOf(error);
  return code === undefined ? shown : Object.assign(shown, { code });
}
