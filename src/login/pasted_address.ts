/** The manual way: what a user brings back from a browser on another machine. */

import type { Authorization, AuthorizationContext } from "./authorization.ts";
import { LoginError } from "../errors.ts";

/** A code, and whether the state beside it has proved that it is this login's. */
export interface PastedCode {
  readonly code: string;
  readonly isProven: boolean;
}

/**
 * Finds the code in the address on which the browser ended, or in the part of it that was copied.
 *
 * @throws {LoginError} If it is not the answer to this request, or is the broker's no.
 */
export function codeIn(
  pasted: string,
  authorization: Authorization,
  context: AuthorizationContext,
): PastedCode {
  const text = String(pasted).trim().replace(/^["'`<]+|["'`>]+$/g, "").trim(); // people quote
  if (text === "") throw wrongAddress("invalid_address", "nothing was pasted", context);
  // Only what has a name in it is more than the bare code, which may end with "=".
  const isAddress = /:\/\/|(^|[?&])(code|error|state)=/.test(text);
  if (!isAddress) {
    // No sign-in has codes that are shorter, and most other words are.
    if (/^[\x21-\x7e]{8,}$/.test(text)) return { code: text, isProven: false };
    throw wrongAddress("invalid_address", "it is neither an address nor a code", context);
  }
  const address = text.replace(/\s+/g, ""); // a terminal breaks it into lines
  const answer = authorization.read(parametersIn(address, context));
  if (answer.kind === "code") return { code: answer.code, isProven: true };
  if (answer.kind === "stray") throw wrongAddress(answer.code, answer.reason, context);
  throw answer.error;
}

/** What is told when the broker does not know a bare code. */
export function unknownCode(context: AuthorizationContext): LoginError {
  const { name } = context.broker;
  return wrongAddress(
    "invalid_address",
    `${name} does not know it, or it was used before`,
    context,
  );
}

function parametersIn(text: string, context: AuthorizationContext): URLSearchParams {
  const { origin, pathname, host, protocol } = new URL(context.redirectUri);
  const isBare = text.startsWith(host); // as some browsers show it
  if (!isBare && !text.includes("://")) return new URLSearchParams(text);
  const whole = isBare ? `${protocol}//${text}` : text;
  const url = URL.canParse(whole) ? new URL(whole) : undefined;
  if (url?.origin === origin && url.pathname === pathname) return url.searchParams;
  throw wrongAddress("invalid_address", "it is not the callback address", context);
}

function wrongAddress(
  code: "state_mismatch" | "invalid_address",
  reason: string,
  { broker, redirectUri }: AuthorizationContext,
): LoginError {
  return new LoginError(
    `Cannot log in to ${broker.name} with what was pasted: ${reason}. Log in again, and paste the ` +
      `whole address on which the browser ends, which begins with ${redirectUri}`,
    { code },
  );
}
