import { STREAMER_PATH, type Tastytrade } from "./tastytrade.ts";

/** The settings of the emulated tastytrade. */
export interface TastytradeSettings {
  /**
   * Whether the account streamer repeats the accounts when it acknowledges them. The documentation has
   * them; a client saw none in 2026.
   *
   * @default {false}
   */
  acksNameAccounts: boolean;
  /**
   * Whether the account streamer sends the notifications of one moment as one frame `{ results: […] }`. The
   * official SDK reads such frames; UNCONFIRMED.
   *
   * @default {false}
   */
  batchesNotifications: boolean;
  /**
   * Whether the server of quotes refuses a token that comes before it has told the state `UNAUTHORIZED`, as it
   * does since June 2026 (tastyware/tastytrade #338). `@dxfeed/dxlink-api` 0.3 sends one earlier, unless a program
   * sets it when that state is told.
   *
   * @default {false}
   */
  wantsAuthAfterState: boolean;
}

/** Where the emulator listens, and its settings. */
interface Place extends TastytradeSettings {
  readonly url: string;
  readonly socketUrl: string;
}

/**
 * An environment of the emulated tastytrade. The credentials are random and new with each emulator,
 * unless the options of `startEmulator()` have them. What a session needs are own properties, so that a
 * spread passes them; the rest is not.
 */
export interface EmulatedTastytrade extends TastytradeSettings {
  /** The address of the API and of the token endpoint. */
  readonly baseUrl: string;
  /** The client secret. */
  readonly clientSecret: string;
  /** The refresh token of the user's first grant. */
  readonly refreshToken: string;
  /** The address of the account streamer. */
  readonly streamerUrl: string;
  /** The client id. A session needs none. */
  readonly clientId: string;
  /** The address of the sign-in: `/auth.html` is below it. A session needs none. */
  readonly signInUrl: string;
}

/** Makes what a program sees of an environment. */
export function tastytradeAccess(
  environment: Tastytrade,
  place: Place,
  refreshToken: string = environment.tokens.refreshToken,
): EmulatedTastytrade {
  return new Access(environment, place, refreshToken);
}

class Access implements EmulatedTastytrade {
  readonly baseUrl: string;
  readonly clientSecret: string;
  readonly refreshToken: string;
  readonly streamerUrl: string;
  readonly #environment: Tastytrade;
  readonly #place: Place;

  constructor(environment: Tastytrade, place: Place, refreshToken: string) {
    this.baseUrl = place.url + environment.prefix;
    this.streamerUrl = place.socketUrl + environment.prefix + STREAMER_PATH;
    this.clientSecret = environment.tokens.clientSecret;
    this.refreshToken = refreshToken;
    this.#environment = environment;
    this.#place = place;
  }

  get clientId(): string {
    return this.#environment.tokens.clientId;
  }

  get signInUrl(): string {
    return this.#place.url + this.#environment.signIn.prefix;
  }

  get acksNameAccounts(): boolean {
    return this.#place.acksNameAccounts;
  }

  set acksNameAccounts(areNamed: boolean) {
    this.#place.acksNameAccounts = areNamed;
  }

  get wantsAuthAfterState(): boolean {
    return this.#place.wantsAuthAfterState;
  }

  set wantsAuthAfterState(isWanted: boolean) {
    this.#place.wantsAuthAfterState = isWanted;
  }

  get batchesNotifications(): boolean {
    return this.#place.batchesNotifications;
  }

  set batchesNotifications(areBatched: boolean) {
    this.#place.batchesNotifications = areBatched;
  }
}
