// Listens to all that the sessions of this program tell. Copy it into your program.
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { SessionEvent } from "../../mod.ts"; // in your program: "@tasty/session"

const KINDS = ["order", "request", "attempt", "wait", "token", "store", "stream"] as const;

/**
 * Calls functions when something begins and when it has ended, with the same object.
 *
 * @returns Ends it.
 */
export function watchSessions(
  start: (event: SessionEvent) => void,
  end: (event: SessionEvent) => void,
): () => void {
  const onStart = (message: unknown) => start(message as SessionEvent);
  const onEnd = (message: unknown) => end(message as SessionEvent);
  const each = (change: typeof subscribe | typeof unsubscribe) => {
    for (const kind of KINDS) {
      change(`tracing:tasty-session:${kind}:start`, onStart);
      change(`tracing:tasty-session:${kind}:asyncEnd`, onEnd);
    }
  };
  each(subscribe);
  return () => each(unsubscribe);
}
