/**
 * Tells those who watch what a session does, over the channels of `node:diagnostics_channel`.
 *
 * The module is found at run time: where there is none, or nobody listens, nothing is made and nothing is told.
 * The protocol is that of Node's `TracingChannel`, but not its code: that would put results and errors into the
 * messages, and Bun's does not tell whether anybody listens.
 */

import { NetworkError, SessionError } from "../errors.ts";
import { nodeProcess } from "../node_process.ts";
import type { EventError, SessionEvent } from "./session_event.ts";

/** A channel of `node:diagnostics_channel`. */
interface Channel {
  readonly hasSubscribers: boolean;
  publish(message: unknown): void;
  runStores<T>(message: unknown, task: () => T): T;
}

/** The channels of one kind of event. */
interface Channels {
  readonly start: Channel;
  readonly end: Channel;
  readonly asyncStart: Channel;
  readonly asyncEnd: Channel;
  readonly error: Channel;
}

/** `AsyncLocalStorage` of `node:async_hooks`. */
interface AsyncStorage {
  getStore(): number | undefined;
  run<T>(store: number, task: () => T): T;
}

interface Tracing {
  readonly channels: Readonly<Record<SessionEvent["kind"], Channels>>;
  /** The event in whose course the program is; made when somebody listens. */
  readonly current: () => AsyncStorage;
}

/** Who does it: a session, or what it has made. */
export interface Actor {
  readonly broker: { readonly name: string };
  readonly sandbox: boolean;
}

type Mutable<T> = { -readonly [Name in keyof T]: T[Name] };

/** The event of one kind. */
type EventOf<Kind extends SessionEvent["kind"]> = Extract<SessionEvent, { kind: Kind }>;

/** What is known when it begins. */
type Beginning<Kind extends SessionEvent["kind"]> = Omit<
  EventOf<Kind>,
  "kind" | "id" | "parentId" | "broker" | "sandbox" | "durationMs" | "error"
>;

/** Gets the event, if there is one, to add what is known in the end. */
type Task<Kind extends SessionEvent["kind"], T> = (
  event?: Partial<Mutable<EventOf<Kind>>>,
) => Promise<T>;

const KINDS: readonly SessionEvent["kind"][] = [
  "order",
  "request",
  "attempt",
  "wait",
  "token",
  "store",
  "stream",
];

/**
 * Found when first asked for, which takes Deno some milliseconds. Bun forgets a channel that nobody holds, and who
 * listens to it: there it is found, and held, before anybody can listen.
 */
let tracing: Tracing | null | undefined = "Bun" in globalThis ? findTracing() : undefined;
let lastId = 0;

/**
 * Does something, and tells of it if anybody listens.
 *
 * @param beginning Makes what is told at the beginning.
 * @param task Does it.
 */
export function traced<Kind extends SessionEvent["kind"], T>(
  kind: Kind,
  actor: Actor,
  beginning: () => Beginning<Kind>,
  task: Task<Kind, T>,
): Promise<T> {
  return isTraced(kind) && tracing ? tell(tracing, kind, actor, beginning(), task) : task();
}

/**
 * Whether anybody listens to a kind of event. Nobody listens to `end` or `asyncStart` alone, and each question costs
 * nanoseconds.
 */
export function isTraced(kind: SessionEvent["kind"]): boolean {
  if (tracing === undefined) tracing = findTracing();
  if (tracing === null) return false;
  const { start, asyncEnd, error } = tracing.channels[kind];
  return start.hasSubscribers || asyncEnd.hasSubscribers || error.hasSubscribers;
}

async function tell<Kind extends SessionEvent["kind"], T>(
  { channels, current }: Tracing,
  kind: Kind,
  { broker, sandbox }: Actor,
  beginning: Beginning<Kind>,
  task: Task<Kind, T>,
): Promise<T> {
  const { start, end, asyncStart, asyncEnd, error: failed } = channels[kind];
  const parentId = current().getStore();
  const id = lastId += 1;
  const about = { kind, id, parentId, broker: broker.name, sandbox };
  const event = { ...about, ...beginning } as unknown as Mutable<EventOf<Kind>>;
  const startedAt = performance.now();
  const finish = () => {
    event.durationMs = performance.now() - startedAt;
    asyncStart.publish(event);
    asyncEnd.publish(event);
  };
  try {
    const running = start.runStores(event, () => current().run(id, () => task(event)));
    end.publish(event);
    const result = await running;
    finish();
    return result;
  } catch (error) {
    event.error = describe(error);
    failed.publish(event);
    finish();
    throw error;
  }
}

/** What may be told of an error: nobody knows what the message of one that is not ours holds. */
function describe(error: unknown): EventError {
  if (error instanceof SessionError) {
    const { name, code, message } = error;
    return { name, code, message, kind: error instanceof NetworkError ? error.kind : undefined };
  }
  const name = error instanceof Error ? error.name : "";
  return { name: KNOWN_NAMES.includes(name) ? name : "Error" };
}

const KNOWN_NAMES: readonly string[] = ["AbortError", "TimeoutError", "TypeError", "RangeError"];

function findTracing(): Tracing | null {
  const process = nodeProcess();
  const diagnostics = process?.getBuiltinModule?.("node:diagnostics_channel") as
    | { channel(name: string): Channel }
    | undefined;
  if (diagnostics === undefined) return null;
  const channelsOf = (kind: string): Channels => {
    const channel = (name: string) => diagnostics.channel(`tracing:tasty-session:${kind}:${name}`);
    return {
      start: channel("start"),
      end: channel("end"),
      asyncStart: channel("asyncStart"),
      asyncEnd: channel("asyncEnd"),
      error: channel("error"),
    };
  };
  let current: AsyncStorage | undefined;
  const makeCurrent = () => {
    const { AsyncLocalStorage } = process?.getBuiltinModule?.("node:async_hooks") as {
      AsyncLocalStorage: new () => AsyncStorage;
    };
    return new AsyncLocalStorage();
  };
  return {
    channels: Object.fromEntries(
      KINDS.map((kind) => [kind, channelsOf(kind)]),
    ) as Tracing["channels"],
    current: () => current ??= makeCurrent(),
  };
}
