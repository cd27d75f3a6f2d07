import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import type { JsonObject } from "./response.ts";

/** A token in the form of a JWT. It is not signed, since clients cannot check that. */
export function unsignedJwt(head: JsonObject, claims: JsonObject): string {
  return [JSON.stringify(head), JSON.stringify(claims), randomBytes(64)]
    .map((part) => Buffer.from(part).toString("base64url"))
    .join(".");
}
