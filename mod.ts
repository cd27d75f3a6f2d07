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
