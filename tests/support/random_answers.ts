/**
 * Random answers of a token endpoint, the same for the same seed.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type { Random } from "./random.ts";
import { formEncoded, percentEncoded } from "./printed_secrets.ts";

/** What bearer tokens consist of, and what secrets usually do. */
export const TOKEN_ALPHABET =
  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/";

/** A response, before it is on any wire. */
export interface RandomAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** What a terminal or a reader of logs can be deceived with. */
export const DECEIVING: readonly [string, ...string[]] = [
  "\u001b[2J\u001b[31m",
  "\r\nFAKE LOG LINE",
  "\u009b2J",
  ..."\u0000\u0007\u007f\u0085\u2028\u2029\u202e\u202a\u2066\u2069\u200e\u200f\u061c",
];

/** Makes a response. `secrets` are what it may echo. */
export function randomAnswer(random: Random, secrets: readonly string[]): RandomAnswer {
  const isGood = random.oneIn(3);
  const status = isGood
    ? random.oneOf(200, 200, 200, 201, 203, 204, 206, 299)
    : random.oneOf(400, 400, 401, 403, 429, 500, 503, randomStatus(random));
  const isTokenResponse = isGood ? !random.oneIn(4) : random.oneIn(10);
  const text = isTokenResponse ? JSON.stringify(tokenFields(random)) : randomText(random, secrets);
  return { status, headers: randomHeaders(random), body: randomBytes(random, text) };
}

/** Every status that a response can end with, and 0 of a redirect that was not followed. */
function randomStatus(random: Random): number {
  return random.oneOf(0, 300, 301, 302, 303, 304, 307, 308, 200 + random.below(400));
}

function randomHeaders(random: Random): Record<string, string> {
  const headers: Record<string, string> = {
    "content-type": random.oneOf(
      "application/json",
      "application/json; charset=utf-16",
      "text/html",
      "text/plain",
      "application/octet-stream",
      "multipart/form-data",
      "x",
    ),
  };
  if (random.oneIn(6)) {
    headers["retry-after"] = random.oneOf(
      "0",
      "1",
      "999999999999",
      "9".repeat(400),
      "-1",
      "1e3",
      "NaN",
      "Sun, 06 Nov 1994 08:49:37 GMT",
      "Sun, 99 Nov 9999 99:49:37 GMT",
      "",
    );
  }
  if (random.oneIn(6)) {
    headers.location = random.oneOf("/elsewhere", "//evil.example", "http://[", "");
  }
  if (random.oneIn(8)) headers["www-authenticate"] = "Basic realm=x";
  return headers;
}

/** A token response, in which any field may be of any type. */
function tokenFields(random: Random): Record<string, unknown> {
  const maybe = (value: unknown): unknown => random.oneIn(8) ? randomValue(random, 2) : value;
  return {
    access_token: maybe(randomAccessToken(random)),
    ...(random.oneIn(6)
      ? {}
      : { token_type: maybe(random.oneOf("Bearer", "bearer", "BEARER", "mac")) }),
    ...(random.oneIn(4)
      ? {}
      : { expires_in: maybe(random.oneOf<unknown>(900, "900", 0, -1, 1e308, 0.1, null, "x")) }),
    ...(random.oneIn(2) ? {} : { refresh_token: maybe(randomRefreshToken(random)) }),
    ...(random.oneIn(20) ? { error: maybe("invalid_grant") } : {}),
  };
}

/** What fits into a header, or does not quite. */
function randomAccessToken(random: Random): string {
  const ordinary = `A${random.text(20 + random.below(40), TOKEN_ALPHABET)}`;
  if (!random.oneIn(5)) return `${ordinary}${random.oneOf("", "=", "==")}`;
  return random.oneOf(
    `${ordinary} ${ordinary}`,
    `${ordinary}\r\nx-more: 1`,
    `${ordinary}\n`,
    `=${ordinary}`,
    `${ordinary}é`,
    `${ordinary}"`,
    ` ${ordinary}`,
  );
}

/** What an endpoint may give out for the next time; some of it no client could send. */
function randomRefreshToken(random: Random): string {
  const ordinary = `R${random.text(20 + random.below(40), TOKEN_ALPHABET)}`;
  return random.oneOf(
    ordinary,
    ordinary,
    ordinary,
    `${ordinary}\ud800`, // a lone surrogate: no UTF-8 has it
    `${ordinary}\u0000\r\n`,
    `${ordinary}\u{1f511}é`,
    `${ordinary}"\\`,
    ordinary.repeat(800),
  );
}

function randomText(random: Random, secrets: readonly string[]): string {
  if (random.oneIn(2)) return JSON.stringify(errorFields(random, secrets));
  const shapes: (() => string)[] = [
    () => escapedJson(JSON.stringify(errorFields(random, secrets))),
    () => JSON.stringify(randomValue(random, 4)),
    () => "",
    () =>
      random.oneOf(" ", "null", "true", "0", "1e999", '""', "[]", "{}", "undefined", "NaN", "{"),
    () => nested(random, random.oneOf(50, 1_000, 10_000, 16_000)),
    () => nested(random, 100_000),
    () => duplicated(random),
    () => inherited(random, secrets),
    () => page(random, secrets),
    () => echoOf(random, secrets),
    () =>
      new URLSearchParams({ error: "invalid_grant", secret: echoOf(random, secrets) }).toString(),
    () => random.text(random.below(300), '{}[]":,\\ \n\u0000\u2028\ud800eE+-.0123456789truefalsn'),
  ];
  return random.oneOf(shapes[0] ?? (() => ""), ...shapes.slice(1))();
}

/** An error as either broker, RFC 6749, or neither of them writes it. */
function errorFields(random: Random, secrets: readonly string[]): unknown {
  const code = () =>
    random.oneIn(4) ? randomValue(random, 2) : random.oneOf(
      "invalid_grant",
      "invalid_client",
      "unauthorized_client",
      "unsupported_grant_type",
      "access_denied",
      "temporarily_unavailable",
      words(random, secrets),
    );
  const description = () => random.oneIn(5) ? randomValue(random, 2) : words(random, secrets);
  const half = (secrets[0] ?? "").length >> 1;
  return random.oneOf<() => unknown>(
    () => ({ error: code(), error_description: description() }),
    () => ({ error_code: code(), error_description: description(), error: code() }),
    () => ({ error: { code: code(), message: description(), errors: [description()] } }),
    () => ({
      error: { [echoOf(random, secrets)]: description() },
      [echoOf(random, secrets)]: code(),
    }),
    () => ({ error: secrets[0]?.slice(0, half), error_description: secrets[0]?.slice(half) }),
    () => [{ error: code(), error_description: description() }],
    () => ({ errors: [{ code: code() }], message: description(), data: { echo: secrets } }),
    () => ({ error: { error: { error: { code: code(), message: description() } } } }),
  )();
}

/** Words with something in them that should not be printed. */
function words(random: Random, secrets: readonly string[]): string {
  const parts = Array.from({ length: 1 + random.below(5) }, () =>
    random.oneOf<() => string>(
      () => "the request is invalid.",
      () => `a${random.oneOf(...DECEIVING)}b`,
      () => `a${random.oneOf(...DECEIVING)}b`,
      () => echoOf(random, secrets),
      () => "x".repeat(random.oneOf(1, 290, 300, 5_000)),
      () => "\u{1f511}".repeat(random.below(200)),
    )());
  return parts.join(random.oneOf(" ", "", ": "));
}

/** A secret as a server may write it, or all of them. */
function echoOf(random: Random, secrets: readonly string[]): string {
  const secret = random.oneOf(secrets[0] ?? "", ...secrets.slice(1));
  return random.oneOf(
    secret,
    percentEncoded(secret),
    percentEncoded(percentEncoded(secret)),
    formEncoded(secret),
    btoa(secret.replace(/[^\x20-\x7e]/g, "?")),
    Buffer.from(secret).toString("base64url"),
    `Bearer ${secret}`,
    `Basic ${btoa(`client:${secret}`.replace(/[^\x20-\x7e]/g, "?"))}`,
    JSON.stringify({ client_secret: secret }), // the request itself, quoted
    `client_secret=${formEncoded(secret)}&grant_type=refresh_token`,
    [...secret].join(random.oneOf("\u0000", "\u202e", "\u200b", " ")),
    secrets.join(),
  );
}

/** The same JSON with every character escaped that may be. */
function escapedJson(json: string): string {
  return json.replaceAll("/", "\\/").replace(
    /[-._~+]/g,
    (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Deeper than any program may recurse. */
function nested(random: Random, depth: number): string {
  const [open, shut] = random.oneOf(["[", "]"], ['{"a":', "}"], ['{"error":', "}"]);
  const inner = random.oneOf('"x"', "1", "null", '{"code":"invalid_grant"}');
  return `${open.repeat(depth)}${inner}${shut.repeat(depth)}`;
}

function duplicated(random: Random): string {
  return random.oneOf(
    '{"error":"a","error":"invalid_grant"}',
    '{"error":"invalid_grant","error":{"code":"b"},"error_description":1,"error_description":"c"}',
    '{"access_token":"a","access_token":5}',
  );
}

/** Names that an object has anyway. */
function inherited(random: Random, secrets: readonly string[]): string {
  const name = random.oneOf(
    "__proto__",
    "constructor",
    "toString",
    "toJSON",
    "hasOwnProperty",
    "then",
  );
  const inner = JSON.stringify(errorFields(random, secrets));
  return random.oneOf(
    `{"${name}":${inner}}`,
    `{"error":{"${name}":${inner}},"error_description":{"${name}":${inner}}}`,
    `{"__proto__":{"access_token":"polluted","token_type":"Bearer"}}`,
    `{"__proto__":null,"error":"invalid_grant"}`,
    `{"constructor":{"prototype":{"code":"polluted"}}}`,
  );
}

function page(random: Random, secrets: readonly string[]): string {
  return `${random.oneOf("", " \n", "\ufeff")}<!DOCTYPE html><title>${
    words(random, secrets)
  }</title>`;
}

/** Any JSON value. */
function randomValue(random: Random, depth: number): unknown {
  return random.oneOf<() => unknown>(
    () => null,
    () => true,
    () => random.oneOf(0, -1, 1e308, 0.1, 123),
    () => "",
    () => " ",
    () => random.oneOf("a b", "a\r\nb: c", "é", "\ud800", "tok,en", "="),
    () => depth === 0 ? [] : [randomValue(random, depth - 1), randomValue(random, depth - 1)],
    () => depth === 0 ? {} : { [random.oneOf("code", "x", "")]: randomValue(random, depth - 1) },
  )();
}

/** The text in some encoding, whole or not. */
function randomBytes(random: Random, text: string): Uint8Array<ArrayBuffer> {
  const bytes = new TextEncoder().encode(text);
  return random.oneOf<() => Uint8Array<ArrayBuffer>>(
    () => bytes,
    () => bytes,
    () => bytes,
    () => bytes,
    () => bytes,
    () => bytes,
    () => new TextEncoder().encode(`\ufeff${text}`),
    () => new Uint8Array(Buffer.from(text, "utf16le")),
    () => bytes.slice(0, random.below(bytes.length + 1)),
    () => bytes.map((byte) => random.oneIn(20) ? random.below(256) : byte),
  )();
}
