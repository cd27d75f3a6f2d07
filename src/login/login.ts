/** The login: a user lets this program in with the browser, and the broker gives it a refresh token. */

import type { Exchange } from "./browser_flow.ts";
import { findClient, readClient } from "../credential_options.ts";
import { Credentials, withAccessToken } from "../credentials.ts";
import { Deadline } from "../net/deadline.ts";
import { LoginError } from "../errors.ts";
import type { LoginContext, PasteAddress } from "./flows.ts";
import { requireNetwork } from "../net/platform_fetch.ts";
import { explain } from "../call/api_error.ts";
import {
  type Connection,
  originOf,
  readConnection,
  readTimeout,
  refuseHalf,
  refuseUnknown,
  type SessionOptions,
} from "../session_options.ts";
import { requestToken } from "../token/token_endpoint.ts";

/** How {@linkcode login} asks. Everything has a default. */
export interface LoginOptions extends
  Pick<
    SessionOptions,
    | "broker"
    | "clientId"
    | "clientSecret"
    | "sandbox"
    | "baseUrl"
    | "signInUrl"
    | "userAgent"
    | "fetch"
  > {
  /**
   * What the program may do.
   *
   * @default {broker.login.scopes}
   */
  readonly scopes?: readonly string[] | undefined;
  /**
   * The port of the callback address, which must be registered with the broker.
   *
   * @default {broker.login.ports[0]}
   */
  readonly port?: number | undefined;
  /**
   * Opens the address where the user logs in; `true` opens the system's browser, `false` nothing: then
   * the user visits `http://localhost:<port>/`, which leads there. Where client id or secret is nowhere,
   * it is a page on this machine that asks for them first.
   *
   * @default {true}
   */
  readonly openBrowser?: boolean | ((url: string) => void | Promise<void>) | undefined;
  /**
   * The way for a machine without a browser: it is shown the address where the user logs in, and
   * returns the address on which the browser ended, or the `code` in it. No server is started then, so
   * the browser shows at the end that it cannot reach this address. What is not the answer to this login
   * is asked for again, up to five times in all: then `problem` says what was wrong with the last one.
   *
   * @default {undefined}
   */
  readonly pasteAddress?: PasteAddress | undefined;
  /**
   * How long the user may take, in milliseconds.
   *
   * @default {300_000}
   */
  readonly timeoutMs?: number | undefined;
  /**
   * Ends the login with the signal's reason.
   *
   * @default {undefined}
   */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Logs a user in with the browser: the authorization code flow (RFC 6749 section 4.1) with a callback
 * server on this machine, which is gone when the promise settles.
 *
 * A broker knows a fixed number of callback addresses for a client, and shows an error page of its own
 * for any other: see {@linkcode LoginOptions.port}. TradeStation knows `http://localhost:3001` and some
 * more by default. tastytrade opens this flow to the applications of its "trusted partners" only;
 * personal users get their refresh token from Create Grant, once, and need no login.
 *
 * Where client id or secret are neither given nor in the environment, a local page asks for them.
 *
 * @returns What a {@linkcode Session} signs in with, from then on without a browser.
 * @throws {LoginError} If the user says no, nothing comes back in time, the port is taken, …
 * @throws {CredentialsError} If client id or secret is visibly wrong or, with `pasteAddress`, missing.
 * @throws {TokenError} If the broker refuses to exchange the code for tokens.
 * @throws {NetworkError} If it does not answer that.
 *
 * @example With a person and a browser
 * ```ts ignore
 * import { login, Session, tradestation } from "@tasty/session";
 *
 * const credentials = await login({ broker: tradestation });
 * await using session = new Session(credentials);
 * ```
 *
 * @example Without a browser on this machine
 * ```ts
 * import { login, Session, tradestation } from "@tasty/session";
 * import { startEmulator } from "@tasty/session/emulator";
 *
 * await using emulator = await startEmulator();
 * const credentials = await login({
 *   ...emulator.tradestation,
 *   broker: tradestation,
 *   // In a program: show the address, and read what the user pastes.
 *   pasteAddress: (authorizeUrl) => emulator.decide(authorizeUrl, "accept"),
 * });
 * await using session = new Session(credentials);
 * if (!await session.validate()) throw new Error("Expected to be signed in");
 * ```
 */
export async function login(options: LoginOptions = {}): Promise<Credentials> {
  refuseUnknown(options, OPTIONS, "Cannot log in", "{ broker: tradestation }");
  const connection = readConnection(options);
  const { broker } = connection;
  const context = readContext(options, connection);
  const timeoutMs = readTimeout(options.timeoutMs ?? 300_000);
  const deadline = new Deadline(
    timeoutMs,
    () => timeoutError(context, timeoutMs, options.pasteAddress !== undefined),
    options.signal,
  );
  const exchange: Exchange = async (authorization, code) => {
    deadline.stopTimer(); // from here on it is the token request's own time
    const grant = authorization.grant(code);
    const token = await requestToken(grant, connection, deadline.signal);
    const { refreshToken } = token;
    if (refreshToken === undefined) throw noRefreshToken(context);
    const credentials = new Credentials({
      broker,
      sandbox: connection.sandbox,
      baseUrl: connection.place.baseUrl,
      signInUrl: connection.place.signInUrl,
      ...authorization.client,
      refreshToken,
    });
    return withAccessToken(credentials, token);
  };
  const { openBrowser = true, pasteAddress } = options;
  try {
    requireNetwork(connection.fetch, [connection.endpoints.tokenUrl]); // before the user does anything

    // Loaded here: a program that never logs in needs no web server.
    const { byHand, inBrowser } = await import("./flows.ts");
    const flow = { context, exchange, deadline, timeoutMs };
    return pasteAddress === undefined
      ? await inBrowser(findClient(options, broker), { ...flow, openBrowser })
      : await byHand(readClient(options, broker), { ...flow, pasteAddress });
  } finally {
    deadline.finish();
  }
}

/** The options that there are, and what credentials and emulators carry beside. */
const OPTIONS: ReadonlySet<string> = /* @__PURE__ */ new Set<keyof LoginOptions | "refreshToken">([
  "broker",
  "clientId",
  "clientSecret",
  "refreshToken",
  "sandbox",
  "baseUrl",
  "signInUrl",
  "userAgent",
  "fetch",
  "scopes",
  "port",
  "openBrowser",
  "pasteAddress",
  "timeoutMs",
  "signal",
]);

function readContext({ port, scopes }: LoginOptions, connection: Connection): LoginContext {
  const { broker, endpoints, place } = connection;
  const { login } = broker;
  const { authorizeUrl, tokenUrl, issuer } = endpoints;
  if (login === undefined || authorizeUrl === undefined) {
    throw new TypeError(
      `Cannot log in to ${broker.name}: it has no login with a browser. ${broker.credentialsAdvice}`,
    );
  }
  refuseHalf(place, broker, "authorizeUrl");
  const chosen = port ?? login.ports[0];
  if (!Number.isInteger(chosen) || chosen < 1 || chosen > 65_535) {
    throw new RangeError(
      `Cannot use port ${chosen}: it is one of those registered with ${broker.name}`,
    );
  }
  for (const scope of scopes ?? []) {
    // RFC 6749 section 3.3
    if (!/^[\x21\x23-\x5b\x5d-\x7e]+$/.test(scope)) {
      throw new TypeError(`Cannot ask for the scope "${scope}": a scope is one word`);
    }
  }
  return {
    broker,
    login,
    authorizeUrl,
    port: chosen,
    redirectUri: login.redirectUri(chosen),
    isIssuer: issuer === undefined
      ? (name) => [authorizeUrl, tokenUrl].map(originOf).includes(originOf(name))
      : (name) => name.replace(/\/$/, "") === issuer.replace(/\/$/, ""),
    scopes: scopes ?? login.scopes ?? [],
  };
}

function timeoutError(
  { broker, login, port, redirectUri }: LoginContext,
  ms: number,
  isByHand: boolean,
): LoginError {
  const others = login.ports.filter((other) => other !== port);
  const advice = [
    `If the browser shows an error page of ${broker.name}, this callback address is not ` +
    `registered for the client id: register exactly ${redirectUri}, or pass the port of one that is` +
    (others.length === 0 ? "" : `, by default ${others.join(", ")}`),
    login.advice,
  ];
  return new LoginError(
    explain(`Cannot log in to ${broker.name}`, {
      facts: [
        isByHand
          ? `nothing was pasted in ${ms / 1000} s`
          : `nothing came back to ${redirectUri} in ${ms / 1000} s`,
      ],
      advice,
    }),
    { code: "login_timeout", port, ports: others },
  );
}

function noRefreshToken({ broker, scopes }: LoginContext): LoginError {
  return new LoginError(
    `Cannot log in to ${broker.name}: it sent no refresh token, only an access token that ends soon. ` +
      (scopes.includes("offline_access")
        ? "Ask the broker whether this client may have one"
        : "Add offline_access to scopes, if the broker has that"),
    { code: "no_refresh_token" },
  );
}
