/** The platform's `fetch`, and whether Deno lets it reach a host. */

import { requestPermission } from "../deno_permissions.ts";
import { SessionError } from "../errors.ts";

/** What sends, unless the user has said otherwise. Whatever replaces the global later is used. */
export function platformFetch(
  input: string | URL | Request,
  init?: RequestInit,
): Promise<Response> {
  return fetch(input, init);
}

/** The platform's own, before a program's tests put something else in its place. */
const ownFetch = globalThis.fetch;

/**
 * Makes sure that Deno lets the platform's `fetch` reach some hosts. Without the permission, `fetch`
 * would reject too, but a body that it had begun to read then keeps the process alive for ever.
 *
 * @param fetch What will send: one of the user's own may need no permission.
 * @throws {SessionError} If it does not: then `code` is `"network_denied"`.
 */
export function requireNetwork(fetch: typeof globalThis.fetch, urls: readonly string[]): void {
  if (fetch !== platformFetch || globalThis.fetch !== ownFetch) return;
  const hosts = [...new Set(urls.map(hostOf))];
  const denied = hosts.filter((host) => !requestPermission({ name: "net", host }));
  if (denied.length > 0) throw networkDenied(denied);
}

/** What is told if Deno does not let the program reach some hosts, each with its port. */
export function networkDenied(hosts: readonly string[]): SessionError {
  const names = hosts.map((host) => host.replace(/:443$/, ""));
  return new SessionError(
    `Cannot reach ${names.join(" and ")}: Deno does not permit it. Run with ` +
      `--allow-net=${names.join(",")}`,
    { code: "network_denied" },
  );
}

/** What Deno throws where the user's own `fetch` lacks the permission, as an error of ours. */
export function asNetworkDenied(error: unknown, url: string): SessionError | undefined {
  const isDenied = error instanceof Error && error.name === "NotCapable";
  return isDenied ? networkDenied([hostOf(url)]) : undefined;
}

/** A host and its port, as Deno's permissions name it. */
function hostOf(url: string): string {
  const { protocol, hostname, port } = new URL(url);
  return `${hostname}:${port || (protocol === "https:" ? 443 : 80)}`;
}
