/**
 * What leaves: a path becomes a URL of the broker, a value becomes a body, and a body takes a form
 * that goes out once.
 */

/** The values of a query. A list is written the broker's way; `undefined` is left out. */
export type Query = Readonly<
  Record<string, string | number | boolean | readonly (string | number)[] | undefined>
>;

/** A request, ready but for its token. */
export interface Outgoing {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** What else `fetch` takes: the method, the body, and what the caller added. */
  readonly init: RequestInit;
  /** Makes the part of `init` that holds the body, anew for each sending, if the caller's function does. */
  readonly makeBody: (() => Promise<RequestInit>) | undefined;
  /** Whether it can be sent again: a stream cannot. */
  readonly isReplayable: boolean;
  /** Whether the caller says that it may arrive twice. */
  readonly isIdempotent: boolean;
}

/** Makes a body, anew each time that a request is sent. */
export type BodyFactory = () => BodyInit | Promise<BodyInit>;

/** What `fetch` takes, and what a session takes beside. */
export interface OutgoingInit extends Omit<RequestInit, "body"> {
  /** The body, or a function that makes it for each sending. */
  readonly body?: BodyInit | BodyFactory | null | undefined;
  /**
   * Whether the request may arrive twice without harm. Then it is sent again as a GET is. An order may
   * not, nor may its replacement or cancellation.
   *
   * @default {false}
   */
  readonly idempotent?: boolean | undefined;
}

// RFC 9110 section 9.1. Not every runtime looks.
const METHOD = /^[\w!#$%&'*+\-.^`|~]+$/;

/** Makes a request to a URL of the broker. */
export function prepare(
  url: string,
  ownHeaders: Readonly<Record<string, string>>,
  { idempotent = false, body: givenBody, ...given }: OutgoingInit,
): Outgoing {
  const body = IS_NODE && givenBody instanceof FormData ? blobOf(givenBody) : givenBody;
  const method = given.method?.toUpperCase() ?? "GET";
  if (!METHOD.test(method)) throw new TypeError(`Cannot send a request: "${method}" is no method`);
  const shape = (made: BodyInit | null | undefined): RequestInit =>
    isUnsafe(method) ? unrepeatable(method, made) : made === undefined ? {} : { body: made };
  const isMade = typeof body === "function";
  return {
    method,
    url,
    headers: requestHeaders(ownHeaders, given.headers),
    init: {
      ...given,
      method,
      // Nobody knows where a redirect leads, and whether it makes two orders of one.
      redirect: given.redirect ?? "manual",
      ...(isMade ? {} : shape(body)),
    },
    makeBody: isMade
      ? async () => {
        const made = await body();
        return shape(IS_NODE && made instanceof FormData ? await blobOf(made)() : made);
      }
      : undefined,
    isReplayable: isMade || !isStream(body),
    isIdempotent: idempotent,
  };
}

/**
 * A `Request` and its options as a URL and options. The body is read first: nobody can see whether it
 * was made from a stream, and a stream could neither be replayed nor keep its length.
 */
export async function unpackRequest(
  input: Request,
  init: RequestInit = {},
): Promise<[url: string, init: RequestInit]> {
  if (input.bodyUsed && init.body === undefined) { // Bun would send nothing in its place
    throw new TypeError("Cannot send a Request whose body was used already");
  }
  // The body is read from the request itself: on Bun, a copy's use does not count as its own, and an
  // order that is passed twice would go out twice.
  const own = init.body !== undefined || input.body === null ? {} : { body: await input.blob() };
  const { url, method, headers, signal } = new Request(input.url, {
    method: input.method,
    headers: input.headers,
    signal: input.signal,
    ...init, // where both say something, init wins
    body: null,
  });
  return [url, { ...init, ...own, method, headers, signal }];
}

/**
 * The URL of a path below `baseUrl`, or of an absolute URL if it is the broker's.
 *
 * @throws {TypeError} If it is not: the access token goes to the broker's own origin only.
 */
export function requestUrl(path: string, baseUrl: string): string {
  if (typeof path !== "string") return requestUrl(String(path), baseUrl); // and be refused
  // The host ends where the path begins, so no parser can read another one here.
  if (path.startsWith("/") && !path.startsWith("//")) return baseUrl + path;
  if (!URL.canParse(path)) {
    throw new TypeError(
      `Cannot send a request to "${withoutQuery(path)}": a path starts with one slash, for ` +
        'instance "/accounts"',
    );
  }
  const url = new URL(path);
  const { origin } = new URL(baseUrl);
  if (url.origin !== origin || url.username !== "" || url.password !== "") {
    throw new TypeError(
      `Cannot send a request to "${url.protocol}//${url.host}": the access token goes to ${origin} only`,
    );
  }
  return url.href;
}

/** Adds a query to a URL. */
export function withQuery(
  url: string,
  query: Query | undefined,
  style: "brackets" | "commas" | "repeat" = "repeat",
): string {
  if (query === undefined) return url;
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined) continue;
    if (!Array.isArray(value)) {
      parameters.append(name, String(value));
    } else if (style === "commas") {
      if (value.length > 0) parameters.append(name, value.join(","));
    } else {
      for (const one of value) {
        parameters.append(style === "brackets" ? `${name}[]` : name, String(one));
      }
    }
  }
  if (parameters.size === 0) return url;
  // %20 for a space: a plus is one in forms only, and option symbols have spaces.
  const text = parameters.toString().replaceAll("+", "%20");
  const [whole = ""] = url.split("#"); // a fragment is never sent
  return `${whole}${whole.includes("?") ? "&" : "?"}${text}`;
}

/** A URL as it may be shown: a query can hold what nobody should read in a log. */
export function withoutQuery(url: string): string {
  return url.replace(/[?#].*/s, "");
}

/** The session's headers and the caller's, which win. */
function requestHeaders(
  own: Readonly<Record<string, string>>,
  given: HeadersInit | undefined,
): Readonly<Record<string, string>> {
  if (given === undefined) return own;
  const headers = new Headers(given);
  if (headers.has("host")) {
    // Bun sends it; behind a shared gateway it would lead the token to somebody else's server.
    throw new TypeError("Cannot send a request with a Host header: the URL says who is meant");
  }
  if (headers.has("authorization")) {
    throw new TypeError(
      "Cannot send a request with an Authorization header: the session sets it, and renews what is in it",
    );
  }
  return { ...own, ...Object.fromEntries(headers) };
}

/**
 * The part of a request that holds its body, in a form that no runtime sends twice by itself.
 *
 * Deno's `fetch` repeats a POST, and Bun's a PUT or DELETE, when a reused connection closes before
 * the answer: an order would be placed twice. Measured: Deno does not repeat a `Blob`, and it goes
 * out with its `content-length`; Bun does not repeat what has `keepalive: false`, which costs a
 * connection of its own and is therefore left to the methods that need it.
 */
export function unrepeatable(method: string, body: BodyInit | null | undefined): RequestInit {
  const init: RequestInit & { duplex?: "half" } = { body: unrepeatableBody(body) };
  if (method === "PUT" || method === "DELETE") init.keepalive = false;
  if (isStream(body)) init.duplex = "half";
  return init;
}

/** Deno and Bun have much of Node's names too. */
const IS_NODE: boolean = !("Deno" in globalThis || "Bun" in globalThis) &&
  (globalThis as { process?: { release?: { name?: string } } }).process?.release?.name === "node";

/**
 * A request as it goes out once. Node's `fetch` sends a request that is answered 421 (RFC 9110 section
 * 15.5.20) a second time, unless its body is a stream; the length is told beside it.
 *
 * @param init All that it takes, the names of the headers in lower case.
 */
export function singleSendInit(
  init: Omit<RequestInit, "headers"> & { readonly headers: Readonly<Record<string, string>> },
): RequestInit {
  const { body, method = "GET", redirect, headers } = init;
  // A stream cannot follow a redirect; and who follows one lets the request be sent again.
  const isStreamed = IS_NODE && isUnsafe(method) && redirect !== "follow";
  if (!isStreamed || !(body instanceof Blob)) return init;
  // deno-coverage-ignore-start -- tests/portable/once_test.ts runs this on Node
  const own: Record<string, string> = { "content-length": String(body.size) };
  if (body.type !== "") own["content-type"] = body.type;
  const stream: RequestInit & { duplex: "half" } = {
    ...init,
    headers: { ...own, ...headers },
    body: body.stream(),
    duplex: "half",
  };
  return stream;
  // deno-coverage-ignore-stop
}

// deno-coverage-ignore-start -- likewise
/** Makes what a form is written as, with its boundary and its length. */
function blobOf(form: FormData): () => Promise<Blob> {
  const copy = copyOf(form);
  return () => new Response(copy).blob();
}
// deno-coverage-ignore-stop

function unrepeatableBody(body: BodyInit | null | undefined): BodyInit {
  if (body instanceof Blob || isStream(body)) return body as BodyInit;
  if (body instanceof FormData) return copyOf(body);
  const part = body instanceof URLSearchParams ? String(body) : body ?? "";
  return new Blob([part as BlobPart], { type: contentType(body) });
}

/** What the caller does to the form later changes nothing. */
function copyOf(form: FormData): FormData {
  const copy = new FormData();
  for (const [name, value] of form) copy.append(name, value);
  return copy;
}

/** The body of what the JSON methods take: a value, or a function that makes one for each sending. */
export function jsonBodyOrFactory(value: unknown): BodyInit | BodyFactory {
  return typeof value === "function" ? async () => jsonBody(await value()) : jsonBody(value);
}

/** The body of a value: what is a body already stays one, anything else becomes JSON. */
export function jsonBody(value: unknown): BodyInit {
  const isBody = value instanceof Blob || value instanceof FormData ||
    value instanceof URLSearchParams || value instanceof ArrayBuffer || ArrayBuffer.isView(value) ||
    isStream(value);
  if (isBody) return value as BodyInit;
  // A string is JSON already: no broker takes a bare string, and programs often encode by themselves.
  const json: string | undefined = typeof value === "string" ? value : JSON.stringify(value);
  if (json === undefined) throw new TypeError(`Cannot send a ${typeof value}: it has no JSON`);
  return new Blob([json], { type: "application/json" });
}

/** Whether a body can be read once only. */
function isStream(body: unknown): boolean {
  return body instanceof ReadableStream ||
    (typeof body === "object" && body !== null && Symbol.asyncIterator in body);
}

/** Whether the method may change something at the broker (RFC 9110 section 9.2.1: else it is safe). */
export function isUnsafe(method: string): boolean {
  return method !== "GET" && method !== "HEAD" && method !== "OPTIONS";
}

/** The content type that `fetch` itself would give such a body (Fetch standard, "extract a body"). */
function contentType(body: BodyInit | null | undefined): string {
  if (typeof body === "string") return "text/plain;charset=utf-8";
  if (body instanceof URLSearchParams) return "application/x-www-form-urlencoded;charset=utf-8";
  return "";
}
