/** What happens in an account, as events. */

import type { Raw } from "../brokers/records.ts";
import { SessionError } from "../errors.ts";
import { whileOpenOf } from "../call/open_calls.ts";
import { checkTimeout } from "../net/deadline.ts";
import type { Session } from "../session.ts";
import { EventStream } from "../streams/event_stream.ts";
import type { AccountUpdate, UpdateOptions } from "./account_update.ts";

/**
 * Opens the updates of an account. Nothing is sent before the iteration begins.
 *
 * @throws {SessionError} If the broker has none, or none at this address: `code` is `"unsupported"`.
 */
export function accountUpdates(
  session: Session,
  accountNumber: string,
  { signal, reconcileMs, ...others }: UpdateOptions,
): EventStream<AccountUpdate> {
  checkOptions(others, reconcileMs);
  const { broker: { name, updates, orders }, streamerUrl } = session;
  if (updates === undefined || orders === undefined) {
    throw unsupported(`the broker ${name} does not tell of changes`);
  }
  const target = { session, accountNumber, reconcileMs };
  const whileOpen = whileOpenOf(session);
  const { broker, sandbox } = session;
  const source = { broker, sandbox, name: `updates of ${accountNumber}` };
  if (updates.kind === "streams") {
    return new EventStream(
      source,
      async (context) => {
        const { streamedUpdates } = await import("./streamed_updates.ts");
        return await streamedUpdates({ ...target, updates, orders })(context);
      },
      whileOpen,
      signal,
    );
  }
  if (streamerUrl === undefined) {
    throw unsupported(`the baseUrl is not ${name}'s own. Pass streamerUrl too`);
  }
  return new EventStream(
    source,
    async (context) => {
      const { socketUpdates } = await import("./socket_updates.ts");
      return await socketUpdates({ ...target, updates, url: streamerUrl })(context);
    },
    whileOpen,
    signal,
  );
}

function checkOptions(others: Raw, reconcileMs: number | undefined): void {
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) {
    throw new TypeError(`Cannot open the updates: there is no option "${unknown}"`);
  }
  if (reconcileMs !== undefined) checkTimeout(reconcileMs);
}

function unsupported(why: string): SessionError {
  return new SessionError(`Cannot open the updates of the account: ${why}`, {
    code: "unsupported",
  });
}
