/** The access tokens of one sign-in that are good, and until when. */
export class AccessTokens<Grant> {
  readonly #issued = new Map<string, { readonly grant: Grant; readonly expiresAtMs: number }>();

  /** Takes a token in. The tokens issued earlier stay good until they expire. */
  add(token: string, grant: Grant, lifetimeS: number): void {
    this.#issued.set(token, { grant, expiresAtMs: Date.now() + lifetimeS * 1000 });
  }

  /** The grant behind the token of an `Authorization` header; `undefined` when it is not good now. */
  find(authorization: string | undefined): Grant | undefined {
    const [, token = ""] = /^Bearer (\S+)$/i.exec(authorization ?? "") ?? [];
    const issued = this.#issued.get(token);
    return issued !== undefined && Date.now() < issued.expiresAtMs ? issued.grant : undefined;
  }

  /** Makes every token invalid. */
  clear(): void {
    this.#issued.clear();
  }
}
