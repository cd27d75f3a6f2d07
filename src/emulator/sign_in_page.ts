import { createHash } from "node:crypto";
import type { EmulatedResponse } from "./response.ts";

/** What a consent page shows. */
export interface ConsentRequest {
  /** The broker's name. */
  readonly broker: string;
  /** The client id. */
  readonly clientId: string;
  /** The scopes, each with its meaning. */
  readonly scopes: readonly (readonly [name: string, meaning: string])[];
  /** Where the browser is sent afterwards. */
  readonly redirectUri: string;
}

/**
 * The page on which a user accepts or declines. Its form posts to the page's own address, so the query
 * holds the request again and nothing needs to be remembered.
 */
export function consentPage(
  { broker, clientId, scopes, redirectUri }: ConsentRequest,
): EmulatedResponse {
  const rows = scopes.map(([name, meaning]) =>
    `<li><span>${escapeHtml(meaning)}</span><code>${escapeHtml(name)}</code></li>`
  );
  return page(
    200,
    `Sign in to ${broker}`,
    `<h1>An application asks for access to your ${escapeHtml(broker)} account</h1>
<p class="client"><code>${escapeHtml(clientId)}</code></p>
<ul>
${rows.join("\n")}
</ul>
<form method="post">
<button name="decision" value="accept">Accept</button>
<button name="decision" value="decline" class="quiet">Decline</button>
</form>
<p class="small">Then your browser goes to <code>${escapeHtml(redirectUri)}</code></p>`,
  );
}

/** The page of a sign-in that fails without a redirect. */
export function errorPage(
  status: number,
  { broker, message }: { broker: string; message: string },
): EmulatedResponse {
  return page(
    status,
    `${broker}: something went wrong`,
    `<h1>Something went wrong</h1>
<p role="alert">${escapeHtml(message)}</p>
<p class="small">${
      escapeHtml(broker)
    } does not send you back to the application. Close this page and look there.</p>`,
  );
}

/** Redirects the browser with parameters. Those without a value are omitted. */
export function redirect(
  uri: string,
  parameters: Readonly<Record<string, string | undefined>> = {},
): EmulatedResponse {
  const pairs = Object.entries(parameters).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`]
  );
  const separator = uri.includes("?") ? "&" : "?";
  const location = pairs.length === 0 ? uri : uri + separator + pairs.join("&");
  return { status: 302, headers: { location, ...HEADERS } };
}

const STYLE = `
:root { color-scheme: light dark; --page: #eef0f3; --card: #fff; --ink: #16202c; --soft: #5a6675;
  --line: #dfe3e8; --accent: #0b62c4; --on-accent: #fff; --badge: #fff3cd; --on-badge: #664d03; }
@media (prefers-color-scheme: dark) { :root { --page: #10151b; --card: #1a212a; --ink: #e8edf3;
  --soft: #9aa7b6; --line: #2d3743; --accent: #6cb0ff; --on-accent: #0b1420; --badge: #3a3114;
  --on-badge: #ffe08a; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1rem;
  background: var(--page); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
main { width: 100%; max-width: 27rem; padding: 1.75rem; background: var(--card);
  border: 1px solid var(--line); border-radius: 1rem; box-shadow: 0 8px 30px #0001; }
.badge { display: inline-block; margin: 0 0 1.25rem; padding: .2rem .75rem; border-radius: 1rem;
  background: var(--badge); color: var(--on-badge); font-size: .8125rem; font-weight: 600; }
h1 { margin: 0 0 .75rem; font-size: 1.375rem; line-height: 1.3; text-wrap: balance; }
p { margin: 0 0 1rem; overflow-wrap: anywhere; }
.client, .small { color: var(--soft); font-size: .875rem; }
.small { margin: 1.25rem 0 0; }
code { font: .8125rem ui-monospace, monospace; overflow-wrap: anywhere; }
ul { list-style: none; margin: 0 0 1.5rem; padding: 0; border-top: 1px solid var(--line); }
li { display: flex; justify-content: space-between; align-items: baseline; gap: 1rem;
  padding: .625rem 0; border-bottom: 1px solid var(--line); }
li code { color: var(--soft); white-space: nowrap; }
form { display: flex; flex-direction: column; gap: .625rem; }
button { padding: .75rem; border: 1px solid var(--accent); border-radius: .625rem; cursor: pointer;
  background: var(--accent); color: var(--on-accent); font: inherit; font-weight: 600; }
button.quiet { border-color: var(--line); background: none; color: var(--ink); }
button:hover { filter: brightness(1.08); }
button:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
`;

const HEADERS = { "cache-control": "no-store", "referrer-policy": "no-referrer" };

const PAGE_HEADERS = {
  ...HEADERS,
  "content-type": "text/html; charset=utf-8",
  // Without form-action, which browsers apply to the redirect after the form too.
  "content-security-policy": `default-src 'none'; base-uri 'none'; frame-ancestors 'none'; ` +
    `style-src 'sha256-${createHash("sha256").update(STYLE).digest("base64")}'`,
};

function page(status: number, title: string, content: string): EmulatedResponse {
  return {
    status,
    headers: PAGE_HEADERS,
    body: `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)} (emulator)</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<p class="badge">Emulator: no real account is behind it</p>
${content}
</main>
</body>
</html>
`,
  };
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
