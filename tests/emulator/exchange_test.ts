import { assert, assertEquals } from "@std/assert";
import { Decimal } from "../../src/emulator/decimal.ts";
import { Exchange } from "../../src/emulator/exchange/exchange.ts";
import { ExchangeOrder, type OrderTerms } from "../../src/emulator/exchange/exchange_order.ts";
import { Market } from "../../src/emulator/exchange/market.ts";
import { FakeClock } from "../support/fake_clock.ts";

const decimal = (text: string) => Decimal.from(text);

/** An exchange with a market whose prices the test sets. */
class Floor {
  readonly market = new Market();
  readonly exchange = new Exchange(this.market, {
    simulatedPrice: () => undefined,
    onExecution: () => {},
  });

  /** An order of one leg. Prices are as traders write them, and amounts are positive. */
  place(
    what: string,
    terms:
      & { limit?: string; stop?: string; trail?: OrderTerms["trail"] }
      & Pick<
        OrderTerms,
        "immediate"
      > = {},
    changes: Partial<Pick<ExchangeOrder, "parent" | "replaces" | "rivals" | "isBracket">> = {},
    liveAt = 0,
  ): ExchangeOrder {
    const [side, quantity = "", symbol = ""] = what.split(" ");
    const isBuy = side === "buy";
    const net = (price: string | undefined) =>
      price === undefined ? undefined : isBuy ? decimal(price) : decimal(price).negated();
    const leg = { symbol, isBuy, quantity: decimal(quantity), multiplier: decimal("1") };
    const order = new ExchangeOrder({
      ...terms,
      legs: [leg],
      limit: net(terms.limit),
      stop: net(terms.stop),
    }, { liveAt });
    Object.assign(order, changes);
    this.exchange.submit(order);
    return order;
  }

  price(symbol: string, price: string, size?: string): void {
    this.market.set(symbol, decimal(price), size === undefined ? undefined : decimal(size));
    this.exchange.settle();
  }
}

/** Phase, and what was filled at which price. */
function summary({ phase, executions }: ExchangeOrder): string {
  const fills = executions.map(({ quantity, price }) => `${quantity} @ ${price}`);
  return [phase, ...fills].join(", ");
}

Deno.test("Exchange fills a limit at its price or a better one, and a market order at any", () => {
  const floor = new Floor();
  const buy = floor.place("buy 10 A", { limit: "100" });
  const sell = floor.place("sell 10 A", { limit: "110" });
  const market = floor.place("buy 1 A");
  assertEquals([buy, sell, market].map(summary), ["working", "working", "working"]);
  floor.price("A", "105");
  assertEquals([buy, sell, market].map(summary), ["working", "working", "filled, 1 @ 105"]);
  floor.price("A", "99.5");
  floor.price("A", "111");
  assertEquals([buy, sell].map(summary), ["filled, 10 @ 99.5", "filled, 10 @ 111"]);
});

Deno.test("Exchange starts a stop at its price, which then takes any price or waits for its limit", () => {
  const floor = new Floor();
  const buy = floor.place("buy 1 A", { stop: "110" });
  const sell = floor.place("sell 1 A", { stop: "90" });
  const limited = floor.place("sell 1 A", { stop: "90", limit: "89" });
  floor.price("A", "100");
  floor.price("A", "109.99");
  floor.price("A", "90.01");
  assertEquals([buy, sell, limited].map(summary), ["working", "working", "working"]);
  floor.price("A", "88"); // through the stop, and below the limit
  assertEquals([sell, limited].map(summary), ["filled, 1 @ 88", "working"]);
  floor.price("A", "95"); // above the stop again, which was hit
  assertEquals(summary(limited), "filled, 1 @ 95");
  floor.price("A", "112");
  assertEquals(summary(buy), "filled, 1 @ 112");
});

Deno.test("Exchange lets a trailing stop follow the best price, and never back", () => {
  const floor = new Floor();
  floor.price("A", "100");
  const sell = floor.place("sell 1 A", { trail: { amount: decimal("5") } });
  const percent = floor.place("sell 1 A", { trail: { percent: decimal("10") } });
  const buy = floor.place("buy 1 A", { trail: { amount: decimal("30") } });
  floor.price("A", "120"); // stops at 115 and 108; the buyer's stays at 130
  floor.price("A", "115.01");
  assertEquals([sell, percent, buy].map(summary), ["working", "working", "working"]);
  floor.price("A", "115");
  assertEquals([sell, percent].map(summary), ["filled, 1 @ 115", "working"]);
  floor.price("A", "108");
  assertEquals(summary(percent), "filled, 1 @ 108");
  floor.price("A", "90"); // the buyer's stop is at 120 now
  floor.price("A", "120");
  assertEquals(summary(buy), "filled, 1 @ 120");
});

Deno.test("Exchange fills no more than the market has, in the order of arrival", () => {
  const floor = new Floor();
  const first = floor.place("buy 10 A", { limit: "100" });
  const second = floor.place("buy 10 A", { limit: "100" });
  floor.price("A", "100", "12");
  assertEquals([first, second].map(summary), ["filled, 10 @ 100", "working, 2 @ 100"]);
  floor.exchange.settle();
  assertEquals(summary(second), "working, 2 @ 100");
  floor.price("A", "99", "3");
  floor.exchange.cancel(second, 0);
  assertEquals(summary(second), "cancelled, 2 @ 100, 3 @ 99");
  floor.price("A", "1");
  assertEquals(second.executions.length, 2);
});

Deno.test("Exchange cancels what an immediate order cannot get at once: the rest, or all", () => {
  const floor = new Floor();
  floor.price("A", "100", "4");
  assertEquals(summary(floor.place("buy 10 A", { immediate: "all" })), "cancelled");
  assertEquals(summary(floor.place("buy 10 A", { immediate: "rest" })), "cancelled, 4 @ 100");
  assertEquals(summary(floor.place("buy 10 B", { immediate: "rest" })), "cancelled");
});

Deno.test("Exchange fills all legs of a spread together, at one net price", () => {
  const floor = new Floor();
  const leg = (side: "buy" | "sell", symbol: string, quantity: string, multiplier = "100") => ({
    symbol,
    isBuy: side === "buy",
    quantity: decimal(quantity),
    multiplier: decimal(multiplier),
  });
  const spread = new ExchangeOrder({
    legs: [leg("buy", "C300", "2"), leg("sell", "C320", "4")],
    limit: decimal("-1"), // brings at least 1 for each unit
  }, { liveAt: 0 });
  floor.exchange.submit(spread);
  floor.price("C300", "5");
  floor.price("C320", "2.9"); // 5 - 2 × 2.9 = -0.8
  assertEquals(summary(spread), "working");
  floor.price("C320", "3", "3"); // two units would need 4
  assertEquals(summary(spread), "working, 1 @ 5, 2 @ 3");
  floor.price("C320", "3.5");
  assertEquals(spread.phase, "filled");

  // A hundred shares and a put on them: the limit is for one share.
  const covered = new ExchangeOrder({
    legs: [leg("buy", "MSFT", "100", "1"), leg("buy", "P300", "1")],
    limit: decimal("350"),
  }, { liveAt: 0 });
  floor.exchange.submit(covered);
  floor.price("MSFT", "345");
  floor.price("P300", "5.01");
  assertEquals(covered.phase, "working");
  floor.price("P300", "5");
  assertEquals(summary(covered), "filled, 100 @ 345, 1 @ 5");
});

Deno.test("Exchange ends the other orders of a group, and leaves those of a bracket the rest", () => {
  const floor = new Floor();
  const limit = floor.place("sell 10 A", { limit: "110" });
  const stop = floor.place("sell 10 A", { stop: "90" });
  limit.rivals = [stop];
  stop.rivals = [limit];
  floor.price("A", "111", "1");
  assertEquals([limit, stop].map(summary), ["working, 1 @ 111", "cancelled"]);

  const floor2 = new Floor();
  const target = floor2.place("sell 10 A", { limit: "110" });
  const protection = floor2.place("sell 10 A", { stop: "90" });
  for (const order of [target, protection]) order.isBracket = true;
  target.rivals = [protection];
  protection.rivals = [target];
  floor2.price("A", "111", "4");
  assertEquals([target, protection].map(summary), ["working, 4 @ 111", "working"]);
  floor2.price("A", "89");
  assertEquals([target, protection].map(summary), ["cancelled, 4 @ 111", "filled, 6 @ 89"]);
});

Deno.test("Exchange holds an order until the one before is filled, and drops it with that", () => {
  const floor = new Floor();
  const parent = floor.place("buy 10 A", { limit: "100" });
  const child = floor.place("sell 10 A", { limit: "90" }, { parent });
  floor.price("A", "100", "9");
  assertEquals([parent, child].map(({ phase }) => phase), ["working", "waiting"]);
  floor.price("A", "100", "100");
  assertEquals([parent, child].map(({ phase }) => phase), ["filled", "filled"]);

  const lost = floor.place("buy 1 A", { limit: "1" });
  const orphan = floor.place("sell 1 A", {}, { parent: lost });
  floor.exchange.cancel(lost, 0);
  assertEquals([lost, orphan].map(summary), ["cancelled", "cancelled"]);
});

Deno.test("Exchange lets a fill come before a cancellation or a replacement that takes time", () => {
  using clock = new FakeClock();
  const floor = new Floor();
  const late = floor.place("buy 1 A", { limit: "100" });
  floor.exchange.cancel(late, 1_000);
  const replaced = floor.place("buy 1 B", { limit: "100" });
  const replacement = floor.place("buy 1 B", { limit: "101" }, { replaces: replaced });
  floor.exchange.cancel(replaced, 1_000);
  floor.price("A", "99");
  floor.price("B", "99");
  assertEquals([late, replaced, replacement].map(summary), [
    "filled, 1 @ 99",
    "filled, 1 @ 99",
    "rejected",
  ]);

  const early = floor.place("buy 1 C", { limit: "100" });
  const next = floor.place("buy 1 C", { limit: "101" }, { replaces: early });
  floor.exchange.cancel(early, 1_000);
  assertEquals([early, next].map(({ phase }) => phase), ["working", "waiting"]);
  clock.advance(1_000);
  floor.exchange.settle();
  assertEquals([early, next].map(({ phase }) => phase), ["cancelled", "working"]);
});

Deno.test("Exchange starts an order when its time has come", () => {
  using clock = new FakeClock();
  const floor = new Floor();
  floor.price("A", "100");
  const order = floor.place("buy 1 A", {}, {}, Date.now() + 300);
  clock.advance(299);
  floor.exchange.settle();
  assertEquals(summary(order), "waiting");
  clock.advance(1);
  floor.exchange.settle();
  assertEquals(summary(order), "filled, 1 @ 100");
  assert(order.startedAt === Date.now());
});

Deno.test("Exchange fills at once what was changed so that it takes the price", () => {
  const floor = new Floor();
  const order = floor.place("buy 10 A", { limit: "100" });
  floor.price("A", "101");
  floor.exchange.change(order, { ...order.terms, limit: decimal("101") });
  assertEquals(summary(order), "filled, 10 @ 101");
});

Deno.test("Exchange ends an order that was made smaller than what is filled of it", () => {
  const floor = new Floor();
  const order = floor.place("buy 10 A", { limit: "100" });
  floor.price("A", "99", "4");
  const [leg] = order.terms.legs;
  assert(leg !== undefined);
  floor.exchange.change(order, { ...order.terms, legs: [{ ...leg, quantity: decimal("3") }] });
  assertEquals(summary(order), "filled, 4 @ 99");
});
