import { assertEquals, assertStringIncludes } from "@std/assert";
import { explainFailure, safeCause } from "../../src/net/failure_advice.ts";
import { onDeno, onNode, withCode } from "./network_failure_fixtures.ts";

Deno.test("safeCause() leaves the query out, as it was written and as the runtime writes it", () => {
  const url = "https://api.example/a?secret=a b#part c";
  for (const words of ["?secret=a b#part c", "?secret=a%20b#part%20c", "?secret=a%20b"]) {
    const cause = new Error(`client error for https://api.example/a${words}`);
    const error = new TypeError(`error sending request for https://api.example/a${words}`, {
      cause,
    });
    const told = safeCause(error, url);
    assertEquals(told?.message, "error sending request for https://api.example/a");
    assertEquals(Object(told?.cause).message, "client error for https://api.example/a");
  }
  assertEquals(safeCause(new Error("for /a?secret"), "/a?secret")?.message, "for /a");
});

Deno.test("explainFailure() says what is so with a certificate, and what to do", () => {
  const rows: readonly [string, string, string][] = [
    [
      "DEPTH_ZERO_SELF_SIGNED_CERT",
      "an authority that this runtime does not trust",
      "NODE_EXTRA_CA_CERTS",
    ],
    [
      "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
      "an authority that this runtime does not trust",
      "DENO_CERT",
    ],
    ["CERT_HAS_EXPIRED", "has expired", "clock"],
    ["ERR_TLS_CERT_ALTNAME_INVALID", "for another name", "baseUrl"],
    ["ERR_SSL_WRONG_VERSION_NUMBER", "does not speak TLS", "perhaps it is http"],
  ];
  for (const [code, fact, advice] of rows) {
    for (const cause of [withCode(code), onNode(code)]) {
      const told = explainFailure("tls", cause);
      assertStringIncludes(`${told.fact}`, fact);
      assertStringIncludes(`${told.advice}`, advice);
    }
  }
  const words = "invalid peer certificate: certificate expired: verification time";
  assertStringIncludes(`${explainFailure("tls", onDeno(words)).fact}`, "has expired");
  const name = "invalid peer certificate: certificate not valid for name";
  assertStringIncludes(`${explainFailure("tls", onDeno(name)).fact}`, "for another name");
  assertEquals(explainFailure("tls", new Error("odd")).fact, undefined);
  assertEquals(explainFailure("reset", withCode("CERT_HAS_EXPIRED")), {});
});

Deno.test("explainFailure() names a proxy that refuses the connection, in the words of each runtime", () => {
  const causes = [
    onDeno("client error (Connect): tunnel error: unsuccessful"),
    onDeno("client error (Connect): tunnel error: proxy authorization required"),
    onNode(undefined, "proxy authentication required"),
    onNode("UND_ERR_ABORTED", "Proxy response (407) !== 200 when HTTP Tunneling"),
    withCode("ProxyTunnelFailed", "Failed to connect"),
  ];
  for (const cause of causes) {
    const { fact, advice } = explainFailure("other", cause);
    assertEquals(fact, "a proxy refuses the connection");
    assertStringIncludes(`${advice}`, "HTTPS_PROXY");
  }
  const url = "https://proxy.example/tunnel";
  const other = onDeno(`error sending request for ${url}: client error (Connect): dns error`);
  assertEquals(explainFailure("dns", other), {});
});
