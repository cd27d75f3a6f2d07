import type { EmulatedResponse } from "../response.ts";
import type { Market } from "../exchange/market.ts";
import type { ReceivedRequest } from "../received_request.ts";
import { readQuery } from "../request_fields.ts";
import { RateQuota } from "./rate_quota.ts";
import type { Service, Settings, StreamedResponse } from "../service.ts";
import { checkQuery, Unserved } from "../unserved.ts";
import { accountEndpoints } from "./accounts.ts";
import type { Endpoint, StreamEndpoint } from "./endpoint.ts";
import { errorResponse, legacyErrorResponse } from "./errors.ts";
import { RequestError } from "../request_error.ts";
import type { TradestationGrants } from "./grants.ts";
import { legacyEndpoints } from "./v2_accounts.ts";
import { symbolSearchEndpoints } from "./v2_symbols.ts";
import { marketEndpoints } from "./market.ts";
import { OrderBook } from "./order_book.ts";
import { orderEndpoints } from "./orders.ts";
import { StreamQuota } from "./stream_quota.ts";
import { streamEndpoints } from "./streams.ts";

const ENDPOINTS: readonly (Endpoint | StreamEndpoint)[] = [
  ...accountEndpoints,
  ...orderEndpoints,
  ...marketEndpoints,
  ...legacyEndpoints,
  ...symbolSearchEndpoints,
  ...streamEndpoints,
];

/** The API of one environment of TradeStation, LIVE or SIM, in both versions. */
export class Tradestation implements Service {
  readonly broker = "tradestation";
  readonly prefix: string;
  readonly environment: "production" | "sandbox";

  readonly #grants: TradestationGrants;
  readonly #market: Market;
  readonly #quota = new RateQuota();
  readonly #streamQuota = new StreamQuota();
  readonly #settings: Settings;
  /** Its orders. */
  book: OrderBook;
  readonly #newBook: () => OrderBook;

  constructor(
    environment: "production" | "sandbox",
    market: Market,
    grants: TradestationGrants,
    settings: Settings,
  ) {
    this.prefix = environment === "sandbox" ? "/tradestation-sim" : "/tradestation";
    this.environment = environment;
    this.#grants = grants;
    this.#market = market;
    this.#settings = settings;
    this.#newBook = () => new OrderBook(environment, market, settings);
    this.book = this.#newBook();
  }

  /** Forgets the orders, and what they have changed. */
  reset(): void {
    this.book = this.#newBook();
  }

  respond(request: ReceivedRequest): EmulatedResponse | StreamedResponse {
    const { headers, ...response } = this.#respond(request);
    // The quota is the user's.
    const isSignedIn = response.status !== 401;
    return {
      ...response,
      headers: { ...headers, ...(isSignedIn ? this.#quota.count(request) : {}) },
    };
  }

  #respond(request: ReceivedRequest): EmulatedResponse | StreamedResponse {
    const path = request.path.split("?", 1).join("");
    const isLegacy = /^\/v2(\/|$)/.test(path);
    const refuse = isLegacy ? legacyErrorResponse : errorResponse;
    const endpoint = ENDPOINTS.find(({ route }) =>
      route.takes(request.method) && route.parameters(path) !== undefined
    );
    if (endpoint === undefined) throw new Unserved(`${request.method} ${path}`);
    const { authorization } = request.headers;
    const token = this.#grants.find(authorization);
    // v3's message is UNCONFIRMED, and so is that of the refusal below.
    if (token === undefined) return refuse(401, "Unauthorized");
    if (!token.scopes.includes(endpoint.scope)) return refuse(403, "Forbidden");
    const parameters = endpoint.route.parameters(path) ?? [];
    const { environment, book } = this;
    const market = this.#market;
    book.settle();
    const query = readQuery(request);
    checkQuery(query, endpoint.query ?? []);
    try {
      const owner = { user: token.user, environment };
      const isStreamOver = () =>
        this.#settings.endsStreamsWithToken && this.#grants.find(authorization) === undefined;
      const call = { request, parameters, query, owner, book, market, isStreamOver };
      const response = endpoint.handle(call);
      const isLimited = "begin" in response && "isLimited" in endpoint && endpoint.isLimited;
      return isLimited ? this.#streamQuota.admit(token.user, response) : response;
    } catch (error) {
      // Anything else is an error in the emulator, which no test finds.
      // deno-coverage-ignore
      if (!(error instanceof RequestError)) throw error;
      return error.response;
    }
  }
}
