/**
 * Sends an order, its replacement or its cancellation once, and tells what became of it.
 *
 * An answer that is lost (none, 408, 5xx, or one that cannot be read) leaves a part of the time to look for
 * the order at the broker. Nothing is ever sent again.
 */

import type { DryRun, Order, OrderRequest, OrderTarget } from "../brokers/orders.ts";
import type { Raw } from "../brokers/records.ts";
import type { CallOptions, OrderOptions, RequestOptions } from "../call/call_options.ts";
import {
  type CallOutcome,
  SessionClosedError,
  SessionError,
  withCallersStack,
  withOutcome,
} from "../errors.ts";
import { checkTimeout } from "../net/deadline.ts";
import type { Session } from "../session.ts";
import type { OrderEvent } from "../tracing/session_event.ts";
import { tracers } from "../tracing/tracers.ts";
import {
  type Look,
  lookForIdentifier,
  type LookLimits,
  lookUntil,
  LOOKUP_MS,
  ordersOf,
  readOrder,
} from "./order_lookup.ts";

/** Places an order. */
export async function placeOrder(
  session: Session,
  accountNumber: string,
  order: Raw,
  options: OrderOptions,
): Promise<Order> {
  const orders = ordersOf(session);
  const identifier = orders.identifierOf(order) ?? randomIdentifier();
  const request = orders.place(order, { accountNumber, identifier });
  const look = lookForIdentifier(session, accountNumber, identifier, new Date());
  const entry = { action: "place", accountNumber, identifier, look } as const;
  const placed = await send(session, request, options, entry);
  return { ...placed, identifier };
}

/** Replaces an order. */
export async function replaceOrder(
  session: Session,
  target: OrderTarget,
  changes: Raw,
  options: OrderOptions,
): Promise<Order> {
  const orders = ordersOf(session);
  const { hasTerms } = orders;
  const about = { action: "replace", ...target } as const;
  const identifier = orders.identifierOf(changes) ?? randomIdentifier();
  const request = orders.replace(changes, { ...target, identifier });
  if (hasTerms === undefined) {
    const look = lookForIdentifier(session, target.accountNumber, identifier, new Date());
    const replacement = await send(session, request, options, { ...about, identifier, look });
    return { ...replacement, identifier };
  }
  const look = async (limits: LookLimits) => {
    const order = await readOrder(session, target, limits);
    return order !== undefined && hasTerms(order, changes) ? order : endOf("replace", order);
  };
  return await send(session, request, options, { ...about, look });
}

/** Cancels an order. */
export async function cancelOrder(
  session: Session,
  target: OrderTarget,
  options: OrderOptions,
): Promise<Order> {
  const request = ordersOf(session).cancel(target);
  const look = async (limits: LookLimits) => {
    const order = await readOrder(session, target, limits);
    const isCancelled = order?.state === "cancelling" || order?.state === "cancelled";
    // Replaced by another one, which works on, it is cancelled too.
    return isCancelled && order.replacedById === undefined ? order : endOf("cancel", order);
  };
  return await send(session, request, options, { action: "cancel", ...target, look });
}

/** Tells what an order would cost. That changes nothing, so that it is retried like a read. */
export async function dryRunOrder(
  session: Session,
  accountNumber: string,
  order: Raw,
  options: CallOptions,
): Promise<DryRun> {
  const { dryRun, readDryRun } = ordersOf(session);
  if (dryRun === undefined || readDryRun === undefined) {
    throw new SessionError(`Cannot try an order: ${session.broker.name} has no dry run`, {
      code: "unsupported",
    });
  }
  const request = dryRun(order, accountNumber);
  const isRead = { ...options, idempotent: true, exactNumbers: true };
  return readDryRun(await sendOnce(session, request, isRead));
}

/** What a call about an order knows besides its request. */
interface Entry {
  readonly action: OrderEvent["action"];
  readonly accountNumber: string;
  /** The order that is replaced or cancelled. */
  readonly orderId?: string;
  /** What a new order can be recognised by. */
  readonly identifier?: string | undefined;
  /** Looks for what became of it. */
  readonly look: Look;
}

function send(
  session: Session,
  request: OrderRequest,
  options: OrderOptions,
  { look, ...entry }: Entry,
): Promise<Order> {
  return tracers.order.trace(session, () => entry, async (event = {}) => {
    try {
      const search = { identifier: entry.identifier, look };
      const { order, isFound } = await sendAndLook(session, request, options, search);
      event.orderId = order.id;
      event.state = order.state;
      event.isFound = isFound;
      return order;
    } catch (error) {
      if (error instanceof SessionError) event.outcome = error.outcome;
      throw error;
    }
  });
}

async function sendAndLook(
  session: Session,
  request: OrderRequest,
  { signal, onAbort, timeoutMs = session.timeoutMs }: OrderOptions,
  { identifier, look }: Pick<Entry, "identifier" | "look">,
): Promise<{ order: Order; isFound: boolean }> {
  checkTimeout(timeoutMs);
  const startedAt = performance.now();
  const tellAbort = (outcome: CallOutcome) => onAbort?.({ outcome, identifier });
  const lookupMs = Math.min(LOOKUP_MS, timeoutMs / 2);
  let failure: SessionError;
  try {
    const options: RequestOptions = {
      signal,
      timeoutMs: timeoutMs - lookupMs,
      exactNumbers: true,
      onAbort: ({ outcome }) => tellAbort(outcome),
    };
    const order = ordersOf(session).readAnswer(await sendOnce(session, request, options));
    if (order !== undefined) return { order, isFound: false };
    failure = noOrderInAnswer(request);
  } catch (error) {
    if (!(error instanceof SessionError) || signal?.aborted && signal.reason === error) throw error;
    if (error.outcome !== "unknown" || error instanceof SessionClosedError) {
      throw identified(error, identifier);
    }
    failure = error;
  }
  const remainingMs = timeoutMs - (performance.now() - startedAt);
  const limits = { timeoutMs: Math.min(LOOKUP_MS, Math.max(1, remainingMs)), signal };
  try {
    const found = await lookUntil(limits, look, session);
    const isOrder = found !== undefined && !(found instanceof SessionError);
    if (isOrder) return { order: found, isFound: true };
    failure = found ?? failure;
  } catch (error) {
    if (signal?.aborted && signal.reason === error) tellAbort("unknown");
    if (!(error instanceof SessionClosedError)) throw error;
    failure = withOutcome(error, "unknown");
  }
  throw withCallersStack(identified(failure, identifier));
}

function sendOnce(
  session: Session,
  { method, path, body }: OrderRequest,
  options: RequestOptions,
): Promise<unknown> {
  switch (method) {
    case "POST":
      return session.post(path, body, options);
    case "PUT":
      return session.put(path, body, options);
    case "PATCH":
      return session.patch(path, body, options);
    case "DELETE":
      return session.delete(path, options);
  }
}

/** Says by what the order can be found later. */
function identified<E extends SessionError>(error: E, identifier: string | undefined): E {
  if (identifier === undefined) return error;
  const isUnknown = error.outcome === "unknown";
  const advice = isUnknown ? `Look for it later: account.findOrder("${identifier}")` : undefined;
  return Object.assign(withOutcome(error, error.outcome, advice), { identifier });
}

function noOrderInAnswer({ method, path }: OrderRequest): SessionError {
  return new SessionError(
    `Cannot ${method} ${path}: the answer has no order in it. It may have been carried out: check that before ` +
      "you send it again",
    { code: "invalid_response", outcome: "unknown" },
  );
}

/** The error if an order has ended otherwise, and nothing will change it any more. */
function endOf(action: string, order: Order | undefined): SessionError | undefined {
  const { id, status, state = "open", replacedById } = order ?? {};
  if (!ENDS.has(state) && replacedById === undefined) return undefined;
  const end = replacedById === undefined
    ? `its status is ${status}`
    : `${replacedById} replaces it`;
  return new SessionError(`Cannot ${action} the order ${id}: ${end}`, {
    code: "order_ended",
    outcome: "refused",
  });
}

const ENDS: ReadonlySet<string> = new Set(["filled", "cancelled", "expired", "rejected"]);

/** 132 random bits in 22 characters, the most that TradeStation takes. */
function randomIdentifier(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(22));
  return Array.from(bytes, (byte) => ALPHABET[byte % ALPHABET.length]).join("");
}

/** The characters of base64url (RFC 4648 section 5). */
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
