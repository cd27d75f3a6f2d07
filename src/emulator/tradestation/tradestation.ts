import type { EmulatedResponse } from "../response.ts";
import type { EmulatedOrder } from "../emulated_order.ts";
import type { ReceivedRequest } from "../received_request.ts";
import { readQuery } from "../request_fields.ts";
import type { Service } from "../service.ts";
import { accountEndpoints } from "./accounts.ts";
import type { Endpoint } from "./endpoint.ts";
import { errorResponse, legacyErrorResponse, notFoundResponse } from "./errors.ts";
import { RequestError } from "../request_error.ts";
import type { TradestationGrants } from "./grants.ts";
import { legacyEndpoints } from "./v2_accounts.ts";
import { marketEndpoints } from "./market.ts";
import { OrderBook } from "./order_book.ts";
import { orderEndpoints } from "./orders.ts";

const ENDPOINTS: readonly Endpoint[] = [
  ...accountEndpoints,
  ...orderEndpoints,
  ...marketEndpoints,
  ...legacyEndpoints,
];

/** The API of one environment of TradeStation, LIVE or SIM, in both versions. */
export class Tradestation implements Service {
  readonly broker = "tradestation";
  readonly prefix: string;
  readonly environment: "production" | "sandbox";

  readonly #grants: TradestationGrants;
  readonly #book: OrderBook;

  constructor(environment: "production" | "sandbox", grants: TradestationGrants) {
    this.prefix = environment === "sandbox" ? "/tradestation-sim" : "/tradestation";
    this.environment = environment;
    this.#grants = grants;
    this.#book = new OrderBook(environment);
  }

  /** The orders that were placed. */
  get orders(): readonly EmulatedOrder[] {
    return this.#book.placed;
  }

  respond(request: ReceivedRequest): EmulatedResponse {
    const path = request.path.split("?", 1).join("");
    const isLegacy = /^\/v2(\/|$)/.test(path);
    const refuse = isLegacy ? legacyErrorResponse : errorResponse;
    const permitted = this.#grants.permitted(request.headers["authorization"]);
    if (permitted === undefined) {
      // v3's message is UNCONFIRMED, and so are those of the refusals below.
      return refuse(401, "Unauthorized");
    }
    const atPath = ENDPOINTS.flatMap((endpoint) => {
      const parameters = endpoint.route.parameters(path);
      return parameters === undefined ? [] : [{ ...endpoint, parameters }];
    });
    if (atPath.length === 0) {
      return isLegacy ? legacyErrorResponse(404, "Not found") : notFoundResponse(path);
    }
    const endpoint = atPath.find(({ route }) => route.takes(request.method));
    // Status and message are UNCONFIRMED.
    if (endpoint === undefined) return refuse(405, "Method not allowed");
    if (!permitted.includes(endpoint.scope)) return refuse(403, "Forbidden");
    const { parameters } = endpoint;
    const { environment } = this;
    const query = readQuery(request);
    try {
      return endpoint.handle({ request, parameters, query, environment, book: this.#book });
    } catch (error) {
      // Anything else is an error in the emulator, which no test finds.
      // deno-coverage-ignore
      if (!(error instanceof RequestError)) throw error;
      return error.response;
    }
  }
}
