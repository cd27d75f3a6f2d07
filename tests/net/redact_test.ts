import { assert, assertEquals } from "@std/assert";
import { redact } from "../../src/net/redact.ts";

const SECRET = "c4n+ry/?>>~==";

Deno.test("redact() replaces a secret in every form that a server may echo", () => {
  const forms = {
    plain: SECRET,
    percent: "c4n%2Bry%2F%3F%3E%3E~%3D%3D",
    base64: "YzRuK3J5Lz8+Pn49PQ==",
    base64url: "YzRuK3J5Lz8-Pn49PQ",
  };
  for (const [name, form] of Object.entries(forms)) {
    assertEquals(redact(`before ${form} after`, [SECRET]), "before [redacted] after", name);
  }
});

Deno.test("redact() replaces every secret wherever it stands", () => {
  assertEquals(
    redact(`{"one":"${"first ".repeat(9)}","two":"second"}`, ["first", "second"]),
    `{"one":"${"[redacted] ".repeat(9)}","two":"[redacted]"}`,
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

Deno.test("redact() replaces the longer of two secrets that begin alike", () => {
  assertEquals(redact("abcdef", ["abc", "abcdef"]), "[redacted]");
});

Deno.test("redact() takes a secret that is not Latin-1", () => {
  assertEquals(redact("a \u{1f511} b", ["\u{1f511}"]), "a [redacted] b");
});

Deno.test("redact() reaches every text of a JSON value, however it was escaped", () => {
  const body = JSON.parse('{"a":[{"s3cr\\/et":"x s3cr\\u002fet"}],"n":1,"b":null,"c":true}');
  assertEquals(redact(body, ["s3cr/et"]), {
    a: [{ "[redacted]": "x [redacted]" }],
    n: 1,
    b: null,
    c: true,
  });
});

Deno.test("redact() knows a secret in base64url, and written as a form", () => {
  // In base64 these have every character that base64url changes, and in a form those that only it escapes.
  const secret = "~~??>>!'()*secret";
  const base64 = btoa(secret);
  assert(/\//.test(base64) && /\+/.test(base64), base64);
  const base64url = base64.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
  const form = new URLSearchParams({ a: secret }).toString().slice(2);
  const percent = encodeURIComponent(secret);
  assertEquals(new Set([base64url, form, percent, base64]).size, 4);
  for (const echo of [base64url, form, percent, base64, form.toLowerCase()]) {
    assertEquals(redact(`before ${echo} after`, [secret]), "before [redacted] after", echo);
  }
});

Deno.test("redact() of an empty secret changes nothing, and ends", () => {
  const text = "any text at all ".repeat(100);
  assertEquals(redact({ text, list: [text] }, ["", ""]), { text, list: [text] });
  assertEquals(redact(`a secret ${text}`, ["", "secret"]), `a [redacted] ${text}`);
});
