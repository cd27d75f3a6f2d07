import type { Place, ReceivedRequest } from "./received_request.ts";
import type { EmulatedResponse } from "./response.ts";
import type { BeginStream } from "./streams/open_streams.ts";
import type { Users } from "./users.ts";

/** What the emulator serves under one path prefix: an API of a broker, or its sign-in. */
export interface Service extends Place {
  /** Responds to a request whose body is complete. */
  respond(request: ReceivedRequest): EmulatedResponse | StreamedResponse;
  /**
   * Accepts a WebSocket, or refuses it. Without this there are none.
   *
   * @param refuse Called for what is asked for over it and not served.
   */
  upgrade?(
    request: ReceivedRequest,
    refuse: (what: string) => void,
  ): EmulatedResponse | AcceptedSocket;
}

/** A response that stays open. */
export interface StreamedResponse {
  /** The HTTP status code. */
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly begin: BeginStream;
}

/** A WebSocket that is accepted. */
export interface AcceptedSocket {
  /** The most bytes of a message from the client. */
  readonly maxMessageBytes: number;
  readonly begin: BeginStream;
}

/** Issues the tokens of one or more services. */
export interface Issuer {
  /** Invalidates every access token issued so far. */
  revokeAccessTokens(): void;
  /** Revokes every grant made so far. */
  revokeGrants(): void;
  /** Undoes {@linkcode Issuer.revokeGrants}. */
  restoreGrants(): void;
}

/** The credentials of the first grant that a test has chosen. What is left out is random. */
export interface ChosenCredentials {
  /** The id of the OAuth client. */
  readonly clientId?: string | undefined;
  /** The secret of the OAuth client. */
  readonly clientSecret?: string | undefined;
  /** The refresh token. */
  readonly refreshToken?: string | undefined;
}

/** The settings of all services, read for each request. */
export interface Settings {
  /** The credentials, the same for all services. */
  readonly credentials: ChosenCredentials;
  /** Who may sign in. */
  readonly users: Users;
  /** `expires_in` of new access tokens; `undefined` is the broker's own. */
  readonly tokenLifetimeS: number | undefined;
  /** What grants permit, separated by spaces; `undefined` is the broker's own. */
  readonly scopes: string | undefined;
  /** Whether TradeStation replaces a refresh token with each use. */
  readonly rotation: boolean;
  /** Whether TradeStation returns the `state` when the user declines. */
  readonly isStateKeptOnDecline: boolean;
  /** How long an order stays in each status before it works, and a cancellation takes, in milliseconds. */
  readonly orderDelayMs: number;
  /** How long a placed order is missing from the lists, in milliseconds. */
  readonly orderListDelayMs: number;
  /** Whether TradeStation's lists of orders have the `OrderConfirmID`. */
  readonly listsConfirmIds: boolean;
  /** The redirect URIs that are registered for TradeStation's client. */
  readonly callbackUrls: readonly string[];
  /** Whether a stream ends when the access token expires that it was opened with, or last sent. */
  readonly endsStreamsWithToken: boolean;
  /** Whether tastytrade's account streamer repeats the accounts when it acknowledges them. */
  readonly acksNameAccounts: boolean;
  /** Whether it sends notifications of one moment in one frame. */
  readonly batchesNotifications: boolean;
  /** Whether the server of quotes refuses a token that comes before it has told the state. */
  readonly wantsAuthAfterState: boolean;
  /** The address of the emulator, as WebSockets have it. */
  readonly socketUrl: string;
}
