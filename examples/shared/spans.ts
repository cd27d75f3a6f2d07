// Turns what sessions tell into spans of OpenTelemetry: one for each order, call, attempt, wait, token request, read
// or write of the store and stream, each below that in whose course it happened. Copy it into your program.
import {
  type Attributes,
  context,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from "@opentelemetry/api";
import type { SessionEvent } from "../../mod.ts"; // in your program: "@tasty/session"
import { watchSessions } from "./session_events.ts";

/** Begins to make spans, of all sessions of this program. */
export function traceSessions(): void {
  const tracer = trace.getTracer("@tasty/session");
  const open = new Map<number, Span>();
  const start = (event: SessionEvent) => {
    const parent = open.get(event.parentId ?? -1);
    const within = parent === undefined
      ? context.active()
      : trace.setSpan(context.active(), parent);
    const isClient = event.kind === "attempt" || event.kind === "token";
    const kind = isClient ? SpanKind.CLIENT : SpanKind.INTERNAL;
    open.set(event.id, tracer.startSpan(nameOf(event), { kind }, within));
  };
  const end = (event: SessionEvent) => {
    const span = open.get(event.id);
    if (span === undefined) return; // it began before
    open.delete(event.id);
    span.setAttributes(attributesOf(event));
    if (event.error !== undefined) {
      const { name, code, message } = event.error;
      span.setAttribute("error.type", code ?? name);
      span.setStatus(
        message === undefined
          ? { code: SpanStatusCode.ERROR }
          : { code: SpanStatusCode.ERROR, message },
      );
    }
    span.end();
  };
  watchSessions(start, end);
}

/** A name with few values, as OpenTelemetry wants it: no account numbers. */
function nameOf(event: SessionEvent): string {
  switch (event.kind) {
    case "order":
      return `order ${event.action}`;
    case "request":
      return event.method;
    case "wait":
      return `wait ${event.reason}`;
    case "token":
      return `token ${event.reason}`;
    case "store":
      return `store ${event.action}`;
    default:
      return event.kind;
  }
}

/** Where OpenTelemetry's conventions for HTTP have a name for it, that; else the event's own. */
const CONVENTIONS: Readonly<Record<string, string>> = {
  method: "http.request.method",
  path: "url.path",
  status: "http.response.status_code",
};

function attributesOf(
  { kind: _, id: _id, parentId: _parent, error: _error, ...event }: SessionEvent,
): Attributes {
  const attributes: Attributes = {};
  for (const [name, value] of Object.entries(event)) {
    if (value !== undefined) attributes[CONVENTIONS[name] ?? `tasty_session.${name}`] = value;
  }
  if ("number" in event) attributes["http.request.resend_count"] = event.number - 1;
  return attributes;
}
