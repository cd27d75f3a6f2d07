/** The interface of stores, which keep tokens between processes. */

/** The tokens of one grant, as plain JSON. */
export interface StoredTokens {
  /** The current refresh token. */
  readonly refreshToken: string;
  /** The access token that was issued with it. */
  readonly accessToken: string;
  /** When the access token was requested, as `Date.prototype.toISOString` writes it. */
  readonly obtainedAt: string;
  /** When the access token expires, likewise. */
  readonly expiresAt: string;
}

/**
 * Keeps the tokens of any number of grants. {@linkcode fileStore} is one; a program can bring its own,
 * for instance over a database that several machines share.
 */
export interface TokenStore {
  /**
   * Loads the tokens of a grant.
   *
   * @param key Identifies the grant without revealing it.
   * @returns `undefined` if there are none.
   */
  load(key: string): Promise<StoredTokens | undefined>;
  /** Replaces the tokens of a grant. They must be durable when the promise resolves. */
  save(key: string, tokens: StoredTokens): Promise<void>;
  /**
   * Runs a task while no other holder of this key, in any process, runs one.
   *
   * @param options `signal` aborts the wait for the lock.
   * @returns What the task returns.
   */
  lock<T>(
    key: string,
    task: () => Promise<T>,
    options?: { readonly signal?: AbortSignal },
  ): Promise<T>;
}
