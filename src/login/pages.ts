/**
 * The pages of the login: one template, in which everything is escaped, without scripts and without
 * anything from elsewhere (RFC 9700 section 4.2.4).
 */

import { createHash } from "node:crypto";

/** A page, and the headers that belong to it. */
export interface Page {
  readonly html: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** A field of the form that asks for the client. */
export interface ClientField {
  readonly name: "clientId" | "clientSecret";
  readonly label: string;
  /** What stands in it when it is shown again. Never a secret. */
  readonly value?: string;
}

/** Asks for what is not known of the client. */
export function clientPage(
  { broker, advice, fields, token, complaint }: {
    broker: string;
    /** Where to find it, as one sentence. */
    advice: string | undefined;
    fields: readonly ClientField[];
    /** Proves that the form came from this page. */
    token: string;
    complaint: string | undefined;
  },
): Page {
  const inputs = fields.map(({ name, label, value = "" }) => {
    const type = name === "clientSecret" ? "password" : "text";
    return markup`<label>${label}
<input name="${name}" type="${type}" value="${value}" ${FIELD}></label>`;
  });
  const alert = complaint === undefined
    ? ""
    : markup`<p class="alert" role="alert">${complaint}</p>`;
  return page(
    { title: `Log in to ${broker}`, sign: "key" },
    markup`<p>The program wants to sign in as an application that you have registered with ${broker}.
${advice === undefined ? "" : `${advice}.`}</p>
${alert}
<form method="post" action="/">
${inputs}
<input type="hidden" name="token" value="${token}">
<button>Continue to ${broker}</button>
</form>
<p class="small">This page is served by the program that you started, on this machine. What you type
goes to that program, and from there to ${broker} only.</p>`,
    // Without a referrer, browsers tell no origin with the form either. Others still get none.
    { "referrer-policy": "same-origin" },
  );
}

/** It worked. */
export function signedInPage(broker: string): Page {
  return page(
    { title: `Signed in to ${broker}`, sign: "good" },
    markup`<p>You can close this page and go back to the program.</p>`,
  );
}

/** It did not. */
export function failedPage(broker: string, message: string): Page {
  return page(
    { title: `Not signed in to ${broker}`, sign: "bad" },
    markup`<p class="alert" role="alert">${message}.</p>
<p>You can close this page. To try again, start the login in the program anew.</p>`,
  );
}

/** A reload, the back button or a second tab, after the end. */
export function alreadyDonePage(broker: string): Page {
  return page(
    { title: "Already done", sign: "info" },
    markup`<p>This login to ${broker} has got its answer, and nothing was done a second time. How it ends,
the program tells.</p>`,
  );
}

/** An answer to some other login, or to none. */
export function strayPage(broker: string, reason: string): Page {
  return page(
    { title: "Not the answer to this login", sign: "bad" },
    markup`<p>What came from the browser was ignored: ${reason}.</p>
<p>The program still waits. Go on where you log in to ${broker}, or <a href="/">begin again</a>.</p>`,
  );
}

/** A refusal that anybody could have sent, for the user to confirm. */
export function declinedPage(broker: string, path: string, token: string): Page {
  return page(
    { title: `Did ${broker} refuse?`, sign: "info" },
    markup`<p>Somebody sent the browser here with the message that ${broker} has refused, but without
proof that it was ${broker}. The program still waits.</p>
<form method="post" action="${path}">
<input type="hidden" name="token" value="${token}">
<button>Yes, end this login</button>
</form>
<p>If you have not declined, ignore this page, and go on where you log in, or
<a href="/">begin again</a>.</p>`,
    { "referrer-policy": "same-origin" },
  );
}

/** A form that was not sent by the page that asks for the client. */
export function foreignFormPage(): Page {
  return page(
    { title: "Not sent from this page", sign: "bad" },
    markup`<p>What was sent did not come from the page of this login, and was ignored.</p>
<p><a href="/">Begin again</a></p>`,
  );
}

/** An address that is none of ours. */
export function notFoundPage(): Page {
  return page(
    { title: "Nothing here", sign: "info" },
    markup`<p>A program on this machine waits here for a login to end, and has no other pages.</p>
<p><a href="/">Go to the login</a></p>`,
  );
}

/** A method that means nothing here. */
export function notAllowedPage(): Page {
  return page(
    { title: "Not possible here", sign: "info" },
    markup`<p>This address can only be visited.</p>
<p><a href="/">Go to the login</a></p>`,
  );
}

/** Somebody called this server by another name. */
export function wrongHostPage(origin: string): Page {
  return page(
    { title: "Called by another name", sign: "info" },
    markup`<p>This login answers under its own address only: <a href="${origin}/">${origin}</a></p>`,
  );
}

/** Text that is markup already. */
class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Insert = string | Markup | readonly Markup[];

/** The one way to markup: what is inserted is escaped, unless it is markup itself. */
function markup(literals: TemplateStringsArray, ...inserts: Insert[]): Markup {
  const texts = inserts.map((insert) =>
    typeof insert === "string"
      ? insert.replace(/[&<>"'`]/g, (character) => `&#${character.charCodeAt(0)};`)
      : [insert].flat().map(({ text }) => text).join("\n")
  );
  return raw(String.raw({ raw: literals }, ...texts));
}

function raw(text: string): Markup {
  return new Markup(text);
}

// What is typed is copied from elsewhere: nothing may complete, capitalize or correct it.
const FIELD = raw('required autocomplete="off" autocapitalize="none" spellcheck="false"');

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

const SIGNS = {
  good: '<circle cx="12" cy="12" r="10"/><path d="m7.5 12.5 3 3 6-7"/>',
  bad: '<circle cx="12" cy="12" r="10"/><path d="m8.5 8.5 7 7m0-7-7 7"/>',
  info: '<circle cx="12" cy="12" r="10"/><path d="M12 11v5.5M12 7.5v.01"/>',
  key: '<circle cx="8" cy="15" r="5"/><path d="m11.5 11.5 9-9m-3 3 3 3m-6 0 2 2"/>',
};

/** The headers of every answer. A browser keeps neither the page nor the connection. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "connection": "close",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  // No form-action: browsers hold it against every redirect that follows the form, so against all
  // that the broker's sign-in may be made of.
  "content-security-policy": "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; " +
    `style-src 'sha256-${createHash("sha256").update(STYLE).digest("base64")}'`,
};

function page(
  { title, sign }: { title: string; sign: keyof typeof SIGNS },
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
<svg class="${sign}" viewBox="0 0 24 24" aria-hidden="true">${raw(SIGNS[sign])}</svg>
<h1>${title}</h1>
${content}
</main>
</body>
</html>
`;
  return { html: text, headers: { "content-type": "text/html; charset=utf-8", ...headers } };
}
