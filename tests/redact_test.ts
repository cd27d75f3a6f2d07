import { assertEquals } from "@std/assert";
import { redact } from "../src/redact.ts";

const SECRET = "c4n+ry/?ü>>~==";

Deno.test("redact() replaces a secret in every form that a server may echo", () => {
  const forms = {
    plain: SECRET,
    percent: "c4n%2Bry%2F%3F%C3%BC%3E%3E~%3D%3D",
    base64: "YzRuK3J5Lz/8Pj5+PT0=",
    base64url: "YzRuK3J5Lz_8Pj5-PT0",
  };
  for (const [name, form] of Object.entries(forms)) {
    assertEquals(redact(`before ${form} after`, [SECRET]), "before [redacted] after", name);
  }
});

Deno.test("redact() replaces every secret wherever it stands", () => {
  assertEquals(
    redact('{"one":"first","two":"second first"}', ["first", "second"]),
    '{"one":"[redacted]","two":"[redacted] [redacted]"}',
  );
});

Deno.test("redact() takes a secret for text, not for a pattern", () => {
  assertEquals(redact("a.c abc $& (x)", ["a.c", "(x)"]), "[redacted] abc $& [redacted]");
});

Deno.test("redact() leaves other text alone", () => {
  const text = '{"error":"invalid_grant"}';
  assertEquals(redact(text, [SECRET]), text);
  assertEquals(redact(text, []), text);
});
