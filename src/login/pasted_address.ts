/** Finds the code in what a user pastes from a browser on another machine. */

import { LoginError } from "../errors.ts";
import type { Authorization, AuthorizationContext } from "./authorization.ts";

/** A code, and whether the `state` next to it proves that it belongs to this login. */
export interface PastedCode {
  readonly code: string;
  readonly isProven: boolean;
}

/**
 * Finds the code in the address at which the browser ended, or in a part of that address.
 *
 * @throws {LoginError} If it is not the response to this login, or if it is the broker's refusal.
 */
export function findCode(
  pasted: string,
  authorization: Authorization,
  context: AuthorizationContext,
): PastedCode {
  const text = String(pasted).trim().replace(/^["'`<]+|["'`>]+$/g, "").trim(); // people add quotes
  if (text === "") throw invalid("invalid_address", "nothing was pasted", context);
  // A bare code may end with "=", but has no parameter name in it.
  const isAddress = /:\/\/|(^|[?&])(code|error|state)=/.test(text);
  if (!isAddress) {
    // No broker has shorter codes, and most other words are shorter.
    if (/^[\x21-\x7e]{8,}$/.test(text)) return { code: text, isProven: false };
    throw invalid("invalid_address", "it is neither an address nor a code", context);
  }
  const address = text.replace(/\s+/g, ""); // a terminal breaks it into lines
  const response = authorization.read(parametersOf(address, context));
  if (response.kind === "code") return { code: response.code, isProven: true };
  if (response.kind === "unrelated") throw invalid(response.code, response.reason, context);
  throw response.error;
}

/** The error if the broker does not know a bare code. */
export function unknownCode(context: AuthorizationContext): LoginError {
  const { name } = context.broker;
  return invalid("invalid_address", `${name} does not know it, or it was used before`, context);
}

function parametersOf(address: string, context: AuthorizationContext): URLSearchParams {
  const { origin, pathname, host, protocol } = new URL(context.redirectUri);
  const isWithoutScheme = address.startsWith(host); // as some browsers show it
  if (!isWithoutScheme && !address.includes("://")) return new URLSearchParams(address);
  const full = isWithoutScheme ? `${protocol}//${address}` : address;
  const url = URL.canParse(full) ? new URL(full) : undefined;
  if (url?.origin === origin && url.pathname === pathname) return url.searchParams;
  throw invalid("invalid_address", "it is not the callback address", context);
}

function invalid(
  code: "state_mismatch" | "invalid_address",
  reason: string,
  { broker, redirectUri }: AuthorizationContext,
): LoginError {
  return new LoginError(
    `Cannot log in to ${broker.name} with what was pasted: ${reason}. Log in again, and paste the ` +
      `whole address at which the browser ends, which begins with ${redirectUri}`,
    { code },
  );
}
