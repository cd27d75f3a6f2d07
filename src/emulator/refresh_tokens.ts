/** What a user has granted to a client, and the refresh token that stands for it. */
export interface Grant {
  /** What the user was asked for. */
  readonly scopes: readonly string[];
  /** Whether the client got it without its secret, with PKCE alone, and so refreshes it without as well. */
  readonly isPublic: boolean;
}

/** Why a refresh token is not taken. */
export type RefreshRefusal = "reused" | "revoked" | "unknown";

/** A refresh token that is good now. */
export interface GoodToken {
  /** What it stands for. */
  readonly grant: Grant;
  /** Puts another token in its place: it is spent then. */
  replaceBy(next: string): void;
}

interface Family {
  readonly grant: Grant;
  current: string;
  /** What the user does to the grant; can be undone. */
  isRevoked: boolean;
  /** What a reuse or a revocation by the client does to it; cannot be undone. */
  isDead: boolean;
}

/** The refresh tokens of one sign-in: for each grant the one that counts, and those that are spent. */
export class RefreshTokens {
  readonly #families = new Map<string, Family>();

  /** Takes in the first refresh token of a grant. */
  add(token: string, grant: Grant): void {
    this.#families.set(token, { grant, current: token, isRevoked: false, isDead: false });
  }

  /**
   * What there is to a token. To come with a token that another one has replaced kills the whole family, as
   * it must: one of the two who hold it is a thief.
   */
  find(token: string): GoodToken | RefreshRefusal {
    const family = this.#families.get(token);
    if (family === undefined) return "unknown";
    if (family.current !== token) {
      family.isDead = true;
      return "reused";
    }
    if (family.isDead || family.isRevoked) return "revoked";
    return {
      grant: family.grant,
      replaceBy: (next) => {
        family.current = next;
        this.#families.set(next, family);
      },
    };
  }

  /** Tells whether the token was ever issued. */
  has(token: string): boolean {
    return this.#families.has(token);
  }

  /** Tells whether the token is of a grant that was made without the secret of the client. */
  isPublic(token: string): boolean {
    return this.#families.get(token)?.grant.isPublic ?? false;
  }

  /** Lets the user take all grants back that there are. */
  revoke(): void {
    for (const family of this.#families.values()) family.isRevoked = true;
  }

  /** Undoes {@linkcode RefreshTokens.revoke}. */
  restore(): void {
    for (const family of this.#families.values()) family.isRevoked = false;
  }

  /** Makes all that there are invalid for ever. */
  kill(): void {
    for (const family of this.#families.values()) family.isDead = true;
  }
}
