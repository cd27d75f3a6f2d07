import { TokenSource } from "../../src/token/token_source.ts";
import { ManualEndpoint } from "../support/tokens.ts";
import { ACTOR } from "../support/actor.ts";

/** A source that holds a token of 900 s. */
export async function signedIn(
  lifetimeS = 900,
): Promise<{ source: TokenSource; endpoint: ManualEndpoint }> {
  const endpoint = new ManualEndpoint();
  const source = new TokenSource(endpoint.request, ACTOR);
  const refresh = source.refresh();
  endpoint.grant("first", lifetimeS);
  await refresh;
  return { source, endpoint };
}
