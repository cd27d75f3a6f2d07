/** The manual way: what a user brings back from a browser on another machine. */

import type { Authorization, AuthorizationContext } from "./authorization.ts";
import { LoginError } from "./errors.ts";

/**
 * Finds the code in the address on which the browser ended, or in the part of it that was copied.
 *
 * @throws {LoginError} If it is not the answer to this request, or is the broker's no.
 */
export function codeIn(
  pasted: string,
  authorization: Authorization,
  context: AuthorizationContext,
): string {
  const text = pasted.trim();
  // Only what has a name in it is more than the bare code, which may end with "=".
  const isCode = /^[\x21-\x7e]+$/.test(text) && !/:\/\/|(^|[?&])(code|error|state)=/.test(text);
  if (isCode) return text;
  const answer = authorization.read(parametersIn(text, context));
  if (answer.kind === "code") return answer.code;
  if (answer.kind === "refusal") throw answer.error;
  throw wrongAddress(answer.code, answer.reason, context);
}

function parametersIn(text: string, context: AuthorizationContext): URLSearchParams {
  if (!text.includes("://")) return new URLSearchParams(text);
  const { origin, pathname } = new URL(context.redirectUri);
  const url = URL.canParse(text) ? new URL(text) : undefined;
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
