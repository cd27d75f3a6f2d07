/** Takes secrets out of a text that somebody else wrote, before anything is made of it. */

/** Replaces every secret, also where it stands encoded. */
export function redact(text: string, secrets: readonly string[]): string {
  let clean = text;
  for (const secret of secrets) {
    for (const form of formsOf(secret)) clean = clean.replaceAll(form, "[redacted]");
  }
  return clean;
}

/** The ways in which a server may write what it was sent. */
export function formsOf(secret: string): string[] {
  const base64 = btoa(secret);
  const base64url = base64.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
  return [secret, encodeURIComponent(secret), base64, base64url];
}
