/**
 * Requests that are not idempotent are sent so that no runtime retries them on its own.
 *
 * When a reused connection closes before the response, Deno's `fetch` sends a POST again, and Bun's a
 * PUT or DELETE: an order would be placed twice. Node's `fetch` sends a request again that is answered
 * 421 (RFC 9110 section 15.5.20). Measured with Deno 2.9, Bun 1.4 and Node 24: Deno does not retry a
 * `Blob`; Bun does not retry with `keepalive: false`, which costs a connection of its own and is
 * therefore left to the methods that need it; Node does not retry a stream.
 */

import { isUnsafe } from "./http_method.ts";
import { contentTypeOf, copyForm, isStream } from "./request_body.ts";

/** Deno and Bun have `process` too. */
const IS_NODE: boolean = !("Deno" in globalThis || "Bun" in globalThis) &&
  (globalThis as { process?: { release?: { name?: string } } }).process?.release?.name === "node";

/** The part of `fetch`'s init that holds the body of an unsafe method. */
export function singleSendBody(method: string, body: RequestInit["body"]): RequestInit {
  const init: RequestInit & { duplex?: "half" } = { body: toBlob(body) };
  if (method === "PUT" || method === "DELETE") init.keepalive = false;
  if (isStream(body)) init.duplex = "half";
  return init;
}

/**
 * Makes `fetch`'s init for one attempt: on Node, the body of an unsafe method becomes a stream with a
 * known length.
 *
 * @param init What `fetch` takes, with the names of the headers in lower case.
 */
export function singleSendInit(
  init: Omit<RequestInit, "headers"> & { readonly headers: Readonly<Record<string, string>> },
): RequestInit {
  const { body, method = "GET", redirect, headers } = init;
  // A stream cannot follow a redirect, and whoever follows redirects permits a second request.
  const isStreamed = IS_NODE && isUnsafe(method) && redirect !== "follow";
  if (!isStreamed || !(body instanceof Blob)) return init;
  // deno-coverage-ignore-start -- tests/portable/order_once_test.ts runs this on Node
  const own: Record<string, string> = { "content-length": String(body.size) };
  if (body.type !== "") own["content-type"] = body.type;
  const streamed: RequestInit & { duplex: "half" } = {
    ...init,
    headers: { ...own, ...headers },
    body: body.stream(),
    duplex: "half",
  };
  return streamed;
  // deno-coverage-ignore-stop
}

/** On Node, makes a form a `Blob` with its boundary, which can be streamed with a known length. */
export function encodeForm(
  body: RequestInit["body"],
): RequestInit["body"] | (() => Promise<Blob>) {
  // deno-coverage-ignore-start -- likewise
  if (IS_NODE && body instanceof FormData) {
    const copy = copyForm(body);
    return () => new Response(copy).blob();
  }
  // deno-coverage-ignore-stop
  return body;
}

/** A body that Deno does not send twice. */
function toBlob(body: RequestInit["body"]): NonNullable<RequestInit["body"]> {
  if (body instanceof Blob || isStream(body)) return body as NonNullable<RequestInit["body"]>;
  if (body instanceof FormData) return copyForm(body);
  const part = body instanceof URLSearchParams ? String(body) : body ?? "";
  return new Blob([part] as ConstructorParameters<typeof Blob>[0], { type: contentTypeOf(body) });
}
