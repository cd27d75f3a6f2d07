/**
 * Looking for an order whose answer was lost, as tastytrade's guide prescribes ("Idempotency & retries"): by
 * its identifier, before anything is sent again.
 *
 * What is found proves what became of it. What is not found proves nothing: neither broker says how soon a
 * placed order shows in its lists.
 */

import type { BrokerOrders, Order, OrderTarget } from "../brokers/orders.ts";
import type { Raw } from "../brokers/records.ts";
import type { CallOptions } from "../call/call_options.ts";
import { ApiError, SessionClosedError, SessionError, TokenError } from "../errors.ts";
import { Deadline } from "../net/deadline.ts";
import { getExactly } from "../resource.ts";
import type { Session } from "../session.ts";
import { type Actor, traceWait } from "../tracing/tracers.ts";

/** How long is looked for an order, in milliseconds. Our choice: no broker says how long it needs. */
export const LOOKUP_MS = 10_000;

/** The first pause between two looks; each further one is twice as long, up to the last. */
const FIRST_PAUSE_MS = 250;
const LAST_PAUSE_MS = 2_000;

/** How much the clocks of this machine and the broker may differ in the search of an order that was just sent. */
const CLOCK_TOLERANCE_MS = 60_000;

/** How long a look may take, and what ends it. */
export interface LookLimits {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * One look: the order if it shows what became of the request, an error if it shows that nothing will, and
 * `"give up"` if no other look can tell.
 */
export type Look = (limits: LookLimits) => Promise<Order | SessionError | "give up" | undefined>;

/**
 * Looks again and again, until the time is up. A look that fails is followed by another one.
 *
 * @returns What was found, or `undefined` if nobody knows.
 * @throws {SessionClosedError} If the session is closed meanwhile.
 * @throws The reason of the signal, if that aborts.
 */
export async function lookUntil(
  { timeoutMs, signal }: LookLimits,
  look: Look,
  actor: Actor,
): Promise<Order | SessionError | undefined> {
  const deadline = new Deadline(timeoutMs, () => OUT_OF_TIME, signal);
  try {
    for (let pauseMs = FIRST_PAUSE_MS;; pauseMs = Math.min(2 * pauseMs, LAST_PAUSE_MS)) {
      const limits = { timeoutMs: Math.max(1, deadline.remainingMs), signal };
      const found = await look(limits).catch(mayWorkLater);
      if (found !== undefined) return found === "give up" ? undefined : found;
      if (pauseMs >= deadline.remainingMs) return undefined;
      const what = { reason: "order_lookup", forMs: pauseMs } as const;
      await traceWait(actor, what, () => deadline.sleep(what.forMs));
    }
  } catch (error) {
    if (error === OUT_OF_TIME) return undefined;
    throw error;
  } finally {
    deadline.dispose();
  }
}

const OUT_OF_TIME = Symbol("out of time");

/** What failed may work the next time, unless it is the end of the session or of the caller's patience. */
function mayWorkLater(error: unknown): "give up" | undefined {
  if (error instanceof TokenError && error.isPermanent) return "give up";
  if (error instanceof SessionError && !(error instanceof SessionClosedError)) return undefined;
  throw error;
}

/** A look for an order that was sent at some time, with this identifier. */
export function lookForIdentifier(
  session: Session,
  accountNumber: string,
  identifier: string,
  sentAt: Date,
): Look {
  const since = new Date(sentAt.getTime() - CLOCK_TOLERANCE_MS);
  return async (limits) => {
    const [order, another] = await search(session, accountNumber, { identifier, since, ...limits });
    // The program has used its identifier twice, so this may be the other one.
    return another === undefined ? order : "give up";
  };
}

/**
 * Searches the account's list of orders for an identifier.
 *
 * @param since Older orders are not of interest. The list may have them all the same.
 * @returns The orders with the identifier, in the order of the list.
 */
async function search(
  session: Session,
  accountNumber: string,
  { identifier, since, ...limits }: CallOptions & {
    readonly identifier: string;
    readonly since: Date;
  },
): Promise<readonly Order[]> {
  const orders = ordersOf(session);
  const { path, query } = orders.list(accountNumber, since);
  const found: Order[] = [];
  for await (const item of session.items<Raw>(path, { ...limits, query, exactNumbers: true })) {
    const order = orders.readItem(item);
    if (order.identifier === identifier) found.push(order);
    const isOlder = order.placedAt !== undefined && order.placedAt < since;
    if (orders.isNewestFirst && isOlder) break;
  }
  return found;
}

/** Finds the newest order with an identifier. */
export async function findOrder(
  session: Session,
  accountNumber: string,
  options: CallOptions & { readonly identifier: string; readonly since: Date },
): Promise<Order | undefined> {
  const found = await search(session, accountNumber, options);
  const time = ({ placedAt }: Order) => placedAt?.getTime() ?? 0;
  return found.toSorted((one, other) => time(other) - time(one))[0];
}

/** Reads today's orders, and older ones that still work. */
export async function listOrders(
  session: Session,
  accountNumber: string,
  options: CallOptions,
): Promise<Order[]> {
  const orders = ordersOf(session);
  const path = orders.livePath(accountNumber);
  const list: Order[] = [];
  for await (const item of session.items<Raw>(path, { ...options, exactNumbers: true })) {
    list.push(orders.readItem(item));
  }
  return list;
}

/** Reads one order by its id; `undefined` if the broker does not show it. */
export async function readOrder(
  session: Session,
  target: OrderTarget,
  limits: CallOptions,
): Promise<Order | undefined> {
  const orders = ordersOf(session);
  try {
    return orders.read(await getExactly(session, orders.path(target), limits), target);
  } catch (error) {
    // TradeStation answers a good status, with the id among the errors.
    const isUnknown = error instanceof ApiError &&
      (error.status === 404 || error.code === "NotFound");
    if (!isUnknown) throw error;
    return undefined;
  }
}

/**
 * How the session's broker takes orders.
 *
 * @throws {SessionError} If nobody has written that: `code` is `"unsupported"`.
 */
export function ordersOf({ broker }: Session): BrokerOrders {
  if (broker.orders !== undefined) return broker.orders;
  throw new SessionError(
    `Cannot do this with an order: the broker ${broker.name} has no orders. Send it with session.post()`,
    { code: "unsupported" },
  );
}
