/**
 * The emulator: both brokers on a local port, for tests and for trying things out.
 *
 * It serves what was recorded from the real services and is as strict as they are. What it does not model
 * it refuses with the status 501 and a header, and lists in `emulator.unserved`. It can inject faults, and
 * counts requests. It listens on 127.0.0.1 only and knows no real account.
 *
 * @example A client of the emulator
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
 * ## Tests of a program
 *
 * Let the program take its session from outside, and give it one of the emulator's. Each test has an emulator of its
 * own, so that tests can run side by side; it starts in milliseconds and ends with the block.
 *
 * ```ts ignore
 * import assert from "node:assert/strict";
 * import { test } from "node:test"; // with Vitest: from "vitest"
 * import { Session } from "@tasty/session";
 * import { startEmulator } from "@tasty/session/emulator";
 * import { buy } from "./bot.ts";
 *
 * test("it knows what it has bought although the answer was lost", async () => {
 *   await using emulator = await startEmulator();
 *   await using session = new Session({ ...emulator.tastytrade });
 *   emulator.setPrice("AAPL", "187.20");
 *   emulator.injectFault("POST /accounts/*\/orders", { afterEffect: "reset" });
 *   assert.equal(await buy(session, "AAPL", "187.20"), "Filled");
 *   assert.equal(emulator.orders.length, 1); // and not two
 * });
 * ```
 *
 * The same file runs with each runtime's own tests:
 *
 * | | |
 * | --- | --- |
 * | Deno | `deno test --allow-net=127.0.0.1`; `Deno.test` in place of `node:test` works too |
 * | Bun | `bun test` |
 * | Node 24 | `node --test`; Node 22 has no `await using`: close both in `finally` |
 * | Vitest | `npx vitest`, with `test` from `"vitest"` |
 *
 * What to test besides: an order that the broker refuses (`tastytradeFaults.preflightFailed`), a session whose grant
 * is lost (`tastytradeFaults.grantRevoked` at the token endpoint), a stream that breaks (`disturbStreams()`), an order
 * that fills while it is cancelled (`orderDelayMs`). A call to what the emulator does not model gets a 501: assert at
 * the end that `emulator.unserved` is empty. `bot_test.ts` among the examples has more.
 *
 * @module
 */

import type { Decision } from "./consent.ts";
import { Control, type ControlOptions } from "./control.ts";
import type { EmulatedOrder } from "./emulated_order.ts";
import type { EmulatedUser } from "./emulated_user.ts";
import type { Fault, LostRequest, LostResponse } from "./fault_queue.ts";
import { LocalEmulator } from "./local_emulator.ts";
import type { ReceivedRequest } from "./received_request.ts";
import type { EmulatedTastytrade, TastytradeSettings } from "./tastytrade/access.ts";
import type { EmulatedTradestation, TradestationSettings } from "./tradestation/access.ts";
import type { UnservedRequest } from "./unserved.ts";
import type { NewAccount } from "./users.ts";
import type { StreamFault } from "./streams/outlet.ts";

export type { StreamFault } from "./streams/outlet.ts";
export type { EmulatedResponse, Json, JsonObject } from "./response.ts";
export type {
  ControlOptions,
  Decision,
  EmulatedOrder,
  EmulatedTastytrade,
  EmulatedTradestation,
  EmulatedUser,
  Fault,
  LostRequest,
  LostResponse,
  NewAccount,
  ReceivedRequest,
  TastytradeSettings,
  TradestationSettings,
  UnservedRequest,
};
export { type TastytradeFaults, tastytradeFaults } from "./tastytrade/faults.ts";
export { type TradestationFaults, tradestationFaults } from "./tradestation/faults.ts";

/** Options of {@linkcode startEmulator}. */
export interface EmulatorOptions {
  /**
   * The port on 127.0.0.1; 0 is any free one.
   *
   * @default {0}
   */
  port?: number;
  /**
   * The client id, for every emulated broker. A program in another language, or one that is started
   * later, can then have its credentials beforehand.
   *
   * @default {undefined} a random one for each broker
   */
  clientId?: string | undefined;
  /**
   * The client secret, likewise.
   *
   * @default {undefined} a random one for each broker
   */
  clientSecret?: string | undefined;
  /**
   * The refresh token of the first grant, likewise.
   *
   * @default {undefined} a random one for each broker
   */
  refreshToken?: string | undefined;
  /**
   * Whether the control API answers below `/control`, by which a test in any language can do what this
   * object can. The command has it.
   *
   * @default {false}
   */
  control?: boolean | ControlOptions;
  /**
   * Called once for each request: after its response, or at once if it never gets one.
   *
   * @default {undefined}
   */
  onRequest?: (request: ReceivedRequest) => void;
}

/** A running emulator. Its own addresses and credentials are those of the first user. */
export interface Emulator extends EmulatedUser, AsyncDisposable {
  /** Its address, for instance `http://127.0.0.1:8787`. */
  readonly url: string;

  /**
   * Adds a user, who sees no accounts but these. The first user has the recorded ones, and signs in on the
   * login pages.
   *
   * @param accounts The accounts, which begin empty but for their cash.
   * @returns What sessions of the user need: `new Session(user.tastytrade)`. It outlives
   * {@linkcode Emulator.reset}, as the accounts do.
   * @throws {TypeError} If an account number or an amount is not valid, or an account has the number.
   */
  addUser(accounts: readonly NewAccount[]): EmulatedUser;

  /** The requests so far, in the order of arrival. A live view. */
  readonly requests: readonly ReceivedRequest[];
  /**
   * The requests that were refused because the emulator does not model something of them, in the order of
   * arrival: a path, a query parameter, a field, an order type. Their responses have the status 501 and the
   * header `x-emulator-unserved`. A test that expects none of them asserts that this is empty.
   */
  readonly unserved: readonly UnservedRequest[];
  /** The orders that were placed or that replaced another, oldest first. A live view of each. */
  readonly orders: readonly EmulatedOrder[];

  /**
   * `expires_in` of new access tokens, in seconds.
   *
   * @default {undefined} the broker's own: 900 at tastytrade, 1200 at TradeStation
   */
  tokenLifetimeS: number | undefined;
  /**
   * The delay of each response, in milliseconds. A request has its effect before the delay.
   *
   * @default {0}
   */
  latencyMs: number;
  /**
   * How long an order stays in each status before it works (at tastytrade `Received`, `Routed`, `In Flight`),
   * and how long a cancellation takes, in milliseconds. A fill may come before the cancellation.
   *
   * @default {0} an order works, and is cancelled, before the next request
   */
  orderDelayMs: number;
  /**
   * How long a placed order is missing from the lists, and from the answers for its id, in milliseconds. How
   * long that is at the brokers is not documented.
   *
   * @default {0}
   */
  orderListDelayMs: number;
  /**
   * Whether a stream ends when the access token expires with which it was opened, or which it was sent last.
   * Whether that is so at the brokers is UNCONFIRMED.
   *
   * @default {false}
   */
  endsStreamsWithToken: boolean;
  /**
   * What grants permit, separated by spaces, as far as it was asked for. It applies to existing tokens
   * too. Without `trade` (`Trade` at TradeStation), orders are refused; without `openid`, there is no id
   * token; without `offline_access`, TradeStation's code exchange returns no refresh token.
   *
   * @default {undefined} what the broker gives to a new client: `read trade openid` at tastytrade;
   * `openid profile email MarketData ReadAccount Trade offline_access` at TradeStation
   */
  scopes: string | undefined;

  /**
   * Counts the requests of a route, with or without a response.
   *
   * @param route Method and path, without the prefix of the broker, for instance `GET /accounts/*\/orders`.
   * `*` is any one segment or any method, and `**` at the end is any rest. A broker, an environment or
   * both may precede it: `tradestation POST /oauth/token`, `sandbox GET /**`.
   */
  count(route: string): number;
  /** Forgets {@linkcode Emulator.requests} and {@linkcode Emulator.unserved}, which resets the counts to 0. */
  forgetRequests(): void;
  /** Invalidates every access token issued so far: API requests with them get a 401. */
  revokeAccessTokens(): void;
  /**
   * Makes the token endpoints refuse the refresh tokens issued so far. Access tokens remain valid, and a
   * new login gets a valid refresh token.
   */
  revokeGrant(): void;
  /** Undoes {@linkcode Emulator.revokeGrant}. */
  restoreGrant(): void;
  /**
   * Injects a fault. Several faults for one route happen one after the other.
   *
   * @param route As for {@linkcode Emulator.count}.
   * @param fault What happens. {@linkcode tastytradeFaults} and {@linkcode tradestationFaults} have the
   * recorded ones.
   * @param times For how many requests; 1 by default, may be `Infinity`.
   */
  injectFault(route: string, fault: Fault, times?: number): void;
  /** Removes all faults that have not happened yet. */
  clearFaults(): void;
  /**
   * Lets something go wrong with streams that are open. What a stream gets in place of its opening is
   * injected with {@linkcode Emulator.injectFault}.
   *
   * @param route As for {@linkcode Emulator.count}; tastytrade's account streamer is `GET /streamer`, its
   * quotes are `GET /realtime` (`GET /delayed` in the sandbox).
   * @returns With how many.
   * @throws {TypeError} If a stream has no such fault.
   */
  disturbStreams(route: string, fault: StreamFault): number;
  /** How many streams of a route are open. */
  countStreams(route: string): number;
  /**
   * Puts everything back as it was at the start: orders, prices, faults, requests and settings. Credentials
   * and tokens remain.
   */
  reset(): void;
  /**
   * Sets the price of a symbol, for both brokers, and fills the orders that take it: limits at this price or
   * a better one, stops that it reaches. Without a price nothing is filled, except in the sandboxes:
   * tastytrade's fills a market order at 1, and a limit up to 3 at its limit; TradeStation's fills a market
   * order at the price, or at 216.32 if there is none.
   *
   * @param symbol As the orders name it, for instance `AAPL` or `AAPL  230616C00060000`.
   * @param price A decimal string.
   * @param size How much can be traded at it, so that larger orders are filled in part; any quantity if it
   * is left out.
   * @throws {TypeError} If the price or the size is not a positive amount.
   */
  setPrice(symbol: string, price: string, size?: string): void;
  /** Ends the trading day: orders for the day expire, and those whose last day it was. */
  endTradingDay(): void;
  /**
   * Rejects an order after it was accepted.
   *
   * @param order One of {@linkcode Emulator.orders}.
   * @param reason What the broker says.
   * @throws {TypeError} If there is no such order, or it has ended.
   */
  rejectOrder(
    order: Pick<EmulatedOrder, "broker" | "environment" | "id">,
    reason: string,
  ): void;
  /**
   * Plays the user's part in a login: gets the consent page and submits the decision.
   *
   * @param authorizeUrl An address of this emulator, as a login opens it in the browser.
   * @param decision What the user decides.
   * @returns Where the browser is sent. Nothing is requested there.
   * @throws {TypeError} If the address is not of this emulator.
   * @throws {Error} If the sign-in shows an error page instead, with the words of that page.
   */
  submitConsent(authorizeUrl: string, decision: Decision): Promise<string>;
  /** Closes all connections and stops listening. May be called twice. */
  close(): Promise<void>;
}

/**
 * Starts an emulator.
 *
 * @param options Where to listen.
 * @returns The emulator, which listens.
 * @throws {Error} If the port is taken, with the code `EADDRINUSE`.
 *
 * @example One fault
 * ```ts
 * import { startEmulator, tastytradeFaults } from "@tasty/session/emulator";
 *
 * const emulator = await startEmulator();
 * emulator.injectFault("GET /customers/me", tastytradeFaults.badGateway);
 * const response = await fetch(`${emulator.tastytrade.baseUrl}/customers/me`);
 * if (response.status !== 502) throw new Error("Expected a fault");
 * await response.body?.cancel();
 * await emulator.close();
 * ```
 */
export async function startEmulator(options: EmulatorOptions = {}): Promise<Emulator> {
  const {
    port = 0,
    control = false,
    onRequest = () => {},
    clientId,
    clientSecret,
    refreshToken,
    ...others
  } = options;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) {
    throw new TypeError(`Cannot start the emulator: there is no option "${unknown}"`);
  }
  const credentials = { clientId, clientSecret, refreshToken };
  for (const [name, value] of Object.entries(credentials)) {
    if (value === undefined || /^[\x21-\x7e]+$/.test(value)) continue;
    throw new TypeError(
      `Cannot start the emulator: ${name} must be ASCII characters without white space`,
    );
  }
  const emulator = new LocalEmulator(credentials, onRequest);
  if (control !== false) {
    const api = new Control(emulator, control === true ? {} : control);
    emulator.control = (request) => api.respond(request);
  }
  await emulator.listen(port);
  return emulator;
}
