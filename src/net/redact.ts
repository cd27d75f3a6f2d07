/** Takes secrets out of a server's response before anything is made of it. */

/** No broker nests deeper, and a stack has an end. */
const MAX_DEPTH = 100;

/** Replaces every secret in every string of a JSON value, encoded ones too, with `[redacted]`. */
export function redact(value: unknown, secrets: readonly string[]): unknown {
  const known = secrets.filter((secret) => secret !== "");
  const forms = known.flatMap(encodedForms).sort((a, b) => b.length - a.length);
  return redactForms(value, forms, 0);
}

/** The ways in which a server may write a secret that it was sent. */
export function encodedForms(secret: string): string[] {
  const wellFormed = secret.toWellFormed();
  const bytes = new TextEncoder().encode(wellFormed);
  const base64 = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  const unpadded = base64.replace(/=+$/, "");
  const percentEncoded = [
    encodeURIComponent(wellFormed),
    new URLSearchParams([["", wellFormed]]).toString().slice(1),
  ];
  return [
    secret,
    JSON.stringify(secret).slice(1, -1),
    ...percentEncoded,
    ...percentEncoded.map((form) => form.replace(/%../g, (hex) => hex.toLowerCase())),
    base64,
    unpadded,
    unpadded.replaceAll("+", "-").replaceAll("/", "_"),
  ];
}

function redactForms(value: unknown, forms: readonly string[], depth: number): unknown {
  if (typeof value === "string") {
    return forms.reduce((text, form) => text.replaceAll(form, "[redacted]"), value);
  }
  if (typeof value !== "object" || value === null) return value;
  if (depth === MAX_DEPTH) return undefined;
  if (Array.isArray(value)) return value.map((item) => redactForms(item, forms, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      redactForms(key, forms, depth + 1),
      redactForms(item, forms, depth + 1),
    ]),
  );
}
