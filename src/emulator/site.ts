import type { Answer } from "./answer.ts";
import type { Place, ReceivedRequest } from "./received_request.ts";

/** One environment of one broker: what the emulator serves under one path prefix. */
export interface Site extends Place {
  /** Answers a request whose body is complete. */
  answer(request: ReceivedRequest): Answer;
  /** Makes every access token issued so far invalid. */
  revokeAccessTokens(): void;
}

/** How all sites behave; read anew for each request. */
export interface Behaviour {
  /** `expires_in` of the access tokens issued from now on. */
  readonly tokenLifetimeS: number;
  /** What grants permit, separated by spaces. */
  readonly scopes: string;
  /** Whether the user has taken the grant back. */
  readonly isGrantRevoked: boolean;
}
