/** Tokens that outlive the process. */

/** The tokens of one grant, as one record: plain JSON, so that any store can keep it. */
export interface StoredTokens {
  /** The refresh token that was not spent yet. */
  readonly refreshToken: string;
  /** The access token that came with it. */
  readonly accessToken: string;
  /** When it was asked for, as `Date.prototype.toISOString` writes it. */
  readonly obtainedAt: string;
  /** When it expires, likewise. */
  readonly expiresAt: string;
}

/**
 * Keeps the tokens of any number of grants. {@linkcode fileStore} is one; a program may bring its
 * own, for instance over a database that a fleet shares.
 */
export interface TokenStore {
  /** The tokens of a grant, if there are any. `key` names the grant without revealing it. */
  load(key: string): Promise<StoredTokens | undefined>;
  /** Keeps the tokens of a grant in place of those before. They are kept when it resolves. */
  save(key: string, tokens: StoredTokens): Promise<void>;
  /**
   * Runs a task while no other holder of this key runs one, in any process, and returns its result.
   *
   * @param options `signal` ends the wait for the lock.
   */
  lock<T>(
    key: string,
    task: () => Promise<T>,
    options?: { readonly signal?: AbortSignal },
  ): Promise<T>;
}
