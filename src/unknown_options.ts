/** Unknown options throw, so that a mistyped `sandbox` cannot trade real money. */

/** What other libraries call an option, in the form of {@linkcode plainName}. */
const OTHER_NAMES: ReadonlyMap<string, string> = /* @__PURE__ */ new Map([
  // Sessions and logins
  ["istest", "sandbox"],
  ["usev2", 'apiVersion: "v2"'],
  ["secret", "clientSecret"],
  ["providersecret", "clientSecret"],
  ["secretkey", "clientSecret"],
  ["refresh", "refreshToken"],
  ["apikey", "clientId"],
  // Calls
  ["timeout", "timeoutMs"],
  ["params", "query"],
  ["searchparams", "query"],
  ["qs", "query"],
  ["abortsignal", "signal"],
  ["header", "headers"],
]);

/**
 * Throws if an object has an option that does not exist.
 *
 * @param known The names that exist.
 * @param action What fails then, for instance "Cannot create a session".
 * @param hintFor Says more about some unknown names.
 * @throws {TypeError} If there is an unknown option, with the right name if it can be guessed.
 */
export function refuseUnknownOptions(
  options: object,
  known: ReadonlySet<string>,
  action: string,
  hintFor: (name: string) => string = () => "",
): void {
  for (const name of Object.keys(options)) {
    if (known.has(name)) continue;
    const plain = plainName(name);
    const otherName = [...known].find((one) => plainName(one) === plain) ?? OTHER_NAMES.get(plain);
    const exists = otherName !== undefined && known.has(otherName.replace(/:.*/, ""));
    const hint = exists ? `. It is called ${otherName} here` : hintFor(name);
    throw new TypeError(`${action}: there is no option "${name}"${hint}`);
  }
}

/** The same for `client_secret`, `ClientSecret` and `clientSecret`. */
function plainName(name: string): string {
  return name.replaceAll("_", "").toLowerCase();
}
