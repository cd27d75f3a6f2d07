/** Responses that do not come from the broker but from a proxy, a firewall or a captive portal. */

const MAYBE_INTERMEDIARY =
  "Something between this program and the broker may have answered, such as a proxy or a firewall";

/** Whether only an intermediary uses a status. */
export function isIntermediaryStatus(status: number): boolean {
  return status === 407 || status === 511 || isRedirect(status);
}

/**
 * Says what to do about a response that is not the broker's.
 *
 * @param location The `Location` header of a redirect.
 * @returns `undefined` if nothing shows that an intermediary has answered.
 */
export function intermediaryAdvice(
  status: number,
  isHtml: boolean,
  location: string | null = null,
): string | undefined {
  if (status === 407) {
    return "A proxy asks for a user and a password: put them into its address, as in " +
      "HTTPS_PROXY=http://user:password@proxy:8080";
  }
  if (isRedirect(status)) {
    const target = location !== null && URL.canParse(location)
      ? ` to ${new URL(location).origin}`
      : "";
    return `The response redirects${target}, where the token must not go: compare baseUrl with the ` +
      "broker's address, and check for a proxy or a network with a sign-in page of its own";
  }
  return isHtml || status === 511 ? `${MAYBE_INTERMEDIARY}: ask whoever runs it` : undefined;
}

/** The advice for a response that makes no sense as the broker's. */
export function unexpectedResponseAdvice(status: number, isHtml: boolean): string {
  return intermediaryAdvice(status, isHtml) ?? MAYBE_INTERMEDIARY;
}

function isRedirect(status: number): boolean {
  return status >= 300 && status < 400;
}
