/**
 * Signs a program in to a brokerage, tastytrade or TradeStation, and keeps it signed in.
 *
 * A session holds a client secret and a refresh token, turns them into short-lived access tokens,
 * and sends requests with them. An order goes out once, errors say what to do, money is decimal
 * strings. There are no dependencies, and it runs on Deno, Bun and Node.
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
 * Without an account at the broker, the emulator stands in for it:
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
  ApiProblem,
  ApiRefusal,
  Broker,
  BrokerAccounts,
  BrokerCustomers,
  BrokerHosts,
  BrokerLogin,
  CredentialComplaint,
  EndpointOptions,
  Endpoints,
  Page,
  RateLimit,
  Refusal,
  TokenProblem,
  TokenRefusal,
} from "./src/brokers/broker.ts";
export type {
  AccountRecord,
  Balances,
  CustomerRecord,
  Position,
  Raw,
} from "./src/brokers/records.ts";
export { tastytrade } from "./src/brokers/tastytrade.ts";
export { tradestation } from "./src/brokers/tradestation.ts";
export type { CredentialOptions } from "./src/credential_options.ts";
export { Credentials, type CredentialsOptions } from "./src/credentials.ts";
export { Customer } from "./src/customer.ts";
export {
  ApiError,
  type ApiErrorOptions,
  type ApiFault,
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
} from "./src/errors.ts";
export { fileStore } from "./src/store/file_store.ts";
export { login, type LoginOptions } from "./src/login/login.ts";
export type { PasteAddress } from "./src/login/flows.ts";
export type { BodyFactory, OutgoingInit, Query } from "./src/call/request.ts";
export type { RetryOptions } from "./src/call/retry.ts";
export {
  type CallOptions,
  type RefreshOptions,
  type RequestOptions,
  Session,
  type SessionRequestInit,
} from "./src/session.ts";
export type { SessionOptions } from "./src/session_options.ts";
export type { StoredTokens, TokenStore } from "./src/store/token_store.ts";
