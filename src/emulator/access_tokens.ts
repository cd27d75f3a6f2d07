/** The valid access tokens of one sign-in. */
export class AccessTokens<Grant> {
  readonly #issued = new Map<string, { readonly grant: Grant; readonly expiresAtMs: number }>();

  /** Adds a token. Earlier ones remain valid until they expire. */
  add(token: string, grant: Grant, lifetimeS: number): void {
    this.#issued.set(token, { grant, expiresAtMs: Date.now() + lifetimeS * 1000 });
  }

  /** The grant of the token in an `Authorization` header; `undefined` if it is not valid. */
  find(authorization: string | undefined): Grant | undefined {
    const [, token = ""] = /^Bearer (\S+)$/i.exec(authorization ?? "") ?? [];
    const issued = this.#issued.get(token);
    return issued !== undefined && Date.now() < issued.expiresAtMs ? issued.grant : undefined;
  }

  /** Invalidates all tokens. */
  clear(): void {
    this.#issued.clear();
  }
}
