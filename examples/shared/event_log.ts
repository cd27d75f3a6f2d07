// Prints what sessions do, one line for each thing that is worth knowing. Copy it into your program.
import type { SessionEvent } from "../../mod.ts"; // in your program: "@tasty/session"
import { watchSessions } from "./session_events.ts";

/** An event of one kind. */
type EventOf<Kind extends SessionEvent["kind"]> = Extract<SessionEvent, { kind: Kind }>;

/** What a line is like: all is well, it is tried again, it failed for good, nobody knows, or it matters little. */
type Tone = "good" | "odd" | "bad" | "unknown" | "quiet";

const COLORS: Readonly<Record<Tone, string>> = {
  good: "32",
  odd: "33",
  bad: "31",
  unknown: "35",
  quiet: "2",
};

const MARKS: Readonly<Partial<Record<Tone, string>>> = { bad: "!", unknown: "?" };

/** A line without its time and number. */
type Line = readonly [tone: Tone, text: string];

/** Something that goes on. */
interface Open {
  readonly event: SessionEvent;
  /** That in whose course it happens. */
  readonly parent: Open | undefined;
  /** How long it has waited, in milliseconds. */
  waitedMs: number;
  /** How its last attempt ended. */
  lastResult: string;
}

/** What the lines mean, to be printed before them. */
export const LEGEND: string =
  "Each line: the time (UTC); ! if something failed for good, ? if nobody knows; the " +
  "number of the order, call or stream in whose course it happened; what happened.";

/**
 * Prints a line for each event that is worth it. What works at once has one line, at its end.
 *
 * @returns Ends it.
 */
export function logEvents(
  print: (line: string) => void,
  { isColored = false }: { readonly isColored?: boolean } = {},
): () => void {
  const open = new Map<number, Open>();
  const write = (node: Open, line: Line | undefined) => {
    if (line === undefined) return;
    const [tone, text] = line;
    const whole = `${timeOf(Date.now())} ${MARKS[tone] ?? " "} #${
      outermost(node).event.id
    } ${text}`;
    print(isColored ? `\x1b[${COLORS[tone]}m${whole}\x1b[0m` : whole);
  };
  const start = (event: SessionEvent) => {
    const node = { event, parent: open.get(event.parentId ?? -1), waitedMs: 0, lastResult: "" };
    open.set(event.id, node);
    write(node, describeStart(node));
  };
  const end = (event: SessionEvent) => {
    const node = open.get(event.id);
    if (node === undefined) return; // it began before
    open.delete(event.id);
    write(node, describeEnd(node));
    const { parent } = node;
    if (parent === undefined) return;
    if (event.kind === "wait") parent.waitedMs += event.durationMs ?? 0;
    if (event.kind === "attempt") parent.lastResult = resultOf(event.status ?? event.failure);
  };
  return watchSessions(start, end);
}

/** What begins, where it is worth a line of its own. */
function describeStart({ event, parent }: Open): Line | undefined {
  switch (event.kind) {
    case "order": {
      const { action, accountNumber, orderId, identifier } = event;
      const which = orderId === undefined ? "an order" : `order ${orderId}`;
      const mark = identifier === undefined ? "" : `, identifier ${identifier}`;
      return ["quiet", `${action} ${which} in account ${accountNumber}${mark}`];
    }
    case "attempt": {
      const { number, after } = event;
      if (number === 1) return undefined;
      return ["odd", `${nameOf(parent)}: attempt ${number}, because of ${resultOf(after)}`];
    }
    case "wait":
      return describeWait(event, nameOf(parent));
    case "token": {
      const { reason, failures } = event;
      const again = failures === 0 ? "" : `, attempt ${failures + 1}`;
      return ["quiet", `ask for an access token: ${TOKEN_REASONS[reason]}${again}`];
    }
    case "stream":
      return ["quiet", `opening the stream ${event.name}`];
    default:
      return undefined;
  }
}

const TOKEN_REASONS = {
  first: "there is none yet",
  due: "the one in use expires soon",
  expired: "the last one has expired",
  rejected: "the broker answered 401 to the last one",
  forced: "the program wants a new one",
} as const;

function describeWait(
  { reason, forMs = 0, after }: EventOf<"wait">,
  who: string,
): Line | undefined {
  const time = formatMs(forMs);
  const because = after === undefined ? "" : `, because of ${resultOf(after)}`;
  switch (reason) {
    case "token":
      return ["quiet", `${who}: wait for an access token`];
    case "token_retry":
      return ["quiet", `${who}: wait ${time} for the next attempt to get a token`];
    case "other_session":
      return ["quiet", "wait for another session, which asks for a token"];
    case "other_process":
      return ["quiet", `wait ${time} for another process, which asks for a token`];
    case "rate_limit":
      return ["quiet", `${who}: wait ${time} or longer for its turn: rate limit${because}`];
    case "retry": // after a 429 it may wait for its turn instead
      return forMs < 1 ? undefined : ["odd", `${who}: wait ${time}${because}`];
    case "order_lookup":
      return ["odd", `not found at the broker yet: wait ${time} to look for it again`];
    case "reconnect":
      return ["odd", `wait ${time} to open the stream again`];
  }
}

/** What has ended, where no other line says so. */
function describeEnd(node: Open): Line | undefined {
  const { event } = node;
  switch (event.kind) {
    case "order":
      return describeOrder(event);
    case "request":
      return describeRequest(node, event);
    case "attempt": // which is sent again, with another token
      return event.status === 401 ? ["odd", `${nameOf(node)}: status 401`] : undefined;
    case "token":
      return describeToken(event);
    case "store":
      return describeStore(event);
    case "stream":
      return describeStream(event);
    default:
      return undefined;
  }
}

function describeOrder(
  { action, orderId, state, isFound, identifier, outcome, error, durationMs }: EventOf<"order">,
): Line {
  const time = formatMs(durationMs);
  if (error === undefined) {
    const became = state ?? "accepted"; // TradeStation's answer tells no state
    const how = isFound ? " (the answer was lost: found at the broker)" : "";
    return ["good", `${action}: order ${orderId} is ${became}, after ${time}${how}`];
  }
  const why = error.message ?? error.name;
  if (outcome !== "unknown") return ["bad", `${action}: failed, after ${time}: ${why}`];
  const mark = identifier === undefined ? `order ${orderId}` : `identifier ${identifier}`;
  return [
    "unknown",
    `${action}: UNKNOWN whether it was carried out, after ${time}: do not repeat it, look for ${mark}: ${why}`,
  ];
}

function describeRequest(node: Open, event: EventOf<"request">): Line | undefined {
  const { status, attempts = 0, error, durationMs } = event;
  const who = nameOf(node);
  const isPart = node.parent?.event.kind === "order"; // whose own line tells the end
  const times = attempts > 1 ? `, ${attempts} attempts` : "";
  const waited = node.waitedMs < 1 ? "" : `, of which it waited ${formatMs(node.waitedMs)}`;
  const time = `in ${formatMs(durationMs)}${waited}${times}`;
  if (error === undefined) {
    if (isPart && attempts === 1 && waited === "") return undefined;
    return [attempts > 1 ? "good" : "quiet", `${who}: ${status} ${time}`];
  }
  if (isPart) return ["odd", `${who}: ${node.lastResult || (error.kind ?? error.name)} ${time}`];
  return ["bad", `${who}: failed ${time}: ${error.message ?? error.name}`];
}

function describeToken(
  { from, lifetimeMs = 0, isPermanent, nextTryInMs, error, durationMs }: EventOf<"token">,
): Line {
  const time = formatMs(durationMs);
  if (error === undefined) {
    const source = from === "store" ? "another process has got one" : "got an access token";
    return [
      "good",
      `${source} in ${time}, good until ${timeOf(Date.now() + lifetimeMs).slice(0, 8)}`,
    ];
  }
  const why = error.message ?? error.name;
  if (isPermanent) return ["bad", `THE GRANT IS LOST: no call works without another login: ${why}`];
  return ["odd", `no access token, next attempt in ${formatMs(nextTryInMs)}: ${why}`];
}

function describeStore({ action, isWritten, error, durationMs }: EventOf<"store">): Line {
  const what = action === "read" ? "read the tokens in the store" : "write tokens to the store";
  if (error !== undefined) return ["bad", `${what}: ${error.message ?? error.name}`];
  const lost = isWritten === false ? ": another process was faster" : "";
  return ["quiet", `${what} in ${formatMs(durationMs)}${lost}`];
}

function describeStream({ name, reason, isOpened, error, durationMs }: EventOf<"stream">): Line {
  const what = isOpened
    ? `the stream ${name} ended after`
    : `the stream ${name} was not opened, after`;
  const time = formatMs(durationMs);
  if (reason !== undefined) return ["odd", `${what} ${time}: ${resultOf(reason)}`];
  if (error?.message === undefined) return ["quiet", `${what} ${time}: the program has left it`];
  return ["bad", `${what} ${time} for good: ${error.name} ${error.code}`];
}

function outermost(node: Open): Open {
  return node.parent === undefined ? node : outermost(node.parent);
}

/** Who does something. */
function nameOf(node: Open | undefined): string {
  if (node === undefined) return "the program";
  const { event, parent } = node;
  if (event.kind === "request") return `${event.method} ${event.path}`;
  return event.kind === "stream" ? "the stream" : nameOf(parent);
}

function resultOf(result: number | string | undefined): string {
  return typeof result === "number"
    ? `status ${result}`
    : `${result ?? "nothing"}`.replaceAll("_", " ");
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString().slice(11, 23);
}

function formatMs(ms = 0): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;
}
