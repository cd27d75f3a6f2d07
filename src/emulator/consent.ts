/** What a user decides on the consent page. */
export type Decision = "accept" | "decline";

/**
 * Does what a browser and its user do: gets the consent page and submits the decision.
 *
 * @returns Where the browser is sent.
 * @throws {Error} If the sign-in shows another page instead, with the words of that page.
 */
export async function submitConsent(authorizeUrl: string, decision: Decision): Promise<string> {
  let page = await visit(authorizeUrl);
  if (page.text.includes(`<button name="decision" value="${decision}"`)) {
    page = await visit(authorizeUrl, new URLSearchParams({ decision }));
  }
  // Some refusals send the browser back before the user is asked.
  if (page.location !== undefined) return page.location;
  const message = textOf(page.text);
  throw new Error(`Cannot ${decision}: the sign-in answered ${page.status} and said "${message}"`);
}

async function visit(url: string, form?: URLSearchParams) {
  const response = await fetch(url, {
    ...(form === undefined ? {} : { method: "POST", body: form }),
    redirect: "manual",
  });
  return {
    status: response.status,
    location: response.headers.get("location") ?? undefined,
    text: await response.text(),
  };
}

/** The text of a page, without its markup. */
function textOf(html: string): string {
  const message = /<p role="alert">(.*?)<\/p>/s.exec(html)?.[1] ?? html;
  return message
    .replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)))
    .trim();
}
