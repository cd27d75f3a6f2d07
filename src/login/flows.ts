/** The two ways of a login: through the browser on this machine, and by hand. */

import { Authorization, type AuthorizationContext } from "./authorization.ts";
import { openSystemBrowser } from "./open_browser.ts";
import { BrowserLogin, type Exchange } from "./browser_flow.ts";
import { CallbackServer } from "./callback_server.ts";
import type { Client } from "../credential_options.ts";
import type { Credentials } from "../credentials.ts";
import type { Deadline } from "../net/deadline.ts";
import { LoginError, SessionError, TokenError } from "../errors.ts";
import { codeIn, unknownCode } from "./pasted_address.ts";
import { explain } from "../call/api_error.ts";

/** What is asked for, where, and at which port the answer is awaited. */
export interface LoginContext extends AuthorizationContext {
  readonly port: number;
}

/** What both ways need. */
interface Flow {
  readonly context: LoginContext;
  readonly exchange: Exchange;
  readonly deadline: Deadline;
  /** How long the user may take for an answer, in milliseconds. */
  readonly timeoutMs: number;
}

/** Whether a browser is opened, or what opens one. */
export type OpenBrowser = boolean | ((url: string) => void | Promise<void>);

/**
 * Shows the address where the user logs in, and brings what the user pastes. `problem` says what was wrong
 * with what was pasted before, if it was.
 */
export type PasteAddress = (
  authorizeUrl: string,
  problem: LoginError | undefined,
) => string | Promise<string>;

/** How many times the user is asked, before the login ends with what was wrong the last time. */
const MOST_PASTES = 5;

/** Sends the browser to the broker and waits for it on the callback address. */
export async function inBrowser(
  client: Partial<Client>,
  { openBrowser, context, exchange, deadline }: Flow & { readonly openBrowser: OpenBrowser },
): Promise<Credentials> {
  const visits = new BrowserLogin(client, context, exchange);
  const server = new CallbackServer(new URL(context.redirectUri), (visit) => visits.answer(visit));
  try {
    await server.listen().catch((cause: unknown) => {
      throw listenError(cause, context);
    });
    deadline.signal.throwIfAborted();
    open(openBrowser, visits.startUrl, context).catch((error: unknown) => {
      if (!visits.isAnswered) deadline.abort(error);
    });
    try {
      return await deadline.wait(visits.credentials);
    } finally {
      // Who stopped the login waits for nothing; else the browser is about to get the last page.
      if (!deadline.signal.aborted) await server.farewell();
    }
  } finally {
    await server.close();
  }
}

/** Shows the address, and takes what the user brings back. */
export async function byHand(
  client: Client,
  { pasteAddress, context, exchange, deadline, timeoutMs }: Flow & {
    readonly pasteAddress: PasteAddress;
  },
): Promise<Credentials> {
  const authorization = new Authorization(client, context);
  let problem: LoginError | undefined;
  for (let pastes = 1;; pastes++) {
    const pasted = await deadline.wait(Promise.try(pasteAddress, authorization.url, problem));
    try {
      const { code, isProven } = codeIn(pasted, authorization, context);
      return await exchange(authorization, code).catch((error: unknown) => {
        const isUnknown = error instanceof TokenError && error.code === "invalid_grant";
        throw isUnknown && !isProven ? unknownCode(context) : error;
      });
    } catch (error) {
      const isMistake = error instanceof LoginError &&
        (error.code === "invalid_address" || error.code === "state_mismatch");
      if (!isMistake || pastes === MOST_PASTES) throw error;
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
  const ports = login.ports.filter((other) => other !== port);
  return new LoginError(
    explain(`Cannot log in to ${broker.name}: cannot listen on port ${port}`, {
      facts: [isTaken ? "another program does" : String(message)],
      advice: [
        ports.length > 0
          ? `Pass another port that is registered: ${ports.join(", ")}`
          : "End that program, or register another callback address and pass its port",
      ],
    }),
    { code: isTaken ? "port_taken" : "port_denied", port, ports, cause },
  );
}
