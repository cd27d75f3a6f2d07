/** URLs and their queries. */

/** Query parameters. A list is written in the broker's format; `undefined` is left out. */
export type Query = Readonly<
  Record<string, string | number | boolean | readonly (string | number)[] | undefined>
>;

/** The path of a URL below the API's address, without the query. */
export function pathBelow(url: string, baseUrl: string): string {
  const target = withoutQuery(url);
  return target.startsWith(baseUrl) ? target.slice(baseUrl.length) : new URL(target).pathname;
}

/**
 * Adds query parameters to a URL.
 *
 * @param arrayFormat How a list is written: `a[]=1&a[]=2`, `a=1,2` or `a=1&a=2`.
 */
export function withQuery(
  url: string,
  query: Query | undefined,
  arrayFormat: "brackets" | "commas" | "repeat" = "repeat",
): string {
  if (query === undefined) return url;
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined) continue;
    if (!Array.isArray(value)) {
      parameters.append(name, String(value));
    } else if (arrayFormat === "commas") {
      if (value.length > 0) parameters.append(name, value.join(","));
    } else {
      const key = arrayFormat === "brackets" ? `${name}[]` : name;
      for (const item of value) parameters.append(key, String(item));
    }
  }
  if (parameters.size === 0) return url;
  // %20 for a space: a plus means one in forms only, and option symbols contain spaces.
  const text = parameters.toString().replaceAll("+", "%20");
  const [base = ""] = url.split("#"); // a fragment is never sent
  return `${base}${base.includes("?") ? "&" : "?"}${text}`;
}

/** A URL as it may be logged: without its query, which can hold something private. */
export function withoutQuery(url: string): string {
  return url.replace(/[?#].*/s, "");
}

/** The origin of a URL, or an empty string if it is not a URL. */
export function originOf(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : "";
}

/** The host name of a URL, or an empty string if it is not a URL. */
export function hostnameOf(url: string): string {
  return URL.canParse(url) ? new URL(url).hostname : "";
}
