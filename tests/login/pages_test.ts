import { assert, assertEquals, assertFalse, assertMatch, assertStringIncludes } from "@std/assert";
import { createHash } from "node:crypto";
import {
  alreadyDonePage,
  clientPage,
  failedPage,
  foreignFormPage,
  notAllowedPage,
  notFoundPage,
  signedInPage,
  unrelatedPage,
  wrongHostPage,
} from "../../src/login/pages.ts";
import { type Page, PAGE_HEADERS } from "../../src/login/page_template.ts";

const EVIL = `"><script>alert('x')</script>&<img src=x onerror=\`y\`>`;

const ASK = { help: EVIL, token: EVIL, problem: EVIL };

/** Every page, with something evil wherever something goes in. */
const PAGES: Readonly<Record<string, Page>> = {
  clientPage: clientPage({
    ...ASK,
    broker: EVIL,
    fields: [
      { name: "clientId", label: EVIL, value: EVIL },
      { name: "clientSecret", label: EVIL },
    ],
  }),
  signedInPage: signedInPage(EVIL),
  failedPage: failedPage(EVIL, EVIL),
  alreadyDonePage: alreadyDonePage(EVIL),
  unrelatedPage: unrelatedPage(EVIL, EVIL),
  foreignFormPage: foreignFormPage(),
  notFoundPage: notFoundPage(),
  notAllowedPage: notAllowedPage(),
  wrongHostPage: wrongHostPage(EVIL),
};

/** All that a page is made of below its head: nothing that runs, and nothing that gets something. */
const TAG =
  /^<\/?(style|head|body|html|main|svg|circle|path|h1|p|a|form|label|input|button)(\s+(class|role|href|method|action|name|type|value|required|autocomplete|autocapitalize|spellcheck|viewBox|aria-hidden|c[xy]|r|d)(="[^"<>]*")?)*\/?>$/;

for (const [name, { html, headers }] of Object.entries(PAGES)) {
  Deno.test(`${name}() escapes everything, runs nothing and gets nothing from elsewhere`, () => {
    const body = html.slice(html.indexOf("</style>"));
    for (const tag of body.match(/<[^>]*>?/g) ?? []) assertMatch(tag, TAG);
    assertFalse(/@import|url\(/.test(html));
    assertEquals(headers["content-type"], "text/html; charset=utf-8");
  });

  Deno.test(`${name}() has a language, a title, one heading and a width for phones`, () => {
    assertMatch(html, /^<!DOCTYPE html>\n<html lang="en">/);
    assertStringIncludes(
      html,
      '<meta name="viewport" content="width=device-width, initial-scale=1">',
    );
    assertEquals(/<title>(.*)<\/title>/.exec(html)?.[1], /<h1>(.*)<\/h1>/.exec(html)?.[1]);
    assertEquals(html.split("<h1>").length, 2);
  });

  Deno.test(`${name}() has the one style that its policy lets through`, () => {
    const style = /<style>(.*)<\/style>/s.exec(html)?.[1] ?? "";
    const hash = createHash("sha256").update(style).digest("base64");
    assert(PAGE_HEADERS["content-security-policy"]?.endsWith(`style-src 'sha256-${hash}'`));
    assertMatch(style, /prefers-color-scheme: dark/);
  });
}

Deno.test("clientPage() asks in a form that is sent to itself, for what it is told to", () => {
  const { html, headers } = clientPage({
    broker: "Broker",
    help: undefined,
    token: "token",
    problem: undefined,
    fields: [{ name: "clientId", label: "Client id" }],
  });
  assertStringIncludes(html, '<form method="post" action="/">');
  assertEquals(html.match(/<input name="\w+" type="\w+"/g), ['<input name="clientId" type="text"']);
  assertStringIncludes(html, '<input type="hidden" name="token" value="token">');
  assertFalse(html.includes('role="alert"'));
  assertEquals(headers["referrer-policy"], "same-origin"); // or the form's origin would be "null"
});

Deno.test("clientPage() hides the secret while it is typed, and keeps it nowhere", () => {
  const fields = [{ name: "clientSecret", label: "Client secret" }] as const;
  const { html } = clientPage({ ...ASK, broker: "Broker", fields });
  assertMatch(html, /<input name="clientSecret" type="password" value="" [^>]*autocomplete="off"/);
});
