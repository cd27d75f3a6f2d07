/** From what a caller passes to what `fetch` takes: URL, headers and body. */

import type { AbortOptions } from "./call_options.ts";
import { isUnsafe, readMethod } from "../net/http_method.ts";
import { type BodyFactory, isStream } from "../net/request_body.ts";
import { encodeForm, singleSendBody } from "../net/runtime_retries.ts";
import { withoutQuery } from "../net/url.ts";

/**
 * The init of {@linkcode Session.fetch}: what `fetch` takes, and a function as a body, a timeout, and
 * whether the request is idempotent.
 */
export interface SessionRequestInit extends Omit<RequestInit, "body" | "headers">, AbortOptions {
  /** The body, or a function that makes it for each attempt. */
  readonly body?: RequestInit["body"] | BodyFactory;
  /** Headers beside those of the session. */
  readonly headers?: RequestInit["headers"];
  /**
   * Whether the request may arrive twice without harm, so that it is retried like a GET. An order may
   * not, and neither may its replacement or cancellation.
   *
   * @default {false}
   */
  readonly idempotent?: boolean | undefined;
  /**
   * How long it may take until the response begins, in milliseconds.
   *
   * @default {SessionOptions.timeoutMs}
   */
  readonly timeoutMs?: number | undefined;
}

/** A request without its access token. */
export interface PreparedRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** What else `fetch` takes: the method, the body, and what the caller added. */
  readonly init: RequestInit;
  /** Makes the part of `init` that holds the body for each attempt, if the caller passed a function. */
  readonly makeBody: (() => Promise<RequestInit>) | undefined;
  /** Whether it can be sent again: a stream cannot. */
  readonly isReplayable: boolean;
  /** Whether it may arrive twice without harm. */
  readonly isIdempotent: boolean;
}

/**
 * Prepares a request.
 *
 * @param url A URL from {@linkcode requestUrl}.
 * @param ownHeaders The session's headers, which the caller's replace.
 * @throws {TypeError} If the method or a header is not permitted.
 */
export function prepareRequest(
  url: string,
  ownHeaders: Readonly<Record<string, string>>,
  { idempotent = false, body: givenBody, headers, ...init }: Omit<
    SessionRequestInit,
    "timeoutMs" | "onAbort"
  >,
): PreparedRequest {
  const method = readMethod(init.method);
  const body = typeof givenBody === "function" ? givenBody : encodeForm(givenBody);
  const toInit = (value: RequestInit["body"]): RequestInit =>
    isUnsafe(method) ? singleSendBody(method, value) : value === undefined ? {} : { body: value };
  const isFactory = typeof body === "function";
  return {
    method,
    url,
    headers: requestHeaders(ownHeaders, headers),
    init: {
      ...init,
      method,
      // A redirect may lead anywhere, and may turn one order into two.
      redirect: init.redirect ?? "manual",
      ...(isFactory ? {} : toInit(body)),
    },
    makeBody: isFactory
      ? async () => {
        const encoded = encodeForm(await body());
        return toInit(typeof encoded === "function" ? await encoded() : encoded);
      }
      : undefined,
    isReplayable: isFactory || !isStream(body),
    isIdempotent: idempotent || !isUnsafe(method),
  };
}

/**
 * Turns a `Request` into a URL and init. Its body is read first, because nobody can see whether it is a
 * stream, which could neither be sent again nor keep its length.
 */
export async function unpackRequest(
  request: Request,
  { headers: ownHeaders = request.headers, ...init }: Omit<RequestInit, "headers"> & {
    readonly headers?: RequestInit["headers"];
  } = {},
): Promise<[url: string, init: RequestInit]> {
  if (request.bodyUsed && init.body === undefined) { // Bun would send nothing instead
    throw new TypeError("Cannot send a Request whose body was used already");
  }
  // The body is read from the request itself, which marks it as used. A copy would not do so on Bun, and
  // an order that is passed twice would be sent twice.
  const hasOwnBody = init.body === undefined && request.body !== null;
  const body = hasOwnBody ? { body: await request.blob() } : {};
  const { url, method, headers, signal } = new Request(request.url, {
    method: request.method,
    signal: request.signal,
    ...init, // where both have a value, init wins
    headers: ownHeaders,
    body: null,
  });
  return [url, { ...init, ...body, method, headers, signal }];
}

/**
 * Returns the URL of a path below `baseUrl`, or an absolute URL if it has the broker's origin.
 *
 * @throws {TypeError} If it is another origin, where the access token must not go.
 */
export function requestUrl(path: string, baseUrl: string): string {
  if (typeof path !== "string") return requestUrl(String(path), baseUrl); // fails below
  // The host ends where the path begins, so no parser can find another host in it.
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

function requestHeaders(
  own: Readonly<Record<string, string>>,
  given: RequestInit["headers"],
): Readonly<Record<string, string>> {
  if (given === undefined) return own;
  const headers = new Headers(given);
  if (headers.has("host")) {
    // Bun sends it. A shared gateway could then lead the token to another server.
    throw new TypeError("Cannot send a request with a Host header: the URL determines the host");
  }
  if (headers.has("authorization")) {
    throw new TypeError(
      "Cannot send a request with an Authorization header: the session sets it",
    );
  }
  return { ...own, ...Object.fromEntries(headers) };
}
