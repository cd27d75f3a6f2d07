import type { Tastytrade } from "./tastytrade.ts";

/**
 * An environment of the emulated tastytrade. The credentials are random and new with each emulator,
 * unless the options of `startEmulator()` have them. What a session needs are own properties, so that a
 * spread passes them; the rest is not.
 */
export interface EmulatedTastytrade {
  /** The address of the API and of the token endpoint. */
  readonly baseUrl: string;
  /** The client secret. */
  readonly clientSecret: string;
  /** The refresh token of the user's first grant. */
  readonly refreshToken: string;
  /** The client id. A session needs none. */
  readonly clientId: string;
  /** The address of the sign-in: `/auth.html` is below it. A session needs none. */
  readonly signInUrl: string;
}

/** Makes what a program sees of an environment. */
export function tastytradeAccess(
  environment: Tastytrade,
  url: string,
  refreshToken: string = environment.tokens.refreshToken,
): EmulatedTastytrade {
  return new Access(environment, url, refreshToken);
}

class Access implements EmulatedTastytrade {
  readonly baseUrl: string;
  readonly clientSecret: string;
  readonly refreshToken: string;
  readonly #environment: Tastytrade;
  readonly #url: string;

  constructor(environment: Tastytrade, url: string, refreshToken: string) {
    this.baseUrl = url + environment.prefix;
    this.clientSecret = environment.tokens.clientSecret;
    this.refreshToken = refreshToken;
    this.#environment = environment;
    this.#url = url;
  }

  get clientId(): string {
    return this.#environment.tokens.clientId;
  }

  get signInUrl(): string {
    return this.#url + this.#environment.signIn.prefix;
  }
}
