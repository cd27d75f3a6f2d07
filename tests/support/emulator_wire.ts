/**
 * The emulator seen with bare eyes: requests byte by byte or with the platform's `fetch`, and no client
 * of ours in between.
 *
 * @module
 */

import { connect } from "node:net";
import type { EmulatedTastytrade, Emulator } from "../../src/emulator/emulator.ts";

/** A response that has been read to its end. */
export interface Reading {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body parsed, or `undefined` when it is not JSON. */
  readonly json: unknown;
}

export const USER_AGENT = "wire-test/1.0";

/** One request by `fetch`, read to its end. */
export async function call(url: string, init: RequestInit = {}): Promise<Reading> {
  const response = await fetch(url, {
    ...init,
    headers: { "user-agent": USER_AGENT, ...Object.fromEntries(new Headers(init.headers)) },
  });
  const text = await response.text();
  const isJson = response.headers.get("content-type") === "application/json";
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: isJson ? JSON.parse(text) : undefined,
  };
}

/** A token request that is right, but for what `changes` says. */
export function askForToken(
  { baseUrl, clientSecret, refreshToken }: Pick<
    EmulatedTastytrade,
    "baseUrl" | "clientSecret" | "refreshToken"
  >,
  changes: Record<string, unknown> = {},
): Promise<Reading> {
  return call(`${baseUrl}/oauth/token`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      grant_type: "refresh_token",
      client_secret: clientSecret,
      refresh_token: refreshToken,
      ...changes,
    }),
  });
}

/** An access token. */
export async function accessToken(credentials: EmulatedTastytrade): Promise<string> {
  return String(at((await askForToken(credentials)).json, "access_token"));
}

/** Somebody who is signed in: calls paths with a bearer token. */
export async function signIn(
  credentials: EmulatedTastytrade,
): Promise<(path: string, init?: RequestInit) => Promise<Reading>> {
  const authorization = `Bearer ${await accessToken(credentials)}`;
  return (path, init = {}) =>
    call(credentials.baseUrl + path, {
      ...init,
      headers: { authorization, ...Object.fromEntries(new Headers(init.headers)) },
    });
}

/** A JSON body with its method, for `call()`. */
export function sending(method: string, body: unknown): RequestInit {
  return {
    method,
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  };
}

/** What comes back for these very bytes, until the server closes. */
export function exchangeBytes(emulator: Emulator, lines: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = "";
    const socket = connect(Number(new URL(emulator.url).port), "127.0.0.1");
    socket.setEncoding("utf8");
    socket.on("data", (text) => received += text);
    socket.on("error", reject);
    socket.on("close", () => resolve(received));
    socket.write(lines.join("\r\n") + "\r\n\r\n");
  });
}

/** Sends half a token request and hangs up. */
export function breakOff(url: string): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(Number(new URL(url).port), "127.0.0.1");
    socket.on("close", () => resolve());
    const lines = [
      "POST /tastytrade/oauth/token HTTP/1.1",
      "Host: localhost",
      "Content-Length: 100",
      "",
      "half",
    ];
    socket.write(lines.join("\r\n"), () => socket.destroy());
  });
}

/** What stands at a path inside parsed JSON. */
export function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>(
    (inner, key) => Object(inner)[key],
    value,
  );
}

/** The list that stands at a path inside parsed JSON. */
export function listAt(value: unknown, ...path: readonly (string | number)[]): readonly unknown[] {
  const list = at(value, ...path);
  return Array.isArray(list) ? list : [];
}

/** Keys and kinds of values, for comparing answers whose values move. */
export function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shapeOf);
  if (typeof value !== "object" || value === null) return typeof value;
  const entries = Object.entries(value).map(([key, inner]) => [key, shapeOf(inner)] as const);
  return Object.fromEntries(entries.toSorted(([one], [other]) => one < other ? -1 : 1));
}

/** The middle or the first part of a JWT. */
export function decodeJwt(token: string, part: 0 | 1): unknown {
  const text = token.split(".")[part] ?? "";
  return JSON.parse(atob(text.replaceAll("-", "+").replaceAll("_", "/")));
}
