/**
 * The emulator itself: leads each request to the service of its path, and a fault in its place.
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { Decimal } from "./decimal.ts";
import { type Decision, submitConsent } from "./consent.ts";
import type { EmulatedOrder } from "./emulated_order.ts";
import type { EmulatedUser } from "./emulated_user.ts";
import { Market } from "./exchange/market.ts";
import { type Fault, FaultQueue, type LostRequest } from "./fault_queue.ts";
import {
  LoopbackServer,
  readBody,
  reset,
  send,
  sendHalf,
  sendStream,
  sendToSocket,
} from "./loopback_server.ts";
import { type OpenRequest, type ReceivedRequest, RequestLog } from "./received_request.ts";
import type { EmulatedResponse } from "./response.ts";
import { EmulatorSettings } from "./emulator_settings.ts";
import type {
  AcceptedSocket,
  ChosenCredentials,
  Issuer,
  Service,
  Settings,
  StreamedResponse,
} from "./service.ts";
import { OpenStreams } from "./streams/open_streams.ts";
import type { StreamFault } from "./streams/outlet.ts";
import { refusedHandshake, WebSocketConnection } from "./streams/web_socket.ts";
import { type EmulatedTastytrade, tastytradeAccess } from "./tastytrade/access.ts";
import { recordedNumbers } from "./tastytrade/account_list.ts";
import { Tastytrade } from "./tastytrade/tastytrade.ts";
import { type EmulatedTradestation, tradestationAccess } from "./tradestation/access.ts";
import { isRecorded } from "./tradestation/account_list.ts";
import { TradestationSignIn } from "./tradestation/sign_in.ts";
import { Tradestation } from "./tradestation/tradestation.ts";
import { Unserved, type UnservedRequest, unservedResponse } from "./unserved.ts";
import { type NewAccount, Users } from "./users.ts";

/** The path of the control API. */
const CONTROL_PREFIX = "/control";

/** A running emulator. What its members do is documented at `Emulator`. */
export class LocalEmulator extends EmulatorSettings implements Settings {
  readonly credentials: ChosenCredentials;
  readonly unserved: UnservedRequest[] = [];
  readonly users: Users = new Users((number) =>
    recordedNumbers.includes(number) || isRecorded(number)
  );

  readonly #production: Tastytrade;
  readonly #sandbox: Tastytrade;
  readonly #signIn: TradestationSignIn;
  readonly #live: Tradestation;
  readonly #sim: Tradestation;
  readonly #environments: readonly (Tastytrade | Tradestation)[];
  readonly #services: readonly Service[];
  readonly #issuers: readonly Issuer[];
  readonly #market = new Market();
  readonly #log = new RequestLog();
  readonly #faults = new FaultQueue();
  readonly #streams = new OpenStreams();
  readonly #server = new LoopbackServer(
    (message, response) => this.#receive(message, response),
    (message, socket, head) => this.#upgrade(message, socket, head),
  );
  readonly #onRequest: (request: ReceivedRequest) => void;
  /** Answers the control API, if there is one. */
  control: ((request: ReceivedRequest) => Promise<EmulatedResponse>) | undefined;

  constructor(credentials: ChosenCredentials, onRequest: (request: ReceivedRequest) => void) {
    super();
    this.credentials = credentials;
    this.#onRequest = onRequest;
    this.#production = new Tastytrade("production", this.#market, this);
    this.#sandbox = new Tastytrade("sandbox", this.#market, this);
    this.#signIn = new TradestationSignIn(this);
    const { grants } = this.#signIn;
    this.#live = new Tradestation("production", this.#market, grants, this);
    this.#sim = new Tradestation("sandbox", this.#market, grants, this);
    this.#environments = [this.#production, this.#sandbox, this.#live, this.#sim];
    this.#services = [
      this.#production,
      this.#production.signIn,
      this.#sandbox,
      this.#sandbox.signIn,
      this.#live,
      this.#sim,
      this.#signIn,
    ];
    this.#issuers = [
      this.#production.tokens.registry,
      this.#sandbox.tokens.registry,
      this.#signIn.grants.registry,
    ];
  }

  async listen(port: number): Promise<void> {
    await this.#server.listen(port);
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.port}`;
  }

  get socketUrl(): string {
    return this.url.replace(/^http/, "ws");
  }

  get tastytrade(): EmulatedTastytrade {
    return tastytradeAccess(this.#production, this);
  }

  get tastytradeSandbox(): EmulatedTastytrade & { readonly sandbox: true } {
    return Object.assign(tastytradeAccess(this.#sandbox, this), SANDBOX);
  }

  get tradestation(): EmulatedTradestation {
    return tradestationAccess(this.url, this.#live, this.#signIn, this);
  }

  get tradestationSandbox(): EmulatedTradestation & { readonly sandbox: true } {
    return Object.assign(tradestationAccess(this.url, this.#sim, this.#signIn, this), SANDBOX);
  }

  addUser(accounts: readonly NewAccount[]): EmulatedUser {
    const { url } = this;
    const user = this.users.add(accounts);
    const tastytradeOf = (environment: Tastytrade) =>
      tastytradeAccess(environment, this, environment.tokens.grant(user));
    // One grant is good for LIVE and SIM.
    const token = this.#signIn.grants.grant(user);
    const tradestationOf = (environment: Tradestation) =>
      tradestationAccess(url, environment, this.#signIn, this, token);
    return {
      tastytrade: tastytradeOf(this.#production),
      tastytradeSandbox: Object.assign(tastytradeOf(this.#sandbox), SANDBOX),
      tradestation: tradestationOf(this.#live),
      tradestationSandbox: Object.assign(tradestationOf(this.#sim), SANDBOX),
    };
  }

  get requests(): readonly ReceivedRequest[] {
    return this.#log.requests;
  }

  get orders(): readonly EmulatedOrder[] {
    return this.#environments.flatMap(({ book }) => book.placed);
  }

  count(route: string): number {
    return this.#log.count(route);
  }

  forgetRequests(): void {
    this.#log.clear();
    this.unserved.length = 0;
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

  reset(): void {
    this.#streams.clear();
    this.#market.clear();
    for (const environment of this.#environments) environment.reset();
    this.clearFaults();
    this.forgetRequests();
    this.restoreGrant();
    Object.assign(this, new EmulatorSettings());
  }

  injectFault(route: string, fault: Fault, times = 1): void {
    this.#faults.add(route, fault, times);
  }

  clearFaults(): void {
    this.#faults.clear();
  }

  disturbStreams(route: string, fault: StreamFault): number {
    return this.#streams.disturb(route, fault);
  }

  countStreams(route: string): number {
    return this.#streams.count(route);
  }

  setPrice(symbol: string, price: string, size?: string): void {
    const amounts = [price, ...(size === undefined ? [] : [size])];
    for (const amount of amounts) {
      if (Decimal.isDecimal(amount) && Decimal.from(amount).isPositive) continue;
      throw new TypeError(
        `Cannot set the price of ${symbol}: "${amount}" is not a positive amount`,
      );
    }
    const available = size === undefined ? undefined : Decimal.from(size);
    for (const { book } of this.#environments) book.settle();
    this.#market.set(symbol, Decimal.from(price), available);
    for (const { book } of this.#environments) book.settle();
    this.#streams.update();
  }

  endTradingDay(): void {
    for (const { book } of this.#environments) book.endDay();
    this.#streams.update();
  }

  rejectOrder(
    { broker, environment, id }: Pick<EmulatedOrder, "broker" | "environment" | "id">,
    reason: string,
  ): void {
    const place = this.#environments.find((one) =>
      one.broker === broker && one.environment === environment
    );
    if (place?.book.reject(id, reason)) return this.#streams.update();
    throw new TypeError(`Cannot reject the order ${id}: there is none that works`);
  }

  async submitConsent(authorizeUrl: string, decision: Decision): Promise<string> {
    if (isUnder(this.url, authorizeUrl)) return await submitConsent(authorizeUrl, decision);
    throw new TypeError(`Cannot ${decision}: "${authorizeUrl}" is not an address of this emulator`);
  }

  close(): Promise<void> {
    return this.#server.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #receive(message: IncomingMessage, response: ServerResponse): Promise<void> {
    if (this.control !== undefined && isUnder(CONTROL_PREFIX, message.url)) {
      return await this.#receiveControl(this.control, message, response);
    }
    const service = this.#services.find(({ prefix }) => isUnder(prefix, message.url));
    const request = this.#log.add(message, service);
    const body = await readBody(message);
    if (body !== undefined) {
      request.body = body;
      await this.#respond(request, service, message, response);
    }
    this.#onRequest(request);
  }

  /** Requests of the control API are not those of a program: nobody counts them. */
  async #receiveControl(
    control: (request: ReceivedRequest) => Promise<EmulatedResponse>,
    message: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const request = new RequestLog().add(message, undefined);
    const body = await readBody(message);
    if (body !== undefined) {
      request.body = body;
      send(response, isLocalHost(request) ? await control(request) : WRONG_HOST);
    }
  }

  async #respond(
    request: OpenRequest,
    service: Service | undefined,
    message: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const taken = this.#faults.take(request);
    const isLate = typeof taken === "object" && "afterEffect" in taken;
    if (isLate) this.#responseTo(request, service);
    const fault = isLate ? taken.afterEffect : taken;
    if (fault === "hang") return;
    const emulated = typeof fault === "object"
      ? fault
      : fault === "reset"
      ? undefined
      : this.#responseTo(request, service);
    if (this.latencyMs > 0) await this.#server.pause(this.latencyMs);
    if (emulated === undefined) return reset(message);
    if (message.socket.destroyed) return;
    request.status = emulated.status;
    if ("begin" in emulated) {
      const wire = sendStream(message, response, emulated);
      const { outlet, remove } = this.#streams.add(request, wire, emulated.begin);
      response.on("close", remove);
      if (fault === "hangMidBody") outlet.disturb("silence");
      if (fault === "resetMidBody") outlet.disturb("reset");
      return;
    }
    if (typeof fault !== "string") return send(response, emulated);
    await sendHalf(response, emulated);
    if (fault === "resetMidBody") message.socket.destroy();
  }

  #responseTo(
    request: OpenRequest,
    service: Service | undefined,
  ): EmulatedResponse | StreamedResponse {
    const emulated = this.#serve(request, () => service?.respond(request) ?? NOT_FOUND);
    this.#streams.update();
    return emulated;
  }

  #serve<T>(request: OpenRequest, serve: () => T): T | EmulatedResponse {
    if (!isLocalHost(request)) return WRONG_HOST;
    try {
      return serve();
    } catch (error) {
      if (!(error instanceof Unserved)) return failedResponse(error);
      this.unserved.push({ request, what: error.what });
      return unservedResponse(error);
    }
  }

  async #upgrade(message: IncomingMessage, socket: Duplex, head: Uint8Array): Promise<void> {
    const service = this.#services.find(({ prefix }) => isUnder(prefix, message.url));
    const request = this.#log.add(message, service);
    const fault = lostUpgradeOf(this.#faults.take(request));
    if (this.latencyMs > 0) await this.#server.pause(this.latencyMs);
    if (fault === "reset") socket.destroy();
    else if (fault !== "hang") {
      const refuse = (what: string) => void this.unserved.push({ request, what });
      const upgrade = () => fault ?? service?.upgrade?.(request, refuse) ?? NOT_FOUND;
      this.#answerUpgrade(request, socket, head, this.#serve(request, upgrade));
    }
    this.#onRequest(request);
  }

  #answerUpgrade(
    request: OpenRequest,
    socket: Duplex,
    head: Uint8Array,
    accepted: EmulatedResponse | AcceptedSocket,
  ): void {
    const refusal = "begin" in accepted ? refusedHandshake(request) : accepted;
    request.status = refusal?.status ?? 101;
    if (!("begin" in accepted) || refusal !== undefined) {
      return sendToSocket(socket, refusal ?? NOT_FOUND);
    }
    const connection = new WebSocketConnection(socket, {
      maxMessageBytes: accepted.maxMessageBytes,
      receive: (text) => stream.receive(text),
      closed: () => stream.remove(),
    });
    const stream = this.#streams.add(request, connection, accepted.begin);
    connection.start(request, head);
  }
}

const SANDBOX = { sandbox: true } as const;

/** What a fault is to a WebSocket that is to be opened, which has no body. */
function lostUpgradeOf(fault: Fault | undefined): LostRequest | undefined {
  if (fault === undefined) return undefined;
  if (fault === "hangMidBody") return "hang";
  if (fault === "resetMidBody") return "reset";
  return typeof fault === "object" && "afterEffect" in fault ? fault.afterEffect : fault;
}

/** For a web page that reaches this address by DNS rebinding, under another host name. */
const WRONG_HOST: EmulatedResponse = {
  status: 421,
  body: "The emulator answers under 127.0.0.1 and localhost only\n",
};

/** For a path without the prefix of a broker. */
const NOT_FOUND: EmulatedResponse = {
  status: 404,
  body: "Not an address of an emulated broker\n",
};

/** An error in the emulator must not end the program that runs it. */
function failedResponse(error: unknown): EmulatedResponse {
  return {
    status: 500,
    headers: { "x-emulator-failure": "true" },
    body: `The emulator itself has failed: ${error}\n`,
  };
}

/** Whether the host is this machine. The port may be that of a test's proxy. */
function isLocalHost({ headers }: ReceivedRequest): boolean {
  return /^(127\.0\.0\.1|localhost)(:\d+)?$/i.test(headers["host"] ?? "");
}

function isUnder(prefix: string, url = ""): boolean {
  return url.startsWith(prefix) && /^($|[/?])/.test(url.slice(prefix.length));
}
