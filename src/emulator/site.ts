import type { Answer } from "./answer.ts";
import type { Place, ReceivedRequest } from "./received_request.ts";

/** What the emulator serves under one path prefix: an API of a broker, or its sign-in pages. */
export interface Site extends Place {
  /** Answers a request whose body is complete. */
  answer(request: ReceivedRequest): Answer;
}

/** Who issues the tokens of one or more sites. */
export interface Issuer {
  /** Makes every access token issued so far invalid. */
  revokeAccessTokens(): void;
  /** Lets the user take back what was granted so far. */
  revokeGrants(): void;
  /** Undoes {@linkcode Issuer.revokeGrants}. */
  restoreGrants(): void;
}

/** How all sites behave; read anew for each request. */
export interface Behaviour {
  /** `expires_in` of the access tokens issued from now on; `undefined` is what the broker does. */
  readonly tokenLifetimeS: number | undefined;
  /** What grants permit, separated by spaces; `undefined` is what the broker permits. */
  readonly scopes: string | undefined;
  /** Whether TradeStation replaces a refresh token by each use. */
  readonly rotation: boolean;
  /** Whether TradeStation sends the `state` back when the user declines. */
  readonly isStateKeptOnDecline: boolean;
  /** The redirect URIs that are registered for TradeStation's client. */
  readonly callbackUrls: readonly string[];
}
