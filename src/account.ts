import type { DryRun, NewOrder, Order, OrderChanges } from "./brokers/orders.ts";
import type { AccountRecord, Balances, Position, Raw } from "./brokers/records.ts";
import {
  CALL_OPTIONS,
  type CallOptions,
  checkCallOptions,
  FIND_ORDER_OPTIONS,
  type FindOrderOptions,
  ORDER_OPTIONS,
  type OrderOptions,
} from "./call/call_options.ts";
import { SessionError } from "./errors.ts";
import { cancelOrder, dryRunOrder, placeOrder, replaceOrder } from "./orders/order_entry.ts";
import { findOrder, listOrders, readOrder } from "./orders/order_lookup.ts";
import { getExactly, replaceFields, requireSession } from "./resource.ts";
import type { Session } from "./session.ts";
import type { EventStream } from "./streams/event_stream.ts";
import type { AccountUpdate, UpdateOptions } from "./updates/account_update.ts";
import { accountUpdates } from "./updates/updates.ts";

/** How far back `findOrder()` looks, in milliseconds. */
const DAY_MS = 24 * 60 * 60 * 1000;

/** The fields of an account. */
export interface Account extends AccountRecord {}

/**
 * An account at the broker, as it was when it was read.
 *
 * @example Balances and positions
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Account, Session } from "@tasty/session";
 * import { startEmulator } from "@tasty/session/emulator";
 *
 * await using emulator = await startEmulator();
 * await using session = new Session({ ...emulator.tastytrade });
 *
 * const account = await Account.get(session, "5WT00000");
 * const { netLiquidatingValue } = await account.balances();
 * const [position] = await account.positions();
 *
 * assertEquals(netLiquidatingValue, "4544.727"); // a string: a float never touches money
 * assertEquals(position?.symbol, "RIVN  230609P00014000");
 * ```
 */
export class Account {
  readonly #session: Session;

  private constructor(session: Session, record: AccountRecord) {
    this.#session = session;
    Object.assign(this, record);
  }

  /**
   * Gets all accounts of the session, including closed ones.
   *
   * @throws {ApiError} If the broker refuses.
   */
  static get(session: Session, options?: CallOptions): Promise<Account[]>;
  /**
   * Gets one account.
   *
   * @throws {SessionError} If the broker does not list it: `code` is `"no_such_account"`.
   * @throws {ApiError} If the broker refuses.
   * @throws {TypeError} If the number is not a string.
   */
  static get(session: Session, accountNumber: string, options?: CallOptions): Promise<Account>;
  static async get(
    session: Session,
    which?: string | CallOptions,
    options?: CallOptions,
  ): Promise<Account | Account[]> {
    requireSession(session, "Account.get(session)");
    if (typeof which === "string") return new Account(session, await read(session, which, options));
    if (which === null || !["object", "undefined"].includes(typeof which)) {
      throw new TypeError(`Cannot get the account ${which}: an account number is a string`);
    }
    const { accounts } = session.broker;
    const records = accounts.readList(await getExactly(session, accounts.listPath, which));
    return records.map((record) => new Account(session, record));
  }

  /** Reads the account again, and updates this object. */
  async sync(options?: CallOptions): Promise<void> {
    const record = await read(this.#session, this.accountNumber, options);
    // Only the list of all accounts has the authority over each.
    const { authorityLevel = this.authorityLevel } = record;
    replaceFields(this, { ...record, authorityLevel });
  }

  /** Gets the balances: cash, value and buying power, as decimal strings. */
  async balances(options?: CallOptions): Promise<Balances> {
    const { accounts } = this.#session.broker;
    const path = accounts.balancesPath(this.accountNumber);
    return accounts.readBalances(await getExactly(this.#session, path, options));
  }

  /** Gets the positions. */
  async positions(options?: CallOptions): Promise<Position[]> {
    const { accounts } = this.#session.broker;
    const path = accounts.positionsPath(this.accountNumber);
    return accounts.readPositions(await getExactly(this.#session, path, options));
  }

  /**
   * Places an order, once, and tells what became of it.
   *
   * The order is the broker's own object. It is stamped with an identifier by which it can be recognised
   * (`external-identifier`, at TradeStation `OrderConfirmID`), unless it has one, which must be unique. If the
   * answer is lost, up to half of the time is left to look for the order in the account's list, for up to 10
   * seconds. It is never sent again.
   *
   * An order that is not in the list is not therefore missing: neither broker says how soon an order shows
   * there, and no source says whether TradeStation's list has the identifier. Then the `outcome` of the error
   * is `"unknown"`, and {@linkcode Account.findOrder} may find it later by the error's `identifier`.
   *
   * @typeParam Form The order of a custom broker.
   * @returns The order as the broker answered, or as its list shows it.
   * @throws {SessionError} With the `outcome` of the order, and its `identifier`; an {@linkcode ApiError} if the
   * broker refuses it.
   *
   * @example
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import { Account, Session } from "@tasty/session";
   * import { startEmulator } from "@tasty/session/emulator";
   *
   * await using emulator = await startEmulator();
   * await using session = new Session({ ...emulator.tastytrade });
   * const account = await Account.get(session, "5WT00000");
   *
   * emulator.injectFault("POST /accounts/*\/orders", { afterEffect: "reset" }); // the answer is lost
   * const order = await account.placeOrder({
   *   "order-type": "Limit",
   *   "time-in-force": "Day",
   *   "price": "187.20",
   *   "price-effect": "Debit",
   *   "legs": [
   *     { "instrument-type": "Equity", "symbol": "AAPL", "quantity": "1", "action": "Buy to Open" },
   *   ],
   * });
   * assertEquals([order.state, emulator.orders.length], ["open", 1]);
   * ```
   */
  async placeOrder<Form extends object = NewOrder>(
    order: NoInfer<Form>,
    options: OrderOptions = {},
  ): Promise<Order> {
    checkCallOptions(options, ORDER_OPTIONS);
    return await placeOrder(this.#session, this.accountNumber, toRaw(order), options);
  }

  /**
   * Replaces an order, once, and tells what became of that, like {@linkcode Account.placeOrder}. At tastytrade
   * the replacement is a new order with an id of its own; at TradeStation the order keeps its id, and its terms
   * tell whether it was replaced.
   *
   * @typeParam Changes The changes of a custom broker.
   * @param changes What changes. What is left out stays as it is.
   * @returns The order that takes its place. It may not work yet.
   * @throws {SessionError} With the `outcome` of the replacement. If the answer was lost and the order has ended
   * otherwise, `code` is `"order_ended"`.
   */
  async replaceOrder<Changes extends object = OrderChanges>(
    id: string | number,
    changes: NoInfer<Changes>,
    options: OrderOptions = {},
  ): Promise<Order> {
    checkCallOptions(options, ORDER_OPTIONS);
    return await replaceOrder(this.#session, this.#targetOf(id), toRaw(changes), options);
  }

  /**
   * Cancels an order, once, and tells what became of that. If the answer is lost, the status of the order tells
   * it.
   *
   * @returns The order as the broker answered. It may still be filled: {@linkcode Account.order} tells.
   * @throws {SessionError} With the `outcome` of the cancellation. If the answer was lost and the order has ended
   * otherwise, `code` is `"order_ended"`.
   */
  async cancelOrder(id: string | number, options: OrderOptions = {}): Promise<Order> {
    checkCallOptions(options, ORDER_OPTIONS);
    return await cancelOrder(this.#session, this.#targetOf(id), options);
  }

  /**
   * Looks once for an order by its identifier. That it is not found proves nothing in the first seconds after
   * it was sent.
   *
   * @param identifier What it was stamped with.
   * @returns The newest order with it, or `undefined`.
   */
  async findOrder(identifier: string, options: FindOrderOptions = {}): Promise<Order | undefined> {
    checkCallOptions(options, FIND_ORDER_OPTIONS);
    if (typeof identifier !== "string" || identifier === "") {
      throw new TypeError("Cannot find an order without its identifier, a string");
    }
    const { since = new Date(Date.now() - DAY_MS), ...limits } = options;
    return await findOrder(this.#session, this.accountNumber, { identifier, since, ...limits });
  }

  /** Gets one order by the broker's id; `undefined` if the broker does not show it. */
  async order(id: string | number, options: CallOptions = {}): Promise<Order | undefined> {
    checkCallOptions(options, CALL_OPTIONS);
    return await readOrder(this.#session, this.#targetOf(id), options);
  }

  /** Gets today's orders, in any state, and older ones that still work. */
  async orders(options: CallOptions = {}): Promise<Order[]> {
    checkCallOptions(options, CALL_OPTIONS);
    return await listOrders(this.#session, this.accountNumber, options);
  }

  /**
   * Tells what happens in the account, as it happens: orders, positions and balances. First comes a `snapshot` of
   * each, then an `update` with each change. Where something may be missing there is a `gap`, and after it a
   * snapshot of what the gap concerns. The connection is opened again by itself, and takes a fresh token each
   * time.
   *
   * At tastytrade the account streamer tells, over the platform's `WebSocket`, and snapshots are read from the
   * lists. At TradeStation the streams of orders and positions tell; balances are read again after a change, at
   * most every 5 seconds.
   *
   * @returns The events, as an async iterable. Nothing is sent before the iteration begins.
   * @throws {SessionError} If the broker does not tell of changes, or the runtime has no `WebSocket` (Node 20):
   * `code` is `"unsupported"`.
   * @throws {TypeError} If an option is unknown.
   *
   * @example
   * ```ts
   * import { Account, Session } from "@tasty/session";
   * import { startEmulator } from "@tasty/session/emulator";
   *
   * await using emulator = await startEmulator();
   * await using session = new Session({ ...emulator.tastytrade });
   * const account = await Account.get(session, "5WT00000");
   *
   * for await (const event of account.updates()) {
   *   if (event.kind === "gap") console.log("something may be missing:", event.reason);
   *   else if (event.type !== "order") continue;
   *   else if (event.kind === "update") console.log(event.order.id, event.order.status);
   *   else break; // a bot would go on
   * }
   * ```
   */
  updates(options: UpdateOptions = {}): EventStream<AccountUpdate> {
    return accountUpdates(this.#session, this.accountNumber, options);
  }

  /**
   * Tells what an order would cost, without placing it.
   *
   * @typeParam Form The order of a custom broker.
   * @throws {ApiError} If the broker would refuse it.
   * @throws {SessionError} If the broker cannot tell: `code` is `"unsupported"`.
   */
  async dryRun<Form extends object = NewOrder>(
    order: NoInfer<Form>,
    options: CallOptions = {},
  ): Promise<DryRun> {
    checkCallOptions(options, CALL_OPTIONS);
    return await dryRunOrder(this.#session, this.accountNumber, toRaw(order), options);
  }

  #targetOf(id: string | number): { accountNumber: string; orderId: string } {
    const isId = typeof id === "string" && id !== "" || Number.isSafeInteger(id);
    if (!isId) {
      throw new TypeError(`Cannot use the order id ${id}: it is a string or a whole number`);
    }
    return { accountNumber: this.accountNumber, orderId: String(id) };
  }
}

/** An order must be an object: a string would be sent as it is, without its identifier. */
function toRaw(order: object): Raw {
  if (typeof order === "object" && order !== null && !Array.isArray(order)) return { ...order };
  throw new TypeError("Cannot send this order: it must be the broker's order object");
}

async function read(
  session: Session,
  accountNumber: string,
  options?: CallOptions,
): Promise<AccountRecord> {
  const { name, accounts } = session.broker;
  const data = await getExactly(session, accounts.path(accountNumber), options);
  const account = accounts.read(data, accountNumber);
  if (account !== undefined) return account;
  throw new SessionError(
    `Cannot get account "${accountNumber}": it is not among the accounts that ${name} lists`,
    { code: "no_such_account" },
  );
}
