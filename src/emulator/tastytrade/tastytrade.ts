import type { EmulatedResponse } from "../response.ts";
import type { Market } from "../exchange/market.ts";
import type { ReceivedRequest } from "../received_request.ts";
import { Route } from "../route.ts";
import type { AcceptedSocket, Service, Settings } from "../service.ts";
import { isAccount } from "./account_list.ts";
import { accountStreamer } from "./account_streamer.ts";
import { accountEndpoints } from "./accounts.ts";
import { complexOrderEndpoints } from "./complex_orders.ts";
import type { Endpoint } from "./endpoint.ts";
import { errorResponse, unknownResponse } from "./envelope.ts";
import { RequestError } from "../request_error.ts";
import { instrumentEndpoints } from "./instruments.ts";
import { marginEndpoints } from "./margin.ts";
import { marketEndpoints, sandboxGap } from "./market.ts";
import { OrderBook } from "./order_book.ts";
import { dxlink } from "./dxlink.ts";
import { QuoteTokens } from "./quote_tokens.ts";
import { orderEndpoints } from "./orders.ts";
import { TastytradeSignIn } from "./sign_in.ts";
import { TastytradeTokens } from "./tokens.ts";
import { checkQuery, Unserved } from "../unserved.ts";
import { FIRST_USER, type User } from "../users.ts";
import { transactionEndpoints } from "./transactions.ts";
import { tastytradeFaults } from "./faults.ts";

/** The path of the account streamer. The real one has a host of its own. */
export const STREAMER_PATH = "/streamer";

/** The paths whose first parameter is an account. */
const OF_ACCOUNT = /^(\/margin)?\/accounts\//;

const TOKEN_ENDPOINT = new Route("* /oauth/token");

const ENDPOINTS: readonly Endpoint[] = [
  ...accountEndpoints,
  ...transactionEndpoints,
  ...orderEndpoints,
  ...complexOrderEndpoints,
  ...marginEndpoints,
  ...marketEndpoints,
  ...instrumentEndpoints,
];

// The oldest date in the release notes. Older versions were retired years ago.
const OLDEST_VERSION = "20240501";

/** One environment of tastytrade. */
export class Tastytrade implements Service {
  readonly broker = "tastytrade";
  readonly prefix: string;
  readonly environment: "production" | "sandbox";
  /** Its tokens. */
  readonly tokens: TastytradeTokens;
  /** Its sign-in pages. */
  readonly signIn: TastytradeSignIn;

  /** Its orders. */
  book: OrderBook;
  readonly #newBook: () => OrderBook;
  readonly #market: Market;
  readonly #settings: Settings;
  readonly #quoteTokens = new QuoteTokens();

  constructor(environment: "production" | "sandbox", market: Market, settings: Settings) {
    const isSandbox = environment === "sandbox";
    const issuer = isSandbox ? "https://api.cert.tastyworks.com" : "https://api.tastyworks.com";
    this.prefix = isSandbox ? "/tastytrade-sandbox" : "/tastytrade";
    this.environment = environment;
    this.tokens = new TastytradeTokens(issuer, settings);
    this.signIn = new TastytradeSignIn(environment, this.tokens);
    this.#market = market;
    this.#settings = settings;
    this.#newBook = () => new OrderBook(environment, market, settings);
    this.book = this.#newBook();
  }

  /** Forgets the orders, and what they have changed. */
  reset(): void {
    this.book = this.#newBook();
  }

  respond(request: ReceivedRequest): EmulatedResponse {
    const { headers, ...response } = this.#respond(request);
    return { ...response, headers: { ...headers, ...ANY_ORIGIN } };
  }

  /** The ends of the real addresses. */
  get #quotePath(): string {
    return this.environment === "sandbox" ? "/delayed" : "/realtime";
  }

  upgrade(
    request: ReceivedRequest,
    refuse: (what: string) => void,
  ): EmulatedResponse | AcceptedSocket {
    const path = request.path.split("?", 1).join("");
    if (path === STREAMER_PATH) {
      const { book, tokens } = this;
      const userOf = (authorization: string | undefined) => tokens.userOf(authorization);
      return accountStreamer({ book, userOf, refuse, settings: this.#settings });
    }
    if (path === this.#quotePath) {
      const tokens = this.#quoteTokens;
      return dxlink({ market: this.#market, tokens, refuse, settings: this.#settings });
    }
    throw new Unserved(`a WebSocket at ${path}`);
  }

  #respond(request: ReceivedRequest): EmulatedResponse {
    const { headers } = request;
    if (request.method === "OPTIONS") return PREFLIGHT;
    if (!isUserAgent(headers["user-agent"])) return tastytradeFaults.userAgentRequired;
    if (TOKEN_ENDPOINT.matches(request)) {
      return request.method === "POST" ? this.tokens.respond(request) : METHOD_NOT_ALLOWED;
    }
    const [context = "", search = ""] = request.path.split("?", 2);
    const endpoint = ENDPOINTS.find(({ route }) =>
      route.takes(request.method) && route.parameters(context) !== undefined
    );
    const gap = this.environment === "sandbox" ? sandboxGap(request) : undefined;
    // Some paths need no token there, so nothing is said of the token either.
    if (endpoint === undefined && gap === undefined) {
      throw new Unserved(`${request.method} ${context}`);
    }
    const isPublic = endpoint?.scope === "public";
    const user = isPublic ? FIRST_USER : this.tokens.userOf(headers["authorization"]);
    if (user === undefined) return tastytradeFaults.tokenInvalid;
    if (endpoint === undefined || gap !== undefined) return gap ?? tastytradeFaults.notFound;
    return this.#answerApi(request, { endpoint, context, search, user });
  }

  #answerApi(
    request: ReceivedRequest,
    { endpoint, context, search, user }: {
      endpoint: Endpoint;
      context: string;
      search: string;
      user: User;
    },
  ): EmulatedResponse {
    const version = request.headers["accept-version"];
    if (!isSupported(version, endpoint.oldestVersion)) return tastytradeFaults.unsupportedVersion;
    if (endpoint.scope !== "public" && !this.tokens.scopes.includes(endpoint.scope)) {
      return tastytradeFaults.notPermitted;
    }
    const parameters = endpoint.route.parameters(context) ?? [];
    // Documented as 404; a 403 "not_permitted" was once recorded for what may have been this.
    if (OF_ACCOUNT.test(context) && !isAccount(parameters[0], user)) {
      return unknownResponse(`account ${parameters[0]}`);
    }
    this.book.settle();
    const query = new URLSearchParams(search);
    checkQuery(query, endpoint.query ?? [], endpoint.repeatable);
    const { environment } = this;
    try {
      return endpoint.handle({
        request,
        context,
        parameters,
        query,
        version,
        environment,
        user,
        book: this.book,
        market: this.#market,
        quoteTokens: this.#quoteTokens,
        quoteUrl: this.#settings.socketUrl + this.prefix + this.#quotePath,
      });
    } catch (error) {
      // Anything else is an error in the emulator, which no test finds.
      // deno-coverage-ignore
      if (!(error instanceof RequestError)) throw error;
      return error.response;
    }
  }
}

/** Reported of all answers (tastyware/tastytrade #190). */
const ANY_ORIGIN = { "access-control-allow-origin": "*" };

/**
 * What a browser asks before it lets a page of another origin send a token. The header names are those that
 * were reported; the status and the methods are UNCONFIRMED.
 */
const PREFLIGHT: EmulatedResponse = {
  status: 204,
  headers: {
    "access-control-allow-headers":
      "Accept-Version,Authorization,Cache-Control,Content-Type,If-Modified-Since,Keep-Alive," +
      "User-Agent,X-Castle-Request-Token,X-Requested-With,X-Tastyworks-OTP",
    "access-control-allow-methods": "GET,POST,PUT,PATCH,DELETE,OPTIONS",
  },
};

/** Reported for the authorize page only; the body is UNCONFIRMED. */
const METHOD_NOT_ALLOWED: EmulatedResponse = errorResponse(
  405,
  "method_not_allowed",
  "Method not allowed",
);

/**
 * The service requires `product/version`. The official SDKs have no version and work, although somebody
 * else was refused without one. So these two pass, and no other name without a version.
 */
function isUserAgent(value = ""): boolean {
  return value === "tastytrade-sdk-js" || value === "tastytrade-sdk-python" ||
    /^[\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+( |$)/.test(value);
}

/** The newest version up to the date is used. Only a date before the oldest one is refused. */
function isSupported(version: string | undefined, oldest = OLDEST_VERSION): boolean {
  return version === undefined || (/^\d{8}$/.test(version) && version >= oldest);
}
