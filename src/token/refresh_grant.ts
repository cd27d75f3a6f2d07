/**
 * Exchanges a refresh token for access tokens (RFC 6749 section 6), or takes an access token from the
 * store that another process has saved there.
 *
 * A refresh token may work only once, and a second use may revoke it for good. The sessions of this process
 * use it one after the other ({@linkcode RefreshToken}), and with a store so do all processes
 * ({@linkcode StoredGrant}). New tokens are saved before anyone gets them.
 */

import { NetworkError, type NetworkErrorKind, SessionClosedError, TokenError } from "../errors.ts";
import { refineOffset } from "../net/clock_offset.ts";
import type { GrantRecord, StoredToken } from "../store/grant_record.ts";
import { GrantStore } from "../store/grant_store.ts";
import type { TokenStore } from "../store/token_store.ts";
import { traceWait } from "../tracing/tracers.ts";
import type { RefreshToken } from "./shared_refresh_token.ts";
import { type RefreshRight, StoredGrant } from "./stored_grant.ts";
import { restoreToken, storeToken } from "./stored_token.ts";
import { isAccessToken, isRefreshToken, type Token } from "./token.ts";
import { requestToken, revokeToken, type TokenEndpointContext } from "./token_endpoint.ts";

/** The OAuth client (RFC 6749 section 2.3.1). At tastytrade the id is optional. */
export interface OAuthClient {
  readonly clientId: string | undefined;
  readonly clientSecret: string;
}

/** A refresh token, its client, and the store that keeps what replaces it. */
export class RefreshGrant {
  readonly #context: TokenEndpointContext;
  #stored: StoredGrant | undefined;
  /** Forgotten at the end. */
  #secrets: { readonly client: OAuthClient; readonly refreshToken: RefreshToken } | undefined;
  /** The access token that was returned last. Whoever asks for another one has no use for it. */
  #issued: string | undefined;
  #storeKey: Promise<string> | undefined;
  /** How far the broker's clock is ahead at least, as its token responses say. */
  #clockOffsetMs = 0;

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
    const grantStore = new GrantStore(store, context, () => this.#key(), isWellFormed);
    this.#stored = new StoredGrant(grantStore, context, refreshToken);
  }

  /** The secrets to redact in error messages. */
  get secrets(): string[] {
    if (this.#secrets === undefined) return [];
    return [this.#secrets.client.clientSecret, this.#secrets.refreshToken.current];
  }

  /**
   * Gets a new access token. To be called once at a time.
   *
   * @param hasUsableToken Whether requests can go on with the token that the session has.
   */
  async refresh(signal: AbortSignal, hasUsableToken: () => boolean): Promise<Token> {
    const token = await this.#openSecrets.refreshToken.use(
      (useSignal) =>
        this.#stored === undefined
          ? this.#exchange(useSignal)
          : this.#refreshStored(this.#stored, hasUsableToken, signal, useSignal),
      signal,
      (wait) => traceWait(this.#context, { reason: "other_session" }, wait),
    );
    this.#issued = token.accessToken;
    return token;
  }

  /** Revokes the refresh token; with a store, the one that is current there. */
  async revoke(signal: AbortSignal): Promise<void> {
    const stored = this.#stored;
    await this.#openSecrets.refreshToken.use(async (useSignal) => {
      if (stored === undefined) return await this.#revoke(useSignal);
      // The endpoint accepts a token that was replaced long ago, and the grant would live on.
      const asker = { accept: () => undefined, hasUsableToken: () => false };
      const right = await stored.acquire<never>(asker, signal);
      let outcome: unknown;
      try {
        await this.#revoke(useSignal);
        outcome = revokedError(); // for the other processes
      } finally {
        await stored.fail(right, outcome);
      }
    }, signal);
  }

  /** Ends the waits for other processes. A token request of this one may finish. */
  stopWaiting(): void {
    this.#stored?.stopWaiting();
  }

  /**
   * Saves what could not be saved before, and forgets the secrets.
   *
   * @throws {SessionError} If it still cannot be saved: the store holds a refresh token that was used.
   */
  async close(): Promise<void> {
    try {
      await this.#stored?.close();
    } finally {
      this.abort();
    }
  }

  /** Stops waiting for the store, and forgets the secrets. */
  abort(): void {
    this.#stored?.abort();
    this.#stored = undefined;
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

  /**
   * @param signal Ends the wait for other processes.
   * @param useSignal Ends the token request, which other sessions of this process may need.
   */
  async #refreshStored(
    stored: StoredGrant,
    hasUsableToken: () => boolean,
    signal: AbortSignal,
    useSignal: AbortSignal,
  ): Promise<Token> {
    const accept = (token: StoredToken) =>
      token.accessToken === this.#issued ? undefined : restoreToken(token, this.#clockOffsetMs);
    for (;;) {
      const acquired = await stored.acquire({ accept, hasUsableToken }, signal);
      if (!isRight(acquired)) return acquired;
      try {
        const token = await this.#exchange(useSignal);
        await stored.save(acquired, storeToken(token, this.#clockOffsetMs));
        return token;
      } catch (error) {
        const isCurrent = await stored.fail(acquired, error);
        // Another process may have taken over, and saved newer tokens.
        if (isCurrent || !isRefusal(error)) throw error;
      }
    }
  }

  async #exchange(signal: AbortSignal): Promise<Token> {
    const { refreshToken } = this.#openSecrets;
    try {
      const token = await requestToken(
        {
          grant_type: "refresh_token",
          refresh_token: refreshToken.current,
          ...this.#clientParameters(),
        },
        this.#context,
        signal,
      );
      refreshToken.isResponseLost = false;
      this.#clockOffsetMs = refineOffset(this.#clockOffsetMs, token.clockOffset);
      // RFC 6749 section 6: a new refresh token replaces the one that was sent.
      refreshToken.advance(token.refreshToken);
      return token;
    } catch (error) {
      throw rememberLostResponse(error, refreshToken, signal);
    }
  }

  async #revoke(signal: AbortSignal): Promise<void> {
    const token = this.#openSecrets.refreshToken.current;
    await revokeToken({ token, ...this.#clientParameters() }, this.#context, signal);
  }

  #clientParameters(): Record<string, string> {
    const { clientId, clientSecret } = this.#openSecrets.client;
    return {
      client_secret: clientSecret,
      ...(clientId === undefined ? {} : { client_id: clientId }),
    };
  }
}

function isRight(acquired: Token | RefreshRight): acquired is RefreshRight {
  return "declared" in acquired;
}

/** Whether the endpoint refuses the refresh token itself. */
function isRefusal(error: unknown): boolean {
  return error instanceof TokenError && error.code === "invalid_grant";
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
  if (error instanceof TokenError && isRefusal(error) && refreshToken.isResponseLost) {
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

function revokedError(): TokenError {
  return new TokenError(
    "Cannot refresh the access token: revoke() has revoked the grant. Log in again",
    {
      code: "invalid_grant",
      isPermanent: true,
      status: 200,
    },
  );
}

/** Whether a record holds what can be tokens. */
function isWellFormed({ refreshToken, token }: GrantRecord): boolean {
  return isRefreshToken(refreshToken) && (token === undefined || isAccessToken(token.accessToken));
}

async function sha256(parts: readonly string[]): Promise<string> {
  const text = new TextEncoder().encode(JSON.stringify(parts));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", text));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
