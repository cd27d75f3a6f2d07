/**
 * What a session signs in with, and how it gets a new access token for it: from the store, if another
 * process has got one meanwhile, else from the token endpoint.
 *
 * A refresh token may be good for one use only, and a second use may revoke it for good. So with a
 * store the order is: lock, read again, compare, and only then spend; and what comes back is saved
 * before anyone uses it. If it cannot be saved, the session goes on with it from memory: the spent one
 * is never sent again.
 */

import type { GrantCredentials } from "./credentials.ts";
import { NetworkError, TokenError } from "./errors.ts";
import { makeToken, MAX_LIFETIME_MS, moment, remainingMs, type Token } from "./token.ts";
import { TokenKeeper } from "./token_keeper.ts";
import { requestToken, revokeToken, type TokenRequestContext } from "./token_request.ts";
import type { StoredTokens, TokenStore } from "./token_store.ts";

/** A refresh token and its use. */
export class Grant {
  readonly #context: TokenRequestContext;
  readonly #keeper: TokenKeeper | undefined;
  #credentials: GrantCredentials;
  /** The access token that was handed out last: whoever asks for another has no use for it. */
  #current: string | undefined;
  /** Whether a token request went out that nobody answered. */
  #isAnswerLost = false;

  constructor(
    credentials: GrantCredentials,
    context: TokenRequestContext,
    store: TokenStore | undefined,
  ) {
    this.#credentials = credentials;
    this.#context = context;
    let key: Promise<string> | undefined;
    const keyOnce = () => key ??= keyOf(credentials, context.endpoints.tokenUrl);
    this.#keeper = store === undefined ? undefined : new TokenKeeper(store, keyOnce);
  }

  /** What an answer may echo, and no error may repeat. */
  get secrets(): string[] {
    return [this.#credentials.clientSecret, this.#credentials.refreshToken];
  }

  /** Gets a new access token. One call at a time. */
  async renew(signal: AbortSignal): Promise<Token> {
    const keeper = this.#keeper;
    const token = keeper === undefined
      ? await this.#spend(signal)
      : await keeper.lock(() => this.#renewKept(keeper, signal), signal);
    this.#current = token.accessToken;
    return token;
  }

  /** Revokes the refresh token. */
  async revoke(signal: AbortSignal): Promise<void> {
    const { refreshToken } = this.#credentials;
    await revokeToken({ token: refreshToken, ...this.#client() }, this.#context, signal);
  }

  /**
   * Saves what could not be saved before, and ends.
   *
   * @throws {SessionError} If it still cannot be: the store holds a refresh token that is spent.
   */
  async close(): Promise<void> {
    await this.#keeper?.flush();
    this.abort();
  }

  /** Ends all waiting for the store. */
  abort(): void {
    this.#keeper?.abort();
  }

  async #renewKept(keeper: TokenKeeper, signal: AbortSignal): Promise<Token> {
    if (!keeper.hasUnsaved) {
      const token = this.#adopt(await keeper.load());
      if (token !== undefined) return token;
    }
    const sent = this.#credentials.refreshToken;
    try {
      return await this.#spendAndKeep(keeper, signal);
    } catch (error) {
      // Where the store's lock is none, another process may have spent the same refresh token first.
      const isRefused = error instanceof TokenError && error.code === "invalid_grant";
      const mayBeNewer = isRefused && !keeper.hasUnsaved;
      const newer = mayBeNewer ? await keeper.load().catch(() => undefined) : undefined;
      if (newer === undefined || newer.refreshToken === sent) throw error;
      return this.#adopt(newer) ?? await this.#spendAndKeep(keeper, signal);
    }
  }

  /** Takes over what is stored; its access token too, if it lives and is not the one held. */
  #adopt(stored: StoredTokens | undefined): Token | undefined {
    if (stored === undefined) return undefined;
    this.#credentials = { ...this.#credentials, refreshToken: stored.refreshToken };
    const token = restore(stored);
    return token?.accessToken === this.#current ? undefined : token;
  }

  async #spendAndKeep(keeper: TokenKeeper, signal: AbortSignal): Promise<Token> {
    const token = await this.#spend(signal);
    await keeper.save({
      refreshToken: this.#credentials.refreshToken,
      accessToken: token.accessToken,
      obtainedAt: new Date(token.expiresAt - token.lifetimeMs).toISOString(),
      expiresAt: new Date(token.expiresAt).toISOString(),
    });
    return token;
  }

  async #spend(signal: AbortSignal): Promise<Token> {
    const { refreshToken } = this.#credentials;
    try {
      const token = await requestToken(
        { grant_type: "refresh_token", refresh_token: refreshToken, ...this.#client() },
        this.#context,
        signal,
      );
      this.#isAnswerLost = false;
      // RFC 6749 section 6: a new refresh token replaces the one that was sent; none leaves it as it is.
      if (token.refreshToken !== undefined) {
        this.#credentials = { ...this.#credentials, refreshToken: token.refreshToken };
      }
      return token;
    } catch (error) {
      if (error instanceof TokenError && error.code === "invalid_grant" && this.#isAnswerLost) {
        throw new TokenError(
          `${error.message}. The answer to an earlier token request was lost: a refresh token that ` +
            "is good for one use may have been spent by it",
          error,
        );
      }
      this.#isAnswerLost ||= error instanceof NetworkError && error.kind !== "refused";
      throw error;
    }
  }

  /** Who asks, RFC 6749 section 2.3.1: tastytrade needs no client id. */
  #client(): Record<string, string> {
    const { clientId, clientSecret } = this.#credentials;
    return {
      client_secret: clientSecret,
      ...(clientId === undefined ? {} : { client_id: clientId }),
    };
  }
}

/** A stored token, if it has some life left. Of an hour that is still to come nothing is known. */
function restore({ accessToken, obtainedAt, expiresAt }: StoredTokens): Token | undefined {
  const now = moment();
  const age = now.wall - Date.parse(obtainedAt);
  const lifetimeMs = Date.parse(expiresAt) - Date.parse(obtainedAt);
  if (!(age >= 0 && lifetimeMs > age && lifetimeMs <= MAX_LIFETIME_MS)) return undefined;
  const token = makeToken({
    accessToken,
    refreshToken: undefined,
    lifetimeMs,
    obtainedAt: { wall: now.wall - age, monotonic: now.monotonic - age },
  });
  return remainingMs(token) > token.hardLeadMs ? token : undefined;
}

/** A name for the grant that reveals nothing of it, and stays while its refresh token rotates. */
async function keyOf(
  { clientId, refreshToken }: GrantCredentials,
  tokenUrl: string,
): Promise<string> {
  const text = new TextEncoder().encode(JSON.stringify([tokenUrl, clientId ?? "", refreshToken]));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", text));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
