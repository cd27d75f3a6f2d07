import { assertEquals, assertRejects } from "@std/assert";
import type { NetworkErrorKind } from "../../src/errors.ts";
import { networkFailure } from "../../src/net/network_failure.ts";
import { closedPort, serveBytes } from "../support/loopback.ts";
import { onDeno, onNode, withCode } from "./network_failure_fixtures.ts";

type Sent = "no" | "unknown";

/** What `fetch` and the reading of the body reject with. */
function failureOf(url: string): Promise<unknown> {
  return assertRejects(async () => await (await fetch(url)).text());
}

Deno.test("networkFailure() reads Deno's words", () => {
  const before = "error sending request for url (http://host.example/): client error (Connect): ";
  const during = "error sending request from 127.0.0.1:9000 for http://host.example/ " +
    "(127.0.0.1:80): client error (SendRequest): ";
  const rows: readonly [string, NetworkErrorKind, Sent][] = [
    [`${before}dns error: failed to lookup address information`, "dns", "no"],
    [`${before}tcp connect error: Connection refused (os error 111)`, "refused", "no"],
    [`${before}tcp connect error: Network is unreachable (os error 101)`, "unreachable", "no"],
    [`${before}tcp connect error: Connection timed out (os error 110)`, "timeout", "no"],
    [`${before}received corrupt message of type InvalidContentType`, "tls", "no"],
    [`${before}invalid peer certificate: UnknownIssuer`, "tls", "no"],
    [`${before}tls handshake eof`, "tls", "no"],
    [`${before}Connection reset by peer (os error 104)`, "reset", "no"],
    [`${during}connection closed before message completed`, "reset", "unknown"],
    [`${during}connection error: Connection reset by peer (os error 104)`, "reset", "unknown"],
    [`${during}Broken pipe (os error 32)`, "reset", "unknown"],
    [`${during}invalid HTTP version parsed`, "protocol", "unknown"],
    [`${during}operation was canceled`, "other", "unknown"],
    ["Connection reset by peer (os error 104)", "reset", "unknown"],
  ];
  for (const [words, kind, sent] of rows) {
    assertEquals(networkFailure(onDeno(words)), { kind, sent }, words);
  }
});

Deno.test("networkFailure() reads the codes of Node's causes and of Bun's errors", () => {
  const rows: readonly [string, NetworkErrorKind, Sent][] = [
    ["ENOTFOUND", "dns", "no"],
    ["EAI_AGAIN", "dns", "no"],
    ["ECONNREFUSED", "refused", "no"],
    ["EHOSTUNREACH", "unreachable", "unknown"],
    ["ENETUNREACH", "unreachable", "unknown"],
    ["UND_ERR_CONNECT_TIMEOUT", "timeout", "no"],
    ["ETIMEDOUT", "timeout", "unknown"],
    ["UND_ERR_HEADERS_TIMEOUT", "timeout", "unknown"],
    ["UND_ERR_BODY_TIMEOUT", "timeout", "unknown"],
    ["EPROTO", "tls", "unknown"],
    ["ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC", "tls", "unknown"],
    ["ERR_SSL_WRONG_VERSION_NUMBER", "tls", "no"],
    ["ERR_TLS_CERT_ALTNAME_INVALID", "tls", "no"],
    ["CERT_HAS_EXPIRED", "tls", "no"],
    ["DEPTH_ZERO_SELF_SIGNED_CERT", "tls", "no"],
    ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "tls", "no"],
    ["ECONNRESET", "reset", "unknown"],
    ["EPIPE", "reset", "unknown"],
    ["UND_ERR_SOCKET", "reset", "unknown"],
    ["HPE_INVALID_CONSTANT", "protocol", "unknown"],
    ["Malformed_HTTP_Response", "protocol", "unknown"],
    ["EWHATEVER", "other", "unknown"],
  ];
  for (const [code, kind, sent] of rows) {
    assertEquals(networkFailure(onNode(code)), { kind, sent }, `${code} on Node`);
    assertEquals(networkFailure(withCode(code)), { kind, sent }, `${code} on Bun`);
  }
});

Deno.test("networkFailure() takes a failure for one of connecting only if the system says so", () => {
  const failing = (code: string, syscall: string) =>
    new TypeError("fetch failed", { cause: Object.assign(new Error(code), { code, syscall }) });
  for (
    const [code, kind] of [["EHOSTUNREACH", "unreachable"], ["ECONNREFUSED", "refused"]] as const
  ) {
    assertEquals(networkFailure(failing(code, "connect")), { kind, sent: "no" });
    // An order may be on its way over a connection that works no more.
    assertEquals(networkFailure(failing(code, "read")), { kind, sent: "unknown" });
    assertEquals(networkFailure(failing(code, "write")), { kind, sent: "unknown" });
  }
  const lookup = failing("ENOTFOUND", "getaddrinfo");
  assertEquals(networkFailure(lookup), { kind: "dns", sent: "no" });
  const errors = [Object.assign(new Error("::1"), { code: "ENETUNREACH", syscall: "connect" })];
  const several = Object.assign(new AggregateError(errors), { code: "ENETUNREACH" });
  assertEquals(networkFailure(new TypeError("fetch failed", { cause: several })), {
    kind: "unreachable",
    sent: "no",
  });
});

Deno.test("networkFailure() reads the names that Bun used before 1.4", () => {
  const rows: readonly [string, NetworkErrorKind, Sent][] = [
    ["ConnectionRefused", "refused", "no"],
    ["FailedToOpenSocket", "refused", "no"],
    ["DNSException", "dns", "no"],
    ["ConnectionClosed", "reset", "unknown"],
    ["Timeout", "timeout", "unknown"],
    ["InvalidHTTPResponse", "protocol", "unknown"],
  ];
  for (const [code, kind, sent] of rows) {
    const error = Object.assign(new Error("Unable to connect"), { code }); // no TypeError then
    assertEquals(networkFailure(error), { kind, sent }, code);
  }
});

Deno.test("networkFailure() reads the words of Node 24's parser, which has no code", () => {
  const cause = new Error("Response does not match the HTTP/1.1 protocol (Expected HTTP/)");
  assertEquals(networkFailure(new TypeError("fetch failed", { cause })), {
    kind: "protocol",
    sent: "unknown",
  });
});

Deno.test("networkFailure() is not misled by the words of a URL", () => {
  const url = "https://127.0.0.1/certificates/unreachable?x=(Connect)";
  const closed = `error sending request for ${url}: client error (SendRequest): ` +
    "connection closed before message completed";
  assertEquals(networkFailure(onDeno(closed)), { kind: "reset", sent: "unknown" });
});

Deno.test("networkFailure() reads a failure in the middle of a body", () => {
  const reset = { kind: "reset", sent: "unknown" } as const;
  assertEquals(networkFailure(new TypeError("error reading a body from connection")), reset);
  const cause = Object.assign(new Error("other side closed"), { code: "UND_ERR_SOCKET" });
  assertEquals(networkFailure(new TypeError("terminated", { cause })), reset);
});

Deno.test("networkFailure() reads the code of a Node cause that gathers several addresses", () => {
  const cause = Object.assign(new AggregateError([new Error("::1"), new Error("127.0.0.1")]), {
    code: "ECONNREFUSED",
  });
  const error = new TypeError("fetch failed", { cause });
  assertEquals(networkFailure(error), { kind: "refused", sent: "no" });
});

Deno.test("networkFailure() is undefined for a mistake in the program", () => {
  const mistakes: readonly unknown[] = [
    onNode("ERR_INVALID_URL", "Invalid URL"),
    withCode("ERR_INVALID_URL"),
    withCode("ERR_INVALID_ARG_VALUE"),
    onNode("UND_ERR_INVALID_ARG"),
    onNode("UND_ERR_REQ_CONTENT_LENGTH_MISMATCH"),
    onNode("UND_ERR_NOT_SUPPORTED"),
    withCode("ERR_BODY_ALREADY_USED"),
    new TypeError("Invalid URL: 'http://['"),
    new TypeError('Invalid header name: "a b"'),
    new TypeError("Request with GET/HEAD method cannot have body"),
    new RangeError("out of range", { cause: new Error("connection refused") }),
    new DOMException("aborted", "AbortError"), // its code is a number
    "fetch failed",
    { code: "ECONNREFUSED" },
    undefined,
  ];
  for (const mistake of mistakes) assertEquals(networkFailure(mistake), undefined, String(mistake));
});

Deno.test("networkFailure() is undefined for what this runtime makes of a mistake", async () => {
  const url = `http://127.0.0.1:${await closedPort()}/`;
  const used = new Response("a");
  await used.text();
  const mistakes: readonly (() => Promise<unknown>)[] = [
    () => fetch("http://["),
    () => fetch(url, { body: "a" }),
    () => fetch(url, { headers: { "a b": "c" } }),
    () => fetch(url, { method: "TRACE" }),
    () => used.text(),
  ];
  for (const mistake of mistakes) {
    assertEquals(networkFailure(await assertRejects(mistake)), undefined, String(mistake));
  }
});

Deno.test("networkFailure() reports a refused connection", async () => {
  const error = await failureOf(`http://127.0.0.1:${await closedPort()}/`);
  assertEquals(networkFailure(error), { kind: "refused", sent: "no" });
});

Deno.test("networkFailure() reports a connection that is closed without a response", async () => {
  await using server = await serveBytes((socket) => socket.end());
  const error = await failureOf(`http://${server.host}/`);
  assertEquals(networkFailure(error), { kind: "reset", sent: "unknown" });
});

Deno.test("networkFailure() reports a reset before the response", async () => {
  await using server = await serveBytes((socket) => socket.resetAndDestroy());
  const error = await failureOf(`http://${server.host}/`);
  assertEquals(networkFailure(error), { kind: "reset", sent: "unknown" });
});

Deno.test("networkFailure() reports an end in the middle of the response", async () => {
  const begun = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nbegun";
  await using server = await serveBytes((socket) => socket.end(begun));
  const error = await failureOf(`http://${server.host}/`);
  assertEquals(networkFailure(error), { kind: "reset", sent: "unknown" });
});

Deno.test("networkFailure() tells TLS that meets a plain port", async () => {
  await using server = await serveBytes((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
  const error = await failureOf(`https://${server.host}/`);
  assertEquals(networkFailure(error), { kind: "tls", sent: "no" });
});

Deno.test("networkFailure() reports a response that is not HTTP", async () => {
  await using server = await serveBytes((socket) => socket.end("SSH-2.0-OpenSSH_9.6\r\n\r\n"));
  const error = await failureOf(`http://${server.host}/`);
  assertEquals(networkFailure(error), { kind: "protocol", sent: "unknown" });
});
