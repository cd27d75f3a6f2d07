/** The two ways to log in: through a browser on this machine, and by pasting the address. */

import type { Client } from "../credential_options.ts";
import type { Credentials } from "../credentials.ts";
import { formatMessage } from "../error_message.ts";
import { LoginError, SessionError, TokenError } from "../errors.ts";
import type { Deadline } from "../net/deadline.ts";
import { Authorization, type AuthorizationContext } from "./authorization.ts";
import { BrowserFlow, type Exchange } from "./browser_flow.ts";
import { CallbackServer } from "./callback_server.ts";
import { openSystemBrowser } from "./open_browser.ts";
import { findCode, unknownCode } from "./pasted_address.ts";

/** What a login asks for, and the port of its callback address. */
export interface LoginContext extends AuthorizationContext {
  readonly port: number;
}

/** What both ways need. */
interface Flow {
  readonly context: LoginContext;
  readonly exchange: Exchange;
  readonly deadline: Deadline;
  /** How long the user may take for a response, in milliseconds. */
  readonly timeoutMs: number;
}

/** Whether to open a browser, or what opens one. */
export type OpenBrowser = boolean | ((url: string) => void | Promise<void>);

/**
 * Shows the address where the user logs in, and returns what the user pastes. `problem` says what was
 * wrong with what was pasted before.
 */
export type PasteAddress = (
  authorizeUrl: string,
  problem: LoginError | undefined,
) => string | Promise<string>;

/** How many times the user is asked before the login fails. */
const MAX_PASTES = 5;

/** Sends the browser to the broker, and waits for it at the callback address. */
export async function loginInBrowser(
  client: Partial<Client>,
  { openBrowser, context, exchange, deadline }: Flow & { readonly openBrowser: OpenBrowser },
): Promise<Credentials> {
  const flow = new BrowserFlow(client, context, exchange);
  const server = new CallbackServer(
    new URL(context.redirectUri),
    (request) => flow.answer(request),
  );
  try {
    await server.listen().catch((cause: unknown) => {
      throw listenError(cause, context);
    });
    deadline.signal.throwIfAborted();
    open(openBrowser, flow.startUrl, context).catch((error: unknown) => {
      if (!flow.isAnswered) deadline.abort(error);
    });
    try {
      return await deadline.race(flow.credentials);
    } finally {
      // Unless the login was aborted, the browser is about to request the last page.
      if (!deadline.signal.aborted) await server.waitForLastPage();
    }
  } finally {
    await server.close();
  }
}

/** Shows the address, and reads what the user pastes. */
export async function loginByPaste(
  client: Client,
  { pasteAddress, context, exchange, deadline, timeoutMs }: Flow & {
    readonly pasteAddress: PasteAddress;
  },
): Promise<Credentials> {
  const authorization = new Authorization(client, context);
  const ask = async (problem?: LoginError) => await pasteAddress(authorization.url, problem);
  let problem: LoginError | undefined;
  for (let pastes = 1;; pastes++) {
    const pasted = await deadline.race(ask(problem));
    try {
      const { code, isProven } = findCode(pasted, authorization, context);
      return await exchange(authorization, code).catch((error: unknown) => {
        const isUnknown = error instanceof TokenError && error.code === "invalid_grant";
        throw isUnknown && !isProven ? unknownCode(context) : error;
      });
    } catch (error) {
      const isMistake = error instanceof LoginError &&
        (error.code === "invalid_address" || error.code === "state_mismatch");
      if (!isMistake || pastes === MAX_PASTES) throw error;
      problem = error;
      deadline.restartTimer(timeoutMs);
    }
  }
}

async function open(
  openBrowser: OpenBrowser,
  url: string,
  { broker }: LoginContext,
): Promise<void> {
  if (openBrowser === false) return;
  if (typeof openBrowser === "function") return await openBrowser(url);
  if (await openSystemBrowser(url)) return;
  throw new LoginError(
    `Cannot log in to ${broker.name}: no browser could be opened. Show the address with ` +
      "openBrowser: (url) => …, or pass pasteAddress if the browser is on another machine",
    { code: "no_browser" },
  );
}

function listenError(cause: unknown, { broker, login, port }: LoginContext): SessionError {
  if (cause instanceof SessionError) return cause;
  const { code, message } = Object(cause);
  const isTaken = code === "EADDRINUSE";
  const fact = isTaken ? "another program listens there" : String(message);
  const ports = login.ports.filter((other) => other !== port);
  const explanation = formatMessage(`Cannot log in to ${broker.name}`, {
    facts: [`cannot listen on port ${port}`, fact],
    advice: [
      ports.length > 0
        ? `Pass another registered port: ${ports.join(", ")}`
        : "End that program, or register another callback address and pass its port",
    ],
  });
  return new LoginError(explanation, {
    code: isTaken ? "port_taken" : "port_denied",
    port,
    ports,
    cause,
  });
}
