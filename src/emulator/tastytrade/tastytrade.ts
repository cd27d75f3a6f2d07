import type { Answer } from "../answer.ts";
import type { EmulatedOrder } from "../emulated_order.ts";
import type { ReceivedRequest } from "../received_request.ts";
import { Route } from "../route.ts";
import type { Behaviour, Site } from "../site.ts";
import { accountEndpoints, accountNumbers } from "./accounts.ts";
import type { Endpoint } from "./endpoint.ts";
import { errorAnswer, Refusal, unknownAnswer } from "./envelope.ts";
import { marketEndpoints, sandboxGaps, sandboxRefusals } from "./market.ts";
import { OrderBook } from "./order_book.ts";
import { orderEndpoints } from "./orders.ts";
import { TastytradeSignIn } from "./sign_in.ts";
import { TastytradeTokens } from "./tokens.ts";
import { transactionEndpoints } from "./transactions.ts";
import { troubles } from "./troubles.ts";

/** What opens a session with the emulator. Random, new with each emulator. */
export interface EmulatorCredentials {
  /** The address of the API, the token endpoint included. */
  readonly baseUrl: string;
  /** The secret of the client. */
  readonly clientSecret: string;
  /** The refresh token of the grant. */
  readonly refreshToken: string;
}

const TOKEN_ENDPOINT = new Route("* /oauth/token");

const ENDPOINTS: readonly Endpoint[] = [
  ...accountEndpoints,
  ...transactionEndpoints,
  ...orderEndpoints,
  ...marketEndpoints,
];

// The oldest date that the release notes name; what is older was retired years ago.
const OLDEST_VERSION = "20240501";

/** One environment of tastytrade. */
export class Tastytrade implements Site {
  readonly broker = "tastytrade";
  readonly prefix: string;
  readonly environment: "production" | "sandbox";
  /** Who issues its tokens. */
  readonly tokens: TastytradeTokens;
  /** Where users let a client in. */
  readonly signIn: TastytradeSignIn;

  readonly #book: OrderBook;

  constructor(environment: "production" | "sandbox", behaviour: Behaviour) {
    const isSandbox = environment === "sandbox";
    const issuer = isSandbox ? "https://api.cert.tastyworks.com" : "https://api.tastyworks.com";
    this.prefix = isSandbox ? "/tastytrade-sandbox" : "/tastytrade";
    this.environment = environment;
    this.tokens = new TastytradeTokens(issuer, behaviour);
    this.signIn = new TastytradeSignIn(environment, this.tokens);
    this.#book = new OrderBook(environment);
  }

  /** The orders that were placed. */
  get orders(): readonly EmulatedOrder[] {
    return this.#book.placed;
  }

  /** What opens a session with this environment. */
  credentials(url: string): EmulatorCredentials {
    const { clientSecret, refreshToken } = this.tokens;
    return { baseUrl: url + this.prefix, clientSecret, refreshToken };
  }

  answer(request: ReceivedRequest): Answer {
    const { headers } = request;
    if (!isUserAgent(headers["user-agent"])) return troubles.userAgentRequired;
    if (TOKEN_ENDPOINT.matches(request)) {
      return request.method === "POST" ? this.tokens.answer(request) : METHOD_NOT_ALLOWED;
    }
    if (!this.tokens.accepts(headers["authorization"])) return troubles.tokenInvalid;
    if (this.environment === "sandbox") {
      if (sandboxGaps.some((route) => route.matches(request))) return troubles.badGateway;
      if (sandboxRefusals.some((route) => route.matches(request))) return troubles.notPermitted;
    }
    return this.#answerApi(request);
  }

  #answerApi(request: ReceivedRequest): Answer {
    const [context = "", search = ""] = request.path.split("?", 2);
    const atPath = ENDPOINTS.flatMap((endpoint) => {
      const gaps = endpoint.route.gaps(context);
      return gaps === undefined ? [] : [{ ...endpoint, gaps }];
    });
    if (atPath.length === 0) return unknownAnswer("the resource");
    const endpoint = atPath.find(({ route }) => route.takes(request.method));
    if (endpoint === undefined) return METHOD_NOT_ALLOWED;
    const version = request.headers["accept-version"];
    if (!isSupported(version, endpoint.oldestVersion)) return troubles.unsupportedVersion;
    if (!this.tokens.scopes.includes(endpoint.scope)) return troubles.notPermitted;
    const { gaps } = endpoint;
    // Documented as 404; a 403 "not_permitted" was once recorded for what may have been this.
    if (context.startsWith("/accounts/") && !accountNumbers.includes(`${gaps[0]}`)) {
      return unknownAnswer(`account ${gaps[0]}`);
    }
    const query = new URLSearchParams(search);
    const { environment } = this;
    try {
      return endpoint.handle({
        request,
        context,
        gaps,
        query,
        version,
        environment,
        book: this.#book,
      });
    } catch (error) {
      // Anything else is a mistake in the emulator, which no request of a test finds.
      // deno-coverage-ignore
      if (!(error instanceof Refusal)) throw error;
      return error.answer;
    }
  }
}

/** Seen for the authorize page only (status 405, a third party's note); the body is UNCONFIRMED. */
const METHOD_NOT_ALLOWED: Answer = errorAnswer(405, "method_not_allowed", "Method not allowed");

/**
 * The service wants `product/version`. The official SDKs name themselves without a version and work,
 * though a third party was refused with such a name: so these two pass and no other bare word does.
 */
function isUserAgent(value = ""): boolean {
  return value === "tastytrade-sdk-js" || value === "tastytrade-sdk-python" ||
    /^[\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+( |$)/.test(value);
}

/** The newest version that is not after the date serves; only a date before the oldest is refused. */
function isSupported(version: string | undefined, oldest = OLDEST_VERSION): boolean {
  return version === undefined || (/^\d{8}$/.test(version) && version >= oldest);
}
