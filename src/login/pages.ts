/** The pages that the browser shows during a login (RFC 9700 section 4.2.4: nothing from elsewhere). */

import { markup, type Page, page, raw } from "./page_template.ts";

/** A field of the form. */
export interface ClientField {
  readonly name: "clientId" | "clientSecret";
  readonly label: string;
  /** The value when the form is shown again. Never a secret. */
  readonly value?: string;
}

// The values are copied from elsewhere: the browser must not complete, capitalize or correct them.
const FIELD = raw('required autocomplete="off" autocapitalize="none" spellcheck="false"');

/** Asks for an unknown client id or secret. */
export function clientPage(
  { broker, help, fields, token, problem }: {
    broker: string;
    /** Where to find them, as one sentence. */
    help: string | undefined;
    fields: readonly ClientField[];
    /** Proves that the form came from this page. */
    token: string;
    /** What was wrong with the last values. */
    problem: string | undefined;
  },
): Page {
  const inputs = fields.map(({ name, label, value = "" }) => {
    const type = name === "clientSecret" ? "password" : "text";
    return markup`<label>${label}
<input name="${name}" type="${type}" value="${value}" ${FIELD}></label>`;
  });
  const alert = problem === undefined ? "" : markup`<p class="alert" role="alert">${problem}</p>`;
  return page(
    { title: `Log in to ${broker}`, icon: "key" },
    markup`<p>The program signs in as an application that you have registered with ${broker}.
${help === undefined ? "" : `${help}.`}</p>
${alert}
<form method="post" action="/">
${inputs}
<input type="hidden" name="token" value="${token}">
<button>Continue to ${broker}</button>
</form>
<p class="small">The program that you started serves this page, on this machine. It sends what you type
to ${broker} only.</p>`,
    // With no-referrer, browsers would send no origin with the form.
    { "referrer-policy": "same-origin" },
  );
}

/** The login succeeded. */
export function signedInPage(broker: string): Page {
  return page(
    { title: `Signed in to ${broker}`, icon: "good" },
    markup`<p>You can close this page and go back to the program.</p>`,
  );
}

/** The login failed. */
export function failedPage(broker: string, message: string): Page {
  return page(
    { title: `Not signed in to ${broker}`, icon: "bad" },
    markup`<p class="alert" role="alert">${message}.</p>
<p>You can close this page. To try again, start the login in the program again.</p>`,
  );
}

/** For a reload, the back button or a second tab after the end. */
export function alreadyDonePage(broker: string): Page {
  return page(
    { title: "Already done", icon: "info" },
    markup`<p>This login to ${broker} has received its response, and nothing was done a second time. The program
shows the result.</p>`,
  );
}

/** For a response that does not belong to this login. */
export function unrelatedPage(broker: string, reason: string): Page {
  return page(
    { title: "Not the response to this login", icon: "bad" },
    markup`<p>This visit was ignored: ${reason}.</p>
<p>The program still waits. Continue where you log in to ${broker}, or <a href="/">start again</a>.</p>`,
  );
}

/** Asks the user to confirm a refusal that anybody could have sent. */
export function declinedPage(broker: string, path: string, token: string): Page {
  return page(
    { title: `Did ${broker} refuse?`, icon: "info" },
    markup`<p>The browser was sent here with the message that ${broker} has refused, but without proof that
it came from ${broker}. The program still waits.</p>
<form method="post" action="${path}">
<input type="hidden" name="token" value="${token}">
<button>Yes, end this login</button>
</form>
<p>If you have not declined, ignore this page and continue where you log in, or
<a href="/">start again</a>.</p>`,
    { "referrer-policy": "same-origin" },
  );
}

/** For a form that was not sent from a page of this login. */
export function foreignFormPage(): Page {
  return page(
    { title: "Not sent from this page", icon: "bad" },
    markup`<p>The form did not come from a page of this login, and was ignored.</p>
<p><a href="/">Start again</a></p>`,
  );
}

/** For an unknown path. */
export function notFoundPage(): Page {
  return page(
    { title: "Nothing here", icon: "info" },
    markup`<p>A program on this machine waits here for the end of a login. There are no other pages.</p>
<p><a href="/">Go to the login</a></p>`,
  );
}

/** For a method that is not supported. */
export function notAllowedPage(): Page {
  return page(
    { title: "Not possible here", icon: "info" },
    markup`<p>This address accepts visits only.</p>
<p><a href="/">Go to the login</a></p>`,
  );
}

/** For a request with another host name. */
export function wrongHostPage(origin: string): Page {
  return page(
    { title: "Another host name", icon: "info" },
    markup`<p>This login answers only at its own address: <a href="${origin}/">${origin}</a></p>`,
  );
}
