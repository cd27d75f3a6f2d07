import { assert, assertEquals, assertFalse, assertMatch } from "@std/assert";
import { codeChallenge, isSameSecret, randomToken } from "../../src/login/pkce.ts";

Deno.test("codeChallenge() gives the known answer of RFC 7636 appendix B", () => {
  assertEquals(
    codeChallenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
    "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
  );
});

Deno.test("randomToken() has 256 bits that need no escaping, and never the same", () => {
  const secrets = Array.from({ length: 1_000 }, randomToken);
  for (const secret of secrets) assertMatch(secret, /^[\w-]{43}$/);
  assertEquals(new Set(secrets).size, 1_000);
});

Deno.test("isSameSecret() compares texts of any length", () => {
  assert(isSameSecret("abc", "abc"));
  for (const other of ["", "ab", "abd", "abcd", "ABC", "äbc"]) {
    assertFalse(isSameSecret(other, "abc"));
  }
});
