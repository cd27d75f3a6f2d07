/** The platform's `fetch`, and Deno's permission to use it. */

import { requestPermission } from "../deno_permissions.ts";
import { SessionError } from "../errors.ts";

/** The default `fetch`: whatever `globalThis.fetch` is at the time of the request. */
export function platformFetch(
  input: string | URL | Request,
  init?: RequestInit,
): Promise<Response> {
  return fetch(input, init);
}

/** The platform's `fetch`, before a test replaces it. */
const originalFetch = globalThis.fetch;

/**
 * Checks Deno's permission to connect to some hosts. Without it `fetch` would reject too, but a body
 * that it had begun to read would keep the process alive for ever.
 *
 * @param fetch What sends the requests. A custom one may need no permission and is not checked.
 * @throws {SessionError} If Deno denies it: `code` is `"network_denied"`.
 */
export function requireNetwork(fetch: typeof globalThis.fetch, urls: readonly string[]): void {
  if (fetch !== platformFetch || globalThis.fetch !== originalFetch) return;
  const hosts = [...new Set(urls.map(hostAndPort))];
  const denied = hosts.filter((host) => !requestPermission({ name: "net", host }));
  if (denied.length > 0) throw networkDenied(denied);
}

/**
 * Checks Deno's permission to connect to the host of a WebSocket.
 *
 * @throws {SessionError} If Deno denies it: `code` is `"network_denied"`.
 */
export function requireHost(url: string): void {
  const host = hostAndPort(url);
  if (!requestPermission({ name: "net", host })) throw networkDenied([host]);
}

/** The error if Deno does not permit the program to connect to some hosts, each with its port. */
export function networkDenied(hosts: readonly string[]): SessionError {
  const names = hosts.map((host) => host.replace(/:443$/, ""));
  return new SessionError(
    `Cannot reach ${names.join(" and ")}: Deno does not permit it. Run with ` +
      `--allow-net=${names.join(",")}`,
    { code: "network_denied" },
  );
}

/** Turns what Deno throws if a custom `fetch` lacks the permission into the same error. */
export function asNetworkDenied(error: unknown, url: string): SessionError | undefined {
  const isDenied = error instanceof Error && error.name === "NotCapable";
  return isDenied ? networkDenied([hostAndPort(url)]) : undefined;
}

/** A host and its port, as Deno's permissions name it. */
function hostAndPort(url: string): string {
  const { protocol, hostname, port } = new URL(url);
  return `${hostname}:${port || (/^(https|wss):$/.test(protocol) ? 443 : 80)}`;
}
