/** The template of the login pages. It escapes everything, and loads nothing from elsewhere. */

import { createHash } from "node:crypto";

/** A page and its headers. */
export interface Page {
  readonly html: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Escaped text. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Insert = string | Markup | readonly Markup[];

/** Makes markup from a template literal. Inserted strings are escaped, inserted markup is not. */
export function markup(literals: TemplateStringsArray, ...inserts: Insert[]): Markup {
  const texts = inserts.map((insert) =>
    typeof insert === "string"
      ? insert.replace(/[&<>"'`]/g, (character) => `&#${character.charCodeAt(0)};`)
      : [insert].flat().map(({ text }) => text).join("\n")
  );
  return raw(String.raw({ raw: literals }, ...texts));
}

/** Makes markup from a string that needs no escaping. */
export function raw(text: string): Markup {
  return new Markup(text);
}

const STYLE = `
:root { color-scheme: light dark; --page: #f2f4f7; --card: #fff; --ink: #17202b; --soft: #5b6776;
  --line: #dde2e9; --field: #fff; --accent: #1259c3; --on-accent: #fff; --good: #14784a;
  --bad: #b3261e; --alert: #fdeceb; }
@media (prefers-color-scheme: dark) { :root { --page: #0f141a; --card: #19212a; --ink: #e9eef4;
  --soft: #9ba8b7; --line: #2e3844; --field: #11171e; --accent: #7ab5ff; --on-accent: #0b1420;
  --good: #5fd39a; --bad: #ff9a92; --alert: #3a1f20; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; min-height: 100dvh; display: grid; place-items: center;
  padding: 1rem; background: var(--page); color: var(--ink); font: 1rem/1.55 system-ui, sans-serif; }
main { width: 100%; max-width: 27rem; padding: clamp(1.25rem, 6vw, 2rem); background: var(--card);
  border: 1px solid var(--line); border-radius: 1rem; box-shadow: 0 10px 30px #0000000f; }
svg { display: block; width: 3rem; height: 3rem; margin: 0 0 1rem; fill: none; stroke: var(--accent);
  stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; }
svg.good { stroke: var(--good); } svg.bad { stroke: var(--bad); }
h1 { margin: 0 0 .75rem; font-size: 1.5rem; line-height: 1.25; text-wrap: balance; }
p { margin: 0 0 1rem; overflow-wrap: anywhere; text-wrap: pretty; }
p:last-child { margin: 0; }
.small { color: var(--soft); font-size: .875rem; }
.alert { padding: .75rem 1rem; border-radius: .625rem; background: var(--alert); }
a { color: var(--accent); }
form { display: grid; gap: 1rem; margin: 1.25rem 0; }
label { display: grid; gap: .375rem; font-size: .875rem; font-weight: 600; }
input { width: 100%; padding: .75rem; border: 1px solid var(--soft); border-radius: .625rem;
  background: var(--field); color: var(--ink); font: 1rem ui-monospace, monospace; }
button { padding: .8rem; border: 0; border-radius: .625rem; background: var(--accent);
  color: var(--on-accent); font: inherit; font-weight: 600; cursor: pointer; }
button:hover { filter: brightness(1.1); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
`;

const ICONS = {
  good: '<circle cx="12" cy="12" r="10"/><path d="m7.5 12.5 3 3 6-7"/>',
  bad: '<circle cx="12" cy="12" r="10"/><path d="m8.5 8.5 7 7m0-7-7 7"/>',
  info: '<circle cx="12" cy="12" r="10"/><path d="M12 11v5.5M12 7.5v.01"/>',
  key: '<circle cx="8" cy="15" r="5"/><path d="m11.5 11.5 9-9m-3 3 3 3m-6 0 2 2"/>',
};

/** The headers of every response. The browser keeps neither the page nor the connection. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "connection": "close",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  // Without form-action, which browsers apply to every redirect after the form, and so to all servers
  // of the broker's sign-in.
  "content-security-policy": "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; " +
    `style-src 'sha256-${createHash("sha256").update(STYLE).digest("base64")}'`,
};

/** Makes a page. */
export function page(
  { title, icon }: { title: string; icon: keyof typeof ICONS },
  content: Markup,
  headers: Readonly<Record<string, string>> = {},
): Page {
  const { text } = markup`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${raw(STYLE)}</style>
</head>
<body>
<main>
<svg class="${icon}" viewBox="0 0 24 24" aria-hidden="true">${raw(ICONS[icon])}</svg>
<h1>${title}</h1>
${content}
</main>
</body>
</html>
`;
  return { html: text, headers: { "content-type": "text/html; charset=utf-8", ...headers } };
}
