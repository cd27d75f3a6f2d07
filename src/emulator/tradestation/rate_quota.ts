import { Route } from "../route.ts";
import type { ReceivedRequest } from "../received_request.ts";

const PERIOD_S = 300;

/** The published quotas of the page on rate limits; the names of the resources are UNCONFIRMED but one. */
const QUOTAS: readonly (readonly [Route, string, number])[] = [
  [new Route("GET /v3/brokerage/accounts"), "accounts", 320],
  [new Route("GET /v3/brokerage/accounts/*/balances"), "balances", 320],
  [new Route("GET /v3/brokerage/accounts/*/positions"), "positions", 320],
  [new Route("GET /v3/brokerage/accounts/*/orders"), "orders", 320],
  [new Route("GET /v3/brokerage/accounts/*/orders/*"), "orders", 320],
  [new Route("GET /v3/marketdata/quotes/*"), "quotes", 500],
  [new Route("GET /v3/marketdata/stream/quotes/*"), "streaming-quotes", 500],
];

/**
 * Counts requests against TradeStation's quotas, and says so in the headers of each answer. Nothing is
 * refused, so that tests may hurry; `tradestationFaults.tooManyRequests` is what a refusal looks like.
 */
export class RateQuota {
  readonly #sentAt = new Map<string, number[]>();

  /** The headers of the answer to a request. */
  count(request: ReceivedRequest): Readonly<Record<string, string>> {
    const [, resource, limit] = QUOTAS.find(([route]) => route.matches(request)) ?? [];
    if (resource === undefined || limit === undefined) return {};
    const now = Date.now();
    const recent = (this.#sentAt.get(resource) ?? [])
      .filter((at) => at > now - PERIOD_S * 1_000).slice(1 - limit);
    recent.push(now);
    this.#sentAt.set(resource, recent);
    return {
      "x-ratelimit-limit": `${limit}`,
      "x-ratelimit-period": `${PERIOD_S}`,
      "x-ratelimit-remaining": `${limit - recent.length}`,
      // Seconds until all of it is there again.
      "x-ratelimit-reset": `${PERIOD_S}`,
      "x-ratelimit-resource": resource,
    };
  }
}
