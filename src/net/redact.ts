/** Takes secrets out of what somebody else wrote, before anything is made of it. */

/** Below this nothing is read: no broker nests so deep, and a stack has an end. */
const MAX_DEPTH = 100;

/** Replaces every secret in every text of a JSON value, also where it stands encoded. */
export function redact(value: unknown, secrets: readonly string[]): unknown {
  const known = secrets.filter((secret) => secret !== ""); // nothing stands everywhere
  const forms = known.flatMap(formsOf).sort((a, b) => b.length - a.length);
  return redactForms(value, forms, 0);
}

/** The ways in which a server may write what it was sent. */
export function formsOf(secret: string): string[] {
  const whole = secret.toWellFormed();
  const bytes = new TextEncoder().encode(whole);
  const base64 = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  const bare = base64.replace(/=+$/, "");
  const percent = [
    encodeURIComponent(whole),
    new URLSearchParams([["", whole]]).toString().slice(1),
  ];
  return [
    secret,
    JSON.stringify(secret).slice(1, -1),
    ...percent,
    ...percent.map((form) => form.replace(/%../g, (hex) => hex.toLowerCase())),
    base64,
    bare,
    bare.replaceAll("+", "-").replaceAll("/", "_"),
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
