/**
 * The emulator: the brokers on a local port, for tests and for trying things out.
 *
 * It serves what was recorded from the real services, is strict where they are strict, takes orders
 * for trouble, and counts what arrives. It listens on 127.0.0.1 only and knows no real account.
 *
 * @example A client against the emulator
 * ```ts
 * import { startEmulator } from "@tasty/session/emulator";
 *
 * const emulator = await startEmulator();
 * const { baseUrl, clientSecret, refreshToken } = emulator.tastytrade;
 * const response = await fetch(`${baseUrl}/oauth/token`, {
 *   method: "POST",
 *   headers: { "content-type": "application/json", "user-agent": "example/1.0" },
 *   body: JSON.stringify({
 *     grant_type: "refresh_token",
 *     client_secret: clientSecret,
 *     refresh_token: refreshToken,
 *   }),
 * });
 * const token = await response.json();
 * if (token.expires_in !== 900) throw new Error("Expected a token for 15 minutes");
 * if (emulator.count("POST /oauth/token") !== 1) throw new Error("Expected one request");
 * await emulator.close();
 * ```
 *
 * @module
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Answer } from "./answer.ts";
import { type Decision, submitDecision } from "./browser.ts";
import type { EmulatedOrder } from "./emulated_order.ts";
import { LoopbackServer, readBody, reset, send, sendHalf } from "./loopback_server.ts";
import { type OpenRequest, type ReceivedRequest, RequestLog } from "./received_request.ts";
import type { Behaviour, Issuer, Site } from "./site.ts";
import { type EmulatorCredentials, Tastytrade } from "./tastytrade/tastytrade.ts";
import { defaultCallbackUrls, TradestationSignIn } from "./tradestation/sign_in.ts";
import { Tradestation, type TradestationCredentials } from "./tradestation/tradestation.ts";
import { type Trouble, TroubleQueue } from "./trouble.ts";

export type { Answer, Json, JsonObject } from "./answer.ts";
export type {
  Decision,
  EmulatedOrder,
  EmulatorCredentials,
  ReceivedRequest,
  TradestationCredentials,
  Trouble,
};
export { type Troubles, troubles } from "./tastytrade/troubles.ts";
export { type TradestationTroubles, tradestationTroubles } from "./tradestation/troubles.ts";

/** How {@linkcode startEmulator} starts. */
export interface EmulatorOptions {
  /**
   * The port on 127.0.0.1; 0 means any free one.
   *
   * @default {0}
   */
  port?: number;
  /**
   * Called once for each request: when it is answered, or at once when it never will be.
   *
   * @default {undefined}
   */
  onRequest?: (request: ReceivedRequest) => void;
}

/** A running emulator. */
export interface Emulator extends AsyncDisposable {
  /** Where it listens, as `http://127.0.0.1:8787`. */
  readonly url: string;
  /** What opens a session with tastytrade's production. */
  readonly tastytrade: EmulatorCredentials;
  /** What opens a session with tastytrade's sandbox: its own address, grant and tokens. */
  readonly tastytradeSandbox: EmulatorCredentials & { readonly sandbox: true };
  /** The id of the client whose secret {@linkcode Emulator.tastytrade} has. */
  readonly tastytradeClientId: string;
  /** The id of the client whose secret {@linkcode Emulator.tastytradeSandbox} has. */
  readonly tastytradeSandboxClientId: string;
  /** Where users let a client in at tastytrade's production: `/auth.html` is below it. */
  readonly tastytradeSignInUrl: string;
  /** Where users let a client in at tastytrade's sandbox. */
  readonly tastytradeSandboxSignInUrl: string;
  /** What opens a session with TradeStation's LIVE. */
  readonly tradestation: TradestationCredentials;
  /**
   * What opens a session with TradeStation's SIM: another address for the API, and all else the same.
   * The documentation has one sign-in and one audience and names no token of its own for SIM, so a
   * token is good for both here; UNCONFIRMED.
   */
  readonly tradestationSandbox: TradestationCredentials & { readonly sandbox: true };

  /** What arrived so far, in the order of arrival. A live view. */
  readonly requests: readonly ReceivedRequest[];
  /** The orders that were placed or that replaced another, oldest first. A live view of each. */
  readonly orders: readonly EmulatedOrder[];

  /**
   * `expires_in`, in seconds, of the access tokens issued from now on.
   *
   * @default {undefined} the broker's own: 900 at tastytrade, 1200 at TradeStation
   */
  tokenLifetimeS: number | undefined;
  /**
   * How long each answer waits, in milliseconds. A request has its effect before the wait.
   *
   * @default {0}
   */
  latencyMs: number;
  /**
   * What grants permit from now on, tokens issued earlier included, as far as it was asked for. Without
   * `trade` (`Trade` at TradeStation), order writes are refused; without `openid`, there is no id token;
   * without `offline_access`, TradeStation's code exchange brings no refresh token.
   *
   * @default {undefined} all that the broker gives to a new client: `read trade openid` at tastytrade;
   * `openid profile email MarketData ReadAccount Trade offline_access` at TradeStation
   */
  scopes: string | undefined;
  /**
   * Whether TradeStation answers a refresh with a new refresh token, and spends the old one. To present a
   * spent one revokes all that came of the same grant, as Auth0 does it without leeway. The limits of a
   * rotating token in time (30 or 40 minutes, 24 hours) are left out.
   *
   * @default {false} as for a new TradeStation key
   */
  rotation: boolean;
  /** How often a spent refresh token was presented. */
  readonly reusedRefreshTokens: number;
  /**
   * Whether TradeStation sends the `state` back when the user declines. Auth0 does; the example in
   * TradeStation's documentation has none.
   *
   * @default {true}
   */
  isStateKeptOnDecline: boolean;
  /**
   * The redirect URIs that are registered for TradeStation's client, compared to the letter.
   *
   * @default {["http://localhost", "http://localhost:80", "http://localhost:3000", "http://localhost:3001", "http://localhost:8080", "http://localhost:31022"]}
   */
  callbackUrls: readonly string[];

  /**
   * How many requests of a route arrived, answered or not.
   *
   * @param route Method and path as in `GET /accounts/*\/orders`, without the environment's prefix; `*`
   * is any one segment or any method, a last `**` is whatever follows. A broker, an environment or both
   * may stand before it: `tradestation POST /oauth/token`, `sandbox GET /**`.
   */
  count(route: string): number;
  /** Forgets {@linkcode Emulator.requests}, and so sets the counts to 0. */
  forgetRequests(): void;
  /** Makes every access token issued so far invalid, as seen by API calls: 401. */
  revokeAccessTokens(): void;
  /**
   * Lets the token endpoints refuse the refresh tokens issued so far. Access tokens live on, and who
   * signs in anew gets a good refresh token.
   */
  revokeGrant(): void;
  /** Undoes {@linkcode Emulator.revokeGrant}. */
  restoreGrant(): void;
  /**
   * Orders trouble. Orders for the same route are served one after the other.
   *
   * @param route As for {@linkcode Emulator.count}.
   * @param trouble What happens instead; {@linkcode troubles} has the recorded ones.
   * @param times For how many requests; 1 when left out, may be `Infinity`.
   */
  trouble(route: string, trouble: Trouble, times?: number): void;
  /** Forgets all trouble that was ordered and not yet served. */
  endTroubles(): void;
  /**
   * Does what a browser and its user would: gets the consent page and submits the decision.
   *
   * @param authorizeUrl An address of this emulator, as a client sends the browser to it.
   * @param decision What the user does.
   * @returns Where the browser is sent then. Nothing is requested from there.
   * @throws {TypeError} If the address is not this emulator's.
   * @throws {Error} If the sign-in shows an error page instead, with the words of that page.
   */
  decide(authorizeUrl: string, decision: Decision): Promise<string>;
  /** Destroys all connections and stops to listen. May be called again. */
  close(): Promise<void>;
}

/**
 * Starts an emulator.
 *
 * @param options Where to listen.
 * @returns The emulator, listening.
 * @throws {Error} If the port is taken, with the code `EADDRINUSE`.
 *
 * @example One bad answer
 * ```ts
 * import { startEmulator, troubles } from "@tasty/session/emulator";
 *
 * const emulator = await startEmulator();
 * emulator.trouble("GET /customers/me", troubles.badGateway);
 * const response = await fetch(`${emulator.tastytrade.baseUrl}/customers/me`);
 * if (response.status !== 502) throw new Error("Expected trouble");
 * await response.body?.cancel();
 * await emulator.close();
 * ```
 */
export async function startEmulator(options: EmulatorOptions = {}): Promise<Emulator> {
  const { port = 0, onRequest = () => {}, ...others } = options;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) {
    throw new TypeError(`Cannot start the emulator: there is no option "${unknown}"`);
  }
  const emulator = new LocalEmulator(onRequest);
  await emulator.listen(port);
  return emulator;
}

class LocalEmulator implements Emulator, Behaviour {
  tokenLifetimeS: number | undefined = undefined;
  latencyMs = 0;
  scopes: string | undefined = undefined;
  rotation = false;
  isStateKeptOnDecline = true;
  callbackUrls = defaultCallbackUrls;

  readonly #production: Tastytrade = new Tastytrade("production", this);
  readonly #sandbox: Tastytrade = new Tastytrade("sandbox", this);
  readonly #signIn: TradestationSignIn = new TradestationSignIn(this);
  readonly #live: Tradestation = new Tradestation("production", this.#signIn.grants);
  readonly #sim: Tradestation = new Tradestation("sandbox", this.#signIn.grants);
  readonly #sites: readonly Site[] = [
    this.#production,
    this.#production.signIn,
    this.#sandbox,
    this.#sandbox.signIn,
    this.#live,
    this.#sim,
    this.#signIn,
  ];
  readonly #issuers: readonly Issuer[] = [
    this.#production.tokens,
    this.#sandbox.tokens,
    this.#signIn.grants,
  ];
  readonly #log = new RequestLog();
  readonly #troubles = new TroubleQueue();
  readonly #server = new LoopbackServer((message, response) => this.#receive(message, response));
  readonly #onRequest: (request: ReceivedRequest) => void;

  constructor(onRequest: (request: ReceivedRequest) => void) {
    this.#onRequest = onRequest;
  }

  async listen(port: number): Promise<void> {
    await this.#server.listen(port);
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.port}`;
  }

  get tastytrade(): EmulatorCredentials {
    return this.#production.credentials(this.url);
  }

  get tastytradeSandbox(): EmulatorCredentials & { readonly sandbox: true } {
    return { ...this.#sandbox.credentials(this.url), sandbox: true };
  }

  get tastytradeClientId(): string {
    return this.#production.tokens.clientId;
  }

  get tastytradeSandboxClientId(): string {
    return this.#sandbox.tokens.clientId;
  }

  get tastytradeSignInUrl(): string {
    return this.url + this.#production.signIn.prefix;
  }

  get tastytradeSandboxSignInUrl(): string {
    return this.url + this.#sandbox.signIn.prefix;
  }

  get tradestation(): TradestationCredentials {
    const { clientId, clientSecret, refreshToken } = this.#signIn.grants;
    return {
      clientId,
      clientSecret,
      refreshToken,
      baseUrl: this.url + this.#live.prefix,
      signInUrl: this.url + this.#signIn.prefix,
    };
  }

  get tradestationSandbox(): TradestationCredentials & { readonly sandbox: true } {
    return { ...this.tradestation, baseUrl: this.url + this.#sim.prefix, sandbox: true };
  }

  get reusedRefreshTokens(): number {
    return this.#signIn.grants.reusedRefreshTokens;
  }

  get requests(): readonly ReceivedRequest[] {
    return this.#log.requests;
  }

  get orders(): readonly EmulatedOrder[] {
    return [this.#production, this.#sandbox, this.#live, this.#sim].flatMap(({ orders }) => orders);
  }

  count(route: string): number {
    return this.#log.count(route);
  }

  forgetRequests(): void {
    this.#log.clear();
  }

  revokeAccessTokens(): void {
    for (const issuer of this.#issuers) issuer.revokeAccessTokens();
  }

  revokeGrant(): void {
    for (const issuer of this.#issuers) issuer.revokeGrants();
  }

  restoreGrant(): void {
    for (const issuer of this.#issuers) issuer.restoreGrants();
  }

  trouble(route: string, trouble: Trouble, times = 1): void {
    this.#troubles.add(route, trouble, times);
  }

  endTroubles(): void {
    this.#troubles.clear();
  }

  async decide(authorizeUrl: string, decision: Decision): Promise<string> {
    if (!isUnder(this.url, authorizeUrl)) {
      throw new TypeError(`Cannot ${decision}: "${authorizeUrl}" is no address of this emulator`);
    }
    return await submitDecision(authorizeUrl, decision);
  }

  close(): Promise<void> {
    return this.#server.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #receive(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const site = this.#sites.find(({ prefix }) => isUnder(prefix, message.url));
    const request = this.#log.add(message, site);
    const body = await readBody(message);
    if (body !== undefined) {
      request.body = body;
      await this.#answer(request, site, message, response);
    }
    this.#onRequest(request);
  }

  #answerOf(request: OpenRequest, site: Site | undefined): Answer {
    // The port may be that of a proxy of the test's own.
    if (!/^(127\.0\.0\.1|localhost)(:\d+)?$/i.test(request.headers["host"] ?? "")) {
      return WRONG_HOST;
    }
    try {
      return site?.answer(request) ?? NO_SITE;
    } catch (error) {
      return failedAnswer(error);
    }
  }

  async #answer(
    request: OpenRequest,
    site: Site | undefined,
    message: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const trouble = this.#troubles.take(request);
    if (trouble === "hang") return;
    const answer = typeof trouble === "object"
      ? trouble
      : trouble === "reset"
      ? undefined
      : this.#answerOf(request, site);
    if (this.latencyMs > 0) await this.#server.pause(this.latencyMs);
    if (answer === undefined) return reset(message);
    if (message.socket.destroyed) return;
    request.status = answer.status;
    if (typeof trouble !== "string") return send(response, answer);
    await sendHalf(response, answer);
    if (trouble === "resetMidBody") message.socket.destroy();
  }
}

/**
 * What a page gets that was rebound to this address by DNS: the books are open to whoever knows the
 * address, but only under its own name.
 */
const WRONG_HOST: Answer = {
  status: 421,
  body: "The emulator answers under 127.0.0.1 and localhost only\n",
};

/** A mistake in the emulator must not end the program that runs it. */
function failedAnswer(error: unknown): Answer {
  return {
    status: 500,
    headers: { "x-emulator-failure": "true" },
    body: `The emulator itself has failed: ${error}\n`,
  };
}

/** What is outside all prefixes is of no broker, so this is nobody's recorded answer. */
const NO_SITE: Answer = { status: 404, body: "Not an address of an emulated broker\n" };

function isUnder(prefix: string, url = ""): boolean {
  return url.startsWith(prefix) && /^($|[/?])/.test(url.slice(prefix.length));
}
