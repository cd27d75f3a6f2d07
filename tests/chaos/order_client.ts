/**
 * A program that places orders, 64 at once, cancels a third of them and replaces another, over an
 * unreliable network, and prints what it was told of each.
 *
 * @module
 */

import { AsyncLocalStorage } from "node:async_hooks";
import process from "node:process";
import { Account, type NewOrder, Session, SessionError, tradestation } from "../../mod.ts";
import { CALL_HEADER } from "./proxy.ts";

/** What a program was told: `"done"`, an outcome, or an error that must not be. */
export interface Told {
  readonly outcome: "done" | "not_processed" | "refused" | "unknown" | string;
  /** The id of the order in the answer. */
  readonly id?: string;
  /** Its identifier in the answer or the error. */
  readonly identifier?: string | undefined;
  readonly ms: number;
}

/** What became of an order, by what the program was told. */
export interface OrderReport {
  readonly placed: Told;
  readonly cancelled?: Told;
  readonly replaced?: Told;
}

const AT_ONCE = 64;

/** An order of each broker, recognisable, and what replaces it. */
const ORDERS: Readonly<
  Record<string, (name: string) => { readonly order: NewOrder; readonly cheaper: object }>
> = {
  "tastytrade": (name) => {
    const order = {
      "order-type": "Limit",
      "time-in-force": "Day",
      "price": "1.00",
      "price-effect": "Debit",
      "legs": [{
        "instrument-type": "Equity",
        "symbol": "AAPL",
        "quantity": "1",
        "action": "Buy to Open",
      }],
      "external-identifier": name,
    } as const;
    return {
      order,
      cheaper: { ...order, "price": "0.50", "external-identifier": `${name}-cheaper` },
    };
  },
  "tradestation": (name) => ({
    order: {
      OrderType: "Limit",
      TimeInForce: { Duration: "DAY" },
      LimitPrice: "1.00",
      Symbol: "AAPL",
      Quantity: "1",
      TradeAction: "BUY",
      OrderConfirmID: name,
    },
    cheaper: { LimitPrice: "0.50" },
  }),
};

if (import.meta.main) {
  const [brokerName = "", options = "{}", count = "0"] = process.argv.slice(2);
  const names = new AsyncLocalStorage<string>();
  const session = new Session({
    ...JSON.parse(options),
    ...(brokerName === "tradestation" ? { broker: tradestation } : {}),
    // The network has to know which call a request belongs to. A token request belongs to all of them.
    fetch: (input, init) => {
      const name = String(input).endsWith("/oauth/token") ? undefined : names.getStore();
      const called = name === undefined
        ? {}
        : { [CALL_HEADER]: `${name} ${init?.method ?? "GET"}` };
      return fetch(input, { ...init, headers: { ...Object(init?.headers), ...called } });
    },
  });
  const accounts = await Account.get(session);
  const reports: Record<string, OrderReport> = {};
  let next = 0;
  const tell = async (
    call: () => Promise<{ id: string; identifier?: string | undefined }>,
  ): Promise<Told> => {
    const startedAt = performance.now();
    const told = await call().then(
      ({ id, identifier }) => ({ outcome: "done", id, identifier }),
      (error) =>
        error instanceof SessionError
          ? { outcome: error.outcome, identifier: error.identifier }
          : { outcome: String(error) },
    );
    return { ...told, ms: Math.round(performance.now() - startedAt) };
  };
  const work = async () => {
    while (next < Number(count)) {
      const number = next++;
      const name = `order-${number}`;
      const account = accounts[number % accounts.length];
      const { order, cheaper } = ORDERS[brokerName]?.(name) ?? {};
      if (account === undefined || order === undefined || cheaper === undefined) throw new Error();
      const placed = await names.run(name, () => tell(() => account.placeOrder(order)));
      const { id } = placed;
      if (id !== undefined && number % 3 === 0) {
        const cancelled = await names.run(
          `${name} cancel`,
          () => tell(() => account.cancelOrder(id)),
        );
        reports[name] = { placed, cancelled };
      } else if (id !== undefined && number % 3 === 1) {
        const replaced = await names.run(
          `${name} replace`,
          () => tell(() => account.replaceOrder(id, cheaper)),
        );
        reports[name] = { placed, replaced };
      } else reports[name] = { placed };
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  await session.close();
  console.log(JSON.stringify(reports));
}
