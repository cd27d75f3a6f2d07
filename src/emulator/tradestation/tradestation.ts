import type { Answer } from "../answer.ts";
import type { EmulatedOrder } from "../emulated_order.ts";
import type { ReceivedRequest } from "../received_request.ts";
import { readQuery } from "../request_fields.ts";
import type { Site } from "../site.ts";
import { accountEndpoints } from "./accounts.ts";
import type { Endpoint } from "./endpoint.ts";
import { errorAnswer, legacyErrorAnswer, notFoundAnswer, Refusal } from "./errors.ts";
import type { TradestationGrants } from "./grants.ts";
import { legacyEndpoints } from "./legacy.ts";
import { marketEndpoints } from "./market.ts";
import { OrderBook } from "./order_book.ts";
import { orderEndpoints } from "./orders.ts";

/** What opens a session with the emulated TradeStation. Random, new with each emulator. */
export interface TradestationCredentials {
  /** The id of the client, which TradeStation calls the API key. */
  readonly clientId: string;
  /** The secret of the client. */
  readonly clientSecret: string;
  /** The refresh token of the grant. */
  readonly refreshToken: string;
  /** The address of the API, without its version: `/v3` and `/v2` are below it. */
  readonly baseUrl: string;
  /** The address of the sign-in: `/authorize` and `/oauth/token` are below it. */
  readonly signInUrl: string;
}

const ENDPOINTS: readonly Endpoint[] = [
  ...accountEndpoints,
  ...orderEndpoints,
  ...marketEndpoints,
  ...legacyEndpoints,
];

/** The API of one environment of TradeStation, LIVE or SIM, in both versions. */
export class Tradestation implements Site {
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

  answer(request: ReceivedRequest): Answer {
    const path = request.path.split("?", 1).join("");
    const isLegacy = /^\/v2(\/|$)/.test(path);
    const refuse = isLegacy ? legacyErrorAnswer : errorAnswer;
    const permitted = this.#grants.permitted(request.headers["authorization"]);
    if (permitted === undefined) {
      // That v3 has these words is UNCONFIRMED, like those of the refusals below.
      return refuse(401, "Unauthorized");
    }
    const atPath = ENDPOINTS.flatMap((endpoint) => {
      const gaps = endpoint.route.gaps(path);
      return gaps === undefined ? [] : [{ ...endpoint, gaps }];
    });
    if (atPath.length === 0) {
      return isLegacy ? legacyErrorAnswer(404, "Not found") : notFoundAnswer(path);
    }
    const endpoint = atPath.find(({ route }) => route.takes(request.method));
    // Status and words are UNCONFIRMED.
    if (endpoint === undefined) return refuse(405, "Method not allowed");
    if (!permitted.includes(endpoint.scope)) return refuse(403, "Forbidden");
    const { gaps } = endpoint;
    const { environment } = this;
    const query = readQuery(request);
    try {
      return endpoint.handle({ request, gaps, query, environment, book: this.#book });
    } catch (error) {
      // Anything else is a mistake in the emulator, which no request of a test finds.
      // deno-coverage-ignore
      if (!(error instanceof Refusal)) throw error;
      return error.answer;
    }
  }
}
