/** What `Account` and `Customer` have in common. */

import type { CallOptions } from "./call/call_options.ts";
import type { Session } from "./session.ts";

/** Gets the data of a path, with all digits of its amounts. */
export function getExactly(
  session: Session,
  path: string,
  options?: CallOptions,
): Promise<unknown> {
  return session.get(path, { ...options, exactNumbers: true });
}

/** Replaces all fields of an object, because a field of the old record may be missing in the new one. */
export function replaceFields(target: object, record: object): void {
  for (const name of Object.keys(target)) Reflect.deleteProperty(target, name);
  Object.assign(target, record);
}

/**
 * Throws if the session is missing, as users of the Python packages may forget it.
 *
 * @param usage The right call, for instance "Account.get(session)".
 */
export function requireSession(session: Session, usage: string): void {
  if (typeof session?.get === "function" && typeof session.broker === "object") return;
  throw new TypeError(`The session is missing: write ${usage}`);
}
