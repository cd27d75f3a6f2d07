/**
 * Tokens and a token endpoint for tests that need neither a server nor a broker.
 *
 * @module
 */

import { parseToken, readClocks, type Token } from "../../src/token/token.ts";

/** A token as the endpoint would send it now. */
export function token(accessToken: string, lifetimeS = 900): Token {
  const parsed = parseToken(
    { access_token: accessToken, token_type: "Bearer", expires_in: lifetimeS },
    { requestedAt: readClocks(), defaultLifetimeMs: 900_000 },
  );
  if (typeof parsed === "string") throw new Error(parsed);
  return parsed;
}

/** A token endpoint whose every answer the test gives by hand. */
export class ManualEndpoint {
  readonly #pending: PromiseWithResolvers<Token>[] = [];
  /** How many token requests it got. */
  count = 0;

  /** What a `TokenSource` asks. */
  readonly request = (signal: AbortSignal): Promise<Token> => {
    this.count += 1;
    const answer = Promise.withResolvers<Token>();
    this.#pending.push(answer);
    signal.addEventListener("abort", () => answer.reject(signal.reason));
    return answer.promise;
  };

  /** Answers the oldest request that waits. */
  grant(accessToken: string, lifetimeS?: number): void {
    this.#pending.shift()?.resolve(token(accessToken, lifetimeS));
  }

  /** Refuses the oldest request that waits. */
  refuse(error: unknown): void {
    this.#pending.shift()?.reject(error);
  }
}
