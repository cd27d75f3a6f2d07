/** An error as Bun makes it. */
export function withCode(code: string, message = "Unable to connect"): Error {
  return Object.assign(new TypeError(message), { code });
}

/** What Node's `fetch` rejects with. */
export function onNode(code: string | undefined, message = ""): Error {
  const cause = Object.assign(new Error(message), code === undefined ? {} : { code });
  return new TypeError("fetch failed", { cause });
}

/** What Deno's `fetch` rejects with. */
export function onDeno(words: string): Error {
  return new TypeError("fetch failed", { cause: new Error(words) });
}
