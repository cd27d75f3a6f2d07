/**
 * Exchanges a refresh token for access tokens (RFC 6749 section 6), or takes an access token from the
 * store that another process has saved there.
 *
 * A refresh token may work only once, and a second use may revoke it for good. With a store, the order
 * is therefore: lock, load, compare, exchange, save, and only then use the result. If it cannot be saved,
 * the session goes on from memory and never sends the used one again.
 */

import { NetworkError, type NetworkErrorKind, SessionClosedError, TokenError } from "../errors.ts";
import { ResilientStore } from "../store/resilient_store.ts";
import type { StoredTokens, TokenStore } from "../store/token_store.ts";
import type { RefreshToken } from "./shared_refresh_token.ts";
import {
  createToken,
  isAccessToken,
  isRefreshToken,
  MAX_LIFETIME_MS,
  readClocks,
  remainingMs,
  type Token,
} from "./token.ts";
import { requestToken, revokeToken, type TokenEndpointContext } from "./token_endpoint.ts";

/** The OAuth client (RFC 6749 section 2.3.1). At tastytrade the id is optional. */
export interface OAuthClient {
  readonly clientId: string | undefined;
  readonly clientSecret: string;
}

/** A refresh token, its client, and the store that keeps what replaces it. */
export class RefreshGrant {
  readonly #context: TokenEndpointContext;
  readonly #store: ResilientStore | undefined;
  /** Forgotten at the end. */
  #secrets: { readonly client: OAuthClient; readonly refreshToken: RefreshToken } | undefined;
  /** The access token that was returned last. Whoever asks for another one has no use for it. */
  #issued: string | undefined;
  #storeKey: Promise<string> | undefined;

  constructor(
    client: OAuthClient,
    refreshToken: RefreshToken,
    context: TokenEndpointContext,
    store: TokenStore | undefined,
  ) {
    this.#secrets = { client, refreshToken };
    this.#context = context;
    if (store === undefined) return;
    refreshToken.isStored = true;
    this.#store = new ResilientStore(store, () => this.#key(), isWellFormed);
  }

  /** The secrets to redact in error messages. */
  get secrets(): string[] {
    if (this.#secrets === undefined) return [];
    return [this.#secrets.client.clientSecret, this.#secrets.refreshToken.current];
  }

  /** Gets a new access token. To be called once at a time. */
  async refresh(signal: AbortSignal): Promise<Token> {
    const store = this.#store;
    const token = store === undefined
      ? await this.#exchange(signal)
      : await store.lock(() => this.#refreshWithStore(store, signal), signal);
    this.#issued = token.accessToken;
    return token;
  }

  /** Revokes the refresh token; with a store, the one that is current there. */
  async revoke(signal: AbortSignal): Promise<void> {
    const store = this.#store;
    if (store === undefined) return await this.#revoke(signal);
    await store.lock(async () => {
      // The endpoint accepts a token that was replaced long ago, and the grant would live on.
      if (!store.hasUnsaved) this.#useStored(await store.load());
      await this.#revoke(signal);
    }, signal);
  }

  /**
   * Saves what could not be saved before, and forgets the secrets.
   *
   * @throws {SessionError} If it still cannot be saved: the store holds a refresh token that was used.
   */
  async close(): Promise<void> {
    try {
      await this.#store?.close();
    } finally {
      this.abort();
    }
  }

  /** Stops waiting for the store, and forgets the secrets. */
  abort(): void {
    this.#store?.abort();
    this.#secrets = undefined;
    this.#issued = undefined;
  }

  get #openSecrets(): { readonly client: OAuthClient; readonly refreshToken: RefreshToken } {
    if (this.#secrets === undefined) throw new SessionClosedError();
    return this.#secrets;
  }

  /** Identifies the grant in the store. It reveals nothing, and remains while the token rotates. */
  #key(): Promise<string> {
    const { client, refreshToken } = this.#openSecrets;
    const { tokenUrl } = this.#context.endpoints;
    return this.#storeKey ??= sha256([tokenUrl, client.clientId ?? "", refreshToken.first]);
  }

  async #refreshWithStore(store: ResilientStore, signal: AbortSignal): Promise<Token> {
    if (!store.hasUnsaved) {
      const token = this.#useStored(await store.load());
      if (token !== undefined) return token;
    }
    const sent = this.#openSecrets.refreshToken.current;
    try {
      return await this.#exchangeAndSave(store, signal);
    } catch (error) {
      // Where the store's lock does not work, another process may have used the same token first.
      const isRefused = error instanceof TokenError && error.code === "invalid_grant";
      const mayBeNewer = isRefused && !store.hasUnsaved;
      const newer = mayBeNewer ? await store.load().catch(() => undefined) : undefined;
      if (newer === undefined || newer.refreshToken === sent) throw error;
      return this.#useStored(newer) ?? await this.#exchangeAndSave(store, signal);
    }
  }

  /** Takes the refresh token from the store, and returns the access token if it is new and alive. */
  #useStored(stored: StoredTokens | undefined): Token | undefined {
    const { refreshToken } = this.#openSecrets;
    if (stored === undefined || refreshToken.isReplaced(stored.refreshToken)) return undefined;
    refreshToken.replace(stored.refreshToken);
    return stored.accessToken === this.#issued ? undefined : restoreToken(stored);
  }

  async #exchangeAndSave(store: ResilientStore, signal: AbortSignal): Promise<Token> {
    const token = await this.#exchange(signal);
    await store.save({
      refreshToken: this.#openSecrets.refreshToken.current,
      accessToken: token.accessToken,
      obtainedAt: new Date(token.expiresAt - token.lifetimeMs).toISOString(),
      expiresAt: new Date(token.expiresAt).toISOString(),
    });
    return token;
  }

  async #exchange(signal: AbortSignal): Promise<Token> {
    const { refreshToken } = this.#openSecrets;
    const client = this.#clientParameters();
    return await refreshToken.use(async (useSignal) => {
      try {
        const token = await requestToken(
          { grant_type: "refresh_token", refresh_token: refreshToken.current, ...client },
          this.#context,
          useSignal,
        );
        refreshToken.isResponseLost = false;
        // RFC 6749 section 6: a new refresh token replaces the one that was sent.
        if (token.refreshToken !== undefined) refreshToken.replace(token.refreshToken);
        return token;
      } catch (error) {
        throw rememberLostResponse(error, refreshToken, useSignal);
      }
    }, signal);
  }

  async #revoke(signal: AbortSignal): Promise<void> {
    const { refreshToken } = this.#openSecrets;
    const client = this.#clientParameters();
    await refreshToken.use(
      (useSignal) =>
        revokeToken({ token: refreshToken.current, ...client }, this.#context, useSignal),
      signal,
    );
  }

  #clientParameters(): Record<string, string> {
    const { clientId, clientSecret } = this.#openSecrets.client;
    return {
      client_secret: clientSecret,
      ...(clientId === undefined ? {} : { client_id: clientId }),
    };
  }
}

/** The failures after which the token endpoint certainly has not read the request. */
const NEVER_ARRIVED: ReadonlySet<NetworkErrorKind> = /* @__PURE__ */ new Set([
  "dns",
  "refused",
  "unreachable",
  "tls",
]);

/** Remembers that a response was lost, and mentions it when the refresh token is refused later. */
function rememberLostResponse(
  error: unknown,
  refreshToken: RefreshToken,
  signal: AbortSignal,
): unknown {
  const isRefused = error instanceof TokenError && error.code === "invalid_grant";
  if (isRefused && refreshToken.isResponseLost) {
    return new TokenError(
      `${error.message}. The response to an earlier token request was lost, which may have used up ` +
        "a refresh token that works only once",
      error,
    );
  }
  refreshToken.isResponseLost ||= signal.aborted ||
    error instanceof NetworkError && !NEVER_ARRIVED.has(error.kind);
  return error;
}

/** Whether loaded tokens are well-formed. */
function isWellFormed(tokens: StoredTokens): boolean {
  const { accessToken, refreshToken, obtainedAt, expiresAt } = Object(tokens);
  return isAccessToken(accessToken) && isRefreshToken(refreshToken) &&
    typeof obtainedAt === "string" && typeof expiresAt === "string";
}

/** Restores a stored access token, if it is alive. One from the future has an unknown lifetime. */
function restoreToken({ accessToken, obtainedAt, expiresAt }: StoredTokens): Token | undefined {
  const now = readClocks();
  const age = now.wall - Date.parse(obtainedAt);
  const lifetimeMs = Date.parse(expiresAt) - Date.parse(obtainedAt);
  if (!(age >= 0 && lifetimeMs > age && lifetimeMs <= MAX_LIFETIME_MS)) return undefined;
  const token = createToken({
    accessToken,
    refreshToken: undefined,
    lifetimeMs,
    obtainedAt: { wall: now.wall - age, monotonic: now.monotonic - age },
  });
  return remainingMs(token) > token.mandatoryWindowMs ? token : undefined;
}

async function sha256(parts: readonly string[]): Promise<string> {
  const text = new TextEncoder().encode(JSON.stringify(parts));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", text));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
