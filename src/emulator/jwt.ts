import { Buffer } from "node:buffer";
import { createSign, generateKeyPairSync, type KeyObject, randomBytes } from "node:crypto";
import type { JsonObject } from "./response.ts";

/** The id of the key of {@linkcode signedJwt}. */
const KEY_ID = "emulator";

let keys: { readonly publicKey: KeyObject; readonly privateKey: KeyObject } | undefined;

/** A token in the form of a JWT. It is not signed, since clients cannot check that. */
export function unsignedJwt(head: JsonObject, claims: JsonObject): string {
  return `${signingInput(head, claims)}.${randomBytes(64).toString("base64url")}`;
}

/** A JWT that a client can check with {@linkcode publicKeys} (RFC 7515, RS256). */
export function signedJwt(claims: JsonObject): string {
  const input = signingInput({ alg: "RS256", typ: "JWT", kid: KEY_ID }, claims);
  const signature = createSign("RSA-SHA256").update(input).sign(keyPair().privateKey);
  return `${input}.${signature.toString("base64url")}`;
}

/** The key set (RFC 7517). */
export function publicKeys(): JsonObject {
  const { kty, n, e } = keyPair().publicKey.export({ format: "jwk" });
  return { keys: [{ kty, n, e, use: "sig", alg: "RS256", kid: KEY_ID }] };
}

/** One for all emulators of a process, made when it is needed, because that takes a while. */
function keyPair(): { readonly publicKey: KeyObject; readonly privateKey: KeyObject } {
  return keys ??= generateKeyPairSync("rsa", { modulusLength: 2048 });
}

function signingInput(head: JsonObject, claims: JsonObject): string {
  return [head, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
    .join(".");
}
