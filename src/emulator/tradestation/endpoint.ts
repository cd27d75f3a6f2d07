import type { EmulatedResponse } from "../response.ts";
import type { StreamedResponse } from "../service.ts";
import type { ReceivedRequest } from "../received_request.ts";
import type { Market } from "../exchange/market.ts";
import type { Route } from "../route.ts";
import type { Owner } from "./account_list.ts";
import type { OrderBook } from "./order_book.ts";

/** An API request that has passed the common checks. */
export interface Call {
  readonly request: ReceivedRequest;
  /** The path parameters. */
  readonly parameters: readonly string[];
  readonly query: URLSearchParams;
  /** Whose token the request has, and for which environment it is. */
  readonly owner: Owner;
  readonly book: OrderBook;
  /** The prices that the test has set. */
  readonly market: Market;
  /** Whether a stream that this call has opened is to end, because its token is not valid any more. */
  isStreamOver(): boolean;
}

/** One route of the API. */
export interface Endpoint {
  readonly route: Route;
  /** The scope that it needs. */
  readonly scope: "MarketData" | "ReadAccount" | "Trade";
  /** The query parameters that it reads. Others are refused. */
  readonly query?: readonly string[];
  handle(call: Call): EmulatedResponse;
}

/** One route that answers with a stream. */
export interface StreamEndpoint extends Omit<Endpoint, "handle"> {
  /** Whether a user may have so many of them open only. */
  readonly isLimited?: boolean;
  handle(call: Call): StreamedResponse;
}
