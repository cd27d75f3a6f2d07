import type { TradestationSignIn } from "./sign_in.ts";
import type { Tradestation } from "./tradestation.ts";

/** The settings of the emulated TradeStation. */
export interface TradestationSettings {
  /**
   * Whether a refresh returns a new refresh token and invalidates the old one. Using an old one revokes
   * all tokens of the grant, as at Auth0 without a leeway. The time limits of rotating tokens (30 or 40
   * minutes, 24 hours) are left out.
   *
   * @default {false} as for a new TradeStation key
   */
  rotation: boolean;
  /**
   * Whether the `state` is returned when the user declines. Auth0 does so; the example in TradeStation's
   * documentation has none.
   *
   * @default {true}
   */
  isStateKeptOnDecline: boolean;
  /**
   * Whether lists of orders have the `OrderConfirmID` with which an order was sent. No published sample has
   * it; UNCONFIRMED.
   *
   * @default {false}
   */
  listsConfirmIds: boolean;
  /**
   * The redirect URIs that are registered for the client, compared exactly.
   *
   * @default {["http://localhost", "http://localhost:80", "http://localhost:3000", "http://localhost:3001", "http://localhost:8080", "http://localhost:31022"]}
   */
  callbackUrls: readonly string[];
}

/**
 * The emulated TradeStation. The credentials are random, and new with each emulator. They and the
 * addresses are own properties, so that a spread passes them to a session without the settings.
 */
export interface EmulatedTradestation extends TradestationSettings {
  /** The client id, which TradeStation calls the API key. */
  readonly clientId: string;
  /** The client secret. */
  readonly clientSecret: string;
  /** The refresh token of the user's first grant. */
  readonly refreshToken: string;
  /** The address of the API, without its version: `/v3` and `/v2` are below it. */
  readonly baseUrl: string;
  /** The address of the sign-in: `/authorize` and `/oauth/token` are below it. */
  readonly signInUrl: string;
  /** How many times a refresh token was used that another one had replaced. */
  readonly reusedRefreshTokens: number;
}

/** Makes what a program sees of an environment. */
export function tradestationAccess(
  url: string,
  { prefix }: Tradestation,
  signIn: TradestationSignIn,
  settings: TradestationSettings,
  refreshToken: string = signIn.grants.refreshToken,
): EmulatedTradestation {
  const addresses = { baseUrl: url + prefix, signInUrl: url + signIn.prefix };
  return new Access(addresses, refreshToken, signIn, settings);
}

class Access implements EmulatedTradestation {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly refreshToken: string;
  readonly baseUrl: string;
  readonly signInUrl: string;
  readonly #signIn: TradestationSignIn;
  readonly #settings: TradestationSettings;

  constructor(
    { baseUrl, signInUrl }: { baseUrl: string; signInUrl: string },
    refreshToken: string,
    signIn: TradestationSignIn,
    settings: TradestationSettings,
  ) {
    this.clientId = signIn.grants.clientId;
    this.clientSecret = signIn.grants.clientSecret;
    this.refreshToken = refreshToken;
    this.baseUrl = baseUrl;
    this.signInUrl = signInUrl;
    this.#signIn = signIn;
    this.#settings = settings;
  }

  get reusedRefreshTokens(): number {
    return this.#signIn.grants.reusedRefreshTokens;
  }

  get rotation(): boolean {
    return this.#settings.rotation;
  }

  set rotation(rotation: boolean) {
    this.#settings.rotation = rotation;
  }

  get isStateKeptOnDecline(): boolean {
    return this.#settings.isStateKeptOnDecline;
  }

  set isStateKeptOnDecline(isKept: boolean) {
    this.#settings.isStateKeptOnDecline = isKept;
  }

  get listsConfirmIds(): boolean {
    return this.#settings.listsConfirmIds;
  }

  set listsConfirmIds(isListed: boolean) {
    this.#settings.listsConfirmIds = isListed;
  }

  get callbackUrls(): readonly string[] {
    return this.#settings.callbackUrls;
  }

  set callbackUrls(urls: readonly string[]) {
    this.#settings.callbackUrls = urls;
  }
}
