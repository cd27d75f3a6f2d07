/**
 * Random answers of a token endpoint, the same for the same seed.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type { Dice } from "./random.ts";
import { formEncoded, percentEncoded } from "./printed_secrets.ts";

/** What bearer tokens consist of, and what secrets usually do. */
export const TOKEN_ALPHABET =
  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/";

/** An answer, before it is on any wire. */
export interface RandomAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** What a terminal or a reader of logs can be deceived with. */
export const DECEIVING = [
  "\u001b[2J\u001b[31m",
  "\r\nFAKE LOG LINE",
  "\u0000",
  "\u0007",
  "\u007f",
  "\u0085",
  "\u009b2J",
  "\u2028",
  "\u2029",
  "\u202e",
  "\u202a",
  "\u2066",
  "\u2069",
  "\u200e",
  "\u200f",
  "\u061c",
] as const;

/** Makes an answer. `secrets` are what it may echo. */
export function randomAnswer(dice: Dice, secrets: readonly string[]): RandomAnswer {
  const isGood = dice.oneIn(3);
  const status = isGood
    ? dice.oneOf(200, 200, 200, 201, 203, 204, 206, 299)
    : dice.oneOf(400, 400, 401, 403, 429, 500, 503, randomStatus(dice));
  const isTokenResponse = isGood ? !dice.oneIn(4) : dice.oneIn(10);
  const text = isTokenResponse ? JSON.stringify(tokenFields(dice)) : randomText(dice, secrets);
  return { status, headers: randomHeaders(dice), body: randomBytes(dice, text) };
}

/** Every status that an answer can end with, and 0 of a redirect that was not followed. */
function randomStatus(dice: Dice): number {
  return dice.oneOf(0, 300, 301, 302, 303, 304, 307, 308, 200 + dice.below(400));
}

function randomHeaders(dice: Dice): Record<string, string> {
  const headers: Record<string, string> = {
    "content-type": dice.oneOf(
      "application/json",
      "application/json; charset=utf-16",
      "text/html",
      "text/plain",
      "application/octet-stream",
      "multipart/form-data",
      "x",
    ),
  };
  if (dice.oneIn(6)) {
    headers["retry-after"] = dice.oneOf(
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
  if (dice.oneIn(6)) headers.location = dice.oneOf("/elsewhere", "//evil.example", "http://[", "");
  if (dice.oneIn(8)) headers["www-authenticate"] = "Basic realm=x";
  return headers;
}

/** A token response, in which any field may be of any type. */
function tokenFields(dice: Dice): Record<string, unknown> {
  const maybe = (value: unknown): unknown => dice.oneIn(8) ? randomValue(dice, 2) : value;
  return {
    access_token: maybe(randomAccessToken(dice)),
    ...(dice.oneIn(6)
      ? {}
      : { token_type: maybe(dice.oneOf("Bearer", "bearer", "BEARER", "mac")) }),
    ...(dice.oneIn(4)
      ? {}
      : { expires_in: maybe(dice.oneOf<unknown>(900, "900", 0, -1, 1e308, 0.1, null, "x")) }),
    ...(dice.oneIn(2) ? {} : { refresh_token: maybe(randomRefreshToken(dice)) }),
    ...(dice.oneIn(20) ? { error: maybe("invalid_grant") } : {}),
  };
}

/** What fits into a header, or does not quite. */
function randomAccessToken(dice: Dice): string {
  const ordinary = `A${dice.text(20 + dice.below(40), TOKEN_ALPHABET)}`;
  if (!dice.oneIn(5)) return `${ordinary}${dice.oneOf("", "=", "==")}`;
  return dice.oneOf(
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
function randomRefreshToken(dice: Dice): string {
  const ordinary = `R${dice.text(20 + dice.below(40), TOKEN_ALPHABET)}`;
  return dice.oneOf(
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

function randomText(dice: Dice, secrets: readonly string[]): string {
  if (dice.oneIn(2)) return JSON.stringify(errorFields(dice, secrets));
  const shapes: (() => string)[] = [
    () => escapedJson(JSON.stringify(errorFields(dice, secrets))),
    () => JSON.stringify(randomValue(dice, 4)),
    () => "",
    () => dice.oneOf(" ", "null", "true", "0", "1e999", '""', "[]", "{}", "undefined", "NaN", "{"),
    () => nested(dice, dice.oneOf(50, 1_000, 10_000, 16_000)),
    () => nested(dice, 100_000),
    () => duplicated(dice),
    () => inherited(dice, secrets),
    () => page(dice, secrets),
    () => echoOf(dice, secrets),
    () => new URLSearchParams({ error: "invalid_grant", secret: echoOf(dice, secrets) }).toString(),
    () => dice.text(dice.below(300), '{}[]":,\\ \n\u0000\u2028\ud800eE+-.0123456789truefalsn'),
  ];
  return dice.oneOf(shapes[0] ?? (() => ""), ...shapes.slice(1))();
}

/** An error as either broker, RFC 6749, or neither of them writes it. */
function errorFields(dice: Dice, secrets: readonly string[]): unknown {
  const code = () =>
    dice.oneIn(4) ? randomValue(dice, 2) : dice.oneOf(
      "invalid_grant",
      "invalid_client",
      "unauthorized_client",
      "unsupported_grant_type",
      "access_denied",
      "temporarily_unavailable",
      words(dice, secrets),
    );
  const description = () => dice.oneIn(5) ? randomValue(dice, 2) : words(dice, secrets);
  const half = (secrets[0] ?? "").length >> 1;
  return dice.oneOf<() => unknown>(
    () => ({ error: code(), error_description: description() }),
    () => ({ error_code: code(), error_description: description(), error: code() }),
    () => ({ error: { code: code(), message: description(), errors: [description()] } }),
    () => ({ error: { [echoOf(dice, secrets)]: description() }, [echoOf(dice, secrets)]: code() }),
    () => ({ error: secrets[0]?.slice(0, half), error_description: secrets[0]?.slice(half) }),
    () => [{ error: code(), error_description: description() }],
    () => ({ errors: [{ code: code() }], message: description(), data: { echo: secrets } }),
    () => ({ error: { error: { error: { code: code(), message: description() } } } }),
  )();
}

/** Words with something in them that should not be printed. */
function words(dice: Dice, secrets: readonly string[]): string {
  const parts = Array.from({ length: 1 + dice.below(5) }, () =>
    dice.oneOf<() => string>(
      () => "the request is invalid.",
      () => `a${dice.oneOf(...DECEIVING)}b`,
      () => `a${dice.oneOf(...DECEIVING)}b`,
      () => echoOf(dice, secrets),
      () => "x".repeat(dice.oneOf(1, 290, 300, 5_000)),
      () => "\u{1f511}".repeat(dice.below(200)),
    )());
  return parts.join(dice.oneOf(" ", "", ": "));
}

/** A secret as a server may write it, or all of them. */
function echoOf(dice: Dice, secrets: readonly string[]): string {
  const secret = dice.oneOf(secrets[0] ?? "", ...secrets.slice(1));
  return dice.oneOf(
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
    [...secret].join(dice.oneOf("\u0000", "\u202e", "\u200b", " ")),
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
function nested(dice: Dice, depth: number): string {
  const [open, shut] = dice.oneOf(["[", "]"], ['{"a":', "}"], ['{"error":', "}"]);
  const inner = dice.oneOf('"x"', "1", "null", '{"code":"invalid_grant"}');
  return `${open.repeat(depth)}${inner}${shut.repeat(depth)}`;
}

function duplicated(dice: Dice): string {
  return dice.oneOf(
    '{"error":"a","error":"invalid_grant"}',
    '{"error":"invalid_grant","error":{"code":"b"},"error_description":1,"error_description":"c"}',
    '{"access_token":"a","access_token":5}',
  );
}

/** Names that an object has anyway. */
function inherited(dice: Dice, secrets: readonly string[]): string {
  const name = dice.oneOf(
    "__proto__",
    "constructor",
    "toString",
    "toJSON",
    "hasOwnProperty",
    "then",
  );
  const inner = JSON.stringify(errorFields(dice, secrets));
  return dice.oneOf(
    `{"${name}":${inner}}`,
    `{"error":{"${name}":${inner}},"error_description":{"${name}":${inner}}}`,
    `{"__proto__":{"access_token":"polluted","token_type":"Bearer"}}`,
    `{"__proto__":null,"error":"invalid_grant"}`,
    `{"constructor":{"prototype":{"code":"polluted"}}}`,
  );
}

function page(dice: Dice, secrets: readonly string[]): string {
  return `${dice.oneOf("", " \n", "\ufeff")}<!DOCTYPE html><title>${words(dice, secrets)}</title>`;
}

/** Any JSON value. */
function randomValue(dice: Dice, depth: number): unknown {
  return dice.oneOf<() => unknown>(
    () => null,
    () => true,
    () => dice.oneOf(0, -1, 1e308, 0.1, 123),
    () => "",
    () => " ",
    () => dice.oneOf("a b", "a\r\nb: c", "é", "\ud800", "tok,en", "="),
    () => depth === 0 ? [] : [randomValue(dice, depth - 1), randomValue(dice, depth - 1)],
    () => depth === 0 ? {} : { [dice.oneOf("code", "x", "")]: randomValue(dice, depth - 1) },
  )();
}

/** The text in some encoding, whole or not. */
function randomBytes(dice: Dice, text: string): Uint8Array<ArrayBuffer> {
  const bytes = new TextEncoder().encode(text);
  return dice.oneOf<() => Uint8Array<ArrayBuffer>>(
    () => bytes,
    () => bytes,
    () => bytes,
    () => bytes,
    () => bytes,
    () => bytes,
    () => new TextEncoder().encode(`\ufeff${text}`),
    () => new Uint8Array(Buffer.from(text, "utf16le")),
    () => bytes.slice(0, dice.below(bytes.length + 1)),
    () => bytes.map((byte) => dice.oneIn(20) ? dice.below(256) : byte),
  )();
}
