import { SessionError } from "../errors.ts";
import type { TokenStore } from "./token_store.ts";

/** The length of the initialization vector of AES-GCM in bytes (NIST SP 800-38D section 8.2). */
const IV_BYTES = 12;

/** The length of a key of AES-256 in bytes. */
const KEY_BYTES = 32;

/** What an encrypted record begins with. */
const PREFIX = "aes-256-gcm:";

/**
 * Encrypts what another store keeps, with AES-256-GCM. Whoever reads the store learns how long a record is
 * and when it changes; whoever can write it can destroy records, but not exchange or change them unnoticed.
 * To put back an earlier record remains possible.
 *
 * @param store Where the encrypted records go.
 * @param key 32 random bytes as base64, for instance from `openssl rand -base64 32`. The same for every
 * process that shares the grant. Keep it where the client secret is, not in the store.
 * @throws {TypeError} If the key is something else.
 *
 * @example
 * ```ts
 * import { assert, assertEquals, assertFalse } from "@std/assert";
 * import { fileStore } from "@tasty/session";
 * import { encryptedStore } from "@tasty/session/stores";
 *
 * const folder = await Deno.makeTempDir();
 * const key = "mB6pDKkmxmDbyJJ7mAaSKXpBIMHpxqbHD7FPUlpJ7dA="; // from the environment, in a real program
 * const plain = fileStore(folder);
 * const store = encryptedStore(plain, key);
 *
 * assert(await store.compareAndSet("grant", undefined, "tokens"));
 * assertEquals(await store.get("grant"), "tokens");
 * assertFalse((await plain.get("grant"))?.includes("tokens"));
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export function encryptedStore(store: TokenStore, key: string): TokenStore {
  const cipher = new Cipher(readKey(key));
  return {
    async get(name: string): Promise<string | undefined> {
      const encrypted = await store.get(name);
      return encrypted === undefined || encrypted === null
        ? undefined
        : await cipher.decrypt(name, encrypted);
    },
    async compareAndSet(name: string, before: string | undefined, after: string): Promise<boolean> {
      // The same text is another one each time it is encrypted, so the store compares what it holds.
      const encrypted = await store.get(name) ?? undefined;
      const current = encrypted === undefined ? undefined : await cipher.decrypt(name, encrypted);
      if (current !== before) return false;
      return await store.compareAndSet(name, encrypted, await cipher.encrypt(name, after));
    },
  };
}

/** Encrypts and decrypts records. */
class Cipher {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  #key: Promise<CryptoKey> | undefined;

  constructor(bytes: Uint8Array<ArrayBuffer>) {
    this.#bytes = bytes;
  }

  async encrypt(name: string, text: string): Promise<string> {
    const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
    const data = new TextEncoder().encode(text);
    const encrypted = await crypto.subtle.encrypt(parameters(name, iv), await this.#open(), data);
    return PREFIX + toBase64(new Uint8Array([...iv, ...new Uint8Array(encrypted)]));
  }

  async decrypt(name: string, encrypted: string): Promise<string> {
    try {
      if (!encrypted.startsWith(PREFIX)) throw new Error("not encrypted");
      const bytes = fromBase64(encrypted.slice(PREFIX.length));
      const iv = bytes.subarray(0, IV_BYTES);
      const data = bytes.subarray(IV_BYTES);
      const text = await crypto.subtle.decrypt(parameters(name, iv), await this.#open(), data);
      return new TextDecoder().decode(text);
    } catch {
      throw new SessionError(
        "Cannot decrypt the tokens in the store: they were encrypted with another key, or not at all, or " +
          "were changed. Pass the key that they were encrypted with, or remove them and log in again",
        { code: "store_invalid" },
      );
    }
  }

  #open(): Promise<CryptoKey> {
    const isExtractable = false;
    const usages: KeyUsage[] = ["encrypt", "decrypt"];
    return this.#key ??= crypto.subtle.importKey(
      "raw",
      this.#bytes,
      "AES-GCM",
      isExtractable,
      usages,
    );
  }
}

/** With the name of the record, so that nobody can put one in the place of another. */
function parameters(name: string, iv: Uint8Array<ArrayBuffer>): AesGcmParams {
  return { name: "AES-GCM", iv, additionalData: new TextEncoder().encode(name) };
}

function readKey(key: string): Uint8Array<ArrayBuffer> {
  try {
    const bytes = fromBase64(key.trim());
    if (bytes.length === KEY_BYTES) return bytes;
  } catch {
    // It is not base64.
  }
  throw new TypeError(
    `Cannot use this key: it must be ${KEY_BYTES} random bytes as base64, for instance from ` +
      "openssl rand -base64 32",
  );
}

function toBase64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
