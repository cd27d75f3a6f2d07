/**
 * Signs a program in to a broker, tastytrade or TradeStation, and keeps it signed in.
 *
 * A session turns a client secret and a refresh token into short-lived access tokens and sends requests
 * with them. It never sends an order twice, its errors say what to do, and money is decimal strings. It
 * has no dependencies, and runs on Deno, Bun, Node and Cloudflare Workers.
 *
 * With the broker's credentials in the environment, which no test has:
 *
 * ```ts ignore
 * import { Account, Session } from "@tasty/session";
 *
 * await using session = new Session(); // TASTY_CLIENT_SECRET, TASTY_REFRESH_TOKEN
 * for (const account of await Account.get(session)) {
 *   console.log(account.accountNumber, account.accountType, account.nickname);
 * }
 * ```
 *
 * Without an account at the broker, with the emulator:
 *
 * ```ts
 * import { Customer, Session } from "@tasty/session";
 * import { startEmulator } from "@tasty/session/emulator";
 *
 * await using emulator = await startEmulator();
 * await using session = new Session({ ...emulator.tastytrade });
 * const customer = await Customer.get(session);
 * console.log(`Good morning, ${customer.firstName}`);
 * ```
 *
 * ## What it does
 *
 * A session tells what it does over `node:diagnostics_channel`, on Deno, Bun, Node and, with `nodejs_compat`,
 * Cloudflare Workers: each order, call, attempt and wait with its reason, each token request, also those in the
 * background, the store, and the connections of streams. A {@linkcode SessionEvent} holds no secret, header or body.
 * Where nobody listens, nothing is made.
 *
 * ```ts
 * import { subscribe } from "node:diagnostics_channel";
 * import type { TokenEvent, WaitEvent } from "@tasty/session";
 *
 * subscribe("tracing:tasty-session:wait:start", (message) => {
 *   const { reason, forMs, after } = message as WaitEvent;
 *   console.log("waits", reason, forMs, after);
 * });
 * subscribe("tracing:tasty-session:token:error", (message) => {
 *   const { isPermanent, error } = message as TokenEvent;
 *   if (isPermanent) console.error("somebody must log in again:", error?.message);
 * });
 * ```
 *
 * Among the examples, `log.ts` prints all of it, one line for each thing that is worth knowing; `otel.ts` sends spans
 * to an OpenTelemetry collector; `alert.ts` tells somebody that the grant is lost, as `session.isGrantLost` does.
 *
 * ## Web servers
 *
 * Open one session when the server starts, and use it in all requests: they share its token, its rate limit and its
 * pauses after failures. An {@linkcode AutoRefreshSession} has a live token when a visitor comes. Let visitors who
 * come at once share one answer, because the brokers permit few requests: tastytrade one read of an account's
 * balances in a second. Answer a health check with `session.isGrantLost`, which sends nothing. On SIGTERM stop the
 * server first, which waits for the requests that it has begun, and then close the session. `web_server.ts` among the
 * examples does so with `Deno.serve`, `Bun.serve` and `node:http`. Servers of several processes need a store.
 *
 * A Cloudflare Worker opens a session for each request, because there a request may not wait for what another one
 * has begun.
 *
 * ## Streams
 *
 * `account.updates()` tells of orders, positions and balances at both brokers, `session.stream()` of any chunked JSON
 * of TradeStation. Both are async iterables: nothing is opened before the iteration, and `break`, `close()`, `signal`
 * or the end of the session close them. A program that only waits for events stays alive.
 *
 * What may be missing is told: a `gap` with its reason, and then a new `snapshot` replaces what the program knew.
 * Take no state over from before it.
 *
 * ```ts
 * import { Account, type Order, Session } from "@tasty/session";
 * import { startEmulator } from "@tasty/session/emulator";
 *
 * await using emulator = await startEmulator();
 * await using session = new Session({ ...emulator.tastytrade });
 * const account = await Account.get(session, "5WT00000");
 *
 * const orders = new Map<string, Order>();
 * for await (const event of account.updates()) {
 *   if (event.kind === "gap") console.log("something may be missing:", event.reason);
 *   if (event.kind === "snapshot" && event.type === "order") {
 *     orders.clear();
 *     for (const order of event.orders) orders.set(order.id, order);
 *     break; // a real program goes on
 *   }
 *   if (event.kind === "update" && event.type === "order") orders.set(event.order.id, event.order);
 * }
 * ```
 *
 * A healthy stream may leave something out too: `updates({ reconcileMs: 60_000 })` compares it with the broker's
 * lists. Events wait for the program in memory, 10,000 at most; then they are dropped, and a gap tells
 * `slow_consumer`. tastytrade's quotes come from another server, with `session.quoteToken()` and its client
 * `@dxfeed/dxlink-api`: `quotes.ts` among the examples. The account streamer needs the platform's `WebSocket`, which
 * Node has since version 22.
 *
 * ## Many processes
 *
 * Sessions with one store share their tokens: the entry `@tasty/session/stores` says how.
 *
 * ## Tests
 *
 * The entry `@tasty/session/emulator` is both brokers on a local port, for the tests of your program.
 *
 * ## Proxies and certificates
 *
 * Requests go through the runtime's own `fetch`, so the runtime decides:
 *
 * | | Deno | Bun | Node 24 |
 * | --- | --- | --- | --- |
 * | a proxy | `HTTPS_PROXY`, `NO_PROXY` | `HTTPS_PROXY`, `NO_PROXY` | the same, with `NODE_USE_ENV_PROXY=1` |
 * | another authority | `NODE_EXTRA_CA_CERTS=ca.pem` | `NODE_EXTRA_CA_CERTS=ca.pem` | `NODE_EXTRA_CA_CERTS=ca.pem` |
 * | the machine's authorities | `DENO_TLS_CA_STORE=system` | `NODE_USE_SYSTEM_CA=1` | `NODE_USE_SYSTEM_CA=1` |
 *
 * A proxy with a password has it in its address: `http://user:password@proxy:8080`. tastytrade's account streamer is a
 * WebSocket, which Bun connects without the proxy. For a proxy or an authority of one session only, pass a `fetch`:
 *
 * ```ts ignore
 * const client = Deno.createHttpClient({ proxy: { url: "http://proxy:8080" }, caCerts: [pem] });
 * new Session({ fetch: (input, init) => fetch(input, { ...init, client }) });
 *
 * new Session({ fetch: (input, init) => fetch(input, { ...init, proxy: "http://proxy:8080" }) }); // Bun
 *
 * import { fetch, ProxyAgent } from "undici"; // Node, from npm
 * const dispatcher = new ProxyAgent("http://proxy:8080");
 * new Session({ fetch: (input, init) => fetch(input, { ...init, dispatcher }) });
 * ```
 *
 * Behind a proxy that inspects connections the token is visible to whoever runs it.
 *
 * @module
 */

export { Account } from "./src/account.ts";
export { AutoRefreshSession } from "./src/auto_refresh_session.ts";
export type {
  ApiErrorResponse,
  Broker,
  BrokerAccounts,
  BrokerCustomers,
  BrokerHosts,
  BrokerLogin,
  CredentialProblem,
  EndpointOptions,
  Endpoints,
  ErrorResponse,
  Page,
  ParsedApiError,
  ParsedTokenError,
  RateLimit,
  TokenErrorResponse,
} from "./src/brokers/broker.ts";
export type {
  BrokerOrders,
  DryRun,
  NewOrder,
  Order,
  OrderChanges,
  OrderLeg,
  OrderRequest,
  OrderStamp,
  OrderState,
  OrderTarget,
  TastytradeChanges,
  TastytradeLeg,
  TastytradeOrder,
  TastytradeStatus,
  TradestationAction,
  TradestationChanges,
  TradestationOrder,
  TradestationStatus,
  Word,
} from "./src/brokers/orders.ts";
export type {
  AccountRecord,
  Balances,
  CustomerRecord,
  Position,
  Raw,
} from "./src/brokers/records.ts";
export type { BrokerQuoteTokens, QuoteToken } from "./src/brokers/quote_tokens.ts";
export type { BrokerStreams, StreamFrame } from "./src/brokers/streams.ts";
export type {
  AccountMessage,
  BrokerUpdates,
  SocketUpdates,
  StreamedUpdates,
} from "./src/brokers/updates.ts";
export { tastytrade } from "./src/brokers/tastytrade/tastytrade.ts";
export { tradestation } from "./src/brokers/tradestation/tradestation.ts";
export type {
  AbortedCall,
  AbortOptions,
  CallOptions,
  FindOrderOptions,
  OrderOptions,
  RefreshOptions,
  RequestOptions,
  StreamOptions,
} from "./src/call/call_options.ts";
export type { SessionRequestInit } from "./src/call/request.ts";
export type { RetryOptions } from "./src/call/retry.ts";
export type { ConnectionOptions } from "./src/connection.ts";
export type { CredentialOptions } from "./src/credential_options.ts";
export { Credentials, type CredentialsOptions } from "./src/credentials.ts";
export { Customer } from "./src/customer.ts";
export {
  ApiError,
  type ApiErrorDetail,
  type ApiErrorOptions,
  type CallOutcome,
  CredentialsError,
  type CredentialsErrorCode,
  LoginError,
  type LoginErrorOptions,
  NetworkError,
  type NetworkErrorKind,
  RateLimitError,
  SessionClosedError,
  SessionError,
  TokenError,
  type TokenErrorOptions,
} from "./src/errors.ts";
export { login, type LoginOptions } from "./src/login/login.ts";
export type { PasteAddress } from "./src/login/flows.ts";
export type { BodyFactory } from "./src/net/request_body.ts";
export type { Query } from "./src/net/url.ts";
export { Session } from "./src/session.ts";
export type { SessionOptions } from "./src/session_options.ts";
export type { StreamEvent } from "./src/streams/chunked_stream.ts";
export type { EventStream } from "./src/streams/event_stream.ts";
export type { Gap, GapReason } from "./src/gap.ts";
export type {
  AttemptEvent,
  AttemptResult,
  EventBase,
  EventError,
  OrderEvent,
  RequestEvent,
  SessionEvent,
  StoreEvent,
  StreamConnectionEvent,
  TokenEvent,
  TokenReason,
  WaitEvent,
  WaitReason,
} from "./src/tracing/session_event.ts";
export type {
  AccountChange,
  AccountSnapshot,
  AccountUpdate,
  UpdateOptions,
} from "./src/updates/account_update.ts";
export { fileStore } from "./src/store/file_store.ts";
export type { TokenStore } from "./src/store/token_store.ts";
