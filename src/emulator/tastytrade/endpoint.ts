import type { EmulatedResponse } from "../response.ts";
import type { Market } from "../exchange/market.ts";
import type { Route } from "../route.ts";
import type { ReceivedRequest } from "../received_request.ts";
import type { User } from "../users.ts";
import type { OrderBook } from "./order_book.ts";
import type { QuoteTokens } from "./quote_tokens.ts";

/** An API request that has passed the common checks. */
export interface Call {
  readonly request: ReceivedRequest;
  /** The path without the query, which the envelope repeats as `context`. */
  readonly context: string;
  /** The path parameters. */
  readonly parameters: readonly string[];
  readonly query: URLSearchParams;
  /** The `Accept-Version`, if there is one. */
  readonly version: string | undefined;
  readonly environment: "production" | "sandbox";
  /** Whose token the request has. */
  readonly user: User;
  readonly book: OrderBook;
  /** The prices that the test has set. */
  readonly market: Market;
  readonly quoteTokens: QuoteTokens;
  /** The address of the server of quotes. */
  readonly quoteUrl: string;
}

/** One route of the API. */
export interface Endpoint {
  readonly route: Route;
  /** The scope that it needs; `public` if it needs no token. */
  readonly scope: "read" | "trade" | "public";
  /** The query parameters that it reads. Others are refused. */
  readonly query?: readonly string[];
  /** Those of them that may be repeated, besides those whose names end in `[]`. */
  readonly repeatable?: readonly string[];
  /**
   * The oldest `Accept-Version` that it serves, where that is not the API's.
   */
  readonly oldestVersion?: string;
  handle(call: Call): EmulatedResponse;
}
