/**
 * The control API: what a test in any language tells an emulator that runs as a command. It answers on the
 * same address, below `/control`, with JSON.
 *
 * No web page can use it: a browser sends `Origin` with each request that changes something, and such
 * requests are refused; the emulator answers under its own host names only.
 */

import type { Fault, LostRequest } from "./fault_queue.ts";
import type { LocalEmulator } from "./local_emulator.ts";
import type { ReceivedRequest } from "./received_request.ts";
import {
  type EmulatedResponse,
  isJsonObject,
  type Json,
  type JsonObject,
  jsonResponse,
  parseJsonObject,
} from "./response.ts";
import { Route } from "./route.ts";
import type { EmulatedUser } from "./emulated_user.ts";
import { NAMED_STREAM_FAULTS, type StreamFault } from "./streams/outlet.ts";
import type { NewAccount } from "./users.ts";
import { tastytradeFaults } from "./tastytrade/faults.ts";
import { tradestationFaults } from "./tradestation/faults.ts";

/** What a request of the control API is about. */
interface ControlCall {
  readonly emulator: LocalEmulator;
  readonly body: JsonObject;
  readonly parameters: readonly string[];
  readonly advanceClock: ((ms: number) => void) | undefined;
}

type Handler = (call: ControlCall) => Json | Promise<Json>;

/** The recorded error responses, by broker and name. */
const RECORDED_FAULTS: ReadonlyMap<string, EmulatedResponse> = new Map(
  Object.entries({ tastytrade: tastytradeFaults, tradestation: tradestationFaults })
    .flatMap(([broker, faults]) =>
      Object.entries(faults).map(([name, fault]) => [`${broker}.${name}`, fault])
    ),
);

/** The faults that are no response. */
const NAMED_FAULTS = ["hang", "hangMidBody", "reset", "resetMidBody"] as const;

const ENDPOINTS: readonly (readonly [string, Handler])[] = [
  ["GET /control", stateOf],
  ["PATCH /control", changeSettings],
  ["POST /control/users", addUser],
  ["POST /control/reset", ({ emulator }) => void emulator.reset()],
  ["GET /control/requests", ({ emulator }) => emulator.requests.map((request) => ({ ...request }))],
  ["DELETE /control/requests", ({ emulator }) => void emulator.forgetRequests()],
  [
    "GET /control/unserved",
    ({ emulator }) => emulator.unserved.map(({ request, what }) => ({ ...pathOf(request), what })),
  ],
  ["GET /control/orders", ({ emulator }) => emulator.orders.map((order) => ({ ...order }))],
  [
    "POST /control/orders/*/reject",
    rejectOrder,
  ],
  [
    "POST /control/faults",
    ({ emulator, body }) =>
      void emulator.injectFault(
        textOf(body, "route"),
        faultOf(body["fault"]),
        numberOf(body, "times") ?? 1,
      ),
  ],
  [
    "POST /control/streams/disturb",
    ({ emulator, body }) => ({
      streams: emulator.disturbStreams(textOf(body, "route"), streamFaultOf(body["fault"])),
    }),
  ],
  ["DELETE /control/faults", ({ emulator }) => void emulator.clearFaults()],
  ["PUT /control/prices/*", setPrice],
  ["POST /control/end-trading-day", ({ emulator }) => void emulator.endTradingDay()],
  ["POST /control/revoke-access-tokens", ({ emulator }) => void emulator.revokeAccessTokens()],
  ["POST /control/revoke-grant", ({ emulator }) => void emulator.revokeGrant()],
  ["POST /control/restore-grant", ({ emulator }) => void emulator.restoreGrant()],
  ["POST /control/consent", consent],
  ["POST /control/clock", advance],
];

const ROUTES = ENDPOINTS.map(([route, handle]) => ({ route: new Route(route), handle }));

/** What a control API can do besides. */
export interface ControlOptions {
  /**
   * Sets the clock of the process ahead, which the emulator reads.
   *
   * @default {undefined} requests for it are refused
   */
  readonly advanceClock?: (ms: number) => void;
}

/** Answers the requests of the control API. */
export class Control {
  readonly #emulator: LocalEmulator;
  readonly #advanceClock: ((ms: number) => void) | undefined;

  constructor(emulator: LocalEmulator, { advanceClock }: ControlOptions = {}) {
    this.#emulator = emulator;
    this.#advanceClock = advanceClock;
  }

  /** Responds to a request whose body is complete. */
  async respond(request: ReceivedRequest): Promise<EmulatedResponse> {
    if (isFromWebPage(request)) return refusal(403, "web pages are not served");
    const path = request.path.split("?", 1).join("");
    const found = ROUTES.find(({ route }) => route.matches(request));
    if (found === undefined) return refusal(404, `there is no ${request.method} ${path}`);
    const body = request.body === "" ? {} : parseJsonObject(request.body);
    if (body === undefined) return refusal(400, "the body is not a JSON object");
    try {
      const result = await found.handle({
        emulator: this.#emulator,
        body,
        parameters: found.route.parameters(path) ?? [],
        advanceClock: this.#advanceClock,
      });
      return result === undefined ? { status: 204 } : jsonResponse(200, result);
    } catch (error) {
      return refusal(400, error instanceof Error ? error.message : String(error));
    }
  }
}

function isFromWebPage({ headers }: ReceivedRequest): boolean {
  const site = headers["sec-fetch-site"] ?? "none"; // what a user types into the address bar is "none"
  return headers["origin"] !== undefined || site !== "none";
}

/** The addresses and credentials, and the settings. */
function stateOf({ emulator }: ControlCall): Json {
  return { url: emulator.url, ...accessOf(emulator), settings: settingsOf(emulator) };
}

/** What a program needs to act for a user. */
function accessOf(user: EmulatedUser): JsonObject {
  const { tastytrade, tastytradeSandbox, tradestation, tradestationSandbox } = user;
  const ofTastytrade = (access: EmulatedUser["tastytrade"]) => ({
    ...access,
    clientId: access.clientId,
    signInUrl: access.signInUrl,
  });
  return {
    tastytrade: ofTastytrade(tastytrade),
    tastytradeSandbox: ofTastytrade(tastytradeSandbox),
    tradestation: { ...tradestation, reusedRefreshTokens: tradestation.reusedRefreshTokens },
    tradestationSandbox: { ...tradestationSandbox },
  };
}

function addUser({ emulator, body }: ControlCall): Json {
  const accounts = body["accounts"];
  if (!Array.isArray(accounts)) throw invalid("accounts");
  return accessOf(emulator.addUser(accounts.map(newAccountOf)));
}

function newAccountOf(value: Json): NewAccount {
  const account = isJsonObject(value) ? value : {};
  const cash = account["cash"] === undefined ? undefined : textOf(account, "cash");
  return { accountNumber: textOf(account, "accountNumber"), cash };
}

function settingsOf(emulator: LocalEmulator): JsonObject {
  return {
    tokenLifetimeS: emulator.tokenLifetimeS ?? null,
    scopes: emulator.scopes ?? null,
    latencyMs: emulator.latencyMs,
    orderDelayMs: emulator.orderDelayMs,
    orderListDelayMs: emulator.orderListDelayMs,
    rotation: emulator.rotation,
    isStateKeptOnDecline: emulator.isStateKeptOnDecline,
    listsConfirmIds: emulator.listsConfirmIds,
    callbackUrls: emulator.callbackUrls,
    endsStreamsWithToken: emulator.endsStreamsWithToken,
    acksNameAccounts: emulator.acksNameAccounts,
    batchesNotifications: emulator.batchesNotifications,
    wantsAuthAfterState: emulator.wantsAuthAfterState,
  };
}

const BOOLEAN_SETTINGS = [
  "rotation",
  "isStateKeptOnDecline",
  "listsConfirmIds",
  "endsStreamsWithToken",
  "acksNameAccounts",
  "batchesNotifications",
  "wantsAuthAfterState",
] as const;

/** Changes the settings that are given; `null` is the broker's own. */
function changeSettings({ emulator, body }: ControlCall): Json {
  const known = settingsOf(emulator);
  for (const name of Object.keys(body)) {
    if (!(name in known)) throw new TypeError(`there is no setting "${name}"`);
  }
  const has = (name: string) => body[name] !== undefined;
  if (has("tokenLifetimeS")) emulator.tokenLifetimeS = numberOf(body, "tokenLifetimeS");
  if (has("scopes")) emulator.scopes = body["scopes"] === null ? undefined : textOf(body, "scopes");
  if (has("latencyMs")) emulator.latencyMs = numberOf(body, "latencyMs") ?? 0;
  if (has("orderDelayMs")) emulator.orderDelayMs = numberOf(body, "orderDelayMs") ?? 0;
  if (has("orderListDelayMs")) {
    emulator.orderListDelayMs = numberOf(body, "orderListDelayMs") ?? 0;
  }
  for (const name of BOOLEAN_SETTINGS) if (has(name)) emulator[name] = booleanOf(body, name);
  if (has("callbackUrls")) emulator.callbackUrls = textsOf(body, "callbackUrls");
  return settingsOf(emulator);
}

/** Each environment has ids of its own. */
function rejectOrder({ emulator, body, parameters: [id = ""] }: ControlCall): Json {
  const found = emulator.orders.filter((order) =>
    `${order.id}` === id && (body["broker"] ?? order.broker) === order.broker &&
    (body["environment"] ?? order.environment) === order.environment
  );
  const [order] = found;
  if (order === undefined) throw new TypeError(`there is no order ${id}`);
  if (found.length > 1) {
    throw new TypeError(`several orders are ${id}: tell broker and environment`);
  }
  emulator.rejectOrder(order, textOf(body, "reason"));
  return undefined;
}

function setPrice({ emulator, body, parameters: [symbol = ""] }: ControlCall): Json {
  const size = body["size"] === undefined ? undefined : textOf(body, "size");
  emulator.setPrice(symbol, textOf(body, "price"), size);
  return undefined;
}

async function consent({ emulator, body }: ControlCall): Promise<Json> {
  const decision = body["decision"] ?? "accept";
  if (decision !== "accept" && decision !== "decline") throw invalid("decision");
  return { location: await emulator.submitConsent(textOf(body, "authorizeUrl"), decision) };
}

function advance({ body, advanceClock }: ControlCall): Json {
  const ms = numberOf(body, "advanceMs");
  if (ms === undefined) throw invalid("advanceMs");
  if (advanceClock === undefined) {
    throw new TypeError("this emulator shares its clock with a program");
  }
  advanceClock(ms);
  return { now: new Date(Date.now()).toISOString() };
}

/** A fault by its name, as `"tastytrade.badGateway"` or `"hang"`, or the response itself. */
function faultOf(value: Json): Fault {
  if (isJsonObject(value)) {
    if ("afterEffect" in value) return { afterEffect: lostRequestOf(value["afterEffect"]) };
    if (typeof value["status"] !== "number") throw invalid("fault.status");
    return {
      status: value["status"],
      headers: headersOf(value["headers"]),
      body: `${value["body"] ?? ""}`,
    };
  }
  const name = NAMED_FAULTS.find((name) => name === value);
  if (name !== undefined) return name;
  const found = RECORDED_FAULTS.get(`${value}`);
  if (found === undefined) throw invalid("fault");
  return found;
}

/** A fault of an open stream by its name, or a frame to send, or a code to close with. */
function streamFaultOf(value: Json): StreamFault {
  if (isJsonObject(value)) {
    if ("send" in value) return { send: textOf(value, "send") };
    const close = numberOf(value, "close");
    if (close === undefined) throw invalid("fault");
    return { close, reason: `${value["reason"] ?? ""}` };
  }
  const name = NAMED_STREAM_FAULTS.find((name) => name === value);
  if (name === undefined) throw invalid("fault");
  return name;
}

function lostRequestOf(value: Json): LostRequest {
  const fault = faultOf(value);
  if (fault === "hang" || fault === "reset") return fault;
  if (typeof fault === "string" || "afterEffect" in fault) throw invalid("fault.afterEffect");
  return fault;
}

function headersOf(value: Json): Readonly<Record<string, string>> {
  if (!isJsonObject(value)) return {};
  return Object.fromEntries(Object.entries(value).map(([name, text]) => [name, `${text}`]));
}

function pathOf({ method, path, broker, environment }: ReceivedRequest): JsonObject {
  return { method, path, broker, environment };
}

function textOf(body: JsonObject, name: string): string {
  const value = body[name];
  if (typeof value !== "string" || value === "") throw invalid(name);
  return value;
}

function textsOf(body: JsonObject, name: string): readonly string[] {
  const value = body[name];
  if (!Array.isArray(value)) throw invalid(name);
  const texts = value.filter((text) => typeof text === "string");
  if (texts.length < value.length) throw invalid(name);
  return texts;
}

/** `null` and nothing are `undefined`. */
function numberOf(body: JsonObject, name: string): number | undefined {
  const value = body[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "number" || !(value >= 0)) throw invalid(name);
  return value;
}

function booleanOf(body: JsonObject, name: string): boolean {
  const value = body[name];
  if (typeof value !== "boolean") throw invalid(name);
  return value;
}

function invalid(name: string): TypeError {
  return new TypeError(`${name} is missing or not valid`);
}

function refusal(status: number, message: string): EmulatedResponse {
  return jsonResponse(status, { error: `The control API refuses this: ${message}` });
}
