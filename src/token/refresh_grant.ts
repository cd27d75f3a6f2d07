/**
 * What a session signs in with, and how it gets a new access token for it: from the store, if another
 * process has got one meanwhile, else from the token endpoint.
 *
 * A refresh token may be good for one use only, and a second use may revoke it for good. So with a
 * store the order is: lock, read again, compare, and only then spend; and what comes back is saved
 * before anyone uses it. If it cannot be saved, the session goes on with it from memory: the spent one
 * is never sent again.
 */

import { NetworkError, type NetworkErrorKind, SessionClosedError, TokenError } from "../errors.ts";
import type { RefreshToken } from "./refresh_token.ts";
import { makeToken, MAX_LIFETIME_MS, moment, remainingMs, type Token } from "./token.ts";
import { TokenKeeper } from "../store/resilient_store.ts";
import { requestToken, revokeToken, type TokenRequestContext } from "./token_endpoint.ts";
import type { StoredTokens, TokenStore } from "../store/token_store.ts";

/** Who asks for tokens (RFC 6749 section 2.3.1): tastytrade needs no client id. */
export interface GrantClient {
  readonly clientId: string | undefined;
  readonly clientSecret: string;
}

/** A refresh token and its use. */
export class Grant {
  readonly #context: TokenRequestContext;
  readonly #keeper: TokenKeeper | undefined;
  /** What is forgotten at the end. */
  #secrets: { readonly client: GrantClient; readonly refreshToken: RefreshToken } | undefined;
  /** The access token that was handed out last: whoever asks for another has no use for it. */
  #current: string | undefined;
  /** Names the grant in the store. */
  #keyOnce: Promise<string> | undefined;

  constructor(
    client: GrantClient,
    refreshToken: RefreshToken,
    context: TokenRequestContext,
    store: TokenStore | undefined,
  ) {
    this.#secrets = { client, refreshToken };
    this.#context = context;
    if (store !== undefined) refreshToken.isStored = true;
    this.#keeper = store === undefined ? undefined : new TokenKeeper(store, () => this.#key());
  }

  /** What an answer may echo, and no error may repeat. */
  get secrets(): string[] {
    if (this.#secrets === undefined) return [];
    return [this.#secrets.client.clientSecret, this.#secrets.refreshToken.current];
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

  /** Revokes the refresh token; with a store, the one that is current there. */
  async revoke(signal: AbortSignal): Promise<void> {
    const keeper = this.#keeper;
    if (keeper === undefined) return await this.#revoke(signal);
    await keeper.lock(async () => {
      // The server says yes to a token that was spent long ago, and the grant lives on.
      if (!keeper.hasUnsaved) this.#adopt(await keeper.load());
      await this.#revoke(signal);
    }, signal);
  }

  /**
   * Saves what could not be saved before, and ends.
   *
   * @throws {SessionError} If it still cannot be: the store holds a refresh token that is spent.
   */
  async close(): Promise<void> {
    try {
      await this.#keeper?.flush();
    } finally {
      this.abort();
    }
  }

  /** Ends all waiting for the store, and forgets the secrets. */
  abort(): void {
    this.#keeper?.abort();
    this.#secrets = undefined;
    this.#current = undefined;
  }

  get #held(): { readonly client: GrantClient; readonly refreshToken: RefreshToken } {
    if (this.#secrets === undefined) throw new SessionClosedError();
    return this.#secrets;
  }

  #key(): Promise<string> {
    const { client, refreshToken } = this.#held;
    const { tokenUrl } = this.#context.endpoints;
    return this.#keyOnce ??= keyOf([tokenUrl, client.clientId ?? "", refreshToken.first]);
  }

  async #revoke(signal: AbortSignal): Promise<void> {
    const { refreshToken } = this.#held;
    const client = this.#client();
    await refreshToken.use(
      (ending) => revokeToken({ token: refreshToken.current, ...client }, this.#context, ending),
      signal,
    );
  }

  async #renewKept(keeper: TokenKeeper, signal: AbortSignal): Promise<Token> {
    if (!keeper.hasUnsaved) {
      const token = this.#adopt(await keeper.load());
      if (token !== undefined) return token;
    }
    const sent = this.#held.refreshToken.current;
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
    const { refreshToken } = this.#held;
    if (stored === undefined || refreshToken.isReplaced(stored.refreshToken)) return undefined;
    refreshToken.replace(stored.refreshToken);
    const token = restore(stored);
    return token?.accessToken === this.#current ? undefined : token;
  }

  async #spendAndKeep(keeper: TokenKeeper, signal: AbortSignal): Promise<Token> {
    const token = await this.#spend(signal);
    await keeper.save({
      refreshToken: this.#held.refreshToken.current,
      accessToken: token.accessToken,
      obtainedAt: new Date(token.expiresAt - token.lifetimeMs).toISOString(),
      expiresAt: new Date(token.expiresAt).toISOString(),
    });
    return token;
  }

  async #spend(signal: AbortSignal): Promise<Token> {
    const { refreshToken } = this.#held;
    const client = this.#client();
    return await refreshToken.use(async (ending) => {
      try {
        const token = await requestToken(
          { grant_type: "refresh_token", refresh_token: refreshToken.current, ...client },
          this.#context,
          ending,
        );
        refreshToken.isAnswerLost = false;
        // RFC 6749 section 6: a new refresh token replaces the one that was sent; none leaves it as it is.
        if (token.refreshToken !== undefined) refreshToken.replace(token.refreshToken);
        return token;
      } catch (error) {
        throw explained(error, refreshToken, ending);
      }
    }, signal);
  }

  #client(): Record<string, string> {
    const { clientId, clientSecret } = this.#held.client;
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

/** Remembers where an answer was lost, and says so when the token is refused after that. */
function explained(error: unknown, refreshToken: RefreshToken, ending: AbortSignal): unknown {
  if (
    error instanceof TokenError && error.code === "invalid_grant" && refreshToken.isAnswerLost
  ) {
    return new TokenError(
      `${error.message}. The answer to an earlier token request was lost: a refresh token that ` +
        "is good for one use may have been spent by it",
      error,
    );
  }
  refreshToken.isAnswerLost ||= ending.aborted ||
    error instanceof NetworkError && !NEVER_ARRIVED.has(error.kind);
  return error;
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
async function keyOf(parts: readonly string[]): Promise<string> {
  const text = new TextEncoder().encode(JSON.stringify(parts));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", text));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
