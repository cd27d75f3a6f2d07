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
import { LoopbackServer, readBody, reset, send, sendHalf } from "./loopback_server.ts";
import { type OpenRequest, type ReceivedRequest, RequestLog } from "./received_request.ts";
import type { Behaviour, Site } from "./site.ts";
import {
  type EmulatedOrder,
  type EmulatorCredentials,
  Tastytrade,
} from "./tastytrade/tastytrade.ts";
import { type Trouble, TroubleQueue } from "./trouble.ts";

export type { Answer, Json, JsonObject } from "./answer.ts";
export type { EmulatedOrder, EmulatorCredentials, ReceivedRequest, Trouble };
export { type Troubles, troubles } from "./tastytrade/troubles.ts";

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

  /** What arrived so far, in the order of arrival. A live view. */
  readonly requests: readonly ReceivedRequest[];
  /** The orders that were placed or that replaced another, oldest first. A live view of each. */
  readonly orders: readonly EmulatedOrder[];

  /**
   * `expires_in`, in seconds, of the access tokens issued from now on.
   *
   * @default {900}
   */
  tokenLifetimeS: number;
  /**
   * How long each answer waits, in milliseconds. A request has its effect before the wait.
   *
   * @default {0}
   */
  latencyMs: number;
  /**
   * What grants permit from now on, tokens issued earlier included. Without `trade`, order writes are
   * refused; without `openid`, there is no id token.
   *
   * @default {"read trade openid"}
   */
  scopes: string;

  /**
   * How many requests of a route arrived, answered or not.
   *
   * @param route Method and path as in `GET /accounts/*\/orders`, without the environment's prefix; `*`
   * is any one segment or any method, a last `**` is whatever follows.
   */
  count(route: string): number;
  /** Forgets {@linkcode Emulator.requests}, and so sets the counts to 0. */
  forgetRequests(): void;
  /** Makes every access token issued so far invalid, as seen by API calls: 401. */
  revokeAccessTokens(): void;
  /** Lets the token endpoints answer `Grant revoked`. Access tokens issued earlier live on. */
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
  const { port = 0, onRequest = () => {} } = options;
  const emulator = new LocalEmulator(onRequest);
  await emulator.listen(port);
  return emulator;
}

class LocalEmulator implements Emulator, Behaviour {
  tokenLifetimeS = 900;
  latencyMs = 0;
  scopes = "read trade openid";
  isGrantRevoked = false;

  readonly #production: Tastytrade = new Tastytrade("production", this);
  readonly #sandbox: Tastytrade = new Tastytrade("sandbox", this);
  readonly #sites: readonly Site[] = [this.#production, this.#sandbox];
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

  get requests(): readonly ReceivedRequest[] {
    return this.#log.requests;
  }

  get orders(): readonly EmulatedOrder[] {
    return [...this.#production.orders, ...this.#sandbox.orders];
  }

  count(route: string): number {
    return this.#log.count(route);
  }

  forgetRequests(): void {
    this.#log.clear();
  }

  revokeAccessTokens(): void {
    for (const site of this.#sites) site.revokeAccessTokens();
  }

  revokeGrant(): void {
    this.isGrantRevoked = true;
  }

  restoreGrant(): void {
    this.isGrantRevoked = false;
  }

  trouble(route: string, trouble: Trouble, times = 1): void {
    this.#troubles.add(route, trouble, times);
  }

  endTroubles(): void {
    this.#troubles.clear();
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
      : site?.answer(request) ?? NO_SITE;
    if (this.latencyMs > 0) await this.#server.pause(this.latencyMs);
    if (answer === undefined) return reset(message);
    if (message.socket.destroyed) return;
    request.status = answer.status;
    if (typeof trouble !== "string") return send(response, answer);
    await sendHalf(response, answer);
    if (trouble === "resetMidBody") message.socket.destroy();
  }
}

/** What is outside all prefixes is of no broker, so this is nobody's recorded answer. */
const NO_SITE: Answer = { status: 404, body: "Not an address of an emulated broker\n" };

function isUnder(prefix: string, url = ""): boolean {
  return url.startsWith(prefix) && /^($|[/?])/.test(url.slice(prefix.length));
}
