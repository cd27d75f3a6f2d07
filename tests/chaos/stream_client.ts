/**
 * An hour of streams that break, on a fake clock: a program that follows an account's updates, compared with the
 * emulator's books between the faults. It runs with any runtime and prints a report.
 *
 *     deno run --allow-all tests/chaos/stream_client.ts tastytrade 1000 1 all
 *
 * The last argument says what happens: `all` faults, `told` for those that a connection shows by itself, `none`
 * for a quiet hour in which the access tokens live five seconds.
 *
 * @module
 */

import process from "node:process";
import { Account, Session, type SessionOptions, tradestation } from "../../mod.ts";
import {
  type Emulator,
  startEmulator,
  type StreamFault,
  tastytradeFaults,
  tradestationFaults,
} from "../../src/emulator/emulator.ts";
import { Consumer, isSame, listedBooks } from "../support/account_consumer.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { idle, settle } from "../support/idle.ts";
import { Random } from "../support/random.ts";

/** What came of it. */
export interface StreamReport {
  /** What must not be, a line each. */
  readonly violations: readonly string[];
  /** How often each fault hit a stream. */
  readonly faults: Readonly<Record<string, number>>;
  /** How often each reason of a gap was told. */
  readonly gaps: Readonly<Record<string, number>>;
  readonly snapshots: number;
  /** How many streams were opened, and how many token requests there were, those of the trading session too. */
  readonly opened: number;
  readonly tokens: number;
  readonly orders: number;
  /** How much time has passed on the fake clock, in seconds. */
  readonly seconds: number;
}

type BrokerName = "tastytrade" | "tradestation";

/** Which faults happen: all, those that a connection shows by itself, or none. */
type FaultChoice = "all" | "told" | "none";

const HOUR_MS = 3_600_000;
/** So many faults, and then everything must come right. */
const FAULTS_AT_ONCE = 20;
/** How long it may take to come right: a pause of 30 s, 45 s of silence, two reads 15 s apart. */
const PATIENCE_S = 240;
const RECONCILE_MS = 15_000;
/** How long access tokens live in a quiet hour. */
const QUIET_LIFETIME_S = 5;

const ACCOUNT = "7000";

/** The faults of both brokers, and what only one has. */
const OPEN_FAULTS = ["end", "reset", "silence", "duplicate", "delay", "cut"] as const;
const OWN_FAULTS: Readonly<Record<BrokerName, readonly StreamFault[]>> = {
  tastytrade: [
    { close: 1_001, reason: "going away" },
    { close: 1_011 },
    { close: 4_000, reason: "Bye" },
    { send: "{no json" },
    { send: '{"status":"error","action":"heartbeat","message":"failed"}' },
    { send: '{"type":"QuoteAlert","data":{"symbol":"é"},"timestamp":1}' },
  ],
  tradestation: [
    "goAway",
    { send: '{"Error":"InternalServerError","Message":"é"}' },
    { send: '{"Error":"ServiceUnavailable"}' },
    { send: "{no json}" },
  ],
};

/** What happens at the opening of a stream, or to the lists. */
const REFUSALS = {
  tastytrade: [
    tastytradeFaults.tooManyRequests,
    tastytradeFaults.badGateway,
    "reset",
    "hang",
  ] as const,
  tradestation: [
    tradestationFaults.tooManyRequests,
    tradestationFaults.serviceUnavailable,
    "reset",
    "hang",
    "resetMidBody",
  ] as const,
};

const STREAMS = { tastytrade: "GET /streamer", tradestation: "GET /v3/brokerage/stream/**" };

/** One hour at one broker. */
class Hour {
  readonly #broker: BrokerName;
  readonly #random: Random;
  readonly #emulator: Emulator;
  readonly #clock: FakeClock;
  readonly violations: string[] = [];
  readonly faults: Record<string, number> = {};
  orders = 0;
  #price = 100;
  #passedMs = 0;

  constructor(broker: BrokerName, seed: number, emulator: Emulator, clock: FakeClock) {
    this.#broker = broker;
    this.#random = new Random(seed);
    this.#emulator = emulator;
    this.#clock = clock;
  }

  /** Lets so many faults happen, evenly over an hour. */
  async run(
    account: Account,
    trader: Account,
    count: number,
    choice: FaultChoice,
  ): Promise<StreamReport> {
    const updates = account.updates(choice === "all" ? { reconcileMs: RECONCILE_MS } : {});
    const consumer = new Consumer(updates);
    await this.#comesRight(consumer, trader, "the beginning");
    for (let i = 1; i <= count; i++) {
      if (choice !== "none") this.#fault(choice);
      await this.#trade(trader);
      await this.#pass(HOUR_MS / count);
      if (i % FAULTS_AT_ONCE !== 0) continue;
      this.#emulator.clearFaults();
      await this.#comesRight(consumer, trader, `${i} faults`);
    }
    await updates.close();
    await consumer.running;
    if (consumer.end !== "done") this.violations.push(`it ended with ${consumer.end}`);
    const gaps: Record<string, number> = {};
    for (const reason of consumer.gaps) gaps[reason] = (gaps[reason] ?? 0) + 1;
    return {
      violations: this.violations,
      faults: this.faults,
      gaps,
      snapshots: consumer.events.filter(({ kind }) => kind === "snapshot").length,
      opened: this.#emulator.count(STREAMS[this.#broker]),
      tokens: this.#emulator.count("POST /oauth/token"),
      orders: this.orders,
      seconds: Math.round(this.#passedMs / 1_000),
    };
  }

  #fault(choice: "all" | "told"): void {
    const random = this.#random;
    const emulator = this.#emulator;
    const route = STREAMS[this.#broker];
    const kind = random.below(choice === "all" ? 12 : 11);
    if (kind === 0) {
      const refusals = REFUSALS[this.#broker];
      const refusal = refusals[random.below(refusals.length)] ?? "reset";
      emulator.injectFault(route, refusal);
      this.#count("refused opening");
      return;
    }
    if (kind === 1) {
      emulator.revokeAccessTokens();
      this.#count("revoked tokens");
      return;
    }
    if (kind === 2) {
      emulator.endsStreamsWithToken = !emulator.endsStreamsWithToken;
      emulator.tastytrade.acksNameAccounts = random.chance(0.5);
      emulator.tastytrade.batchesNotifications = random.chance(0.5);
      this.#count("other behaviour");
      return;
    }
    const own = OWN_FAULTS[this.#broker];
    const fault = kind === 11
      ? "drop"
      : kind <= 6
      ? own[random.below(own.length)] ?? "end"
      : OPEN_FAULTS[random.below(OPEN_FAULTS.length)] ?? "end";
    emulator.disturbStreams(route, fault);
    this.#count(typeof fault === "string" ? fault : "send" in fault ? "odd frame" : "close code");
  }

  #count(fault: string): void {
    this.faults[fault] = (this.faults[fault] ?? 0) + 1;
  }

  /** Places an order, or moves the price, so that some are filled, in parts too. */
  async #trade(trader: Account): Promise<void> {
    const random = this.#random;
    if (random.chance(0.12)) {
      await trader.placeOrder(orderOf(this.#broker, random.chance(0.6), this.#price + 1));
      this.orders += 1;
    }
    if (!random.chance(0.3)) return;
    this.#price = random.between(90, 110);
    const size = random.chance(0.5) ? `${random.between(1, 3)}` : undefined;
    this.#emulator.setPrice("AAPL", `${this.#price}`, size);
  }

  /** Waits, without faults, until the program knows what the books say. */
  async #comesRight(consumer: Consumer, trader: Account, when: string): Promise<void> {
    const books = await listedBooks(trader);
    for (let s = 0; s < PATIENCE_S; s++) {
      if (isSame(consumer.books, books)) return;
      if (consumer.end !== undefined) break;
      await this.#pass(1_000);
    }
    if (isSame(consumer.books, books)) return;
    this.violations.push(
      `after ${when}: ${JSON.stringify(differenceOf(consumer, books))}, end ${consumer.end}`,
    );
  }

  /** Time passes, second by second, and what is on its way arrives. */
  async #pass(ms: number): Promise<void> {
    for (let rest = ms; rest > 0; rest -= 1_000) {
      const step = Math.min(rest, 1_000);
      this.#passedMs += step;
      this.#clock.advance(step);
      // Whatever looks at the emulator makes its streams look at the clock.
      this.#emulator.setPrice("CLOCK", "1");
      await settle();
      await idle();
      await settle();
    }
  }
}

function differenceOf(consumer: Consumer, books: Awaited<ReturnType<typeof listedBooks>>) {
  const known = consumer.books;
  return {
    known: known.orders.filter((order) => !books.orders.includes(order)),
    books: books.orders.filter((order) => !known.orders.includes(order)),
    positions: [known.positions, books.positions],
    cash: [known.cash, books.cash],
    last: consumer.events.slice(-3).map(({ kind }) => kind),
  };
}

function orderOf(broker: BrokerName, isBuy: boolean, limit: number) {
  return broker === "tastytrade"
    ? {
      "order-type": "Limit",
      "time-in-force": "GTC",
      "price": `${limit}.00`,
      "price-effect": isBuy ? "Debit" : "Credit",
      "legs": [{
        "instrument-type": "Equity",
        "symbol": "AAPL",
        "quantity": 4,
        "action": isBuy ? "Buy to Open" : "Sell to Close",
      }],
    }
    : {
      OrderType: "Limit",
      TimeInForce: { Duration: "GTC" },
      LimitPrice: `${limit}.00`,
      Symbol: "AAPL",
      Quantity: "4",
      TradeAction: isBuy ? "BUY" : "SELL",
    };
}

/** Runs an hour. */
export async function streamHour(
  broker: BrokerName,
  { faults, seed, choice }: { faults: number; seed: number; choice: FaultChoice },
): Promise<StreamReport> {
  const emulator = await startEmulator();
  const user = emulator.addUser([{ accountNumber: ACCOUNT, cash: "1000000000" }]);
  const options: SessionOptions = broker === "tastytrade"
    ? { ...user.tastytrade }
    : { broker: tradestation, ...user.tradestation };
  // Another session trades and reads the books, so that what is tested has its token for itself.
  const trading = new Session({ ...options, timeoutMs: 20_000 });
  const trader = await Account.get(trading, ACCOUNT);
  if (choice === "none") emulator.tokenLifetimeS = QUIET_LIFETIME_S;
  const clock = new FakeClock({ timers: true });
  const session = new Session(options);
  try {
    const account = await Account.get(session, ACCOUNT);
    return await new Hour(broker, seed, emulator, clock).run(account, trader, faults, choice);
  } finally {
    clock[Symbol.dispose]();
    await session.close();
    await trading.close();
    await emulator.close();
  }
}

if (import.meta.main) {
  const [broker, faults, seed, choice] = process.argv.slice(2);
  const report = await streamHour(broker === "tradestation" ? "tradestation" : "tastytrade", {
    faults: Number(faults ?? 1_000),
    seed: Number(seed ?? 1),
    choice: choice === "told" || choice === "none" ? choice : "all",
  });
  console.log(JSON.stringify(report));
}
