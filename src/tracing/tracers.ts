/**
 * Tells those who watch what a session does, over the channels of `node:diagnostics_channel`.
 *
 * That module is found at run time: where there is none, or nobody listens, nothing is made and nothing is told.
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

let lastId = 0;

/** The event in whose course the program is; made when somebody listens. */
let current: AsyncStorage | undefined;

/** Tells of one kind of event. */
class Tracer<Kind extends SessionEvent["kind"]> {
  readonly #kind: Kind;
  /** Found when first asked for, which takes Deno some milliseconds; `null` where there are none. */
  #channels: Channels | null | undefined;

  constructor(kind: Kind) {
    this.#kind = kind;
    // Bun forgets a channel that nobody holds, and who listens to it. Coverage is measured on Deno.
    // deno-coverage-ignore
    if ("Bun" in globalThis) this.#channels = findChannels(kind);
  }

  /**
   * Whether anybody listens. Nobody listens to `end` or `asyncStart` alone, and each question costs nanoseconds,
   * which is why a call asks before it makes anything.
   */
  get isHeard(): boolean {
    if (this.#channels === undefined) this.#channels = findChannels(this.#kind);
    const channels = this.#channels;
    return channels !== null &&
      (channels.start.hasSubscribers || channels.asyncEnd.hasSubscribers ||
        channels.error.hasSubscribers);
  }

  /**
   * Does something, and tells of it if anybody listens.
   *
   * @param beginning Makes what is told at the beginning.
   * @param task Does it.
   */
  trace<T>(actor: Actor, beginning: () => Beginning<Kind>, task: Task<Kind, T>): Promise<T> {
    return this.isHeard && this.#channels
      ? this.#tell(this.#channels, actor, beginning(), task)
      : task();
  }

  async #tell<T>(
    { start, end, asyncStart, asyncEnd, error: failed }: Channels,
    { broker, sandbox }: Actor,
    beginning: Beginning<Kind>,
    task: Task<Kind, T>,
  ): Promise<T> {
    const storage = current ??= makeStorage();
    const id = lastId += 1;
    const about = { kind: this.#kind, id, parentId: storage.getStore() };
    const event = {
      ...about,
      broker: broker.name,
      sandbox,
      ...beginning,
    } as unknown as Mutable<EventOf<Kind>>;
    const startedAt = performance.now();
    const finish = () => {
      event.durationMs = performance.now() - startedAt;
      asyncStart.publish(event);
      asyncEnd.publish(event);
    };
    try {
      const running = start.runStores(event, () => storage.run(id, () => task(event)));
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
}

/** One for each kind of event. */
export const tracers: { readonly [Kind in SessionEvent["kind"]]: Tracer<Kind> } = {
  order: /* @__PURE__ */ new Tracer("order"),
  request: /* @__PURE__ */ new Tracer("request"),
  attempt: /* @__PURE__ */ new Tracer("attempt"),
  wait: /* @__PURE__ */ new Tracer("wait"),
  token: /* @__PURE__ */ new Tracer("token"),
  store: /* @__PURE__ */ new Tracer("store"),
  stream: /* @__PURE__ */ new Tracer("stream"),
};

/** Waits, and tells what for. */
export function traceWait<T>(
  actor: Actor,
  what: Beginning<"wait">,
  wait: () => Promise<T>,
): Promise<T> {
  return tracers.wait.trace(actor, () => what, wait);
}

function findChannels(kind: string): Channels | null {
  const diagnostics = builtin<{ channel(name: string): Channel }>("node:diagnostics_channel");
  if (diagnostics === undefined) return null;
  const channel = (name: string) => diagnostics.channel(`tracing:tasty-session:${kind}:${name}`);
  return {
    start: channel("start"),
    end: channel("end"),
    asyncStart: channel("asyncStart"),
    asyncEnd: channel("asyncEnd"),
    error: channel("error"),
  };
}

function makeStorage(): AsyncStorage {
  const hooks = builtin<{ AsyncLocalStorage: new () => AsyncStorage }>("node:async_hooks");
  // Who has the one module has the other.
  return new (hooks as NonNullable<typeof hooks>).AsyncLocalStorage();
}

/** A module of Node's that the runtime has built in. */
function builtin<T>(name: string): T | undefined {
  return nodeProcess()?.getBuiltinModule?.(name) as T | undefined;
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
