import type { User } from "./users.ts";

/** What a user has granted to a client. */
export interface Grant {
  /** The user. */
  readonly user: User;
  /** The scopes that the user was asked for. */
  readonly scopes: readonly string[];
  /** Whether the client got it with PKCE and without its secret, so that refreshes need none either. */
  readonly isPublic: boolean;
}

/** Why a refresh token is refused. */
export type RefreshRefusal = "reused" | "revoked" | "unknown";

/** A valid refresh token. */
export interface GoodToken {
  /** Its grant. */
  readonly grant: Grant;
  /** Replaces it with another token, after which it is used up. */
  replaceBy(next: string): void;
}

interface Family {
  readonly grant: Grant;
  current: string;
  /** Whether the user has revoked the grant, which can be undone. */
  isRevoked: boolean;
  /** Whether a reuse or the client has revoked it, which cannot be undone. */
  isDead: boolean;
}

/** The refresh tokens of one sign-in: for each grant the current one, and those that were replaced. */
export class RefreshTokens {
  readonly #families = new Map<string, Family>();

  /** Adds the first refresh token of a grant. */
  add(token: string, grant: Grant): void {
    this.#families.set(token, { grant, current: token, isRevoked: false, isDead: false });
  }

  /**
   * Finds a token. Using one that was replaced revokes the whole family, because one of the two who hold
   * it must be a thief.
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

  /** Whether the token was ever issued. */
  has(token: string): boolean {
    return this.#families.has(token);
  }

  /** Whether the token's grant was made without the client secret. */
  isPublic(token: string): boolean {
    return this.#families.get(token)?.grant.isPublic ?? false;
  }

  /** Revokes all grants, as the user does. */
  revoke(): void {
    for (const family of this.#families.values()) family.isRevoked = true;
  }

  /** Undoes {@linkcode RefreshTokens.revoke}. */
  restore(): void {
    for (const family of this.#families.values()) family.isRevoked = false;
  }

  /** Revokes all grants for good. */
  kill(): void {
    for (const family of this.#families.values()) family.isDead = true;
  }
}
