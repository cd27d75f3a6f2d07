/**
 * Listens to what sessions tell.
 *
 * @module
 */

import { type Channel, channel } from "node:diagnostics_channel";
import type { SessionEvent } from "../../mod.ts";

/** The kinds of events. */
export const KINDS = ["order", "request", "attempt", "wait", "token", "store", "stream"] as const;

const PHASES = ["start", "end", "asyncStart", "asyncEnd", "error"];

/** The short name of each channel, as `token:error`. */
export const NAMES_OF_CHANNELS: readonly string[] = KINDS.flatMap((kind) =>
  PHASES.map((phase) => `${kind}:${phase}`)
);

/** A channel by its short name. */
export const channelOf = (name: string): Channel => channel(`tracing:tasty-session:${name}`);

/** What was told from its making to its end. */
export class EventRecorder implements Disposable {
  /** The events, in the order of their beginnings. */
  readonly events: SessionEvent[] = [];
  /** Each message as `<kind>:<phase>`, and what it said then. */
  readonly messages: { readonly name: string; readonly event: SessionEvent }[] = [];
  /** What was told although it has no place there. */
  readonly strangers: unknown[] = [];
  readonly #awaited: { readonly name: string; readonly resolve: () => void }[] = [];
  readonly #handlers: readonly (readonly [Channel, (message: unknown) => void])[];

  constructor() {
    this.#handlers = NAMES_OF_CHANNELS.map((name) => {
      const take = (message: unknown) => this.#take(name, message as SessionEvent);
      return [channelOf(name), take] as const;
    });
    for (const [channel, handler] of this.#handlers) channel.subscribe(handler);
  }

  /** The events of a kind. */
  of<Kind extends SessionEvent["kind"]>(kind: Kind): Extract<SessionEvent, { kind: Kind }>[] {
    return this.events.filter((event) => event.kind === kind) as Extract<
      SessionEvent,
      { kind: Kind }
    >[];
  }

  /** Waits for the next message with a name like `token:error`. */
  async next(name: string): Promise<void> {
    await new Promise<void>((resolve) => this.#awaited.push({ name, resolve }));
  }

  /** The events from the outermost in: each with what happened in its course. */
  tree(parentId?: number): Node[] {
    const ids = new Set(this.events.map(({ id }) => id));
    const isChild = (event: SessionEvent) =>
      parentId === undefined ? !ids.has(event.parentId ?? -1) : event.parentId === parentId;
    return this.events.filter(isChild).map((event) => [event.kind, ...this.tree(event.id)]);
  }

  [Symbol.dispose](): void {
    for (const [channel, handler] of this.#handlers) channel.unsubscribe(handler);
  }

  #take(name: string, event: SessionEvent): void {
    this.strangers.push(...Object.entries(event).filter(([key, value]) => !isTold(key, value)));
    if (name.endsWith(":start")) this.events.push(event);
    this.messages.push({ name, event: { ...event } });
    const isAwaited = (one: { name: string }) => one.name === name;
    this.#awaited.filter(isAwaited).forEach(({ resolve }) => resolve());
  }
}

/** An event's kind, and what happened in its course. */
export type Node = readonly [string, ...Node[]];

/** Whether anybody listens to any of the channels. */
export function isAnybodyListening(): boolean {
  return NAMES_OF_CHANNELS.some((name) => channelOf(name).hasSubscribers);
}

/** The names of all that may be told. */
const NAMES: ReadonlySet<string> = new Set([
  ...["id", "parentId", "kind", "broker", "sandbox", "durationMs", "error"],
  ...["action", "accountNumber", "identifier", "orderId", "state", "isFound", "outcome"],
  ...["method", "path", "status", "attempts", "number", "after", "failure"],
  ...["reason", "forMs", "failures", "from", "lifetimeMs", "isPermanent", "nextTryInMs"],
  ...["isWritten", "name", "isOpened"],
]);

function isTold(name: string, value: unknown): boolean {
  if (name !== "error") return NAMES.has(name) && Object(value) !== value;
  return Object.entries(Object(value)).every(([key, part]) =>
    ["name", "code", "message", "kind"].includes(key) && Object(part) !== part
  );
}
