/** Tokens for a broker's server of quotes, where that is another one with tokens of its own. */

/** A token for the server of quotes. */
export interface QuoteToken {
  /** The token, a secret. */
  readonly token: string;
  /** The address of the server: a WebSocket that speaks DXLink. */
  readonly url: string;
  /** What it permits: `"api"`, or `"demo"` with delayed quotes. */
  readonly level?: string | undefined;
  /** When it ends. */
  readonly expiresAt: Date;
}

/** How a broker gives tokens for its server of quotes. */
export interface BrokerQuoteTokens {
  /** The path that gives one. */
  readonly path: string;
  /** How long one is good for if the broker does not say, in milliseconds. */
  readonly defaultLifetimeMs: number;
  /** Reads the answer; `undefined` if there is no token in it. */
  read(
    data: unknown,
  ): (Omit<QuoteToken, "expiresAt"> & { readonly expiresAt: Date | undefined }) | undefined;
}
