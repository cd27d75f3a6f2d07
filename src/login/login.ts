/** The login: a user authorizes this program in a browser, and the broker issues a refresh token. */

import {
  type Connection,
  type ConnectionOptions,
  readConnection,
  refuseHalf,
} from "../connection.ts";
import { type CredentialOptions, findClient, readClient } from "../credential_options.ts";
import { Credentials } from "../credentials.ts";
import { formatMessage } from "../error_message.ts";
import { LoginError } from "../errors.ts";
import { checkTimeout, Deadline } from "../net/deadline.ts";
import { requireNetwork } from "../net/platform_fetch.ts";
import { originOf } from "../net/url.ts";
import { nodeProcess } from "../node_process.ts";
import { refuseUnknownOptions } from "../unknown_options.ts";
import { keepAccessToken } from "../token/login_tokens.ts";
import { requestToken } from "../token/token_endpoint.ts";
import type { Exchange } from "./browser_flow.ts";
import type { LoginContext, PasteAddress } from "./flows.ts";

/** The options of {@linkcode login}. All have a default. */
export interface LoginOptions
  extends ConnectionOptions, Pick<CredentialOptions, "clientId" | "clientSecret"> {
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
   * Opens the address where the user logs in. `true` opens the system's browser. `false` opens nothing,
   * and the user visits `http://localhost:<port>/`, which leads there. If client id or secret is unknown,
   * the address is that of a local page which asks for them.
   *
   * @default {true}
   */
  readonly openBrowser?: boolean | ((url: string) => void | Promise<void>) | undefined;
  /**
   * For a machine without a browser: shows the user the address where to log in, and returns the
   * address at which the browser ends, or the `code` in it. No server is started, so the browser shows
   * at the end that it cannot reach that address. If the result is not the response to this login, the
   * function is called again, up to five times in all, with a `problem` that says what is wrong.
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
   * Aborts the login, which then rejects with the signal's reason.
   *
   * @default {undefined}
   */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Logs a user in with a browser: the authorization code flow (RFC 6749 section 4.1) with a callback
 * server on this machine, which is closed when the promise settles.
 *
 * A broker registers certain callback addresses for a client, and shows an error page for any other:
 * see {@linkcode LoginOptions.port}. TradeStation registers `http://localhost:3001` and some more by
 * default. tastytrade permits this login to applications of its "trusted partners" only; personal users
 * get their refresh token once, from Create Grant.
 *
 * If client id or secret is neither passed nor in the environment, a local page asks for them.
 *
 * @returns The credentials for a {@linkcode Session}, which needs no browser from then on.
 * @throws {LoginError} If the user declines, nothing comes back in time, the port is taken, ….
 * @throws {CredentialsError} If client id or secret is visibly wrong or, with `pasteAddress`, missing.
 * @throws {TokenError} If the broker refuses to exchange the code for tokens.
 * @throws {NetworkError} If there is no response to that.
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
 *   pasteAddress: (authorizeUrl) => emulator.submitConsent(authorizeUrl, "accept"),
 * });
 * await using session = new Session(credentials);
 * if (!await session.validate()) throw new Error("Expected to be signed in");
 * ```
 */
export async function login(options: LoginOptions = {}): Promise<Credentials> {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(
      "Cannot log in: the options must be an object, for instance { broker: tradestation }",
    );
  }
  refuseUnknownOptions(options, KNOWN_NAMES, "Cannot log in");
  const connection = readConnection(options);
  const { broker } = connection;
  const context = readContext(options, connection);
  const { openBrowser = true, pasteAddress } = options;
  const timeoutMs = checkTimeout(options.timeoutMs ?? 300_000);
  const timeout = () => timeoutError(context, timeoutMs, pasteAddress !== undefined);
  const deadline = new Deadline(timeoutMs, timeout, options.signal);
  try {
    requireNetwork(connection.fetch, [connection.endpoints.tokenUrl]); // before the user does anything

    // A program that never logs in loads no web server, and runs where there is none.
    if (nodeProcess() === undefined) throw cannotLogInHere();
    const { loginByPaste, loginInBrowser } = await import("./flows.ts");
    const exchange = exchangeFor(connection, context, deadline);
    const flow = { context, exchange, deadline, timeoutMs };
    return pasteAddress === undefined
      ? await loginInBrowser(findClient(options, broker), { ...flow, openBrowser })
      : await loginByPaste(readClient(options, broker, options.broker === undefined), {
        ...flow,
        pasteAddress,
      });
  } finally {
    deadline.dispose();
  }
}

/** The names of all options, and `refreshToken`, which credentials and emulators carry. */
const KNOWN_NAMES: ReadonlySet<string> = /* @__PURE__ */ new Set<
  keyof LoginOptions | "refreshToken"
>([
  "broker",
  "clientId",
  "clientSecret",
  "refreshToken",
  "sandbox",
  "baseUrl",
  "signInUrl",
  "streamerUrl",
  "userAgent",
  "fetch",
  "scopes",
  "port",
  "openBrowser",
  "pasteAddress",
  "timeoutMs",
  "signal",
]);

/** Makes the function that exchanges the code for tokens. */
function exchangeFor(
  connection: Connection,
  context: LoginContext,
  deadline: Deadline,
): Exchange {
  const { broker, sandbox, place: { baseUrl, signInUrl, streamerUrl } } = connection;
  return async (authorization, code) => {
    deadline.stopTimer(); // the token request has a timeout of its own
    const token = await requestToken(authorization.grant(code), connection, deadline.signal);
    const { refreshToken } = token;
    if (refreshToken === undefined) throw noRefreshToken(context);
    const { client } = authorization;
    const addresses = { baseUrl, signInUrl, streamerUrl };
    const options = { broker, sandbox, ...addresses, ...client, refreshToken };
    const credentials = new Credentials(options);
    keepAccessToken(credentials, token);
    return credentials;
  };
}

function readContext({ port, scopes }: LoginOptions, connection: Connection): LoginContext {
  const { broker, endpoints } = connection;
  const { login } = broker;
  const { authorizeUrl, tokenUrl, issuer } = endpoints;
  if (login === undefined || authorizeUrl === undefined) {
    throw new TypeError(
      `Cannot log in to ${broker.name}: it has no login with a browser. ${broker.credentialsHelp}`,
    );
  }
  refuseHalf(connection, "authorizeUrl");
  const chosen = port ?? login.ports[0];
  if (!Number.isInteger(chosen) || chosen < 1 || chosen > 65_535) {
    throw new RangeError(
      `Cannot use port ${chosen}: it must be one that is registered with ${broker.name}`,
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
  isPasted: boolean,
): LoginError {
  const ports = login.ports.filter((other) => other !== port);
  const otherPorts = ports.length === 0 ? "" : `, by default ${ports.join(", ")}`;
  const fact = isPasted ? "nothing was pasted" : `nothing came back to ${redirectUri}`;
  const message = formatMessage(`Cannot log in to ${broker.name}`, {
    facts: [`${fact} in ${ms / 1000} s`],
    advice: [
      `If the browser shows an error page of ${broker.name}, this callback address is not ` +
      `registered for the client id: register exactly ${redirectUri}, or pass the port of one that ` +
      `is${otherPorts}`,
      login.help,
    ],
  });
  return new LoginError(message, { code: "login_timeout", port, ports });
}

function cannotLogInHere(): LoginError {
  return new LoginError(
    "Cannot log in: this runtime has no web server for the browser to come back to (node:http). " +
      "Log in on a computer, and pass the refresh token to this program",
    { code: "unsupported_runtime" },
  );
}

function noRefreshToken({ broker, scopes }: LoginContext): LoginError {
  return new LoginError(
    `Cannot log in to ${broker.name}: it sent no refresh token, only an access token that expires ` +
      "soon. " +
      (scopes.includes("offline_access")
        ? "Ask the broker whether this client may have one"
        : "Add offline_access to scopes, if the broker has that"),
    { code: "no_refresh_token" },
  );
}
